"""How long a file system has been continuously mounted; what was written before that may have been lost.

Data written before the present boot may have been lost in a power failure. It can also be lost within one boot: a
disk is pulled and put back, a loop device is detached, a file system is shut down after an error, repaired and mounted
again. So the identity consists of the boot and the superblock. The kernel has no number for a superblock; but ext4, XFS,
f2fs and others create a directory in sysfs with each one (https://docs.kernel.org/admin-guide/ext4.html), and inode
numbers there are used only once (`kernfs_new_node`: cyclic, with a generation). For other file systems the mount's
number from statx(2) has to do: it differs between containers, so that more than necessary is doubted.
"""

from __future__ import annotations

import contextlib
import os

from pathlib import Path

from store.osutil.syscalls import mount_number


_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FILE_SYSTEMS = Path("/sys/fs")
_DEVICES = Path("/sys/dev/block")


def boot_id() -> str:
    """Return the identifier of this boot."""
    return _BOOT_ID.read_text().strip()


def mount_identity(fd: int) -> str:
    """Return a line that stays the same for as long as the file system of the directory *fd* can be trusted.

    It identifies this directory: a copy of it elsewhere has a different line.
    """
    status = os.fstat(fd)
    return f"{boot_id()} {status.st_dev} {status.st_ino} {superblock_identity(fd)}"


def superblock_identity(fd: int) -> str:
    """Return what distinguishes the superblock of *fd* from others of this boot."""
    device = os.fstat(fd).st_dev
    return _superblock(device) or f"mount {mount_number(fd)}"


def _superblock(device: int) -> str | None:
    try:
        name = (_DEVICES / f"{os.major(device)}:{os.minor(device)}").readlink().name
        kinds = sorted(_FILE_SYSTEMS.iterdir())
    except OSError:
        return None
    for kind in kinds:
        with contextlib.suppress(OSError):
            return f"{kind.name} {(kind / name).stat().st_ino}"
    return None
