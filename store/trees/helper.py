"""A second process that takes care of half of a tree.

Python does one thing at a time in one process, and a Linux tree is 78,500 files of a dozen system
calls each. A helper gets a directory and returns what is below it.

    request    length depth place NUL target      4 bytes each, little-endian
    reply      done digest size nodes             1, 32, 8 and 8 bytes

Not done means that something went wrong: the asker tries it again and so meets the error itself.
The helper ends when its input does, or when the thread that started it does.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import struct
import sys
import threading

from typing import TYPE_CHECKING

import attrs

from store.system.syscalls import die_with_parent


if TYPE_CHECKING:
    from collections.abc import Callable

    from store.trees.walk import Below


_LENGTH = struct.Struct("<I")
_DEPTH = struct.Struct("<I")
_REPLY = struct.Struct("<?32sQQ")


@attrs.define
class Helper:
    """A process that was started to help this one."""

    pid: int
    requests: int
    replies: int
    _asked: bool = attrs.field(default=False, init=False, repr=False)
    _ended: bool = attrs.field(default=False, init=False, repr=False)
    _ending: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @classmethod
    def start(cls, module: str, function: str, *arguments: str) -> Helper:
        """Start a process that calls *function* of *module* with *arguments*; that calls `serve`.

        Raises:
            OSError: there can be no further process.
        """
        code = f"import sys; sys.path[:] = {sys.path!r}; from {module} import {function}; {function}(*sys.argv[1:])"
        request_reader, request_writer = os.pipe()
        reply_reader, reply_writer = os.pipe()
        try:
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", "-c", code, *arguments],
                {},
                file_actions=[(os.POSIX_SPAWN_DUP2, request_reader, 0), (os.POSIX_SPAWN_DUP2, reply_writer, 1)],
            )
        except OSError:
            os.close(request_writer)
            os.close(reply_reader)
            raise
        finally:
            os.close(request_reader)
            os.close(reply_writer)
        return cls(pid, request_writer, reply_reader)

    def walk(self, place: str, target: str, depth: int) -> Below | None:
        """Return what is below the directory at *place*, *depth* levels down; None if that could not be done."""
        self._asked = True
        request = _DEPTH.pack(depth) + os.fsencode(place) + b"\0" + os.fsencode(target)
        try:
            _write(self.requests, _LENGTH.pack(len(request)) + request)
            done, digest, size, nodes = _REPLY.unpack(_read(self.replies, _REPLY.size))
        except (OSError, EOFError):  # it was killed
            return None
        return (digest, size, nodes) if done else None

    def stop(self) -> None:
        """End the process, whatever it does; any thread may do so."""
        with self._ending:
            if not self._ended:
                os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let the process end, and wait for it."""
        if not self._asked:  # it may not even have started yet
            self.stop()
        os.close(self.requests)
        os.close(self.replies)
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            with self._ending:  # once it is waited for, its number may be another process'
                self._ended = True
                os.waitpid(self.pid, 0)


def helpers_wanted() -> int:
    """Return how many processes can help this one: more than three only wait for the disk."""
    return min(len(os.sched_getaffinity(0)), 4) - 1


def serve(handle: Callable[[str, str, int], Below]) -> None:
    """Answer requests on standard input with what *handle* returns for place, target and depth, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the asker decides what an interrupt means
    die_with_parent()
    gc.disable()  # it finds nothing in trees of bytes, and visits all of them
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            (length,) = _LENGTH.unpack(_read(0, _LENGTH.size))
            request = _read(0, length)
            place, target = os.fsdecode(request[_DEPTH.size :]).split("\0")
            reply = _REPLY.pack(False, b"", 0, 0)
            with contextlib.suppress(Exception):
                reply = _REPLY.pack(True, *handle(place, target, *_DEPTH.unpack_from(request)))
            _write(1, reply)


def _read(fd: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(fd, size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
