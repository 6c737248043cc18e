"""Watch what a sandbox takes of the machine, and say when it is too much.

Where a build has a control group (`derivations.realise.sandbox.control_group`) the kernel knows. Without one nothing in it adds
up the memory of a build's processes. So we do, once a second; and since this takes long for many processes, only when
the whole machine has so many of them, or uses so much memory, that it could be the build.
"""

from __future__ import annotations

import contextlib
import os
import time

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.realise.sandbox.bounds import amount, meminfo
from store.system.syscalls import file_system


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from derivations.realise.sandbox.bounds import Bounds


PAUSE = 1.0
"""Seconds between two looks."""

_PROC = Path("/proc")
_TMPFS = 0x01021994  # statfs(2)
_UNNAMED = "/memfd:"
_RESERVE = 32  # the part of the machine's memory that stays for others
_LARGE = 4  # whoever has this part of the memory of a machine that has none left ends


@attrs.frozen
class Excess:
    """A build took too much: of what, and which of the limits says so."""

    reason: str
    limit: str

    @property
    def advice(self) -> str:
        """Return how to allow more."""
        return f"`{self.limit}` in the section [limits] of config.toml allows another amount, 0 any"


@attrs.define
class Watch:
    """Looks at one build, now and then.

    Attributes:
        bounds: What it may take, with nothing left open.
        build: Its directory on the disk.
        met: Says which of the bounds the kernel has kept it from passing, if the kernel does.
    """

    bounds: Bounds
    build: Path
    met: Callable[[], Excess | None] | None = None
    _next: float = attrs.field(factory=time.monotonic, init=False)

    def due(self) -> float:
        """Return in how many seconds to look."""
        return max(self._next - time.monotonic(), 0)

    def look(self, first: int | None) -> Excess | None:
        """Return what the build has too much of; *first* is the first process of its sandbox, if that is known."""
        if self.due():
            return None
        self._next = time.monotonic() + PAUSE
        if (left := self.bounds.too_full(self.build)) is not None:
            return Excess(f"less than {amount(left)} of the disk was left free", "free_space")
        if self.met is not None:
            return self.met()
        if first is None:
            return None
        return self._count(first) or self._weigh(first)

    def _count(self, first: int) -> Excess | None:
        allowed = self.bounds.processes
        if not allowed or machine_tasks() <= allowed or sum(map(_threads, family(first))) <= allowed:
            return None
        return too_many(allowed)

    def _weigh(self, first: int) -> Excess | None:
        memory = meminfo()
        total, allowed = memory["MemTotal"], self.bounds.memory
        taken = total - memory["MemAvailable"] + memory["SwapTotal"] - memory["SwapFree"]
        scarce = memory["MemAvailable"] < total // _RESERVE
        if not allowed or (taken <= allowed and not scarce):
            return None
        used = used_memory(first)
        if used > allowed:
            return too_large(allowed)
        if scarce and used > total // _LARGE:
            return Excess(f"its builder used {amount(used)} of memory, and the machine had none left", "memory")
        return None


def too_many(allowed: int) -> Excess:
    """Return that there are more processes than are *allowed*."""
    return Excess(f"its builder had more than {allowed} processes at once", "processes")


def too_large(allowed: int) -> Excess:
    """Return that more bytes of memory are used than are *allowed*."""
    return Excess(f"its builder used more than {amount(allowed)} of memory", "memory")


def machine_tasks(place: Path = _PROC / "loadavg") -> int:
    """Return how many processes and threads this machine has (`proc_loadavg(5)`)."""
    return int(place.read_text().split()[3].partition("/")[2])


def family(first: int) -> Iterator[int]:
    """Yield *first* and the processes that come from it; who is orphaned in a sandbox is a child of its first process."""
    found = [first]
    while found:
        pid = found.pop()
        yield pid
        with contextlib.suppress(OSError):
            for task in (_PROC / str(pid) / "task").iterdir():
                with contextlib.suppress(OSError):
                    found += map(int, (task / "children").read_text().split())


def used_memory(first: int) -> int:
    """Return how many bytes of memory *first* and its family use, files in memory among them, shared ones once."""
    pids = list(family(first))
    mapped = sum(_rollup(pid, ("Pss_Shmem",)) for pid in pids)
    unmapped = max(_in_open_files(pids) - mapped, 0)  # which of them are mapped nobody says
    return sum(map(_resident, pids)) + unmapped + sum(_in_tmpfs(first, name) for name in ("tmp", "dev/shm"))


def _threads(pid: int) -> int:
    return _fields(_PROC / str(pid) / "status", ("Threads",))


def _resident(pid: int) -> int:
    """Return the memory of *pid*; what it shares with others counts for each of them in part."""
    with contextlib.suppress(OSError):
        return _rollup(pid, ("Pss", "SwapPss"))
    return _fields(_PROC / str(pid) / "status", ("RssAnon", "RssShmem", "VmSwap")) * 1024


def _rollup(pid: int, names: tuple[str, ...]) -> int:
    return _fields(_PROC / str(pid) / "smaps_rollup", names) * 1024


def _in_open_files(pids: Iterable[int]) -> int:
    """Return how much is in files without a name, as memfd_create(2) makes them, that *pids* have open, each once."""
    sizes: dict[int, int] = {}
    for pid in pids:
        for file in (_PROC / str(pid)).glob("task/*/fd/*"):  # each thread may have a table of its own
            with contextlib.suppress(OSError):
                if str(file.readlink()).startswith(_UNNAMED):
                    status = file.stat()
                    sizes[status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def _in_tmpfs(first: int, name: str) -> int:
    """Return how much is in a file system that the sandbox has in memory."""
    with contextlib.suppress(OSError):
        descriptor = os.open(_PROC / str(first) / "root" / name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            room = os.fstatvfs(descriptor)
            return (room.f_blocks - room.f_bfree) * room.f_frsize if file_system(descriptor) == _TMPFS else 0
        finally:
            os.close(descriptor)
    return 0


def _fields(place: Path, names: tuple[str, ...]) -> int:
    """Return the sum of the numbers that *place* gives for *names*; 0 if the process is gone."""
    try:
        lines = place.read_text().splitlines()
    except ProcessLookupError:
        return 0
    except FileNotFoundError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.partition(":")[0] in names)
