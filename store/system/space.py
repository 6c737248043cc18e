"""What happens when the disk is full.

A collection has to write before it frees anything: rows are deleted through SQLite's
write-ahead log, and objects move into a new directory. So each store keeps a file of 8 MiB that
means nothing; the collector deletes it first and makes it again when it is done.
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

_LITTLE = 1 << 16  # what SQLite needs to open a database
_FEW = 3

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system says when there is no room."""


class DiskFull(Error):
    """Something could not be written because there is no room for it."""

    place: str

    def __str__(self) -> str:
        return f"no space left on the disk of {self.place}"

    @property
    def hint(self) -> str:
        """Return how to make room."""
        return "`kernix gc` frees what nothing needs any more"


@contextlib.contextmanager
def disk_full_told(place: Path) -> Iterator[None]:
    """Turn the system's error about a full disk into `DiskFull` at *place*."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(str(place)) from error
        raise


def is_full(place: Path) -> bool:
    """Return whether there is no room for another small file on the disk of *place*."""
    room = os.statvfs(place)
    return room.f_bavail * room.f_frsize < _LITTLE or (room.f_files > 0 and room.f_favail < _FEW)


def make_reserve(path: Path) -> None:
    """Make the reserve at *path* if there is none and there is room for it many times over."""
    if path.exists():
        return
    room = os.statvfs(path.parent)
    if room.f_bavail * room.f_frsize < 4 * RESERVE_SIZE:
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with contextlib.suppress(OSError):  # a file system without allocation works, only not when it is full
            os.posix_fallocate(descriptor, 0, RESERVE_SIZE)
    finally:
        os.close(descriptor)


def give_up_reserve(path: Path) -> None:
    """Delete the reserve at *path*, if it is there, for the work that makes room."""
    path.unlink(missing_ok=True)
