"""Ctrl-C and SIGTERM: an orderly exit if that is quick, and an exit in any case.

A signal becomes an exception in the main thread, which then cleans up. That may take long: the main thread may be in a
system call, or waiting for threads that are. So another thread is notified of the signal, too (`signal.set_wakeup_fd`),
and ends the process if it has not ended soon after. Nothing is lost: a store stays consistent whenever the process is
killed, and the next `kernix gc` deletes what was left over.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time

from pathlib import Path
from typing import NoReturn

from kernix.output.messages import INTERRUPTED
from store.osutil.interrupt import interruptible


PATIENCE = 1.3
"""Seconds that an orderly exit may take: with them, kernix ends within two seconds of a signal."""

_ENDS = (signal.SIGINT, signal.SIGTERM)
_received: int | None = None

_SHOW_CURSOR = b"\x1b[?25h\n"


class Terminated(KeyboardInterrupt):
    """SIGTERM: kernix exits as on Ctrl-C, and leaves the terminal and the store in order."""

    exit_code = 128 + signal.SIGTERM


def install() -> None:
    """Make this process end soon after Ctrl-C or SIGTERM, whatever it is doing; call this in the main thread."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, _end_orderly)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # otherwise our parent wants it ignored
        signal.signal(signal.SIGINT, _end_orderly)
    threading.Thread(target=_watch, args=(reader,), name="interruption", daemon=True).start()


def interrupt_after_signal() -> contextlib.AbstractContextManager[None]:
    """Return a context in which a signal that has arrived also interrupts the cleanup after it."""
    return interruptible(lambda: _received is not None)


def cause_of(error: BaseException) -> BaseException:
    """Return the cause of *error*, which ended the run: after a signal, the signal.

    An exception that is raised at an arbitrary place may turn into another one on its way: `threading` may release a
    lock that it has not acquired again.
    """
    return error if _received is None else Terminated() if _received == signal.SIGTERM else KeyboardInterrupt()


def _end_orderly(number: int, _frame: object) -> NoReturn:
    global _received  # noqa: PLW0603 -- a signal is for the whole process
    _received = number
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _watch(reader: int) -> None:
    while data := os.read(reader, 1):
        if data[0] in _ENDS and signal.getsignal(data[0]) is _end_orderly:
            time.sleep(PATIENCE)
            _end(128 + data[0])


def _end(code: int) -> NoReturn:
    """End this process and its children."""
    for child in _children():
        try:
            # A session leader has children of its own, which end with it.
            (os.killpg if os.getpgid(child) == child else os.kill)(child, signal.SIGKILL)
        except OSError:
            continue
    message = b"error: interrupted\n" if code == INTERRUPTED else b""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):  # nobody reads it
            os.write(sys.stderr.fileno(), (_SHOW_CURSOR if sys.stderr.isatty() else b"") + message)
    os._exit(code)


def _children() -> list[int]:
    found: list[int] = []
    for place in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # threads come and go
            found += map(int, place.read_text().split())
    return found
