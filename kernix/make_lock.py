"""Making and changing the lock, by what the machine's apt offers."""

from __future__ import annotations

import contextlib
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.debian.lock import Lock
from derivations.realise.apt.lock import make_lock, relock
from derivations.realise.apt.sources import Choice
from kernix.lockfile import read, target, write
from kernix.output.messages import say, warn
from kernix.output.quantities import number, size
from store.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from derivations.debian.changes import Changes
    from derivations.debian.lock import Lock
    from kernix.session import Session


def make(session: Session, place: Path, choice: Choice | None = None) -> Lock:
    """Make a lock at *place*, of the archives of *choice*, and say so; if another process was faster, take its lock.

    Raises:
        Error: apt cannot say what there is, or the lock cannot be written.
    """
    target(place)  # apt takes its time, and it would be for nothing
    choice = choice or Choice()
    of = f" in {choice.suite}" if choice.suite is not None else ""
    say(f"there is no lock yet: asking apt what there is{of}, to pin the toolchain in {place}")
    with _work(session) as work:
        lock = make_lock(None, work, choice=attrs.evolve(choice, warn=warn))
    if not write(place, lock, replace=False):
        return read(place)
    amount = size(sum(it.size for it in lock.packages))
    say(f"pinned {number(len(lock.packages), 'package')}, {amount}; `kernix lock --update` is what changes them")
    return lock


def change(
    session: Session, place: Path, sets: Sequence[str] | None, choice: Choice | None = None
) -> tuple[Lock, Lock]:
    """Resolve *sets* of the lock at *place*, by default all, anew, or add them; return the lock as it was and as it is.

    Raises:
        UsageError: *sets* are to be of another release than the lock's other sets.
        Error: there is no lock, no such set, or apt cannot say what there is.
    """
    old = read(place)
    target(place)
    choice = attrs.evolve(choice or Choice(), warn=warn)
    suite = choice.suite or old.suite
    if sets is not None and suite != old.suite:
        message = f"the lock is for {old.suite or 'a release that it does not name'}, and one lock holds packages of one release"
        raise UsageError(message, f"`kernix lock --update --suite {suite}` moves the whole lock to that release")
    say(f"asking apt about {', '.join(old.sets if sets is None else sets)}")
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
def _work(session: Session) -> Iterator[Path]:
    """Give a directory for apt's state: in the store, where its package lists save time, or one that goes away."""
    if session.has_store():
        yield session.layout.cache / "apt"
        return
    with tempfile.TemporaryDirectory(prefix="kernix-apt-") as work:  # to ask what there is makes no store
        yield Path(work)
