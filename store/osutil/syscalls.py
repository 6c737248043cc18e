"""System calls that Python's `os` lacks."""

from __future__ import annotations

import ctypes
import os
import signal
import sys


_libc = ctypes.CDLL(None, use_errno=True)

# From linux/prctl.h, linux/stat.h and linux/fcntl.h.
_PR_SET_PDEATHSIG = 1
_STATFS_SIZE = 256  # more than any architecture's `struct statfs`
_STATX_SIZE = 256  # bytes of `struct statx`
_STX_MNT_ID = 0x90  # its place in `struct statx`
_STATX_MNT_ID = 0x1000
_STATX_MNT_ID_UNIQUE = 0x4000
_AT_EMPTY_PATH = 0x1000


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG)."""
    _libc.prctl(ctypes.c_int(_PR_SET_PDEATHSIG), ctypes.c_ulong(signal.SIGKILL))


def file_system(fd: int) -> int:
    """Return the magic number of the file system of *fd*, as statfs(2) lists them.

    Raises:
        OSError: *fd* is not open.
    """
    buffer = ctypes.create_string_buffer(_STATFS_SIZE)
    if _libc.fstatfs(ctypes.c_int(fd), buffer):
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))
    return ctypes.c_ulong.from_buffer(buffer).value & 0xFFFFFFFF


def mount_number(fd: int) -> int:
    """Return the number of the mount through which *fd* was opened; since Linux 6.8 it is unique within a boot.

    Raises:
        OSError: *fd* is not open.
    """
    buffer = ctypes.create_string_buffer(_STATX_SIZE)
    mask = _STATX_MNT_ID_UNIQUE | _STATX_MNT_ID
    if _libc.statx(ctypes.c_int(fd), b"", ctypes.c_int(_AT_EMPTY_PATH), ctypes.c_uint(mask), buffer):
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))
    return int.from_bytes(buffer.raw[_STX_MNT_ID : _STX_MNT_ID + 8], sys.byteorder)


def syncfs(fd: int) -> None:
    """Write everything that the kernel still holds in memory for the file system of *fd* to its disk.

    One call makes any number of files durable; since Linux 5.8 it also reports what could
    not be written since *fd* was opened, so open *fd* before the first file is written.

    Raises:
        OSError: *fd* is not open, or something could not be written.
    """
    if _libc.syncfs(ctypes.c_int(fd)):
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))
