"""Sealing a tree's root, and moving sealed trees.

All directories of an object have mode 0555. Renaming a directory into another parent changes
its `..`, for which its owner (unless it is root) needs write permission on the directory
itself. So `move` makes an object's root writable for an instant.
"""

from __future__ import annotations

import os
import stat

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from pathlib import Path


MTIME_NS = 1_000_000_000  # one second, because many tools take zero for an unknown time
FILE_MODE = 0o444  # these modes are those of Nix's store: everybody may read, nobody may write
EXECUTABLE_MODE = 0o555
DIRECTORY_MODE = 0o555


def seal(path: Path) -> None:
    """Give the directory at *path* the mode and time of an object's; leave anything else alone."""
    _set_mode(path, DIRECTORY_MODE)


def unseal(path: Path) -> None:
    """Make the directory at *path* writable for its owner; leave anything else alone."""
    _set_mode(path, 0o755)


def move(source: Path, target: Path) -> None:
    """Rename the tree *source* to *target*, which must not exist or be an empty directory, and seal it.

    Raises:
        OSError: the rename failed; *source* still exists, sealed.
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
