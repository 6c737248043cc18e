"""One command in a guest, from the start of QEMU to the exit code: all streams in one loop.

    our stdin ──frames, as many as were taken──▶ control ──▶ the command
    our stdout, stderr ◀── out, err ◀── the command
    console ◀── the kernel

The guest says when the command has ended and how many bytes it wrote. Without that word, whatever QEMU's status, the
run has failed, and the console says why.
"""

from __future__ import annotations

import contextlib
import enum
import os
import select
import signal
import socket
import time

from typing import TYPE_CHECKING

import attrs

from derivations.machine import protocol
from derivations.machine.protocol import Ended, Frames
from derivations.machine.qemu import CHANNELS
from derivations.realise.guest import emulator, streams
from derivations.realise.guest.console import Console
from derivations.realise.guest.failures import (
    GuestEnded,
    GuestPanicked,
    GuestSilent,
    OutputLost,
    TimeOver,
    command_failed,
)
from derivations.realise.guest.streams import INTERRUPT, STDERR, STDIN, STDOUT, Out
from derivations.realise.sandbox.screen import Filter


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from subprocess import Popen
    from typing import TypeAlias

    from derivations.machine.protocol import Request

    Start: TypeAlias = Callable[[Mapping[str, socket.socket]], contextlib.AbstractContextManager[Popen[bytes]]]
    """A function that starts QEMU with the sockets of its channels, by name, and ends it with the block."""


_CHUNK = 1 << 16  # bytes, of a socket at once
_HELD = 1 << 20  # bytes that wait for a slow reader of ours, before the guest has to wait
_TICK = 0.5  # seconds
_LAST = 10  # seconds that the last bytes may take after the word of the end
_ECHO = frozenset(b"^C\r\n")
_SOON = 2.0  # seconds between two Ctrl-C that belong together


@attrs.frozen(kw_only=True)
class Patience:
    """Time limits of a guest, in seconds.

    Attributes:
        boot: How long its console may stay silent until its first process has begun; None for ever.
        whole: How long it may run; None for ever.
    """

    boot: float | None
    whole: float | None


@attrs.frozen
class Result:
    """The end of a command: its exit code, and the console of the guest."""

    code: int
    console: Console


class _Stage(enum.IntEnum):
    BOOTS = 1
    ASKED = 2
    RUNS = 3
    ENDED = 4


def run(start: Start, request: Request, patience: Patience, window: int) -> Result:
    """Run the command of *request* in a guest that *start* starts, with our own streams.

    *window* is how many bytes of input may be on their way.

    Raises:
        CommandFailed, CommandNotExecutable, CommandNotFound: the command could not be started.
        GuestPanicked, GuestEnded, GuestSilent: the guest ended, or does not boot.
        TimeOver: the time is over.
        OutputLost: the guest ended properly, but not all of its output came.
        KeyboardInterrupt: the user interrupted it twice, or before the command began.
    """
    pairs = {name: socket.socketpair() for name in ("console", *CHANNELS)}
    with contextlib.ExitStack() as stack:
        for ours, _ in pairs.values():
            stack.enter_context(ours)
            ours.setblocking(False)
        process = stack.enter_context(start({name: theirs for name, (_, theirs) in pairs.items()}))
        guest = _Guest({name: ours for name, (ours, _) in pairs.items()}, request, patience, window)
        assert process.stderr is not None  # noqa: S101 -- it is a pipe
        guest.errors = process.stderr.fileno()
        stack.enter_context(guest.signals())
        if request.terminal is not None:
            stack.enter_context(streams.raw_terminal())
        return guest.run()


