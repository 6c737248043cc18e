"""A guest without a machine: it says to the host what a test wants. Run as `python scripted.py host WHAT …`.

As `host` it is the host, with its own three streams, and starts itself as the guest.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time

from typing import TYPE_CHECKING

from derivations.machine.protocol import Frames, Request, frame
from derivations.realise.guest.guest import Patience, run
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


PANIC = b"booting\r\nKernel panic - not syncing: no init\r\nCall Trace:\r\n"


class Guest:
    """The guest's ends of the channels."""

    def __init__(self, descriptors: list[int]) -> None:
        self.console, self.control, self.out, self.err = (socket.socket(fileno=it) for it in descriptors)
        self._frames = Frames()
        self._waiting: list[tuple[bytes, bytes]] = []

    def say(self, kind: bytes, content: bytes = b"") -> None:
        """Send a frame."""
        self.control.sendall(frame(kind, content))

    def hear(self) -> tuple[bytes, bytes]:
        """Return the next frame."""
        while not self._waiting:
            data = self.control.recv(65536)
            if not data:
                sys.exit(9)
            self._waiting += self._frames.add(data)
        return self._waiting.pop(0)

    def hear_signal(self) -> int:
        """Return the next signal."""
        while (said := self.hear())[0] != b"S":
            continue
        return said[1][0]

    def begin(self) -> None:
        """Boot, and start the command."""
        self.console.sendall(b"Linux version\r\n")
        self.say(b"H")
        assert self.hear()[0] == b"R"
        self.say(b"B")

    def end(self, code: int = 0, out: int = 0, err: int = 0) -> None:
        """Report the end of the command, and wait to be ended."""
        self.say(b"X", struct.pack("<IQQ", code, out, err))
        time.sleep(600)


def _play(guest: Guest, what: str) -> None:
    match what:
        case "panic":
            guest.console.sendall(PANIC)
        case "silent":
            guest.console.sendall(b"Linux version\r\n")
            time.sleep(600)
        case "refused":
            guest.say(b"H")
            guest.hear()
            guest.say(b"E", struct.pack("<I", 127) + b"cannot run x: no such file")
            time.sleep(600)
        case _:
            guest.begin()
            _run(guest, what)


def _run(guest: Guest, what: str) -> None:  # noqa: C901 -- one case a test
    match what:
        case "streams":
            guest.out.sendall(b"o" * 300_000)
            guest.err.sendall(b"e" * 200_000)
            guest.end(7, 300_000, 200_000)
        case "copy":
            total = 0
            while (data := guest.hear()[1]) != b"":
                guest.out.sendall(data)
                guest.say(b"A", struct.pack("<I", len(data)))
                total += len(data)
            guest.end(0, total)
        case "no-input":
            _, first = guest.hear()
            time.sleep(0.5)  # what came meanwhile would be in the socket
            guest.control.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                first += guest.control.recv(1 << 20)
            guest.end(len(first) // 1000)
        case "late":
            guest.control.sendall(frame(b"X", struct.pack("<IQQ", 0, 4, 0)))
            time.sleep(0.3)
            guest.out.sendall(b"last")
            time.sleep(600)
        case "dies":
            guest.out.sendall(b"some")
        case "oops":
            guest.console.sendall(b"BUG: unable to handle\r\n")
            guest.end(139)
        case "signals":
            guest.out.sendall(b"ready\n")
            assert guest.hear_signal() == signal.SIGINT
            guest.out.sendall(b"first\n")
            guest.hear_signal()
        case "forever":
            time.sleep(600)
        case "yes":
            guest.out.sendall(b"y\n" * 100_000)
            guest.end(128 + guest.hear_signal(), 200_000)
        case _:
            sys.exit(8)


def _host(what: str, boot: str, whole: str) -> int:
    @contextlib.contextmanager
    def start(sockets: Mapping[str, socket.socket]) -> Iterator[subprocess.Popen[bytes]]:
        ends = [str(it.fileno()) for it in sockets.values()]
        process = subprocess.Popen(
            [sys.executable, __file__, "guest", what, *ends],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[int(it) for it in ends],
            start_new_session=True,
        )
        for it in sockets.values():
            it.close()
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    request = Request(argv=[b"x"], env={}, directory=b"/", host="g", root=None, shares={}, terminal=None, network=False)
    try:
        result = run(start, request, Patience(boot=float(boot), whole=float(whole)), 4096)
    except Error as error:
        notes = getattr(error, "__notes__", ())
        os.write(2, "\n".join([f"{type(error).__name__}: {error}", *notes]).encode())
        return error.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    os.write(2, "".join(f"{line}\n" for line in result.console.failure).encode())
    return result.code


if __name__ == "__main__":
    if sys.argv[1] == "host":
        sys.exit(_host(*sys.argv[2:]))
    _play(Guest([int(it) for it in sys.argv[3:]]), sys.argv[2])
