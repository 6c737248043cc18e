"""The users that root's builds run as: nobody else's, and one for each build.

Whoever has the number 0 outside of all user namespaces may write to /proc/sys, to the devices and to other
users' files, whatever it is called in a namespace. So a build of root runs as a user of its own: its number
is one of `USERS`, which lie where neither Debian, systemd, nor the directory services that are in use hand
out any, and stay below 2**31 for programs that take numbers for signed.

A number is locked (`flock`) for as long as it is used, in a directory that all stores of the machine share, and
left alone if there are processes of it: those are not ours, for a sandbox ends with all of its processes.
"""

from __future__ import annotations

import contextlib
import os
import signal

from pathlib import Path
from typing import TYPE_CHECKING

from store.errors import Error
from store.system.locks import try_flock


if TYPE_CHECKING:
    from collections.abc import Iterator


USERS = range(0x7FFF0000, 0x7FFF1000)
PLACE = Path("/run/kernix/users")
"""Where the numbers are locked. Only root can make or change anything there."""

_ROOTS_OWN = Path("/proc/sys/kernel/core_pattern")


class NoBuildUser(Error):
    """Root cannot build, for there is no other user that it could build as."""

    reason: str
    advice: str

    def __str__(self) -> str:
        return f"no sandbox: root's builders run as other users, and {self.reason}"

    @property
    def hint(self) -> str:
        """Tell what to do instead."""
        return self.advice


@contextlib.contextmanager
def build_user(place: Path = PLACE) -> Iterator[int | None]:
    """Give the body the number of a user that it has for itself; None if we are not root, and build as ourselves.

    Raises:
        NoBuildUser: there is none.
    """
    if not is_root():
        yield None
        return
    if not _is_mapped(USERS):
        reason = f"this user namespace has none (the numbers from {USERS.start} to {USERS.stop - 1} are not mapped)"
        raise NoBuildUser(reason, "run kernix as an ordinary user")
    user, lock = _claim(place)
    try:
        yield user
    finally:
        for pid in _processes(user):  # none, as far as anybody knows
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        os.close(lock)


def is_root(own: Path = _ROOTS_OWN) -> bool:
    """Return whether we are root outside of all user namespaces, and not only in one."""
    try:
        return own.stat().st_uid == os.geteuid()  # it belongs to that root, by whatever number it is called here
    except OSError:
        return os.geteuid() == 0


def _claim(place: Path) -> tuple[int, int]:
    """Return a number and the descriptor that keeps it ours."""
    try:
        place.parent.mkdir(mode=0o755, exist_ok=True)
        place.mkdir(mode=0o700, exist_ok=True)
        status = place.lstat()
    except OSError as error:
        raise NoBuildUser(f"{place}, where they are shared out, cannot be made ({error.strerror})", _ADVICE) from None
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise NoBuildUser(f"{place}, where they are shared out, can be changed by others", _ADVICE)
    # Another container with the same users has other locks: it is unlikely to begin at the same number.
    first = int.from_bytes(os.urandom(4)) % len(USERS)
    for user in (*USERS[first:], *USERS[:first]):
        lock = os.open(place / str(user), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if try_flock(lock) and not any(_processes(user)):
            return user, lock
        os.close(lock)
    raise NoBuildUser("all of them are in use", "wait for other builds to end")


_ADVICE = "run kernix as an ordinary user, or see to it that root can"


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
