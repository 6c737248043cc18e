"""What a kernel tree's makefiles build of which options: objects, what they are made of, modules.

The directories are entered as Kbuild enters them (`Documentation/kbuild/makefiles.rst`), each with
the options that its parent demands; no compiler and no `make` is needed. An object's name is its
path, `drivers/nvme/host/nvme.o`; a module is called as its object, `-` read as `_`.
"""

from __future__ import annotations

import json
import posixpath
import re

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import attrs

from derivations.derivation import Derivation, Hints, Output, canonical_json
from derivations.fetch import ANY_SYSTEM
from derivations.hardware.gate import Gate, Level, gate_level, gate_of, read_gate, without_options, write_gate
from derivations.hardware.makefile import Assignment, Read, assignments
from store.errors import Error
from store.retention import Retention


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


TREE = "/tree"
"""Where builtins that read a kernel tree see it."""

FORMAT = 1

VERSION = 1
"""Raised when the same tree gives another map."""

_ROOTS = {
    "block": "BLOCK",
    "certs": "",
    "crypto": "",
    "drivers": "",
    "fs": "",
    "init": "",
    "io_uring": "IO_URING",
    "ipc": "",
    "kernel": "",
    "lib": "",
    "mm": "",
    "net": "NET",
    "rust": "RUST",
    "samples": "SAMPLES",
    "security": "",
    "sound": "",
    "usr": "",
    "virt": "",
}
"""The directories that the top Makefile or Kbuild enters, and the option that some of them need."""

_TARGET = re.compile(r"(obj|lib)-(.+)")
_ARCH_TARGET = re.compile(r"(core|drivers|libs|net|virt)-(.+)")
_COMPOSITE = re.compile(r"(.+?)-(objs|objs-y|y|m|(?:[ym]|\$\(CONFIG_\w+\)|&)+)")
_FLAGS = frozenset({"ccflags-y", "subdir-ccflags-y"})


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

    def directories_of(self, option: str) -> tuple[str, ...]:
        """Return the directories that are entered because of *option*."""
        return tuple(sorted(path for path, gates in self.directories.items() if _names(gates, option)))

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
        try:
            facts: dict[str, Any] = json.loads(text)
            if facts["format"] != FORMAT:
                raise InvalidKbuildMap(f"its format is {facts['format']!r}, not {FORMAT}")
            return cls(
                objects={path: tuple(map(read_gate, gates)) for path, gates in facts["objects"].items()},
                parts={
                    path: tuple((owner, read_gate(gate)) for owner, gate in owners)
                    for path, owners in facts["parts"].items()
                },
                directories={path: tuple(map(read_gate, gates)) for path, gates in facts["directories"].items()},
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


def read_kbuild(read: Read, srcarch: str = "x86") -> Kbuild:
    """Return what the makefiles of the tree that *read* reads build on *srcarch*."""
    return _Reader(read, srcarch).run()


def module_name(path: str) -> str:
    """Return what the module made of the object at *path* is called."""
    return posixpath.basename(path).removesuffix(".o").replace("-", "_")


def _names(gates: Iterable[Gate], option: str) -> bool:
    return any(option in term for gate in gates for term in gate)


@attrs.define
class _Reader:
    read: Read
    srcarch: str
    objects: dict[str, dict[Gate, None]] = attrs.field(factory=lambda: defaultdict(dict))
    parts: dict[str, dict[tuple[str, Gate], None]] = attrs.field(factory=lambda: defaultdict(dict))
    directories: dict[str, dict[Gate, None]] = attrs.field(factory=lambda: defaultdict(dict))
    includes: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    pending: list[tuple[str, tuple[str, ...]]] = attrs.field(factory=list)
    """Directories that are yet to be entered, each with the places of headers that it inherits."""

    def run(self) -> Kbuild:
        arch = f"arch/{self.srcarch}"
        for name, option in _ROOTS.items():
            self._enter(name, ((option,),) if option else (), ())
        self._enter(arch, (), ())
        for each in self._assignments(f"{arch}/Makefile", arch):
            if match := _ARCH_TARGET.fullmatch(each.variable):
                self._target("", gate_of(match[2]), each, ())
        while self.pending:
            self._directory(*self.pending.pop())
        return Kbuild(
            objects={path: tuple(gates) for path, gates in self.objects.items()},
            parts={path: tuple(owners) for path, owners in self.parts.items()},
            directories={path: tuple(gates) for path, gates in self.directories.items()},
            includes=self.includes,
        )

    def _enter(self, directory: str, gate: Gate, inherited: tuple[str, ...]) -> None:
        if directory not in self.directories:
            self.pending.append((directory, inherited))
        self.directories[directory][gate] = None

    def _assignments(self, path: str, directory: str) -> Iterator[Assignment]:
        variables = {
            "ARCH": "x86_64" if self.srcarch == "x86" else self.srcarch,
            "BITS": "64",
            "SRCARCH": self.srcarch,
            "obj": directory,
            "objtree": ".",
            "src": directory,
            "srctree": ".",
        }
        return assignments(path, self.read, variables)

    def _directory(self, directory: str, inherited: tuple[str, ...]) -> None:
        name = "Kbuild" if self.read(f"{directory}/Kbuild") is not None else "Makefile"
        found = list(self._assignments(f"{directory}/{name}", directory))
        flags = {it: [word for each in found if each.variable == it for word in each.words] for it in _FLAGS}
        below = (*inherited, *_include_places(flags["subdir-ccflags-y"]))
        if places := (*_include_places(flags["ccflags-y"]), *below):
            self.includes[directory] = tuple(dict.fromkeys(places))
        for each in found:
            if match := _TARGET.fullmatch(each.variable):
                if (gate := _condition(match[2])) is not None:
                    self._target(directory, gate, each, below)
            elif match := _COMPOSITE.fullmatch(each.variable):
                self._composite(f"{directory}/{match[1]}.o", gate_of(match[2]), directory, each)

    def _target(self, directory: str, gate: Gate, each: Assignment, inherited: tuple[str, ...]) -> None:
        for word in each.words:
            path = posixpath.normpath(posixpath.join(directory, without_options(word)))
            full = tuple(dict.fromkeys((*each.gate, *gate, *gate_of(word))))
            if word.endswith("/"):
                # An architecture's Kbuild may name its directories from the top.
                self._enter(_from_top(path), full, inherited)
            elif word.endswith(".o"):
                self.objects[path][full] = None

    def _composite(self, owner: str, gate: Gate, directory: str, each: Assignment) -> None:
        for word in each.words:
            if word.endswith(".o"):
                path = posixpath.normpath(posixpath.join(directory, without_options(word)))
                self.parts[path][posixpath.normpath(owner), (*each.gate, *gate, *gate_of(word))] = None


def _condition(suffix: str) -> Gate | None:
    """Return the gate of what stands behind `obj-`, None if nothing is built of it."""
    gate = gate_of(suffix)
    return gate if gate or suffix in {"y", "m"} else None


def _from_top(path: str) -> str:
    """Return *path*, without what stands before a second `arch/`."""
    before, arch, rest = path.rpartition("/arch/")
    return f"arch/{rest}" if arch and before.startswith("arch/") else path


def _include_places(flags: Iterable[str]) -> Iterator[str]:
    """Yield the directories in *flags* of the compiler, `-I place` or `-Iplace`."""
    words = iter(flags)
    for word in words:
        if word.startswith("-I"):
            place = word[2:] or next(words, "")
            yield posixpath.normpath(without_options(place))
