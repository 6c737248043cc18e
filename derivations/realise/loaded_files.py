"""The files that a program needs from the root file system that it is in, libraries and theirs included."""

from __future__ import annotations

import mmap
import os

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.image.loads import loads
from derivations.image.opened import opened_by
from derivations.realise.merged_usr import spellings
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.image.loads import Loads


# Where the C library looks, Debian's directories first (ld.so(8)).
_DIRECTORIES = ("usr/lib/*-linux-gnu*", "lib/*-linux-gnu*", "usr/lib64", "lib64", "usr/lib", "lib", "usr/lib32")
_MAX_LINKS = 40  # as many as the kernel follows


class MissingLibrary(Error):
    """A program needs a library that its root file system does not have."""

    program: str
    library: str
    reason: str

    def __str__(self) -> str:
        return f"{self.program} needs {self.library}, which {self.reason}"

    @property
    def hint(self) -> str:
        """Say what to do."""
        return "add the package with it to the root file system that the program is from"


@attrs.define
class _Walk:
    root: Path
    found: dict[str, Path] = attrs.field(factory=dict)
    machine: tuple[int, bool] | None = None
    loader: str = ""

    def add(self, place: str, path: Path) -> None:
        """Add the file *path* at *place* of the image, and all that it loads."""
        pending = [(place, path)]
        while pending:
            place, path = pending.pop()
            if place in self.found:
                continue
            self.found[place] = path
            file = _read(path)
            if file is not None:
                self.machine = self.machine or file.machine
                pending += self._needed(place, file)

    def _needed(self, place: str, file: Loads) -> Iterator[tuple[str, Path]]:
        """Yield what the *file* at *place* loads, each with its place and its path."""
        first = [it.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", f"/{Path(place).parent}") for it in file.paths]
        places = [os.path.normpath(it).lstrip("/") for it in first]
        if file.loader:
            self.loader = Path(file.loader).name
            yield self._one(place, file.loader, [str(Path(file.loader).parent).lstrip("/")])
        for name in file.libraries:
            if name == self.loader:  # which has loaded all that names it
                continue
            yield self._one(place, name, places)
        for name in file.opened:
            yield from self._some(name, places)
        for rule in opened_by(Path(place).name, file.calls):
            for name in rule.libraries:
                if rule.required:
                    yield self._one(place, name, places, f"it opens when it runs ({rule.why}), and which ")
                else:
                    yield from self._some(name, places)
            for pattern in rule.paths:
                for directory in self._directories():
                    yield from (
                        (str(it.relative_to(self.root)), it) for it in sorted((self.root / directory).glob(pattern))
                    )

    def _one(self, whose: str, name: str, places: list[str], more: str = "") -> tuple[str, Path]:
        found = next(self._some(name, places), None)
        if found is None:
            label = self.root.name.partition("-")[2] or self.root.name
            raise MissingLibrary(whose, name, f"{more}is not in {label}")
        return found

    def _some(self, name: str, places: list[str]) -> Iterator[tuple[str, Path]]:
        """Yield the library *name*, for this machine, with its place, if there is one."""
        for directory in (*places, *self._directories()):
            place = f"{directory}/{Path(name).name}"
            path = next((it for each in spellings(place) if (it := resolve(self.root, each)) is not None), None)
            if path is None or not path.is_file():
                continue
            file = _read(path)
            if self.machine is None or file is None or file.machine == self.machine:
                yield place, path
                return

    def _directories(self) -> list[str]:
        """Return the directories of libraries; not those of before the merge of `/usr` that are links to the others."""
        return [
            str(it.relative_to(self.root))
            for each in _DIRECTORIES
            if not (self.root / each.partition("/")[0]).is_symlink()
            for it in sorted(self.root.glob(each))
        ]


def loaded_files(root: Path, place: str, path: Path) -> dict[str, Path]:
    """Return the program *path* of the tree *root* and what it loads: where each is to be in an image, and where it is.

    Raises:
        MissingLibrary: one of them does not exist.
    """
    walk = _Walk(root)
    walk.add(place, path)
    return walk.found


def resolve(root: Path, path: str, *, last: bool = True) -> Path | None:
    """Return the location of *path* in *root*, following symbolic links as after `chroot`, None if missing.

    Unless *last*, a link at the end is not followed.
    """
    pending = [part for part in reversed(path.split("/")) if part]
    resolved: list[str] = []
    links = 0
    while pending:
        part = pending.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            del resolved[-1:]
            continue
        here = root.joinpath(*resolved, part)
        if (pending or last) and here.is_symlink() and links < _MAX_LINKS:
            links += 1
            goal = str(here.readlink())
            resolved = [] if goal.startswith("/") else resolved
            pending += reversed(goal.split("/"))
            continue
        resolved.append(part)
    found = root.joinpath(*resolved)
    return None if links == _MAX_LINKS or not os.path.lexists(found) else found


def _read(path: Path) -> Loads | None:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return loads(data)
