"""Advisory file locks that any holder may take to its grave.

All of them are `flock(2)`: the kernel drops them when the last descriptor of their holder
is closed, so SIGKILL leaves nothing locked. A descriptor belongs to one thread's use of a
lock; two threads of one process exclude each other like two processes.

**Named locks** (`locked`) come and go: whoever releases one unlinks its file. Somebody who
was waiting then gets a lock on a file that no longer has a name, while a third process
creates and locks a new one: both would believe to be alone. So an acquirer looks, once it has the
lock, whether the name still leads to the inode that it has locked, and starts again if not;
a releaser unlinks only while it is alone on the inode that the name leads to. Waiting is
polling with a growing pause, so that a cancelled build stops waiting at once.

**The gate** (`Gate`) is one lock between all who add to or use a store (shared, very
briefly) and the collector's deletions (exclusive, briefly, again and again). Its files are
permanent. `flock` lets new shared holders in while an exclusive one waits, so a busy store
would starve the collector: everybody therefore passes a turnstile first, an exclusive lock
that is held only until the gate itself is. The collector stands in the turnstile while it waits,
and those behind it come after it. Hence the one rule for users of the gate: **never enter it
while you are in it**, not even shared within shared; with a collector in the turnstile this is a
deadlock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

from typing import TYPE_CHECKING

import attrs

from store.errors import Error
from store.system.interrupt import check


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.1
_GATE_PAUSE = 0.005  # it is held for a moment only, and who waits rarely looks would hardly ever find it free


class WaitCancelled(Error):
    """Whoever waited for a lock was told to stop waiting."""

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

    *on_wait* is called once if somebody else has it; *cancelled* is asked while waiting.

    Raises:
        WaitCancelled: *cancelled* said so.
    """
    pauses = _pauses(path, cancelled, on_wait)
    while (descriptor := _try(path, shared=shared)) is None:
        time.sleep(next(pauses))
    try:
        yield
    finally:
        _release(path, descriptor, shared=shared)


def try_flock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock the open file *descriptor* if that is possible now; return whether it was."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _flock(descriptor: int, mode: int) -> None:
    """Lock the open file *descriptor*, waiting as long as it takes; but no longer than the thread is wanted."""
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
    """The lock between a store's users and its collector, in the directory of locks."""

    directory: Path

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Keep the collector from deleting anything in the body."""
        with self._entered(fcntl.LOCK_SH):
            yield

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Be alone: nobody holds, registers or deletes anything in the body."""
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
    """The gate of a store to which nothing can be written: it keeps nobody out."""

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Do nothing."""
        yield

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Do nothing."""
        yield


@contextlib.contextmanager
def standing(path: Path, *, shared: bool = False, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock named *path*, whose file stays, in the body."""
    descriptor = _open(path)
    try:
        pauses = _pauses(path, None, on_wait)
        while not try_flock(descriptor, shared=shared):
            time.sleep(next(pauses))
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def attempted(path: Path, *, shared: bool = False) -> Iterator[bool]:
    """Hold the lock named *path*, whose file stays, if it is free; the body is told whether it was."""
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
    # Other shared holders need the name for as long as they are there. Asking for the exclusive lock
    # may give up ours for an instant in which the name can pass to another inode: look again.
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
