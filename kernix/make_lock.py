"""Creating and changing the lock, from what the machine's apt offers."""

from __future__ import annotations

import contextlib
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.debian.lock import Lock
from derivations.realise.apt.lock import make_lock, relock
from derivations.realise.apt.sources import ArchiveChoice
from kernix.lockfile import read, target, write
from kernix.output.messages import print_message, warn
from kernix.output.quantities import number, size
from store.errors import UsageError
from store.osutil.locks import locked


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from derivations.debian.changes import Changes
    from derivations.debian.lock import Lock
    from kernix.session import Session


def make(session: Session, place: Path, choice: ArchiveChoice | None = None) -> Lock:
    """Create a lock at *place* from the archives of *choice*, and report it; a lock that appears meanwhile is used.

    Raises:
        Error: apt cannot list the packages, or the lock cannot be written.
    """
    target(place)  # fail before apt, which takes its time
    choice = choice or ArchiveChoice()
    of = f" of {choice.suite}" if choice.suite is not None else ""
    print_message(f"creating the lock {place}: asking apt for the packages{of}")
    with _work(session) as work:
        lock = make_lock(None, work, choice=attrs.evolve(choice, warn=warn))
    if not write(place, lock, replace=False):
        return read(place)
    amount = size(sum(it.size for it in lock.packages))
    print_message(f"pinned {number(len(lock.packages), 'package')}, {amount}; `kernix lock --update` updates them")
    return lock


def change(
    session: Session, place: Path, sets: Sequence[str] | None, choice: ArchiveChoice | None = None
) -> tuple[Lock, Lock]:
    """Resolve *sets* of the lock at *place*, by default all, again, or add them; return the old and the new lock.

    Changes by other processes are waited for, so none of them is lost.

    Raises:
        UsageError: *sets* would be of another release than the lock's other sets.
        Error: there is no lock or no such set, or apt cannot list the packages.
    """
    with _alone(place):
        return _change(session, place, sets, choice or ArchiveChoice())


def _change(session: Session, place: Path, sets: Sequence[str] | None, choice: ArchiveChoice) -> tuple[Lock, Lock]:
    old = read(place)
    choice = attrs.evolve(choice, warn=warn)
    suite = choice.suite or old.suite
    if sets is not None and suite != old.suite:
        message = f"the lock is for {old.suite or 'an unnamed release'}, and a lock holds packages of one release only"
        raise UsageError(message, f"`kernix lock --update --suite {suite}` moves the whole lock to that release")
    print_message(f"asking apt about {', '.join(old.sets if sets is None else sets)}")
    with _work(session) as work:
        new = relock(old, sets, work, choice=attrs.evolve(choice, suite=suite))
    if new != old:
        write(place, new, replace=True)
    return old, new


def changed_lines(changes: Changes) -> list[tuple[str, ...]]:
    """Return *changes* as rows of a table."""
    return [
        *(("+", it.name, it.version) for it in changes.added),
        *(("-", it.name, it.version) for it in changes.removed),
        *(("~", old.name, f"{old.version} -> {new.version}") for old, new in changes.upgraded),
    ]


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Let no other process change the lock at *place* in the body: apt takes its time between reading and writing it."""
    read(place)  # without a lock there is nothing to wait for
    file = target(place)
    guard = file.with_name(f".{file.name}.changing")

    def wait() -> None:
        print_message(f"waiting for another process that changes {place}")

    with locked(guard, on_wait=wait):
        yield


@contextlib.contextmanager
def _work(session: Session) -> Iterator[Path]:
    """Provide a directory for apt's state: in the store, where its package lists are reused, or a temporary one."""
    if session.has_store():
        yield session.layout.cache / "apt"
        return
    with tempfile.TemporaryDirectory(prefix="kernix-apt-") as work:  # asking apt does not create a store
        yield Path(work)
