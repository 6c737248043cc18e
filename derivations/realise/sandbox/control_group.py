"""A control group for each build (cgroup v2), where this machine lets us make them.

The kernel then counts what the processes of a build take together, to the byte and at every moment, and lets it have
no more: `memory.max`, with no swap besides, and `pids.max`. Where memory is over it ends the whole group at once
(`memory.oom.group`). Afterwards the group tells which limit was met.

A group is made below the nearest group above us that hands both controllers on and may be written to: for root
nearly any, for a user those of their systemd session. Where there is none, our own group becomes one if it may, that is
if it is the root of all groups, or holds no processes but ours, for which a group is made then, too (only
groups without processes hand controllers on; cgroups(7), "no internal processes").

A group is locked for as long as it is used. What is left of a kernix that was killed has no lock, and is ended and
removed by the next one.
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
from store.system.locks import try_flock


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.realise.sandbox.bounds import Bounds


CONTROLLERS = frozenset({"memory", "pids"})

_PROC = Path("/proc")
_PREFIX = "kernix-build-"
_OURS = "kernix-self"
_PATIENCE = 5.0  # seconds until a group whose processes have been killed is empty
_TRIES = 8
_PROGRAMS = 32  # the part of the memory that a build needs for its programs, about
_SANDBOX = 1  # bubblewrap's outer process, which is no builder's


@attrs.frozen
class Group:
    """The group of one build.

    Attributes:
        place: Its directory.
        bounds: What its processes may take, with nothing left open.
    """

    place: Path
    bounds: Bounds

    @classmethod
    def make(cls, place: Path, bounds: Bounds) -> Self:
        """Set the limits of the group *place*, which is new.

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
        """Take in the process *pid*, and with it all that it will start; return whether that was possible."""
        try:
            (self.place / "cgroup.procs").write_text(str(pid))
        except OSError:  # in a threaded group, or where a security module says so
            return False
        return True

    def excess(self) -> Excess | None:
        """Return which limit the group has met."""
        memory = _numbers(self.place / "memory.events")
        if self.bounds.memory and (memory.get("oom") or self._thrashes()):
            return too_large(self.bounds.memory)
        if self.bounds.processes and _numbers(self.place / "pids.events").get("max"):
            return too_many(self.bounds.processes)
        if memory.get("oom_kill"):
            return Excess("its builder was killed, for the machine had no memory left", "memory")
        return None

    def _thrashes(self) -> bool:
        """Return whether hardly anything but the pages of running programs is left to give back.

        The kernel then drops these and reads them again, for minutes, before it says that memory is over.
        """
        counts, allowed = _numbers(self.place / "memory.stat"), self.bounds.memory or 0
        kept = sum(counts.get(name, 0) for name in ("anon", "shmem", "kernel")) - counts.get("slab_reclaimable", 0)
        return kept > allowed - allowed // _PROGRAMS


@contextlib.contextmanager
def control_group(bounds: Bounds, proc: Path = _PROC) -> Iterator[Group | None]:
    """Give the body a new group with *bounds*, None where there can be none, and end what is in it afterwards."""
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
    """Return the group below which groups with both controllers can be made; our own is made one if need be."""
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
    """Return the directories of our own group, and of the topmost group that is mounted."""
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
    """Return *text* without the escapes of proc_pid_mountinfo(5)."""
    return re.sub(r"\\(\d{3})", lambda it: chr(int(it[1], 8)), text)


def _hands_on(place: Path) -> bool:
    return _words(place / "cgroup.subtree_control") >= CONTROLLERS


def _is_writable(place: Path) -> bool:
    return all(os.access(it, os.W_OK) for it in (place, place / "cgroup.procs"))


def _hand_on(place: Path) -> bool:
    """Let the group *place*, our own, hand the controllers on; return whether it does."""
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
    """Return a new group below *parent*, and the descriptor that keeps it locked."""
    for _ in range(_TRIES):
        place = parent / f"{_PREFIX}{secrets.token_hex(8)}"
        try:
            place.mkdir()
        except OSError:
            return None
        lock = _lock(place)
        if lock is not None:
            return place, lock
        _remove(place)  # or somebody has, who took it for an abandoned one before it was locked
    return None


def _lock(place: Path) -> int | None:
    """Return a descriptor that locks the group *place*, None if it is in use or gone."""
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
    """Kill what is in the group *place*, and remove it once that is over."""
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
        (place / "cgroup.kill").write_text("1")  # since Linux 5.14; before it there is nothing but `--die-with-parent`


def _numbers(place: Path) -> dict[str, int]:
    """Return the numbers of a file of lines like `oom_kill 1`, if it is there."""
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
