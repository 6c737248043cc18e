"""A second process that takes care of half of a tree's files.

Python does one thing at a time in one process, and a Linux tree is 78,500 files of a dozen system
calls each. A helper gets the names of a directory's files and returns what became of each;
directories, symbolic links and everything that goes wrong stay with the process that asked.

    request    length place NUL target NUL name NUL name …      length: 4 bytes, little-endian
    reply      count (kind digest size stamp)…                  4, 1, 32, 8 and 32 bytes

A reply with fewer files than were asked for means that the next one failed: the asker tries
it again and so meets the error itself. The helper ends when its input does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import sys

from typing import TYPE_CHECKING, TypeAlias

import attrs

from store.tree import Kind


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from store.reading import Read

    Handle: TypeAlias = Callable[[bytes, bytes, list[bytes]], Iterator[Read]]


_LENGTH = struct.Struct("<I")
_RESULT = struct.Struct("<c32sQ32s")
_KINDS = {kind.value: kind for kind in Kind}


@attrs.define
class Helper:
    """A process that was started to help this one."""

    pid: int
    requests: int
    replies: int
    _asked: bool = attrs.field(default=False, init=False, repr=False)

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

    def files(self, place: str, target: str, names: list[bytes]) -> list[Read]:
        """Return what became of the files *names* in the directory *place*, up to the first that failed."""
        if not names:
            return []
        self._asked = True
        try:
            request = b"\0".join([os.fsencode(place), os.fsencode(target), *names])
            _write(self.requests, _LENGTH.pack(len(request)) + request)
            (count,) = _LENGTH.unpack(_read(self.replies, _LENGTH.size))
            reply = _read(self.replies, count * _RESULT.size)
        except (OSError, EOFError):  # it was killed; what it left undone is done here
            return []
        return [(_KINDS[kind], digest, size, stamp) for kind, digest, size, stamp in _RESULT.iter_unpack(reply)]

    def close(self) -> None:
        """Let the process end, and wait for it."""
        if not self._asked:  # it may not even have started yet
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.requests)
        os.close(self.replies)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def helpers_wanted() -> int:
    """Return how many processes can help this one: more than three only wait for the disk."""
    return min(len(os.sched_getaffinity(0)), 4) - 1


def serve(handle: Handle) -> None:
    """Answer requests on standard input with what *handle* yields for each name, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the asker decides what an interrupt means
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            (length,) = _LENGTH.unpack(_read(0, _LENGTH.size))
            place, target, *names = _read(0, length).split(b"\0")
            results = []
            with contextlib.suppress(Exception):
                for kind, digest, size, stamp in handle(place, target, names):
                    results.append(_RESULT.pack(kind.value, digest, size, stamp))
            _write(1, _LENGTH.pack(len(results)) + b"".join(results))


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
