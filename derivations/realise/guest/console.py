"""The console of a guest: everything that its kernel writes, and what in it explains an end."""

from __future__ import annotations

import re

import attrs


_FIRST = re.compile(rb"^.*?(?:Kernel panic|BUG:|Oops|general protection fault|unable to handle).*$", re.MULTILINE)
_MOST = 16 << 20  # bytes kept of a console that never stops
_SHOWN = 60  # lines of an error
_TAIL = 20  # lines, if nothing in it looks like the cause


@attrs.define
class Console:
    """What the guest has written to its console so far."""

    _written: bytearray = attrs.field(factory=bytearray, init=False)

    def add(self, data: bytes) -> None:
        """Add *data*."""
        if len(self._written) < _MOST:
            self._written += data

    def __len__(self) -> int:
        return len(self._written)

    @property
    def text(self) -> str:
        """Return all of it as text."""
        return bytes(self._written).decode(errors="backslashreplace").replace("\r", "")

    @property
    def failure(self) -> tuple[str, ...]:
        """Return the lines from the kernel's first panic, bug or oops on; none if it reported none."""
        found = _FIRST.search(self._written)
        if found is None:
            return ()
        return _lines(bytes(self._written[found.start() :]))[:_SHOWN]

    @property
    def explanation(self) -> tuple[str, ...]:
        """Return the lines of `failure`, or else the last lines."""
        return self.failure or _lines(bytes(self._written))[-_TAIL:]


def _lines(data: bytes) -> tuple[str, ...]:
    text = data.decode(errors="backslashreplace").replace("\r", "")
    return tuple(line.rstrip() for line in text.split("\n") if line.strip())
