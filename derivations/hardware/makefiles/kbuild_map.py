"""What a kernel tree's makefiles build of which options: objects, what they are made of, modules.

An object's name is its path, `drivers/nvme/host/nvme.o`; a module is called as its object, `-` read
as `_`. The makefiles are read by `derivations.hardware.makefiles.read_kbuild`.
"""

from __future__ import annotations

import posixpath

from typing import TYPE_CHECKING, Any

import attrs

from derivations.derivation import Derivation, Hints, Output, canonical_json
from derivations.fetch import ANY_SYSTEM
from derivations.hardware.makefiles.gate import Gate, Level, gate_level, read_gate, write_gate
from store.errors import Error
from store.gc.retention import Retention
from store.parsing import parse_json


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


TREE = "/tree"
"""Where builtins that read a kernel tree see it."""

FORMAT = 1

VERSION = 1
"""Raised when the same tree gives another map."""


class InvalidKbuildMap(Error):
    """A file is no map of a tree's makefiles."""

    reason: str

    def __str__(self) -> str:
        return f"not a map of what makefiles build: {self.reason}"


@attrs.frozen(kw_only=True, eq=False)
class Kbuild:
    """What the makefiles of a tree say.

    Attributes:
        objects: Each object by path, with the gates of which one must be open for it to be built.
        parts: Each object that is linked into others, with those others and the gate of each.
        directories: Each directory with the gates by which it is entered.
        includes: Where the sources of a directory also look for headers.
    """

    objects: Mapping[str, tuple[Gate, ...]]
    parts: Mapping[str, tuple[tuple[str, Gate], ...]]
    directories: Mapping[str, tuple[Gate, ...]]
    includes: Mapping[str, tuple[str, ...]]

    def objects_of(self, option: str) -> tuple[str, ...]:
        """Return the objects that *option* alone or with others decides about, in order of their paths."""
        direct = {path for path, gates in self.objects.items() if _names(gates, option)}
        parts = {path for path, owners in self.parts.items() if _names((gate for _, gate in owners), option)}
        return tuple(sorted(direct | parts))

    def sources(self) -> Iterator[str]:
        """Yield every object that is compiled from one source, linked by itself or into another."""
        yield from sorted({*self.objects, *self.parts})

    def owners(self, path: str) -> tuple[str, ...]:
        """Return the objects, modules if so configured, that the object at *path* ends up in."""
        found: dict[str, None] = {}
        pending, seen = [path], set()
        while pending:
            each = pending.pop()
            if each in seen:
                continue
            seen.add(each)
            if each in self.objects:
                found[each] = None
            pending += [owner for owner, _ in self.parts.get(each, ())]
        return tuple(sorted(found))

    def options(self, path: str) -> tuple[Gate, ...]:
        """Return the gates of the object at *path*: its own, else those of the nearest directory that has any."""
        own = tuple(gate for gate in self.objects.get(path, ()) if gate)
        directory = posixpath.dirname(path)
        while not own and directory:
            own = tuple(gate for gate in self.directories.get(directory, ()) if gate)
            directory = posixpath.dirname(directory)
        return own

    def level(self, path: str, level: Level) -> int:
        """Return 2 if the object at *path* is built in where options are as *level* says, 1 for a module, 0 for neither."""
        gates = self.objects.get(path, ())
        found = max((gate_level(gate, level) for gate in gates), default=0)
        directory = posixpath.dirname(path)
        while found and directory:
            gates = self.directories.get(directory, ((),))
            # A directory is entered for modules as well as for what is built in: it only opens or shuts.
            if not any(gate_level(gate, level) for gate in gates):
                return 0
            directory = posixpath.dirname(directory)
        return found

    def to_json(self) -> bytes:
        """Return the canonical text."""
        return canonical_json(
            {
                "format": FORMAT,
                "objects": {path: [write_gate(gate) for gate in gates] for path, gates in self.objects.items()},
                "parts": {
                    path: [[owner, write_gate(gate)] for owner, gate in owners] for path, owners in self.parts.items()
                },
                "directories": {path: [write_gate(gate) for gate in gates] for path, gates in self.directories.items()},
                "includes": dict(self.includes),
            }
        )

    @classmethod
    def from_json(cls, text: bytes) -> Kbuild:
        """Return what `to_json` wrote.

        Raises:
            InvalidKbuildMap: the text is something else.
        """
        return cls._read(text, "")

    @classmethod
    def about(cls, option: str, text: bytes) -> Kbuild:
        """Return what `to_json` wrote as *text* of the objects that *option* decides about: the rest is not read.

        Raises:
            InvalidKbuildMap: the text is something else.
        """
        return cls._read(text, option)

    @classmethod
    def _read(cls, text: bytes, part: str) -> Kbuild:
        """Return of *text* what has *part* in one of its gates as they are written."""
        try:
            facts: dict[str, Any] = parse_json(text)
            if facts["format"] != FORMAT:
                raise InvalidKbuildMap(f"its format is {facts['format']!r}, not {FORMAT}")
            return cls(
                objects={
                    path: tuple(map(read_gate, gates))
                    for path, gates in facts["objects"].items()
                    if part in " ".join(gates)
                },
                parts={
                    path: tuple((owner, read_gate(gate)) for owner, gate in owners)
                    for path, owners in facts["parts"].items()
                    if not part or any(part in gate for _, gate in owners)
                },
                directories={
                    path: tuple(map(read_gate, gates))
                    for path, gates in facts["directories"].items()
                    if part in " ".join(gates)
                },
                includes={path: tuple(places) for path, places in facts["includes"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidKbuildMap(str(error)) from None


def kbuild_map(tree: Output, srcarch: str = "x86") -> Derivation:
    """Return what the makefiles of *tree* build on *srcarch*, as `Kbuild.from_json` reads it."""
    return Derivation(
        name="kbuild-map",
        system=ANY_SYSTEM,
        builder="builtin:kbuild-map",
        env={"srcarch": srcarch, "version": str(VERSION)},
        mounts={TREE: tree},
        hints=Hints(description="read the makefiles", retention=Retention.CACHE),
    )


def module_name(path: str) -> str:
    """Return what the module made of the object at *path* is called."""
    return posixpath.basename(path).removesuffix(".o").replace("-", "_")


def _names(gates: Iterable[Gate], option: str) -> bool:
    return any(option in term for gate in gates for term in gate)
