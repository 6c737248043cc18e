"""Advisory file locks that are released when their holder dies.

All of them use `flock(2)`: the kernel drops a lock when its holder's last descriptor is closed, so
SIGKILL leaves nothing locked. Each descriptor belongs to one thread's use of a lock; two threads of
one process exclude each other like two processes.

**Named locks** (`locked`) come and go: the releaser unlinks the file. A process that was waiting then
gets a lock on a file without a name, while a third process creates and locks a new one: both would
believe that they are alone. So an acquirer that has got the lock checks that the name still leads to
the inode that it has locked, and starts again if not; a releaser unlinks only while it is alone on the
inode that the name leads to. Waiters poll with growing pauses, so that a cancelled build stops waiting
at once.

**The gate** (`Gate`) is one lock between everything that adds to or uses a store (shared, very briefly)
and the collector's deletions (exclusive, briefly, again and again). Its files are permanent. `flock`
admits new shared holders while an exclusive one waits, so a busy store would starve the collector.
Therefore everybody first passes a turnstile, an exclusive lock held only until the gate is locked. The
collector holds the turnstile while it waits for the gate, and everybody else queues behind it. Hence the
one rule for users of the gate: **never enter it while inside**, not even shared within shared; with a
collector in the turnstile that is a deadlock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

from typing import TYPE_CHECKING

import attrs

from store.errors import Error
from store.osutil.interrupt import check


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


_FIRST_PAUSE = 0.001  # seconds: most locks are held for moments
_LONGEST_PAUSE = 0.1  # seconds: no delay that anyone notices, and only ten looks per second
_GATE_PAUSE = 0.005  # the gate is held only for moments; with longer pauses it would hardly ever be found free


class WaitCancelled(Error):
    """Waiting for a lock was cancelled."""

    path: Path

    def __str__(self) -> str:
        return f"stopped waiting for the lock {self.path}"


@contextlib.contextmanager
def locked(
    path: Path,
    *,
    shared: bool = False,
    cancelled: Callable[[], bool] | None = None,
    on_wait: Callable[[], None] | None = None,
) -> Iterator[None]:
    """Hold the lock named *path* in the body.

    *on_wait* is called once if somebody else has it; *cancelled* is polled while waiting.

    Raises:
        WaitCancelled: *cancelled* returned True.
    """
    pauses = _pauses(path, cancelled, on_wait)
    while (descriptor := _try(path, shared=shared)) is None:
        time.sleep(next(pauses))
    try:
        yield
    finally:
        _release(path, descriptor, shared=shared)


def try_flock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock the open file *descriptor* if that is possible now; return whether it is locked."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _flock(descriptor: int, mode: int) -> None:
    """Lock the open file *descriptor*, waiting until it is free or the thread is interrupted."""
    pause = _FIRST_PAUSE
    while not try_flock(descriptor, shared=mode == fcntl.LOCK_SH):
        check()
        time.sleep(pause)
        pause = min(pause * 2, _GATE_PAUSE)


def leads_to(path: Path, descriptor: int) -> bool:
    """Return whether *path* is a name of the open file *descriptor*."""
    try:
        named = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))


@attrs.frozen
class Gate:
    """The lock between a store's users and its collector, in the locks' directory."""

    directory: Path

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Keep the collector from deleting anything during the body."""
        with self._entered(fcntl.LOCK_SH):
            yield

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Run the body alone: meanwhile nobody else holds, registers or deletes anything."""
        with self._entered(fcntl.LOCK_EX):
            yield

    @contextlib.contextmanager
    def _entered(self, mode: int) -> Iterator[None]:
        gate = _open(self.directory / "gate")
        try:
            turnstile = _open(self.directory / "turnstile")
            try:
                _flock(turnstile, fcntl.LOCK_EX)
                _flock(gate, mode)
            finally:
                os.close(turnstile)
            yield
        finally:
            os.close(gate)


class NoGate(Gate):
    """The gate of a store that cannot be written; it excludes nobody."""

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Do nothing."""
        yield

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Do nothing."""
        yield


@contextlib.contextmanager
def permanent_lock(path: Path, *, shared: bool = False, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock named *path*, whose file is permanent, in the body."""
    descriptor = _open(path)
    try:
        pauses = _pauses(path, None, on_wait)
        while not try_flock(descriptor, shared=shared):
            time.sleep(next(pauses))
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def try_permanent_lock(path: Path, *, shared: bool = False) -> Iterator[bool]:
    """Try once to hold the lock named *path*, whose file is permanent; give the body whether it is held."""
    descriptor = _open(path)
    try:
        yield try_flock(descriptor, shared=shared)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _try(path: Path, *, shared: bool) -> int | None:
    descriptor = _open(path)
    if try_flock(descriptor, shared=shared) and leads_to(path, descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _release(path: Path, descriptor: int, *, shared: bool) -> None:
    # Other shared holders need the name for as long as they hold the lock. Converting to an exclusive lock may
    # release ours for an instant, in which the name can move to another inode: check again.
    try:
        if not shared or (try_flock(descriptor) and leads_to(path, descriptor)):
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _pauses(path: Path, cancelled: Callable[[], bool] | None, on_wait: Callable[[], None] | None) -> Iterator[float]:
    if on_wait is not None:
        on_wait()
    pause = _FIRST_PAUSE
    while True:
        check()
        if cancelled is not None and cancelled():
            raise WaitCancelled(path)
        yield pause
        pause = min(pause * 2, _LONGEST_PAUSE)
