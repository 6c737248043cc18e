"""The user's three streams, and their terminal while a guest has it."""

from __future__ import annotations

import contextlib
import os
import signal
import termios
import tty

from typing import TYPE_CHECKING, Any

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from derivations.realise.sandbox.screen import Filter


STDIN, STDOUT, STDERR = 0, 1, 2
INTERRUPT = b"\x03"

_ENDS = (signal.SIGTERM, signal.SIGHUP)


@attrs.define
class Out:
    """Bytes from the guest on their way to one of our streams.

    Attributes:
        to: The descriptor; None once nobody reads it.
        waiting: What is not written yet.
        received: How many bytes came from the guest.
    """

    to: int | None
    filter: Filter | None = None
    waiting: bytes = b""
    received: int = 0

    def add(self, data: bytes) -> None:
        """Take *data* from the guest."""
        self.received += len(data)
        if self.to is not None:
            self.waiting += self.filter(data) if self.filter is not None else data

    def flush(self) -> None:
        """Write some of what is waiting.

        Raises:
            OSError: it cannot be written, other than for want of a reader.
        """
        assert self.to is not None  # noqa: S101 -- else nothing is waiting
        try:
            self.waiting = self.waiting[os.write(self.to, self.waiting[:_AT_ONCE]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.to, self.waiting = None, b""


_AT_ONCE = 4096  # bytes: PIPE_BUF; poll promises room for as many, so the write does not block


def is_terminal() -> bool:
    """Return whether all of our three streams are terminals."""
    return all(os.isatty(it) for it in (STDIN, STDOUT, STDERR))


def size() -> tuple[int, int]:
    """Return rows and columns of the user's terminal."""
    with contextlib.suppress(termios.error):
        rows, columns = termios.tcgetwinsize(STDOUT)
        return rows, columns
    return 24, 80


@contextlib.contextmanager
def raw_terminal() -> Iterator[None]:
    """Set the user's terminal to raw mode, and restore it however we end, except by SIGKILL."""
    settings = termios.tcgetattr(STDIN)

    def restore() -> None:
        with contextlib.suppress(termios.error):  # it has been hung up
            termios.tcsetattr(STDIN, termios.TCSADRAIN, settings)

    def end(number: int, _: FrameType | None) -> None:
        restore()
        raise SystemExit(128 + number)

    with handling(dict.fromkeys(_ENDS, end)):
        tty.setraw(STDIN, termios.TCSADRAIN)
        try:
            yield
        finally:
            restore()


@contextlib.contextmanager
def handling(handlers: dict[signal.Signals, Any]) -> Iterator[None]:
    """Handle signals by *handlers* within the block."""
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
