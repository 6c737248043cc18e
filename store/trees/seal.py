"""Seal a tree's root, and move sealed trees.

All directories of an object are 0555. A directory takes a new `..` when it is renamed
into another parent, and for that its owner needs write permission on the directory
itself (unless it is root): whoever moves an object opens its root for an instant.
"""

from __future__ import annotations

import os
import stat

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from pathlib import Path


MTIME_NS = 1_000_000_000  # one second: zero is what tools take for "no time known"
FILE_MODE = 0o444
EXECUTABLE_MODE = 0o555
DIRECTORY_MODE = 0o555


def seal(path: Path) -> None:
    """Give the directory at *path* an object's mode and time; leave anything else alone."""
    _set_mode(path, DIRECTORY_MODE)


def unseal(path: Path) -> None:
    """Let the owner write to the directory at *path*; leave anything else alone."""
    _set_mode(path, 0o755)


def move(source: Path, target: Path) -> None:
    """Rename the tree *source* to *target*, which must not exist or be an empty directory, and seal it.

    Raises:
        OSError: the rename failed; *source* is then still there, sealed.
    """
    unseal(source)
    try:
        source.rename(target)
    except OSError:
        seal(source)
        raise
    seal(target)


def _set_mode(path: Path, mode: int) -> None:
    if not stat.S_ISDIR(path.lstat().st_mode):
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(fd, mode)
        os.utime(fd, ns=(MTIME_NS, MTIME_NS))
    finally:
        os.close(fd)
