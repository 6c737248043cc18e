"""Stop in the middle of long work, when somebody asks for it.

A signal reaches the main thread alone, and there it is a `KeyboardInterrupt`. Work in other threads has to look
for itself: whoever starts it says whom to ask (`interruptible`), and whatever may take long asks (`check`): for each
megabyte that is read or written, each file that is removed, and each look at a lock that somebody else has.
The asked is the thread's own, so that nobody who only passes data on has to know of it.

`Interrupted` is no `Exception`: an interrupt is nothing that went wrong, and must not be taken for an answer.
"""

from __future__ import annotations

import contextlib
import threading
import time

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Interrupted(BaseException):
    """Somebody wanted this thread to stop."""


class _Asked(threading.local):
    by: Callable[[], bool] | None = None


_asked = _Asked()


@contextlib.contextmanager
def interruptible(by: Callable[[], bool] | None) -> Iterator[None]:
    """Let the body be interrupted, in this thread, once *by* returns True; by nobody if that is None."""
    before = _asked.by
    _asked.by = by
    try:
        yield
    finally:
        _asked.by = before


def asked() -> Callable[[], bool] | None:
    """Return who says whether this thread is to stop, to hand it to another thread that works for it."""
    return _asked.by


def check() -> None:
    """Stop if that is wanted.

    Raises:
        Interrupted: it is.
    """
    by = _asked.by
    if by is not None and by():
        raise Interrupted


@contextlib.contextmanager
def a_moment(seconds: float) -> Iterator[None]:
    """Let the body go on for so many *seconds*, even after an interrupt, which then ends it without an error: to tidy up."""
    by, end = _asked.by, time.monotonic() + seconds
    with (
        contextlib.suppress(Interrupted),
        interruptible(None if by is None else lambda: time.monotonic() > end and by()),
    ):
        yield
