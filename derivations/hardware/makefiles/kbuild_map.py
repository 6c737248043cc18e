"""The map of a kernel tree's makefiles: objects, their parts, modules, and the options that build them.

An object's name is its path, `drivers/nvme/host/nvme.o`; a module has the name of its object, with `_` for
`-`. `derivations.hardware.makefiles.read_kbuild` reads the makefiles.
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
"""The mount point of a kernel tree for builtins that read one."""

FORMAT = 1

VERSION = 1
"""Incremented when the same tree gives another map."""


class InvalidKbuildMap(Error):
    """A file is not a map of a tree's makefiles."""

    reason: str

    def __str__(self) -> str:
        return f"not a map of what makefiles build: {self.reason}"


@attrs.frozen(kw_only=True, eq=False)
class Kbuild:
    """The map of a tree's makefiles.

    Attributes:
        objects: The gates of each object, by path; it is built if one of them is open.
        parts: The objects that each object is linked into, with the gate of each.
        directories: The gates of each directory; it is entered if one of them is open.
        includes: The further directories with headers for the sources of each directory.
    """

    objects: Mapping[str, tuple[Gate, ...]]
    parts: Mapping[str, tuple[tuple[str, Gate], ...]]
    directories: Mapping[str, tuple[Gate, ...]]
    includes: Mapping[str, tuple[str, ...]]

    def objects_of(self, option: str) -> tuple[str, ...]:
        """Return the objects that depend on *option*, alone or with others, sorted by path."""
        direct = {path for path, gates in self.objects.items() if _names(gates, option)}
        parts = {path for path, owners in self.parts.items() if _names((gate for _, gate in owners), option)}
        return tuple(sorted(direct | parts))

    def sources(self) -> Iterator[str]:
        """Yield every object that may be compiled from one source, whether linked by itself or into another."""
        yield from sorted({*self.objects, *self.parts})

    def owners(self, path: str) -> tuple[str, ...]:
        """Return the objects, which may be modules, that the object at *path* ends up in."""
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
        """Return the gates of the object at *path*: its own, or else those of the nearest directory with gates."""
        own = tuple(gate for gate in self.objects.get(path, ()) if gate)
        directory = posixpath.dirname(path)
        while not own and directory:
            own = tuple(gate for gate in self.directories.get(directory, ()) if gate)
            directory = posixpath.dirname(directory)
        return own

    def level(self, path: str, level: Level) -> int:
        """Return the level of the object at *path*, with the options at *level*: 2 built in, 1 a module, 0 neither."""
        gates = self.objects.get(path, ())
        found = max((gate_level(gate, level) for gate in gates), default=0)
        directory = posixpath.dirname(path)
        while found and directory:
            gates = self.directories.get(directory, ((),))
            # A directory is entered both for modules and for built-in objects, so only on or off matters.
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
            InvalidKbuildMap: the text is not such a map.
        """
        return cls._read(text, "")

    @classmethod
    def about(cls, option: str, text: bytes) -> Kbuild:
        """Return only the objects that depend on *option* from *text*, which `to_json` wrote; the rest is not read.

        Raises:
            InvalidKbuildMap: the text is not such a map.
        """
        return cls._read(text, option)

    @classmethod
    def _read(cls, text: bytes, part: str) -> Kbuild:
        """Return the entries of *text* with a gate whose text contains *part*."""
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
    """Return the map of what the makefiles of *tree* build on *srcarch*, for `Kbuild.from_json`."""
    return Derivation(
        name="kbuild-map",
        system=ANY_SYSTEM,
        builder="builtin:kbuild-map",
        env={"srcarch": srcarch, "version": str(VERSION)},
        mounts={TREE: tree},
        hints=Hints(description="read the makefiles", retention=Retention.CACHE),
    )


def module_name(path: str) -> str:
    """Return the name of the module for the object at *path*."""
    return posixpath.basename(path).removesuffix(".o").replace("-", "_")


def _names(gates: Iterable[Gate], option: str) -> bool:
    return any(option in term for gate in gates for term in gate)
