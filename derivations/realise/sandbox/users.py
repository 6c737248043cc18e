"""The users that root's builds run as: otherwise unused, and a different one for each build.

A process with user 0 outside all user namespaces may write to /proc/sys, to the devices and to other
users' files, whatever its user is called in a namespace. So each build of root runs as its own user, one of `USERS`.
Debian, systemd and the usual directory services assign none of these numbers, and they
stay below 2**31 for programs that treat them as signed.

A number is locked (`flock`) while it is used, in a directory that all stores of the machine share. A number with
running processes is skipped: they are not ours, because a sandbox ends with all of its processes.
"""

from __future__ import annotations

import contextlib
import os
import signal

from pathlib import Path
from typing import TYPE_CHECKING

from store.errors import Error
from store.osutil.locks import try_flock


if TYPE_CHECKING:
    from collections.abc import Iterator


USERS = range(0x7FFF0000, 0x7FFF1000)
PLACE = Path("/run/kernix/users")
"""The directory of the locks, which only root can write to."""

_ROOTS_OWN = Path("/proc/sys/kernel/core_pattern")


class NoBuildUser(Error):
    """Root cannot build, because no other user is available to build as."""

    reason: str
    advice: str

    def __str__(self) -> str:
        return f"cannot sandbox builds: root's builders run as separate users, and {self.reason}"

    @property
    def hint(self) -> str:
        """Return what to do instead."""
        return self.advice


@contextlib.contextmanager
def build_user(place: Path = PLACE) -> Iterator[int | None]:
    """Give the body an otherwise unused user ID; None if we are not root, and builds run as us.

    Raises:
        NoBuildUser: no user is available.
    """
    if not is_root():
        yield None
        return
    if not _is_mapped(USERS):
        reason = f"this user namespace has none (IDs {USERS.start} to {USERS.stop - 1} are not mapped)"
        raise NoBuildUser(reason, "run kernix as an ordinary user")
    user, lock = _claim(place)
    try:
        yield user
    finally:
        for pid in _processes(user):  # there should be none
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        os.close(lock)


def is_root(own: Path = _ROOTS_OWN) -> bool:
    """Return whether we are root outside all user namespaces, not just in one."""
    try:
        return own.stat().st_uid == os.geteuid()  # that root owns the file, whatever its ID is here
    except OSError:
        return os.geteuid() == 0


def _claim(place: Path) -> tuple[int, int]:
    """Return a free ID and the descriptor that holds its lock."""
    try:
        place.parent.mkdir(mode=0o755, exist_ok=True)
        place.mkdir(mode=0o700, exist_ok=True)
        status = place.lstat()
    except OSError as error:
        raise NoBuildUser(f"{place}, which holds their locks, cannot be created ({error.strerror})", _ADVICE) from None
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise NoBuildUser(f"{place}, which holds their locks, is writable by others", _ADVICE)
    # Another container with the same users has separate locks; a random start makes a collision unlikely.
    first = int.from_bytes(os.urandom(4)) % len(USERS)
    for user in (*USERS[first:], *USERS[:first]):
        lock = os.open(place / str(user), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if try_flock(lock) and not any(_processes(user)):
            return user, lock
        os.close(lock)
    raise NoBuildUser("all of them are in use", "wait for other builds to end")


_ADVICE = "run kernix as an ordinary user, or fix that directory"


def _processes(user: int) -> Iterator[int]:
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdecimal():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    if entry.stat().st_uid == user:
                        yield int(entry.name)


def _is_mapped(numbers: range) -> bool:
    return all(_covers(Path(f"/proc/self/{name}").read_text(), numbers) for name in ("uid_map", "gid_map"))


def _covers(maps: str, numbers: range) -> bool:
    """Return whether one line of *maps* (user_namespaces(7): first, first outside, count) has all of *numbers*."""
    lines = [[int(word) for word in line.split()] for line in maps.splitlines()]
    return any(first <= numbers.start and numbers.stop <= first + count for first, _, count in lines)
