"""Watch how much of the machine a sandbox uses, and report when it is too much.

If a build has a control group (`derivations.realise.sandbox.control_group`), the kernel keeps count. Without one,
nothing in the kernel adds up the memory of a build's processes. So we do, once a second; and since this is slow with
many processes, only when the whole machine has enough of them, or uses enough memory, for the build to be the cause.
"""

from __future__ import annotations

import contextlib
import os
import time

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.realise.sandbox.bounds import amount, meminfo
from store.osutil.syscalls import file_system


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from derivations.realise.sandbox.bounds import Bounds


PAUSE = 1.0
"""Seconds between two checks, for which the memory of all of a builder's processes may have to be read."""

_PROC = Path("/proc")
_TMPFS = 0x01021994  # statfs(2)
_UNNAMED = "/memfd:"
_NODE = 1024  # bytes that the kernel uses for an empty file in a tmpfs: an inode of some 700, and a name of 192
# Both are guesses. The first leaves time until the next check, before the kernel kills something; a build below the
# second is not the one to blame.
_RESERVE = 32  # memory is scarce when less than this fraction is available
_LARGE = 4  # when memory is scarce, a build that has more than this fraction is stopped


@attrs.frozen
class Excess:
    """A build used too much: what it did, and the name of the limit."""

    reason: str
    limit: str

    @property
    def advice(self) -> str:
        """Return how to raise the limit."""
        return f"`{self.limit}` under [limits] in config.toml sets this limit (0 means none)"


@attrs.define
class Watch:
    """Checks one build from time to time.

    Attributes:
        bounds: What it may use, with the machine's defaults filled in.
        build: Its directory on the disk.
        met: Returns which limit the kernel has enforced, if the build has a control group.
    """

    bounds: Bounds
    build: Path
    met: Callable[[], Excess | None] | None = None
    _next: float = attrs.field(factory=time.monotonic, init=False)

    def due(self) -> float:
        """Return the seconds until the next check."""
        return max(self._next - time.monotonic(), 0)

    def check(self, first: int | None) -> Excess | None:
        """Return what the build uses too much of, if a check is due; *first* is its sandbox's first process, if known."""
        if self.due():
            return None
        self._next = time.monotonic() + PAUSE
        if (left := self.bounds.too_full(self.build)) is not None:
            return Excess(f"it left less than {amount(left)} of the disk free", "free_space")
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
    """Return the excess of having more than *allowed* processes."""
    return Excess(f"its builder had more than {allowed} processes at once", "processes")


def too_large(allowed: int) -> Excess:
    """Return the excess of using more than *allowed* bytes of memory."""
    return Excess(f"its builder used more than {amount(allowed)} of memory", "memory")


def machine_tasks(place: Path = _PROC / "loadavg") -> int:
    """Return how many processes and threads this machine has (`proc_loadavg(5)`)."""
    return int(place.read_text().split()[3].partition("/")[2])


def family(first: int) -> Iterator[int]:
    """Yield *first* and its descendants; an orphan in a sandbox becomes a child of its first process."""
    found = [first]
    while found:
        pid = found.pop()
        yield pid
        with contextlib.suppress(OSError):
            for task in (_PROC / str(pid) / "task").iterdir():
                with contextlib.suppress(OSError):
                    found += map(int, (task / "children").read_text().split())


def used_memory(first: int) -> int:
    """Return the bytes of memory that *first* and its descendants use, with files in memory, shared ones counted once."""
    pids = list(family(first))
    mapped = sum(_rollup(pid, ("Pss_Shmem",)) for pid in pids)
    unmapped = max(_in_open_files(pids) - mapped, 0)  # the kernel does not say which of them are mapped
    return sum(map(_resident, pids)) + unmapped + sum(_in_tmpfs(first, name) for name in ("tmp", "dev/shm"))


def _threads(pid: int) -> int:
    return _fields(_PROC / str(pid) / "status", ("Threads",))


def _resident(pid: int) -> int:
    """Return the memory of *pid*; what it shares with others is split between them."""
    with contextlib.suppress(OSError):
        return _rollup(pid, ("Pss", "SwapPss"))
    return _fields(_PROC / str(pid) / "status", ("RssAnon", "RssShmem", "VmSwap")) * 1024


def _rollup(pid: int, names: tuple[str, ...]) -> int:
    return _fields(_PROC / str(pid) / "smaps_rollup", names) * 1024


def _in_open_files(pids: Iterable[int]) -> int:
    """Return the size of the unnamed files (memfd_create(2)) that *pids* have open, counting each once."""
    sizes: dict[int, int] = {}
    for pid in pids:
        for file in (_PROC / str(pid)).glob("task/*/fd/*"):  # each thread may have a table of its own
            with contextlib.suppress(OSError):
                if str(file.readlink()).startswith(_UNNAMED):
                    status = file.stat()
                    sizes[status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def _in_tmpfs(first: int, name: str) -> int:
    """Return how much the sandbox's tmpfs at *name* holds."""
    with contextlib.suppress(OSError):
        descriptor = os.open(_PROC / str(first) / "root" / name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if file_system(descriptor) != _TMPFS:
                return 0
            room = os.fstatvfs(descriptor)
            return (room.f_blocks - room.f_bfree) * room.f_frsize + (room.f_files - room.f_ffree) * _NODE
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
