"""The source of a workplace: shown as a layer above the store's, or copied; and what was changed of it."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from derivations.patching.write import EXECUTABLE, FILE, LINK, Node
from derivations.realise.kept.listing import MTIME_NS
from derivations.realise.kept.workspace import walk
from derivations.realise.sandbox.overlay import changes as changes_of_layer
from store.trees.content import Kind


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from derivations.realise.develop.workplace import Changes
    from derivations.realise.kept.source import Tree


_FICLONE = 0x40049409  # linux/fs.h
_MODES = {Kind.FILE: FILE, Kind.EXECUTABLE: EXECUTABLE, Kind.SYMLINK: LINK}


@attrs.frozen
class WorkSource:
    """The source in *directory*, which began as *base*.

    Attributes:
        base: The source in the store.
        directory: The changes, or all of it.
        copied: Whether it is all of it.
    """

    base: Tree
    directory: Path
    copied: bool

    def prepare(self, check: Callable[[], None]) -> None:
        """Fill the empty directory: with a copy, or with the directories alone, in which files can be made then.

        *check* may raise.

        Raises:
            OSError: there is no room.
        """
        root = self.base.view.roots[-1]
        for above, directories, names in os.walk(root):
            check()
            place = self.directory / os.path.relpath(above, root)
            for name in directories:
                source = Path(above, name)
                if source.is_symlink():
                    if self.copied:
                        _copy(source, place / name)
                else:
                    (place / name).mkdir(mode=0o755)
            for name in names if self.copied else ():
                _copy(Path(above, name), place / name)

    def changes(self) -> Changes:
        """Return what differs from the base.

        Raises:
            OSError: something cannot be read.
        """
        found = dict(self._of_copy() if self.copied else self._of_layer())
        return {path: it for path, it in sorted(found.items()) if it != self._entry(path)}

    def read(self, path: str) -> bytes:
        """Return the contents of the file *path*, or the target of that link, as it is now.

        Raises:
            OSError: there is none.
        """
        place = self.directory / path
        if self.copied or os.path.lexists(place):
            return _contents(place)
        return self.base.read(path)

    def nodes(self, changes: Changes) -> dict[str, tuple[Node | None, Node | None]]:
        """Return what *changes* were and are, for a patch."""
        found = {}
        for path, now in changes.items():
            before = self._entry(path)
            found[path] = (
                None if before is None else Node(_MODES[before[0]], self.base.read(path)),
                None if now is None else Node(_MODES[now[0]], _contents(self.directory / path)),
            )
        return found

    def _entry(self, path: str) -> tuple[Kind, bytes] | None:
        entry = self.base.manifest.entry(path)
        return None if entry is None or entry[0] is Kind.DIRECTORY else entry

    def _of_layer(self) -> Iterator[tuple[str, tuple[Kind, bytes] | None]]:
        for change in changes_of_layer(self.directory):
            if change.kind in {"file", "link"}:
                yield from self._gone(change.path)
                yield change.path, _node(self.directory / change.path)
            elif change.kind == "whiteout":
                yield from self._gone(change.path)
            elif change.kind == "directory":
                entry = self.base.manifest.entry(change.path)
                if change.opaque or (entry is not None and entry[0] is not Kind.DIRECTORY):
                    yield from self._gone(change.path)

    def _of_copy(self) -> Iterator[tuple[str, tuple[Kind, bytes] | None]]:
        present = set()
        for path, status in walk(self.directory):
            if stat.S_ISDIR(status.st_mode):
                continue
            present.add(path)
            entry = self._entry(path)
            kind = Kind.EXECUTABLE if status.st_mode & stat.S_IXUSR else Kind.FILE
            untouched = stat.S_ISREG(status.st_mode) and status.st_mtime_ns == MTIME_NS
            if entry is None or not untouched or entry[0] is not kind:
                yield path, _node(self.directory / path)
        for path, _, _ in self.base.manifest.paths():
            if path not in present:
                yield path, None

    def _gone(self, path: str) -> Iterator[tuple[str, None]]:
        """Yield what the base has at *path* and below it."""
        entry = self.base.manifest.entry(path)
        if entry is None:
            return
        if entry[0] is not Kind.DIRECTORY:
            yield path, None
            return
        for name in self.base.manifest.names(path) or ():
            yield from self._gone(f"{path}/{name}")


def _node(place: Path) -> tuple[Kind, bytes] | None:
    status = place.lstat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
        return None
    kind = Kind.EXECUTABLE if status.st_mode & stat.S_IXUSR else Kind.FILE
    return Kind.SYMLINK if stat.S_ISLNK(status.st_mode) else kind, blake3(_contents(place)).digest()


def _contents(place: Path) -> bytes:
    return os.fsencode(os.readlink(place)) if place.is_symlink() else place.read_bytes()  # noqa: PTH115 -- a Path would normalise the target


def _copy(source: Path, target: Path) -> None:
    """Copy a file or link, sharing its blocks where the file system can, with the time that all have in the store."""
    if source.is_symlink():
        os.symlink(os.readlink(source), target)  # noqa: PTH115, PTH211 -- as above
        return
    with source.open("rb", buffering=0) as reading, target.open("xb", buffering=0) as writing:
        try:
            fcntl.ioctl(writing, _FICLONE, reading.fileno())
        except OSError:
            shutil.copyfileobj(reading, writing, 1 << 20)
        os.fchmod(writing.fileno(), 0o755 if os.fstat(reading.fileno()).st_mode & stat.S_IXUSR else 0o644)
    os.utime(target, ns=(MTIME_NS, MTIME_NS))
