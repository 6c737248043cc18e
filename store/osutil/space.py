"""Working on a full disk.

A collection has to write before it can free anything: rows are deleted through SQLite's
write-ahead log, and objects move into a new directory. So each store keeps a reserve, a file
of 8 MiB; the collector deletes it first and creates it again at the end.
"""

from __future__ import annotations

import contextlib
import errno
import os

from typing import TYPE_CHECKING

from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


RESERVE_SIZE = 8 << 20
"""Bytes; Nix reserves as much (its setting `gc-reserved-space`)."""

_MIN_BYTES = 1 << 16  # bytes that SQLite needs to open a database
_MIN_INODES = 3  # for the two files that SQLite adds to an open database, `-wal` and `-shm`, and for one more

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The error numbers of a full disk."""


class DiskFull(Error):
    """There is no room to write something."""

    place: str

    def __str__(self) -> str:
        return f"no space left on the disk of {self.place}"

    @property
    def hint(self) -> str:
        """Return how to free space."""
        return "run `kernix gc` to delete what nothing needs any more"


@contextlib.contextmanager
def disk_full_reported(place: Path) -> Iterator[None]:
    """Turn an OSError about a full disk into `DiskFull` at *place*."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(str(place)) from error
        raise


def is_full(place: Path, *, least: int = _MIN_BYTES) -> bool:
    """Return whether the disk of *place* has fewer than *least* bytes free, or no room for another small file."""
    room = os.statvfs(place)
    return room.f_bavail * room.f_frsize < least or (room.f_files > 0 and room.f_favail < _MIN_INODES)


def make_reserve(path: Path) -> None:
    """Create the reserve at *path* unless it exists or would fill much of what is free."""
    if path.exists():
        return
    room = os.statvfs(path.parent)
    if room.f_bavail * room.f_frsize < 4 * RESERVE_SIZE:
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with contextlib.suppress(OSError):  # a file system that cannot allocate works, except when it is full
            os.posix_fallocate(descriptor, 0, RESERVE_SIZE)
    finally:
        os.close(descriptor)


def give_up_reserve(path: Path) -> None:
    """Delete the reserve at *path*, if it exists, to make room for a collection."""
    with contextlib.suppress(IsADirectoryError):  # then it is not ours, and there is no reserve
        path.unlink(missing_ok=True)
