"""A pseudo-terminal for a command in the sandbox, shown on the user's terminal.

`Terminal` is for a user who types and reads, `Display` for one who only reads, since the command's input comes from elsewhere.

A process may type into its controlling terminal (TIOCSTI), and the shell that we return to would take that for
the user's input. So no command gets the user's terminal: it gets a new pseudo-terminal, which
controls its session so that job control works, and we relay the bytes between the two. Meanwhile the user's
terminal is in raw mode: Ctrl-C and Ctrl-Z go to the command. However we end, except by SIGKILL, the
user's terminal is restored (`tty_ioctl(4)`, `pty(7)`). Of the output, what reaches beyond the screen is left out.
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

from derivations.realise.sandbox.screen import Filter


if TYPE_CHECKING:
    from types import FrameType


KEYBOARD, SCREEN, ERRORS = 0, 1, 2

_CHUNK = 1 << 16  # bytes: more than a pseudo-terminal holds
_TAIL = 1 << 10  # bytes: bubblewrap's message if the command could not start
_ENDS = (signal.SIGTERM, signal.SIGHUP)


class _Shown:
    """A new terminal whose output appears on the user's, *screen*.

    Attributes:
        inner: The command's end, open here until the command has started.
    """

    def __init__(self, screen: int) -> None:
        self._tail = b""
        self._filter = Filter()
        self._screen = screen
        self._outer, self.inner = os.openpty()

    def _leave(self) -> None:
        """Leave the command its end."""
        if self.inner >= 0:
            os.close(self.inner)
        self.inner = -1

    def _resize(self) -> None:
        # The kernel tells the command of the change (SIGWINCH).
        with contextlib.suppress(termios.error):
            termios.tcsetwinsize(self._outer, termios.tcgetwinsize(self._screen))

    def _show(self, written: bytes) -> None:
        self._tail = (self._tail + written)[-_TAIL:]
        written = self._filter(written)
        while written:
            written = written[os.write(self._screen, written) :]


class Display(_Shown):
    """A new terminal for output alone, which the user's *screen* shows as it comes; it must be closed."""

    def __init__(self, screen: int) -> None:
        super().__init__(screen)
        tty.setraw(self.inner)  # the user's terminal does what is to be done with ends of lines
        self._resize()
        self._relay = threading.Thread(target=self._carry, daemon=True)

    def begin(self) -> None:
        """Leave the command its end, and show its output from now on."""
        self._leave()
        self._relay.start()

    def last(self) -> bytes:
        """Return the last bytes of output, once the command and all of its processes are gone."""
        if self._relay.ident is not None:
            self._relay.join()
        return self._tail

    def close(self) -> None:
        """Show the rest of the output; the command and its processes must be gone."""
        self._leave()
        self.last()
        os.close(self._outer)

    def _carry(self) -> None:
        """Show what is written until the command's end is closed everywhere, or the user's terminal is gone."""
        with contextlib.suppress(OSError):
            while True:
                self._show(os.read(self._outer, _CHUNK))


class Terminal(_Shown):
    """A new terminal with the size and settings of the user's; it must be closed."""

    def __init__(self) -> None:
        super().__init__(SCREEN)
        os.set_blocking(self._outer, False)
        self._settings = termios.tcgetattr(KEYBOARD)
        termios.tcsetattr(self.inner, termios.TCSANOW, self._settings)
        self._resize()
        self._relay = threading.Thread(target=self._carry, daemon=True)
        self._handlers: dict[int, Any] = {}

    def begin(self) -> None:
        """Leave the command its end, and relay input and output from now on."""
        self._leave()
        if threading.current_thread() is threading.main_thread():
            self._handlers[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, lambda *_: self._resize())
            for end in _ENDS:
                if signal.getsignal(end) is signal.SIG_DFL:
                    self._handlers[end] = signal.signal(end, self._end)
        tty.setraw(KEYBOARD, termios.TCSADRAIN)
        self._relay.start()

    def last(self) -> bytes:
        """Return the last bytes of output, once the command and all of its processes are gone."""
        if self._relay.ident is not None:
            self._relay.join()
        return self._tail

    def close(self) -> None:
        """Show the rest of the output, and restore the user's terminal; the command and its processes must be gone."""
        try:
            self._leave()
            self.last()
        finally:
            os.close(self._outer)
            self._restore()
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def _restore(self) -> None:
        with contextlib.suppress(termios.error):  # it has been hung up
            termios.tcsetattr(KEYBOARD, termios.TCSADRAIN, self._settings)

    def _end(self, number: int, _: FrameType | None) -> None:
        """Restore the terminal, then die of the signal."""
        self._restore()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(signal.Signals(number))

    def _carry(self) -> None:
        """Relay bytes both ways until the command's end is closed everywhere, or the user's terminal is gone."""
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
                    self._show(os.read(self._outer, _CHUNK))  # at the end the kernel returns EIO
                if ready.get(self._outer, 0) & select.POLLOUT:
                    with contextlib.suppress(BlockingIOError):
                        typed = typed[os.write(self._outer, typed) :]
                if KEYBOARD in ready:
                    typed = os.read(KEYBOARD, _CHUNK)
                    hears = bool(typed)
