"""Options that an ordinary userland, with systemd and the C library, needs on any machine.

The options are those that systemd's README names as required, and those that glibc, shells and udev need. Some
are on unless they are switched off under EXPERT; tinyconfig and allnoconfig have none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.kconfig.symbols.expression import Level


if TYPE_CHECKING:
    from derivations.kconfig.symbols.values_table import Values


@attrs.frozen
class Lack:
    """An option that a kernel lacks.

    Attributes:
        option: Its name.
        reason: A clause that says what needs it.
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
    Lack("FUTEX", "threads of the C library wait with it"),
    Lack("POSIX_TIMERS", "the C library's timers and clocks"),
    Lack("MULTIUSER", "users and groups other than root"),
    Lack("FILE_LOCKING", "databases and package managers lock files"),
    Lack("EPOLL", "systemd, udev and most servers wait for events with it"),
    Lack("EVENTFD", "systemd and most servers use it to wake up"),
    Lack("SIGNALFD", "systemd and udev receive signals with it"),
    Lack("TIMERFD", "systemd's timers"),
    Lack("INOTIFY_USER", "systemd, udev and desktops watch files"),
    Lack("FHANDLE", "systemd and udev identify mounts with it"),
    Lack("PROC_FS", "/proc"),
    Lack("SYSFS", "/sys, where udev finds devices"),
    Lack("DEVTMPFS", "/dev, before udev runs and after"),
    Lack("SHMEM", "memory shared between programs"),
    Lack("TMPFS", "/run and /dev/shm"),
    Lack("CGROUPS", "systemd runs services in them"),
    Lack("UNIX", "D-Bus, the journal and X communicate through its sockets"),
    Lack("TTY", "terminals"),
    Lack("UNIX98_PTYS", "terminal windows and ssh"),
    Lack("PRINTK", "the kernel's log"),
)


def lacking(values: Values, processors: int = 1) -> tuple[Lack, ...]:
    """Return the needed options that a kernel with *values* lacks, on a machine with that many *processors*."""
    needs = (*_NEEDS, *([Lack("SMP", f"only one of the {processors} processors runs")] if processors > 1 else []))
    return tuple(it for it in needs if it.option in values and values.level(it.option) is Level.N)
