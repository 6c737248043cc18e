"""Predict how many bytes of the disk a collection would free, counting as the collection does.

A file is freed when its last name goes. Its names are in objects, which may share it, plus at most one in the pool,
which the collection removes when no other is left. So all names that would go are counted, and a file is freed if
these are all it has.
"""

from __future__ import annotations

import contextlib
import os
import stat

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from store.local import Store
    from store.records.database import PathInfo

    Progress = Callable[[str, int, int], None]


def forecast(
    store: Store,
    doomed: Sequence[PathInfo],
    progress: Progress = lambda _what, _done, _total: None,
    on_wait: Callable[[], None] | None = None,
) -> int:
    """Return how many bytes of disk a collection would free now, if it deleted *doomed* besides what it always does.

    If it waits for another collection, it calls *on_wait*.
    """
    count = _Count()
    with store.collector(shared=True, on_wait=on_wait):
        places = [*(store.path(info.path) for info in doomed), *_left_over(store)]
        for i, place in enumerate(places):
            progress("measuring", i, len(places))
            count.take(os.fspath(place))
        progress("measuring", len(places), len(places))
        return count.total(store.pool.links())


def _left_over(store: Store) -> Iterator[Path]:
    """Yield what every collection removes: unregistered objects, the trash, and unused scratches."""
    registered = store.database.paths()
    yield from (place for place in store.layout.objects.iterdir() if place.name not in registered)
    yield from store.layout.trash.iterdir()
    yield from store.scratches.unused()


@attrs.define
class _File:
    names: int
    size: int  # on the disk, in bytes
    gone: int = 0


@attrs.define
class _Count:
    """Counts the names that would go, by inode; everything is on one file system."""

    size: int = 0
    files: dict[int, _File] = attrs.field(factory=dict)

    def take(self, top: str) -> None:
        """Count everything at *top*."""
        with contextlib.suppress(FileNotFoundError):
            if self._node(os.lstat(top)):
                stack = [top]
                while stack:
                    stack += self._directory(stack.pop())

    def total(self, pool: Iterable[tuple[int, Callable[[], os.stat_result]]]) -> int:
        """Return how many bytes would be freed; *pool* yields each link in the pool as its inode and its status."""
        total = self.size
        for inode, status in pool:
            if inode in self.files:
                self.files[inode].gone += 1
            else:
                with contextlib.suppress(FileNotFoundError):
                    found = status()
                    total += _blocks(found) if found.st_nlink == 1 else 0
        return total + sum(file.size for file in self.files.values() if file.gone >= file.names)

    def _directory(self, place: str) -> list[str]:
        """Count the entries of the directory *place*, and return its subdirectories."""
        found = []
        with contextlib.suppress(FileNotFoundError, PermissionError), os.scandir(place) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if self._node(entry.stat(follow_symlinks=False)):
                        found.append(entry.path)
        return found

    def _node(self, status: os.stat_result) -> bool:
        """Count one name; return whether it is a directory."""
        if stat.S_ISDIR(status.st_mode):
            self.size += _blocks(status)
            return True
        if status.st_nlink == 1:
            self.size += _blocks(status)
        else:
            self.files.setdefault(status.st_ino, _File(status.st_nlink, _blocks(status))).gone += 1
        return False


def _blocks(status: os.stat_result) -> int:
    return status.st_blocks * 512
