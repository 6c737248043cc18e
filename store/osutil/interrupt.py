"""Interrupting long work on request.

A signal reaches only the main thread, as a `KeyboardInterrupt`. Work in other threads has to check for itself:
the code that starts it sets a function to ask (`interruptible`), and everything that may take long calls `check`:
for each megabyte read or written, each file removed, and each attempt to get a lock. The function is
thread-local, so that code in between does not have to pass it on.

`Interrupted` is not an `Exception`: an interrupt is not a failure, and must not be handled as one.
"""

from __future__ import annotations

import contextlib
import threading
import time

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Interrupted(BaseException):
    """This thread was asked to stop."""


class _Asked(threading.local):
    by: Callable[[], bool] | None = None


_asked = _Asked()


@contextlib.contextmanager
def interruptible(by: Callable[[], bool] | None) -> Iterator[None]:
    """Interrupt the body, in this thread, once *by* returns True; never if *by* is None."""
    before = _asked.by
    _asked.by = by
    try:
        yield
    finally:
        _asked.by = before


def current_check() -> Callable[[], bool] | None:
    """Return the function that says whether this thread should stop, to pass it to a thread that works for this one."""
    return _asked.by


def check() -> None:
    """Stop if this thread was asked to.

    Raises:
        Interrupted: it was.
    """
    by = _asked.by
    if by is not None and by():
        raise Interrupted


@contextlib.contextmanager
def grace_period(seconds: float) -> Iterator[None]:
    """Let the body continue for *seconds* even after an interrupt, which then ends it silently: for cleaning up."""
    by, end = _asked.by, time.monotonic() + seconds
    with (
        contextlib.suppress(Interrupted),
        interruptible(None if by is None else lambda: time.monotonic() > end and by()),
    ):
        yield
