"""The lock that pins the toolchain, and how it comes to be; `kernix.inputs` says where it lies.

It is read when a definition needs it. If there is none, it is made from what the machine's apt
offers now, written whole or not at all, and that is said aloud; afterwards only `kernix lock`
changes it.
"""

from __future__ import annotations

import functools
import os

from typing import TYPE_CHECKING

from derivations.debian.lock import dumps, parse
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from derivations.debian.lock import Lock


class NoLock(Error):
    """Something needs the lock, there is none, and none may be made."""

    place: Path

    def __str__(self) -> str:
        return f"there is no lock at {self.place}"

    @property
    def hint(self) -> str:
        """Tell what makes one."""
        return "`kernix lock` makes one from what the machine's apt offers now"


class UnreadableLock(Error):
    """The lock is there and cannot be read."""

    place: Path
    reason: str

    def __str__(self) -> str:
        return f"cannot read the lock {self.place}: {self.reason}"


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
        raise UnreadableLock(place, (error.strerror or str(error)).lower()) from None
    except UnicodeDecodeError:
        raise UnreadableLock(place, "it is not text") from None
    return parse(text)


def write(place: Path, lock: Lock, *, replace: bool) -> bool:
    """Write *lock* to *place*, whole or not at all; return False if there is one and *replace* is not set."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(dumps(lock))
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(place)
        else:
            # A link does not replace what another process has written meanwhile.
            place.hardlink_to(temporary)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def lock_at(place: Path, make: Callable[[Path], Lock]) -> Callable[[], Lock]:
    """Return a function that returns the lock at *place*, read once, made by *make* if it is not there."""

    @functools.cache
    def lock() -> Lock:
        return read(place) if place.exists() else make(place)

    return lock


def refuse(place: Path) -> Lock:
    """Make no lock at *place*.

    Raises:
        NoLock: always.
    """
    raise NoLock(place)
