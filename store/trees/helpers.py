"""Helper processes that work on parts of a large tree.

A Python process runs on one processor at a time, and a Linux tree is 78,500 files with a dozen
system calls each. A helper is given one directory at a time and returns the content below it. It
opens the directory below our descriptor of the parent, so nothing can lead it out of the tree.

    request    length depth place NUL target      4 bytes each, little-endian
    reply      done digest size nodes             1, 32, 8 and 8 bytes

Not done means that something went wrong: the asker tries again itself and so meets the error.
A helper ends when its input does, or when the thread that started it does.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import struct
import sys
import threading

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from store.osutil.syscalls import die_with_parent
from store.trees.cached_walk import CachedVisitor
from store.trees.hash_tree import ContentVisitor
from store.trees.remove import remove_tree
from store.trees.stat_cache import Index
from store.trees.walk import walk, walk_below


if TYPE_CHECKING:
    from collections.abc import Callable

    from store.trees.content import Content
    from store.trees.walk import Below, OpenDirectory, SkippingVisitor


_LENGTH = struct.Struct("<I")
_DEPTH = struct.Struct("<I")
_REPLY = struct.Struct("<?32sQQ")


@attrs.define
class HelperProcess:
    """A process that was started to help this one."""

    pid: int
    requests: int
    replies: int
    _asked: bool = attrs.field(default=False, init=False, repr=False)
    _ended: bool = attrs.field(default=False, init=False, repr=False)
    _ending: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @classmethod
    def start(cls, module: str, function: str, *arguments: str) -> HelperProcess:
        """Start a process that calls *function* of *module* with *arguments*, which has to call `serve`.

        Raises:
            OSError: no further process can be started.
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
        """Return the content below the directory at *place*, *depth* levels down, or None if the helper failed."""
        self._asked = True
        request = _DEPTH.pack(depth) + os.fsencode(place) + b"\0" + os.fsencode(target)
        try:
            _write(self.requests, _LENGTH.pack(len(request)) + request)
            done, digest, size, nodes = _REPLY.unpack(_read(self.replies, _REPLY.size))
        except (OSError, EOFError):  # it was killed
            return None
        return (digest, size, nodes) if done else None

    def stop(self) -> None:
        """Kill the process; any thread may call this."""
        with self._ending:
            if not self._ended:
                os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let the process end, and wait for it."""
        if not self._asked:  # it may not even have finished starting
            self.stop()
        os.close(self.requests)
        os.close(self.replies)
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            with self._ending:  # once it has been waited for, its pid may be reused
                self._ended = True
                os.waitpid(self.pid, 0)


def helper_count() -> int:
    """Return how many helpers are useful: more than three would only wait for the disk."""
    return min(len(os.sched_getaffinity(0)), 4) - 1


def serve(handle: Callable[[str, str, int], Below]) -> None:
    """Answer requests on standard input, for place, target and depth, with the results of *handle*, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the asker handles interrupts
    die_with_parent()
    gc.disable()  # trees of bytes have no cycles, and the collector would visit all of them
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            (length,) = _LENGTH.unpack(_read(0, _LENGTH.size))
            request = _read(0, length)
            place, target = os.fsdecode(request[_DEPTH.size :]).split("\0")
            reply = _REPLY.pack(False, b"", 0, 0)
            with contextlib.suppress(Exception):
                reply = _REPLY.pack(True, *handle(place, target, *_DEPTH.unpack_from(request)))
            _write(1, reply)


@attrs.frozen
class TreeHelper:
    """A helper that does a visitor's work for the files in *source*; its results are in *target*."""

    source: str
    target: str
    process: HelperProcess

    def walk(self, directory: OpenDirectory) -> Below | None:
        """Return the content below *directory*; None, leaving nothing behind, if the helper failed."""
        target = self.target + directory.place[len(self.source) :] if self.target else ""
        found = self.process.walk(_place(directory), target, directory.depth)
        if target and not found:
            with contextlib.suppress(FileNotFoundError):
                remove_tree(Path(target))
        return found

    def stop(self) -> None:
        """Kill the process."""
        self.process.stop()

    def close(self) -> None:
        """Let the process end."""
        self.process.close()


def _place(directory: OpenDirectory) -> str:
    """Return a path that opens *directory* in our other processes, and nothing that its owner has put there since.

    It goes through the descriptor of the parent directory (proc(5), /proc/pid/fd), which stays open as long as there
    is work left in it; the rest of the path is one component, and no link is followed there.
    """
    if directory.parent is None:
        return directory.place
    return f"/proc/{os.getpid()}/fd/{directory.parent.fd}/{os.fsdecode(directory.name)}"


def tree_helpers(
    module: str, function: str, *arguments: str, source: Path, target: Path | str = ""
) -> list[Callable[[], TreeHelper]]:
    """Return functions that start as many helpers as are useful for walking *source*.

    Each helper calls *function* of *module* with *arguments*, which has to call `serve_walks`.
    """

    def start() -> TreeHelper:
        return TreeHelper(os.fspath(source), os.fspath(target), HelperProcess.start(module, function, *arguments))

    return [start] * helper_count()


def serve_walks(visitor: Callable[[str], SkippingVisitor], place: str, *, until_change: bool = False) -> None:
    """Walk the directories that another process names, with the *visitor* for each target, until there are no more.

    Files that the index at *place*, if any, knows are not read; the walk may stop at a changed file.
    """
    if not place:
        serve(lambda directory, target, depth: walk_below(directory, depth, visitor(target)))
        return
    with Index.open(Path(place)) as index:

        def handle(directory: str, target: str, depth: int) -> Below:
            return walk_below(directory, depth, CachedVisitor(visitor(target), index, until_change))

        serve(handle)
        index.save()


def read_content(path: Path, index: Index | None = None, *, until_change: bool = False) -> Content:
    """Return the content of the tree at *path*, reading what *index* does not know, with helpers if it is large.

    It is for users' trees. `hash_tree.content_of` gives the same for those who want neither index nor helpers.

    Raises:
        InvalidTree: it contains a fifo, a socket or a device, or is too deep.
        OSError: something cannot be read; the error's file name is the whole path.
        FileChanged: a file that *index* knows has changed, and *until_change* is set.
    """
    place = os.fspath(index.place) if index else ""
    helping = tree_helpers("store.trees.helpers", "help_reading", place, "1" if until_change else "", source=path)
    return walk(path, CachedVisitor(ContentVisitor(), index, until_change) if index else ContentVisitor(), helping)


def cached_content(place: Path, path: Path) -> Content:
    """Return the content of the tree at *path*, reading what the index at *place* does not know and adding it there.

    Raises:
        InvalidTree, OSError: as for `read_content`.
    """
    with Index.open(place) as index:
        content = read_content(path, index)
        index.save()
    return content


def help_reading(place: str, until_change: str) -> None:
    """Serve another process: read what the index at *place*, if any, does not know."""
    serve_walks(lambda _: ContentVisitor(), place, until_change=bool(until_change))


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
