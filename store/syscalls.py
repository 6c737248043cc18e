"""System calls that Python's `os` lacks."""

from __future__ import annotations

import ctypes
import os


_libc = ctypes.CDLL(None, use_errno=True)


def syncfs(fd: int) -> None:
    """Write everything that the file system of *fd* still holds in memory to its disk.

    One call is durable for any number of files; since Linux 5.8 it also reports what could
    not be written since *fd* was opened, so open *fd* before the first file is written.

    Raises:
        OSError: *fd* is not open, or something could not be written.
    """
    if _libc.syncfs(ctypes.c_int(fd)):
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))
