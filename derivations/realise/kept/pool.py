"""The pool of a shelf: each distinct file of the kept trees once, with a hard link in each tree that has it.

A file that only the pool still has belongs to no tree. What a tree alone had is removed with it; a process that is
killed in between leaves more, which a sweep finds.
"""

from __future__ import annotations

import contextlib
import os
import stat

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from derivations.realise.kept.listing import Item


BLOCK = 512
"""The bytes that a unit of `st_blocks` stands for."""


@attrs.frozen
class Pool:
    """The files in *place*."""

    place: Path

    def path(self, item: Item) -> Path:
        """Return the place of the file *item*."""
        digits = item.digest.hex()
        return self.place / digits[:2] / f"{digits[2:]}{'x' if item.kind == 'x' else ''}"

    def size(self) -> int:
        """Return the bytes that all files take on the disk."""
        return sum(status.st_blocks * BLOCK for _, status in self._files())

    def sweep(self) -> None:
        """Remove the files that no tree has."""
        for path, status in self._files():
            if status.st_nlink == 1:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()

    def drop(self, items: Iterable[Item]) -> int:
        """Remove those of the files *items* that no tree has, and return the bytes that this frees."""
        freed = 0
        for path in {self.path(it) for it in items if it.kind in "fx"}:
            with contextlib.suppress(FileNotFoundError):
                status = path.lstat()
                if status.st_nlink == 1:
                    path.unlink()
                    freed += status.st_blocks * BLOCK
        return freed

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        with contextlib.suppress(FileNotFoundError):
            for shard in sorted(self.place.iterdir()):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(shard) as entries:
                    for entry in entries:
                        with contextlib.suppress(FileNotFoundError):
                            yield shard / entry.name, entry.stat(follow_symlinks=False)


@attrs.frozen
class Sizes:
    """The bytes that a tree takes on the disk.

    Attributes:
        own: Those that only it takes.
        shared: Those of files that other trees have, too.
        apart: Those of its own that are not in the pool.
    """

    own: int
    shared: int
    apart: int


def disk_sizes(place: Path) -> Sizes:
    """Return what the tree in the directory *place* takes, the files beside it among that."""
    links: dict[int, int] = {}
    files: dict[int, os.stat_result] = {}
    apart = place.lstat().st_blocks
    for status in below(place):
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            links[status.st_ino] = links.get(status.st_ino, 0) + 1
            files[status.st_ino] = status
        else:
            apart += status.st_blocks
    # Besides those of the tree, each file has a link in the pool.
    own = sum(it.st_blocks for inode, it in files.items() if it.st_nlink <= links[inode] + 1)
    shared = sum(it.st_blocks for inode, it in files.items() if it.st_nlink > links[inode] + 1)
    return Sizes((own + apart) * BLOCK, shared * BLOCK, apart * BLOCK)


def below(place: Path) -> Iterator[os.stat_result]:
    """Yield the status of everything below *place*."""
    stack = [os.fspath(place)]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                yield status
                if stat.S_ISDIR(status.st_mode):
                    stack.append(entry.path)
