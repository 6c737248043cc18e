"""A terminal of its own for a command in the sandbox, shown on the user's.

A process may type into the terminal that controls it (TIOCSTI), and the shell that we return to would read
that as the user's words. So no command gets the user's terminal: it gets a new pseudo-terminal, which
controls its session so that job control works in it, and we carry the bytes between the two. The user's
is in raw mode meanwhile: Ctrl-C and Ctrl-Z are for the command. Whatever ends us, but SIGKILL, the
user's terminal is put back as it was (`tty_ioctl(4)`, `pty(7)`).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import threading
import tty

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from types import FrameType


KEYBOARD, SCREEN = 0, 1

_CHUNK = 1 << 16
_TAIL = 1 << 10
_ENDS = (signal.SIGTERM, signal.SIGHUP)


class Terminal:
    """A new terminal with the size and the settings of the user's; it must be closed.

    Attributes:
        inner: The command's end, ours until it has begun.
    """

    def __init__(self) -> None:
        self._tail = b""
        self._outer, self.inner = os.openpty()
        os.set_blocking(self._outer, False)
        self._settings = termios.tcgetattr(KEYBOARD)
        termios.tcsetattr(self.inner, termios.TCSANOW, self._settings)
        self._resize()
        self._relay = threading.Thread(target=self._carry, daemon=True)
        self._handlers: dict[int, Any] = {}

    def begin(self) -> None:
        """Let the command have its end, and carry what is typed and written from now on."""
        os.close(self.inner)
        self.inner = -1
        if threading.current_thread() is threading.main_thread():
            self._handlers[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, lambda *_: self._resize())
            for end in _ENDS:
                if signal.getsignal(end) is signal.SIG_DFL:
                    self._handlers[end] = signal.signal(end, self._end)
        tty.setraw(KEYBOARD, termios.TCSADRAIN)
        self._relay.start()

    def last(self) -> bytes:
        """Return the last bytes that were written, once the command and all of its processes are gone."""
        if self._relay.ident is not None:
            self._relay.join()
        return self._tail

    def close(self) -> None:
        """Show what is left, once the command and all of its processes are gone, and give the user's terminal back."""
        try:
            if self.inner >= 0:
                os.close(self.inner)
            self.last()
        finally:
            os.close(self._outer)
            self._restore()
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def _restore(self) -> None:
        with contextlib.suppress(termios.error):  # it has been hung up
            termios.tcsetattr(KEYBOARD, termios.TCSADRAIN, self._settings)

    def _resize(self) -> None:
        # The kernel tells the command of the change (SIGWINCH).
        with contextlib.suppress(termios.error):
            termios.tcsetwinsize(self._outer, termios.tcgetwinsize(SCREEN))

    def _end(self, number: int, _: FrameType | None) -> None:
        """Die of a signal as anybody does, but with the terminal in order."""
        self._restore()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(signal.Signals(number))

    def _carry(self) -> None:
        """Carry bytes both ways until nobody has the command's end, or the user's terminal is gone."""
        typed = b""
        hears = True
        with contextlib.suppress(OSError):
            while True:
                poll = select.poll()
                poll.register(self._outer, select.POLLIN | (select.POLLOUT if typed else 0))
                if hears and not typed:
                    poll.register(KEYBOARD, select.POLLIN)
                ready = dict(poll.poll())
                if ready.get(self._outer, 0) & ~select.POLLOUT:
                    self._show(os.read(self._outer, _CHUNK))  # at its end the kernel's word is EIO
                if ready.get(self._outer, 0) & select.POLLOUT:
                    with contextlib.suppress(BlockingIOError):
                        typed = typed[os.write(self._outer, typed) :]
                if KEYBOARD in ready:
                    typed = os.read(KEYBOARD, _CHUNK)
                    hears = bool(typed)

    def _show(self, written: bytes) -> None:
        self._tail = (self._tail + written)[-_TAIL:]
        while written:
            written = written[os.write(SCREEN, written) :]
