"""What programs expect of a kernel, whatever the machine: an ordinary userland, with systemd and the C library.

The options are those that systemd's README names as required, and what glibc, shells and udev do not do without. Some
are on unless somebody switches them off under EXPERT; tinyconfig and allnoconfig are without all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.kconfig.symbols.expression import Level


if TYPE_CHECKING:
    from derivations.kconfig.symbols.values_table import Values


@attrs.frozen
class Lack:
    """An option that a kernel is without.

    Attributes:
        option: Its name.
        reason: What needs it, a clause.
        is_fatal: Whether nothing runs without it.
    """

    option: str
    reason: str
    is_fatal: bool = False

    def __str__(self) -> str:
        return f"{self.option}: {self.reason}"


_NEEDS = (
    Lack("BINFMT_ELF", "every program is an ELF file", is_fatal=True),
    Lack("BINFMT_SCRIPT", "scripts begin with #!"),
    Lack("FUTEX", "threads of the C library wait by it"),
    Lack("POSIX_TIMERS", "the C library's timers and clocks"),
    Lack("MULTIUSER", "users and groups other than root"),
    Lack("FILE_LOCKING", "databases and package managers lock files"),
    Lack("EPOLL", "systemd, udev and most servers wait by it"),
    Lack("EVENTFD", "systemd and most servers wake up by it"),
    Lack("SIGNALFD", "systemd and udev take signals by it"),
    Lack("TIMERFD", "systemd's timers"),
    Lack("INOTIFY_USER", "systemd, udev and desktops watch files"),
    Lack("FHANDLE", "systemd and udev tell mounts apart by it"),
    Lack("PROC_FS", "/proc"),
    Lack("SYSFS", "/sys, by which udev finds devices"),
    Lack("DEVTMPFS", "/dev, before udev runs and after"),
    Lack("SHMEM", "memory that is shared between programs"),
    Lack("TMPFS", "/run and /dev/shm"),
    Lack("CGROUPS", "systemd keeps services in them"),
    Lack("UNIX", "D-Bus, the journal and X talk by such sockets"),
    Lack("TTY", "terminals"),
    Lack("UNIX98_PTYS", "terminal windows and ssh"),
    Lack("PRINTK", "the kernel's log"),
)


def lacking(values: Values, processors: int = 1) -> tuple[Lack, ...]:
    """Return what of all this a kernel with the options *values* is without, on a machine of so many *processors*."""
    needs = (*_NEEDS, *([Lack("SMP", f"only one of the {processors} processors runs")] if processors > 1 else []))
    return tuple(it for it in needs if it.option in values and values.level(it.option) is Level.N)
