"""Removing trees, whatever they contain, even if others change them meanwhile.

Every step is relative to an open directory and follows no symbolic link, so nothing outside the
tree is ever touched, even if a directory in it becomes a link between two steps. A directory that
is not writable is made writable first. A tree may be deeper than the limit on open files: what is
too deep is moved to the top and removed from there.
"""

from __future__ import annotations

import errno
import os
import stat

from typing import TYPE_CHECKING

import attrs

from store.osutil.interrupt import check
from store.osutil.parallel import in_parallel
from store.trees.reading import OPEN_DIRECTORY


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


_WORKERS = 16  # far more than processors: a thread that unlinks a file's last name mostly waits for the disk
_MAX_OPEN = 64  # descriptors of nested directories; a process usually has 1024. Deeper directories are moved up
_TRIES = 100  # for an entry that another process keeps changing: one that does so by chance needs one or two

_CHANGED = frozenset({errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST})


def remove_tree(path: Path) -> tuple[int, int]:
    """Remove the tree at *path*, if there is one; return how many nodes were removed and how many bytes freed.

    A file that has another link, for example in the pool, frees nothing.

    Raises:
        OSError: something cannot be removed.
        Interrupted: this thread was asked to stop.
    """
    removal = _Removal()
    removal.remove(os.fspath(path), None, 0)
    return removal.nodes, removal.size


def remove_many(
    paths: Iterable[Path], workers: int = _WORKERS, gone: Callable[[], None] = lambda: None
) -> tuple[int, int]:
    """Remove the trees at *paths*, *workers* at a time; return the same totals as `remove_tree`, for all of them.

    Each thread calls *gone* after each tree.
    """

    def remove(path: Path) -> tuple[int, int]:
        removed = remove_tree(path)
        gone()
        return removed

    removed = in_parallel(remove, paths, workers)
    return sum(nodes for nodes, _ in removed), sum(size for _, size in removed)


@attrs.define
class _Removal:
    nodes: int = 0
    size: int = 0  # freed on the disk, in bytes
    moved: list[str] = attrs.field(factory=list)  # into the root, because they were too deep
    root_fd: int = -1

    def remove(self, name: str, dir_fd: int | None, depth: int) -> None:
        """Remove *name*, which is *depth* levels below the root, and everything below it."""
        check()
        for _ in range(_TRIES):
            try:
                if self._unlink(name, dir_fd) or self._remove_directory(name, dir_fd, depth):
                    return
            except FileNotFoundError:
                return
            except OSError as error:
                if error.errno not in _CHANGED:
                    raise
        raise OSError(errno.EBUSY, "it keeps changing while it is removed", name)

    def _unlink(self, name: str, dir_fd: int | None) -> bool:
        """Remove *name* and return True, unless it is a directory."""
        status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            return False
        os.unlink(name, dir_fd=dir_fd)
        self.nodes += 1
        if status.st_nlink == 1:
            self.size += status.st_blocks * 512
        return True

    def _remove_directory(self, name: str, dir_fd: int | None, depth: int) -> bool:
        """Remove the directory *name*, or move it to where fewer descriptors are needed to reach it."""
        fd = _open(name, dir_fd)
        try:
            status = os.fstat(fd)
            if status.st_mode & stat.S_IRWXU != stat.S_IRWXU:
                os.fchmod(fd, stat.S_IRWXU)
            if depth == 0:
                self.root_fd = fd
            if depth == _MAX_OPEN:
                self._move_up(name, dir_fd)
                return True
            with os.scandir(fd) as entries:
                names = [entry.name for entry in entries]
            for child in names:
                self.remove(child, fd, depth + 1)
            while depth == 0 and self.moved:
                self.remove(self.moved.pop(), fd, 1)
        finally:
            os.close(fd)
        os.rmdir(name, dir_fd=dir_fd)
        self.nodes += 1
        self.size += status.st_blocks * 512
        return True

    def _move_up(self, name: str, dir_fd: int | None) -> None:
        new = f".{os.urandom(8).hex()}"
        os.rename(name, new, src_dir_fd=dir_fd, dst_dir_fd=self.root_fd)
        self.moved.append(new)


def _open(name: str, dir_fd: int | None) -> int:
    """Return a descriptor of the directory *name*, even if it is not readable for its owner."""
    try:
        return os.open(name, OPEN_DIRECTORY, dir_fd=dir_fd)
    except PermissionError:
        fd = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
        try:
            os.chmod(f"/proc/self/fd/{fd}", stat.S_IRWXU)  # noqa: PTH101 -- not a file's path
        finally:
            os.close(fd)
        return os.open(name, OPEN_DIRECTORY, dir_fd=dir_fd)
