"""How much of the machine one build may use."""

from __future__ import annotations

import os

from pathlib import Path
from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Mapping


MEMINFO = Path("/proc/meminfo")

_PROCESSES = 4096  # far more than builds have, far less than a fork bomb
_PROCESSES_PER_CPU = 32  # a kernel's make has four per job
_MEMORY = 0.9  # of the machine's; the rest keeps it usable
_TMPFS = 0.25  # of the machine's memory, each of two: full, they leave some of _MEMORY to the builder
_LEFT = 256 << 20  # bytes of the disk that remain for other programs, and for the store's own records
_LEFT_OF = 50  # 1/50 of a disk too small for _LEFT


@attrs.frozen(kw_only=True)
class Bounds:
    """What a build may use; 0 means no limit, None a default that suits the machine.

    Attributes:
        processes: How many processes and threads it may have at once.
        memory: How many bytes of memory its processes may use in total.
        tmpfs: How many bytes /tmp and /dev/shm hold, each.
        free_space: How many bytes of the disk a build, or an unpacking, must leave free.
    """

    processes: int | None = None
    memory: int | None = None
    tmpfs: int | None = None
    free_space: int | None = None

    def for_machine(self) -> Bounds:
        """Return these bounds with the machine's defaults filled in, except for the disk."""
        cpus = os.cpu_count() or 1
        total = meminfo()["MemTotal"]
        return attrs.evolve(
            self,
            processes=max(_PROCESSES, _PROCESSES_PER_CPU * cpus) if self.processes is None else self.processes,
            memory=int(total * _MEMORY) if self.memory is None else self.memory,
            tmpfs=int(total * _TMPFS) if self.tmpfs is None else self.tmpfs,
        )

    def too_full(self, place: Path) -> int | None:
        """Return how many bytes must stay free on the disk of *place* if fewer are, else None."""
        disk = os.statvfs(place)
        size, free = disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize
        left = min(_LEFT, size // _LEFT_OF) if self.free_space is None else self.free_space
        return left if free < left else None


def meminfo(place: Path = MEMINFO) -> Mapping[str, int]:
    """Return the fields of `/proc/meminfo`, in bytes (`proc_meminfo(5)`)."""
    lines = [line.split() for line in place.read_text().splitlines()]
    return {words[0].rstrip(":"): int(words[1]) * (1024 if words[2:] == ["kB"] else 1) for words in lines}


def amount(count: int) -> str:
    """Return *count* bytes as written in a configuration: `256M`, `1.5G`."""
    for exponent, unit in ((30, "G"), (20, "M"), (10, "K")):
        if count >= 1 << exponent:
            return f"{count / (1 << exponent):.1f}".removesuffix(".0") + unit
    return str(count)
