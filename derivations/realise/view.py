"""Read a tree, which may be several directories seen as one, without joining them on the disk.

A `View` shows what overlayfs would: an entry of an upper directory hides what lower ones have of its name, unless all of
them are directories, whose entries are shown together. Links are followed inside the tree, and lead nowhere outside of it.
"""

from __future__ import annotations

import fnmatch
import functools
import os
import re
import stat

from pathlib import Path
from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterator


_MAX_LINKS = 40  # followed for one path: Linux's own limit


@attrs.frozen
class Place:
    """Something in a view.

    Attributes:
        path: Its path in the view, which leads through no link.
        mode: The mode of what is seen.
        on_disk: The path of that, and of all directories that are seen together with it.
    """

    path: str
    mode: int
    on_disk: tuple[str, ...]

    @property
    def is_directory(self) -> bool:
        """Return whether it is a directory."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Return whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)


@attrs.frozen
class View:
    """The directories *roots* seen as one, the first on top; nothing in the last is seen at the paths *hidden*.

    Paths are relative, with `/` between names.
    """

    roots: tuple[Path, ...]
    hidden: frozenset[str] = frozenset()
    _directories: dict[str, Place] = attrs.field(factory=dict, init=False, eq=False, repr=False)

    def find(self, path: str, *, follow: bool = True) -> Place | None:
        """Return what is at *path*, or None if nothing is; with *follow*, what a link there leads to."""
        here = self._root
        names = path.split("/")[::-1]
        links = 0
        while names:
            name = names.pop()
            if name in {"", "."}:
                continue
            if name == "..":
                if not here.path:
                    return None
                here = self._directories[here.path.rpartition("/")[0]]
                continue
            found = self._inside(here, name)
            if found is not None and found.is_link and (names or follow):
                links += 1
                target = os.readlink(found.on_disk[0])  # noqa: PTH115 -- a Path would normalise the target
                if links > _MAX_LINKS or target.startswith("/"):
                    return None
                names += target.split("/")[::-1]
                continue
            if found is None or not found.is_directory:
                return None if names else found
            here = found
        return here

    def is_file(self, path: str) -> bool:
        """Return whether there is a file at *path*, perhaps behind links."""
        found = self.find(path)
        return found is not None and stat.S_ISREG(found.mode)

    def is_directory(self, path: str) -> bool:
        """Return whether there is a directory at *path*, perhaps behind links."""
        found = self.find(path)
        return found is not None and found.is_directory

    def read(self, path: str) -> bytes:
        """Return the contents of the file at *path*, perhaps behind links.

        Raises:
            FileNotFoundError: there is no file.
        """
        found = self.find(path)
        if found is None or not stat.S_ISREG(found.mode):
            raise FileNotFoundError(path)
        return Path(found.on_disk[0]).read_bytes()

    def names(self, path: str) -> list[str]:
        """Return the names in the directory at *path*, sorted; none if there is no directory."""
        found = self.find(path)
        return [] if found is None or not found.is_directory else sorted(it for it, _ in self._entries(found))

    def files(self) -> Iterator[str]:
        """Yield the paths of all files and links."""
        pending = [self._root]
        while pending:
            directory = pending.pop()
            for name, is_directory in self._entries(directory):
                if not is_directory:
                    yield f"{directory.path}/{name}" if directory.path else name
                elif (inner := self._inside(directory, name)) is not None:
                    pending.append(inner)

    def glob(self, pattern: str) -> Iterator[str]:
        """Yield the paths that *pattern* matches, as `Path.glob` does; with a slash at its end only directories."""
        found = self._glob("", tuple(it for it in pattern.split("/") if it not in {"", "."}))
        return filter(self.is_directory, found) if pattern.endswith("/") else found

    @property
    def _root(self) -> Place:
        if "" not in self._directories:
            roots = tuple(map(os.fspath, self.roots))
            self._directories[""] = Place("", os.lstat(roots[0]).st_mode, roots)
        return self._directories[""]

    def _inside(self, directory: Place, name: str) -> Place | None:
        """Return what *directory* has of the *name*."""
        path = f"{directory.path}/{name}" if directory.path else name
        if (known := self._directories.get(path)) is not None:
            return known
        mode = 0
        on_disk: list[str] = []
        for place in directory.on_disk:
            if path in self.hidden and self._is_lowest(place):
                break
            try:
                found = os.lstat(f"{place}/{name}").st_mode
            except (FileNotFoundError, NotADirectoryError):
                continue
            if on_disk and not stat.S_ISDIR(found):
                break
            mode = mode or found
            on_disk.append(f"{place}/{name}")
            if not stat.S_ISDIR(found):
                break
        if not on_disk:
            return None
        result = Place(path, mode, tuple(on_disk))
        if result.is_directory:
            self._directories[path] = result
        return result

    def _entries(self, directory: Place) -> Iterator[tuple[str, bool]]:
        """Yield each name in *directory*, and whether it is a directory's."""
        seen: set[str] = set()
        for place in directory.on_disk:
            hidden = self.hidden if self._is_lowest(place) else frozenset[str]()
            start = f"{directory.path}/" if directory.path else ""
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.name not in seen and not (hidden and f"{start}{entry.name}" in hidden):
                        seen.add(entry.name)
                        yield entry.name, entry.is_dir(follow_symlinks=False)

    def _is_lowest(self, place: str) -> bool:
        """Return whether *place*, a directory on the disk, is in the last root."""
        root = os.fspath(self.roots[-1])
        return place == root or place.startswith(f"{root}/")

    def _glob(self, place: str, parts: tuple[str, ...]) -> Iterator[str]:
        if not parts:
            yield place
            return
        start = f"{place}/" if place else ""
        first, rest = parts[0], parts[1:]
        if first == "**":
            for directory in self._below(place):
                yield from self._glob(directory, rest)
        elif "*" in first:
            for name in self.names(place):
                if _pattern(first).fullmatch(name) and (not rest or self.is_directory(f"{start}{name}")):
                    yield from self._glob(f"{start}{name}", rest)
        elif self.is_directory(f"{start}{first}") if rest else self.find(f"{start}{first}") is not None:
            yield from self._glob(f"{start}{first}", rest)

    def _below(self, place: str) -> Iterator[str]:
        """Yield the directory *place* and those below it, not following links."""
        pending = [place]
        while pending:
            directory = pending.pop()
            yield directory
            found = self.find(directory)
            if found is not None and found.is_directory:
                start = f"{directory}/" if directory else ""
                pending += [f"{start}{name}" for name, is_directory in self._entries(found) if is_directory]


@functools.cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(text))
