"""Making and changing the lock, by what the machine's apt offers."""

from __future__ import annotations

import contextlib
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

from derivations.debian.lock import Lock
from derivations.realise.apt import make_lock, relock
from kernix.lockfile import read, write
from kernix.messages import say
from kernix.quantities import number, size


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from derivations.debian.changes import Changes
    from derivations.debian.lock import Lock
    from kernix.session import Session


def make(session: Session, place: Path) -> Lock:
    """Make a lock at *place* and say so; if another process was faster, take its lock.

    Raises:
        Error: apt cannot say what there is.
    """
    say(f"there is no lock yet: asking apt what there is, to pin the toolchain in {place}")
    with _work(session) as work:
        lock = make_lock(None, work)
    if not write(place, lock, replace=False):
        return read(place)
    amount = size(sum(it.size for it in lock.packages))
    say(f"pinned {number(len(lock.packages), 'package')}, {amount}; `kernix lock --update` is what changes them")
    return lock


def change(session: Session, place: Path, sets: Sequence[str]) -> tuple[Lock, Lock]:
    """Resolve *sets* of the lock at *place* anew, or add them; return the lock as it was and as it is.

    Raises:
        Error: there is no lock, no such set, or apt cannot say what there is.
    """
    old = read(place)
    say(f"asking apt about {', '.join(sets)}")
    with _work(session) as work:
        new = relock(old, sets, work)
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
