"""Counting what a kernel's build compiles, from the lines that make prints, and estimating how long the rest takes."""

from __future__ import annotations

import re
import time

from typing import TYPE_CHECKING

import attrs

from derivations.realise.events import Phase


if TYPE_CHECKING:
    from collections.abc import Callable

    from derivations.realise.kept.times import Times


_LINE = re.compile(r"  ([A-Z0-9]+) +(\[M\] +)?(\S+)")
_COMPILES = frozenset({"CC", "AS", "HOSTCC", "HOSTCXX", "RUSTC"})
_LINKS = frozenset({"LINK", "MODPOST", "KSYMS", "NM", "SORTTAB", "BTF", "BTFIDS", "LTO"})
_INSTALLS = frozenset({"INSTALL", "STRIP", "SIGN", "DEPMOD", "ZSTD", "XZ", "GZIP"})
_READY = "Kernel: "

_TELLING = 20
"""Objects after which the rate of this build says more than that of earlier ones."""


@attrs.define
class Counted:
    """What has been announced so far.

    Objects alone are counted, each once, as a kept tree's index counts them: no programs, no archives, no links.

    Attributes:
        expected: How many objects will be compiled, as far as is known.
        times: How long such builds took on this machine.
        phase: What make is doing.
        clock: The time in seconds.
    """

    expected: int | None = None
    times: Times | None = None
    phase: Phase = attrs.field(default=Phase.COMPILING, init=False)
    clock: Callable[[], float] = time.monotonic
    _objects: set[str] = attrs.field(factory=set, init=False)
    _first: float | None = attrs.field(default=None, init=False)
    _last: float | None = attrs.field(default=None, init=False)

    @property
    def done(self) -> int:
        """Return how many compilations have been announced."""
        return len(self._objects)

    @property
    def to_do(self) -> int | None:
        """Return how many are expected in all; None if that is not known, or was too low."""
        return None if self.expected is None or self.expected < self.done else self.expected

    def hear(self, line: str) -> bool:
        """Take in *line*, and return whether it says how far the build is."""
        phase, done = self.phase, self.done
        if (found := _LINE.match(line)) is not None:
            self._take(found[1], bool(found[2]), found[3])
        elif line.startswith(_READY):
            self.phase = Phase.PACKING
        return (phase, done) != (self.phase, self.done)

    def seconds_left(self) -> float | None:
        """Return about how long the build takes from now; None if that cannot be known."""
        if self.to_do is None or self._first is None or self._last is None:
            return None
        todo, now = self.to_do - self.done, self.clock()
        taken = self._last - self._first
        rate = self.times.per_object if self.times is not None else None
        if self.done >= _TELLING and taken > 1:
            rate = taken / (self.done - 1)
        beside = self.times.beside if self.times is not None else 0.0
        if self.phase is not Phase.COMPILING:
            return max(0.0, beside - (now - self._last)) or None
        return None if rate is None else todo * rate + beside

    def _take(self, what: str, of_module: bool, name: str) -> None:
        if what in _COMPILES:
            self.phase = Phase.COMPILING
            if name.endswith(".o") and not name.startswith(".tmp_"):
                self._objects.add(name)
                self._last = self.clock()
                if self._first is None:
                    self._first = self._last
        elif what == "LD":
            if of_module or name.endswith(".ko"):
                self.phase = Phase.MODULES
            elif name.startswith(("vmlinux", ".tmp_vmlinux")):
                self.phase = Phase.LINKING
        elif what in _LINKS:
            self.phase = Phase.MODULES if of_module else Phase.LINKING
        elif what in _INSTALLS and name.startswith("/out/"):
            self.phase = Phase.PACKING