class _Guest:
    """The loop, and what it knows of the guest."""

    def __init__(self, sockets: dict[str, socket.socket], request: Request, patience: Patience, window: int) -> None:
        self.errors = -1
        self._sockets = sockets
        self._request = request
        self._patience = patience
        self._credit = window
        self._most = window
        self._stage = _Stage.BOOTS
        self._console = Console()
        self._complaints = bytearray()
        self._frames = Frames()
        self._to_guest = bytearray()
        screen = Filter() if request.terminal is not None else None
        self._outs = {"out": Out(STDOUT, screen), "err": Out(STDERR)}
        self._end: Ended | None = None
        self._hears = True
        self._interrupts = 0
        self._resized = False
        self._interrupted_at: float | None = None
        self._started = self._alive = time.monotonic()
        self._ended_at = 0.0
        self._wake = os.pipe()

    # Signals: handlers only note them, and wake the loop.

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Note Ctrl-C and changes of the window within the block."""

        def interrupted(*_: object) -> None:
            self._interrupts += 1
            os.write(self._wake[1], b"x")

        def resized(*_: object) -> None:
            self._resized = True
            os.write(self._wake[1], b"x")

        handlers = {signal.SIGINT: interrupted}
        if self._request.terminal is not None:
            handlers[signal.SIGWINCH] = resized
        try:
            with streams.handling(handlers):
                yield
        finally:
            for end in self._wake:
                os.close(end)

    def _notice(self) -> None:
        os.read(self._wake[0], 64)
        if self._resized:
            self._resized = False
            self._send(protocol.size_frame(*streams.size()))
        if not self._interrupts:
            return
        if self._interrupts > 1 or self._stage < _Stage.RUNS:
            raise KeyboardInterrupt
        self._send(protocol.signal_frame(signal.SIGINT))

    # The loop

    def run(self) -> Result:
        """Return the end of the command."""
        while not self._is_complete():
            self._check_time()
            poll = select.poll()
            for descriptor, events in self._wanted().items():
                poll.register(descriptor, events)
            for descriptor, events in poll.poll(_TICK * 1000):
                self._serve(descriptor, events)
        assert self._end is not None  # noqa: S101 -- it is complete
        return Result(self._end.code, self._console)

    def _is_complete(self) -> bool:
        if self._end is None:
            return False
        wanted = {"out": self._end.out, "err": self._end.err}
        return all(it.received >= wanted[name] and not it.waiting for name, it in self._outs.items())

    def _wanted(self) -> dict[int, int]:
        wanted = {self._wake[0]: select.POLLIN}
        for name, it in self._sockets.items():
            out = self._outs.get(name)
            events = select.POLLIN if out is None or len(out.waiting) < _HELD else 0
            if name == "control" and self._to_guest:
                events |= select.POLLOUT
            wanted[it.fileno()] = events
        for out in self._outs.values():
            if out.waiting and out.to is not None:
                wanted[out.to] = select.POLLOUT
        if self._stage is _Stage.RUNS and self._hears and self._credit > 0:
            wanted[STDIN] = select.POLLIN
        if self.errors >= 0:
            wanted[self.errors] = select.POLLIN
        return wanted

    def _serve(self, descriptor: int, events: int) -> None:
        if descriptor == self._wake[0]:
            self._notice()
        elif descriptor == STDIN:
            self._read_input()
        elif descriptor == self.errors:
            self._read_complaints()
        else:
            for name, it in self._sockets.items():
                if it.fileno() == descriptor:
                    self._serve_channel(name, it, events)
                    return
            for out in self._outs.values():
                if out.to == descriptor:
                    self._flush(out)

    def _serve_channel(self, name: str, channel: socket.socket, events: int) -> None:
        if events & select.POLLOUT:
            with contextlib.suppress(OSError):  # if the guest has gone, reading shows it
                del self._to_guest[: channel.send(self._to_guest[:_CHUNK])]
        if not events & ~select.POLLOUT:
            return
        try:
            data = channel.recv(_CHUNK)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self._fail()
            return
        self._alive = time.monotonic()
        self._take(name, data)

    def _take(self, name: str, data: bytes) -> None:
        """Take *data* that came on the channel *name*."""
        if name == "console":
            self._console.add(data)
        elif name == "control":
            for kind, content in self._frames.add(data):
                self._obey(kind, content)
        else:
            self._show(self._outs[name], data)

    def _obey(self, kind: bytes, content: bytes) -> None:
        if kind == protocol.HELLO:
            self._stage = _Stage.ASKED
            self._send(bytes(self._request))
        elif kind == protocol.BEGUN:
            self._stage = _Stage.RUNS
        elif kind == protocol.TAKEN:
            self._credit += protocol.number_of(content)
        elif kind == protocol.KEY:
            self._interrupted_at = None
        elif kind == protocol.END:
            self._end = Ended.parse(content)
            self._stage = _Stage.ENDED
            self._ended_at = time.monotonic()
        elif kind == protocol.FAILED:
            raise command_failed(content[4:].decode(errors="backslashreplace"), protocol.number_of(content))

    # Streams

    def _send(self, data: bytes) -> None:
        self._to_guest += data

    def _read_input(self) -> None:
        try:
            data = os.read(STDIN, min(self._credit, _CHUNK))
        except OSError:  # it is closed, or a terminal that has been hung up
            data = b""
        self._credit -= len(data)
        self._hears = bool(data)
        self._send(protocol.input_frame(data))
        if self._request.terminal is not None and INTERRUPT in data:
            self._notice_key(data)

    def _notice_key(self, data: bytes) -> None:
        """End the guest at a second Ctrl-C that is answered by nothing but its echo, unless a program takes it as a key."""
        now = time.monotonic()
        if self._interrupted_at is not None and now - self._interrupted_at < _SOON:
            raise KeyboardInterrupt
        self._interrupted_at = now if data == INTERRUPT else None

    def _show(self, out: Out, data: bytes) -> None:
        if self._interrupted_at is not None and not _ECHO.issuperset(data):
            self._interrupted_at = None
        out.add(data)
        if self._stage is _Stage.BOOTS:  # a guest that writes here before it has said hello is not ours
            out.received, out.waiting = 0, b""

    def _flush(self, out: Out) -> None:
        was_read = out.to is not None
        out.flush()
        if was_read and out.to is None and self._stage is _Stage.RUNS:
            self._send(protocol.signal_frame(signal.SIGPIPE))

    def _read_complaints(self) -> None:
        data = os.read(self.errors, _CHUNK)
        self._complaints += data
        if not data:
            self.errors = -1

    # Ends

    def _check_time(self) -> None:
        now = time.monotonic()
        if self._patience.whole is not None and now - self._started > self._patience.whole:
            raise TimeOver(self._patience.whole)
        if self._stage <= _Stage.ASKED and self._patience.boot is not None and now - self._alive > self._patience.boot:
            raise _with_console(GuestSilent(self._patience.boot), self._console)
        if (
            self._stage is _Stage.ENDED
            and now - self._ended_at > _LAST
            and not any(it.waiting for it in self._outs.values())
        ):
            assert self._end is not None  # noqa: S101 -- it has ended
            missing = self._end.out + self._end.err - sum(it.received for it in self._outs.values())
            raise OutputLost(missing)

    def _fail(self) -> None:
        """Raise what ended the guest, after reading all that it left; return if it had ended properly.

        Raises:
            GuestPanicked, GuestEnded: the command's end is not known.
        """
        self._rest()
        if self._end is not None:
            return
        for out in self._outs.values():
            with contextlib.suppress(OSError):
                while out.waiting:
                    out.flush()
        if failure := self._console.failure:
            raise _with_console(GuestPanicked(failure[0].strip()), self._console)
        complaint = self._complaints.decode(errors="backslashreplace").strip()
        raise _with_console(GuestEnded(complaint, self._stage >= _Stage.RUNS), self._console)

    def _rest(self) -> None:
        for name, it in self._sockets.items():
            with contextlib.suppress(OSError):
                it.settimeout(emulator.PATIENCE)
                while data := it.recv(_CHUNK):
                    self._take(name, data)
        with contextlib.suppress(OSError):
            while self.errors >= 0:
                self._read_complaints()


def _with_console(error: GuestPanicked | GuestEnded | GuestSilent, console: Console) -> Exception:
    lines: Sequence[str] = console.explanation
    if lines:
        error.add_note("the guest's console:")
    for line in lines:
        error.add_note(f"> {line}")
    return error
