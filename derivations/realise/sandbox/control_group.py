"""A control group for each build (cgroup v2), where this machine allows it.

The kernel then counts exactly what the processes of a build use together, and enforces the limits:
`memory.max`, with no swap besides, and `pids.max`. Out of memory, it kills the whole group at once
(`memory.oom.group`). Afterwards the group reports which limit was hit.

A group is made below the nearest group above us that delegates both controllers and is writable: for root
nearly any, for a user those of their systemd session. If there is none, our own group is made to delegate, if
possible: that is, if it is the root of all groups, or holds only our processes, which then move to a new group of
their own (only groups without processes may delegate controllers; cgroups(7), "no internal processes").

A group is locked while it is used. The groups of a killed kernix have no lock, and the next kernix kills and
removes them.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time

from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from derivations.realise.sandbox.usage import Excess, family, too_large, too_many
from store.osutil.locks import try_flock


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.realise.sandbox.bounds import Bounds


CONTROLLERS = frozenset({"memory", "pids"})

_PROC = Path("/proc")
_PREFIX = "kernix-build-"
_OURS = "kernix-self"
_PATIENCE = 5.0  # seconds until a group whose processes have been killed is empty; later, the next kernix removes it
_TRIES = 8  # another kernix can remove a group only in the moment before it is locked
_PROGRAMS = 32  # a build needs about this fraction of its memory for the code of its programs
_SANDBOX = 1  # bubblewrap's outer process, which does not count


@attrs.frozen
class Group:
    """The group of one build.

    Attributes:
        place: Its directory.
        bounds: What its processes may use, with the machine's defaults filled in.
    """

    place: Path
    bounds: Bounds

    @classmethod
    def make(cls, place: Path, bounds: Bounds) -> Self:
        """Set the limits of the new group *place*.

        Raises:
            OSError: this kernel cannot limit it.
        """
        if bounds.processes:
            (place / "pids.max").write_text(str(bounds.processes + _SANDBOX))
        if bounds.memory:
            (place / "memory.max").write_text(str(bounds.memory))
            (place / "memory.oom.group").write_text("1")
            with contextlib.suppress(FileNotFoundError):  # where swap is not counted
                (place / "memory.swap.max").write_text("0")
        return cls(place, bounds)

    def add(self, pid: int) -> bool:
        """Move the process *pid*, and so all its future children, into the group; return whether that worked."""
        try:
            (self.place / "cgroup.procs").write_text(str(pid))
        except OSError:  # in a threaded group, or refused by a security module
            return False
        return True

    def excess(self) -> Excess | None:
        """Return which limit the group has hit, if any."""
        memory = _numbers(self.place / "memory.events")
        if self.bounds.memory and (memory.get("oom") or self._thrashes()):
            return too_large(self.bounds.memory)
        if self.bounds.processes and _numbers(self.place / "pids.events").get("max"):
            return too_many(self.bounds.processes)
        if memory.get("oom_kill"):
            return Excess("its builder was killed because the machine had no memory left", "memory")
        return None

    def _thrashes(self) -> bool:
        """Return whether hardly anything but the code pages of running programs is left to reclaim.

        The kernel then drops these and reads them again, for minutes, before it reports that it is out of memory.
        """
        counts, allowed = _numbers(self.place / "memory.stat"), self.bounds.memory or 0
        kept = sum(counts.get(name, 0) for name in ("anon", "shmem", "kernel")) - counts.get("slab_reclaimable", 0)
        return kept > allowed - allowed // _PROGRAMS


@contextlib.contextmanager
def control_group(bounds: Bounds, proc: Path = _PROC) -> Iterator[Group | None]:
    """Give the body a new group with *bounds*, None where that is impossible, and kill what is in it afterwards."""
    parent = delegated(proc)
    if parent is None:
        yield None
        return
    _remove_abandoned(parent)
    made = _make(parent)
    if made is None:
        yield None
        return
    place, lock = made
    try:
        try:
            group = Group.make(place, bounds)
        except OSError:
            group = None
        yield group
    finally:
        _remove(place)
        os.close(lock)


def delegated(proc: Path = _PROC) -> Path | None:
    """Return the group below which groups with both controllers can be made; if need be, set up our own."""
    own = _own(proc)
    if own is None:
        return None
    place, top = own
    for each in (place, *place.parents):
        if _hands_on(each) and _is_writable(each):
            return each
        if each == top:
            break
    return place if _hand_on(place) else None


def _own(proc: Path) -> tuple[Path, Path] | None:
    """Return the directories of our own group and of the topmost mounted group."""
    try:
        lines = (proc / "self/cgroup").read_text().splitlines()
        mounts = (proc / "self/mountinfo").read_text().splitlines()
    except OSError:
        return None
    name = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)
    if name is None:
        return None
    for line in mounts:
        fields, _, rest = line.partition(" - ")
        root, top = (_plain(it) for it in fields.split()[3:5])
        inside = f"{name.rstrip('/')}/".startswith(f"{root.rstrip('/')}/")
        if rest.startswith("cgroup2 ") and inside and ".." not in name:
            return Path(top, name[len(root.rstrip("/")) :].lstrip("/")), Path(top)
    return None


def _plain(text: str) -> str:
    """Return *text* with the escapes of proc_pid_mountinfo(5) undone."""
    return re.sub(r"\\(\d{3})", lambda it: chr(int(it[1], 8)), text)


def _hands_on(place: Path) -> bool:
    return _words(place / "cgroup.subtree_control") >= CONTROLLERS


def _is_writable(place: Path) -> bool:
    return all(os.access(it, os.W_OK) for it in (place, place / "cgroup.procs"))


def _hand_on(place: Path) -> bool:
    """Make our own group *place* delegate the controllers; return whether that worked."""
    if not _is_writable(place) or not _words(place / "cgroup.controllers") >= CONTROLLERS:
        return False
    with contextlib.suppress(OSError):
        return _enable(place)
    try:
        pids = {int(it) for it in _words(place / "cgroup.procs")}
        if not pids <= set(family(os.getpid())):
            return False
        (place / _OURS).mkdir(exist_ok=True)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                (place / _OURS / "cgroup.procs").write_text(str(pid))
        return _enable(place)
    except OSError:
        return False


def _enable(place: Path) -> bool:
    (place / "cgroup.subtree_control").write_text(" ".join(f"+{it}" for it in sorted(CONTROLLERS)))
    return True


def _make(parent: Path) -> tuple[Path, int] | None:
    """Return a new group below *parent*, and the descriptor that holds its lock."""
    for _ in range(_TRIES):
        place = parent / f"{_PREFIX}{secrets.token_hex(8)}"
        try:
            place.mkdir()
        except OSError:
            return None
        lock = _lock(place)
        if lock is not None:
            return place, lock
        _remove(place)  # unless another kernix has removed it as abandoned, before it was locked
    return None


def _lock(place: Path) -> int | None:
    """Return a descriptor that holds the lock of the group *place*, None if it is in use or gone."""
    try:
        lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    if try_flock(lock) and place.is_dir():
        return lock
    os.close(lock)
    return None


def _remove_abandoned(parent: Path) -> None:
    for place in parent.glob(f"{_PREFIX}*"):
        if (lock := _lock(place)) is not None:
            _remove(place)
            os.close(lock)


def _remove(place: Path) -> None:
    """Kill the processes in the group *place*, and remove it once they have ended."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            place.rmdir()
        except FileNotFoundError:
            return
        except PermissionError:  # another user's
            return
        except OSError:
            _kill(place)
            time.sleep(0.01)
        else:
            return


def _kill(place: Path) -> None:
    with contextlib.suppress(OSError):
        (place / "cgroup.kill").write_text("1")  # since Linux 5.14; older kernels rely on `--die-with-parent` alone


def _numbers(place: Path) -> dict[str, int]:
    """Return the numbers in a file of lines like `oom_kill 1`; none if the file does not exist."""
    try:
        lines = [line.split() for line in place.read_text().splitlines()]
    except OSError:
        return {}
    return {name: int(count) for name, count in lines}


def _words(place: Path) -> frozenset[str]:
    try:
        return frozenset(place.read_text().split())
    except OSError:
        return frozenset()
