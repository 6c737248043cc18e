"""Read the map of what a tree's makefiles build.

The directories are entered as by Kbuild (`Documentation/kbuild/makefiles.rst`), each with
the options that its parent requires; neither a compiler nor `make` is needed.
"""

from __future__ import annotations

import posixpath
import re

from collections import defaultdict
from typing import TYPE_CHECKING

import attrs

from derivations.hardware.makefiles.evaluate import GatedWords, Read, assignments
from derivations.hardware.makefiles.gate import Gate, gate_of, without_options
from derivations.hardware.makefiles.kbuild_map import Kbuild


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


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
"""The directories that the top Makefile or Kbuild enters, and the option that some of them require."""

_TARGET = re.compile(r"(obj|lib)-(.+)")
_ARCH_TARGET = re.compile(r"(core|drivers|libs|net|virt)-(.+)")
_COMPOSITE = re.compile(r"(.+?)-(objs|objs-y|y|m|(?:[ym]|\$\(CONFIG_\w+\)|&)+)")
_FLAGS = frozenset({"ccflags-y", "subdir-ccflags-y"})


def read_kbuild(read: Read, srcarch: str = "x86") -> Kbuild:
    """Return the map of what the makefiles of a tree build on *srcarch*; *read* reads its files."""
    return _Reader(read, srcarch).run()


@attrs.define
class _Reader:
    read: Read
    srcarch: str
    objects: dict[str, dict[Gate, None]] = attrs.field(factory=lambda: defaultdict(dict))
    parts: dict[str, dict[tuple[str, Gate], None]] = attrs.field(factory=lambda: defaultdict(dict))
    directories: dict[str, dict[Gate, None]] = attrs.field(factory=lambda: defaultdict(dict))
    includes: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    pending: list[tuple[str, tuple[str, ...]]] = attrs.field(factory=list)
    """Directories still to enter, each with the directories of headers that it inherits."""

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

    def _assignments(self, path: str, directory: str) -> Iterator[GatedWords]:
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

    def _target(self, directory: str, gate: Gate, each: GatedWords, inherited: tuple[str, ...]) -> None:
        for word in each.words:
            path = posixpath.normpath(posixpath.join(directory, without_options(word)))
            full = tuple(dict.fromkeys((*each.gate, *gate, *gate_of(word))))
            if word.endswith("/"):
                # An architecture's Kbuild may name its directories relative to the top.
                self._enter(_from_top(path), full, inherited)
            elif word.endswith(".o"):
                self.objects[path][full] = None

    def _composite(self, owner: str, gate: Gate, directory: str, each: GatedWords) -> None:
        for word in each.words:
            if word.endswith(".o"):
                path = posixpath.normpath(posixpath.join(directory, without_options(word)))
                self.parts[path][posixpath.normpath(owner), (*each.gate, *gate, *gate_of(word))] = None


def _condition(suffix: str) -> Gate | None:
    """Return the gate of the suffix of `obj-`, None if it builds nothing."""
    gate = gate_of(suffix)
    return gate if gate or suffix in {"y", "m"} else None


def _from_top(path: str) -> str:
    """Return *path* without the part before a second `arch/`."""
    before, arch, rest = path.rpartition("/arch/")
    return f"arch/{rest}" if arch and before.startswith("arch/") else path


def _include_places(flags: Iterable[str]) -> Iterator[str]:
    """Yield the directories in the compiler's *flags*, `-I place` or `-Iplace`."""
    words = iter(flags)
    for word in words:
        if word.startswith("-I"):
            place = word[2:] or next(words, "")
            yield posixpath.normpath(without_options(place))
