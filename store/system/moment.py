"""Since when a file system's content has been in this kernel's memory: until then, what it holds is not believed.

What was written before another boot may have been lost with the power. It may be lost within one boot, too: a disk
is pulled and put back, a loop device detached, a file system shut down after an error, repaired and mounted again.
So a moment names the boot and the superblock. For the superblock the kernel has no number; but ext4, XFS, f2fs and others make
a directory in sysfs when one comes into being (https://docs.kernel.org/admin-guide/ext4.html), and an inode number there is
used once (`kernfs_new_node`: cyclic, with a generation). Elsewhere the mount's number serves, which statx(2)
has: it differs between containers, and then more is doubted than need be.
"""

from __future__ import annotations

import contextlib
import os

from pathlib import Path

from store.system.syscalls import mount_number


_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FILE_SYSTEMS = Path("/sys/fs")
_DEVICES = Path("/sys/dev/block")


def boot() -> str:
    """Return the identifier of this boot."""
    return _BOOT_ID.read_text().strip()


def moment(fd: int) -> str:
    """Return a line that is the same as long as what the file system of the directory *fd* holds need not be doubted.

    It is of this directory: a copy of it elsewhere has another one.
    """
    status = os.fstat(fd)
    return f"{boot()} {status.st_dev} {status.st_ino} {mount(fd)}"


def mount(fd: int) -> str:
    """Return what tells the superblock of *fd* from others of this boot."""
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
