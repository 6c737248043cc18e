"""The file of the lock that pins the toolchain; `kernix.evaluation.inputs` finds its place.

The lock is read when a definition needs it. If there is none, it is created from what the machine's apt offers,
atomically and with a message; afterwards only `kernix lock` changes it.
"""

from __future__ import annotations

import functools
import os
import shlex

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.debian.lock import InvalidLock, LockTooNew, dumps, parse
from kernix.places import LOCK
from store.errors import Error, reason_of
from store.osutil.durable import write_whole


if TYPE_CHECKING:
    from collections.abc import Callable

    from derivations.debian.lock import Lock


class NoLock(Error):
    """Something needs the lock, but there is none and none may be created."""

    place: Path

    def __str__(self) -> str:
        return f"there is no lock at {self.place}"

    @property
    def command(self) -> str:
        """Return the command that creates one."""
        return f"kernix lock{_option(self.place)}"

    @property
    def hint(self) -> str:
        """Name the command that creates one."""
        return f"`{self.command}` creates one from what this machine's apt offers"


class UnreadableLock(Error):
    """The lock exists and cannot be read."""

    place: Path
    reason: str

    def __str__(self) -> str:
        return f"cannot read the lock {self.place}: {self.reason}"

    @property
    def hint(self) -> str:
        """Name the option for another lock."""
        return "`--lock FILE` uses another lock"


class UnwritableLock(Error):
    """A lock cannot be written."""

    place: Path
    reason: str

    def __str__(self) -> str:
        return f"cannot write the lock {self.place}: {self.reason}"

    @property
    def hint(self) -> str:
        """Name the option for another place."""
        return "`--lock FILE` writes it elsewhere"


def read(place: Path) -> Lock:
    """Return the lock at *place*.

    Raises:
        NoLock: there is none.
        UnreadableLock: it cannot be read.
        InvalidLock, LockTooNew: it is damaged, or of a newer kernix.
    """
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NoLock(place) from None
    except OSError as error:
        raise UnreadableLock(place, reason_of(error)) from None
    except UnicodeDecodeError:
        raise UnreadableLock(place, "it is not text") from None
    try:
        lock = parse(text)
        return attrs.evolve(lock, place=str(place)) if _option(place) else lock
    except InvalidLock as error:
        raise InvalidLock(error.problems, str(place)) from None
    except LockTooNew as error:
        raise LockTooNew(error.version, str(place)) from None


def target(place: Path) -> Path:
    """Return the file to write for a lock at *place*: a symbolic link is followed, even one without a target.

    Raises:
        UnwritableLock: nothing can be written there.
    """
    try:
        found = place.resolve()
    except (OSError, RuntimeError):  # links in a circle, before Python 3.13
        raise UnwritableLock(place, "it is a symbolic link that leads back to itself") from None
    if found.is_symlink():
        raise UnwritableLock(place, "it is a symbolic link that leads back to itself")
    if found.is_dir():
        raise UnwritableLock(place, "it is a directory")
    above = next(it for it in found.parents if it.exists())
    if not above.is_dir():
        raise UnwritableLock(place, f"{above} is not a directory")
    if not os.access(above, os.W_OK | os.X_OK):
        raise UnwritableLock(place, f"no permission to write in {above}")
    return found


def write(place: Path, lock: Lock, *, replace: bool) -> bool:
    """Write *lock* to *place* atomically; return False if there already is one and *replace* is not set.

    Raises:
        UnwritableLock: it cannot be written.
    """
    try:
        return write_whole(target(place), dumps(lock), replace=replace)
    except OSError as error:
        raise UnwritableLock(place, reason_of(error)) from None


def _option(place: Path) -> str:
    """Return the option that names *place*, unless kernix looks there anyway (`kernix.evaluation.inputs`)."""
    usual = place.name == LOCK and (place.parent == Path.cwd() or place.parent.name == "kernix")
    return "" if usual else f" --lock {shlex.quote(str(place))}"


def lock_at(place: Path, make: Callable[[Path], Lock]) -> Callable[[], Lock]:
    """Return a function that returns the lock at *place*, read once, created by *make* if it does not exist."""

    @functools.cache
    def lock() -> Lock:
        return read(place) if place.exists() else make(place)

    return lock


def refuse(place: Path) -> Lock:
    """Refuse to create a lock at *place*.

    Raises:
        NoLock: always.
    """
    raise NoLock(place)
