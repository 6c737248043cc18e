"""Walking a tree and folding it into its content, with helpers if it is large.

A `Visitor` decides what to do with each file, link and directory. Nothing here follows a symbolic
link below the tree's root or opens a path of more than one component: every directory is opened
from its parent's descriptor. The directory found last is entered first, so the open descriptors
are those of one path from the root, and of directories that wait for helpers; MAX_DEPTH limits
them. Helpers are given the directories found first, with everything below them.
"""

from __future__ import annotations

import contextlib
import functools
import os
import stat
import threading

from collections import deque
from typing import TYPE_CHECKING, Protocol, TypeAlias

import attrs

from store.osutil.interrupt import check
from store.trees.content import Content, Kind, listing_digest, tree_digest
from store.trees.reading import (
    OPEN_DIRECTORY,
    FileReader,
    Known,
    Name,
    Read,
    check_depth,
    refusal,
)


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_MANY = 2000  # nodes: reading them takes as long as starting a process
_LOOK = 0.2  # seconds between checks for an interrupt, while a helper works
_DEPTH = 2  # of directories for helpers: neither half of the tree nor crumbs

Below: TypeAlias = tuple[bytes, int, int]
"""The content below a directory: the digest of its listing, the size of its files, the number of nodes."""


@attrs.define(eq=False)
class OpenDirectory:
    """A directory whose digest is being computed; a visitor may keep a second descriptor in it."""

    parent: OpenDirectory | None
    name: Name  # in its parent; the root's is its path
    place: str
    depth: int
    fd: int = -1
    target_fd: int = -1
    nodes: list[tuple[bytes, Kind, bytes]] = attrs.field(factory=list)
    size: int = 0  # of the files in it, in bytes
    size_below: int = 0
    nodes_below: int = 0
    pending: int = 1  # its own entries, and each directory in it
    taken: bool = False  # somebody works on it

    def path_of(self, name: Name) -> str:
        """Return the path of *name* in this directory."""
        return f"{self.place}/{os.fsdecode(name)}"

    def close(self) -> None:
        """Release the descriptors."""
        for fd in (self.fd, self.target_fd):
            if fd >= 0:
                os.close(fd)
        self.fd = self.target_fd = -1


class Visitor(Protocol):
    """What to do with the nodes of a tree. For the root, *directory* is None and *name* is its path."""

    def enter(self, directory: OpenDirectory) -> None:
        """Enter *directory*, which is open."""

    def file(self, directory: OpenDirectory | None, name: Name, place: str, reader: FileReader) -> Read:
        """Return the kind, digest, size and stamp of the file *name*."""
        ...

    def files(self, directory: OpenDirectory, names: Sequence[str], reader: FileReader) -> Iterator[Read]:
        """Yield the same for the files *names*."""
        for name in names:
            yield self.file(directory, name, directory.path_of(name), reader)

    def symlink(self, directory: OpenDirectory | None, name: Name, place: str) -> bytes:
        """Return the digest of the symbolic link *name*."""
        ...

    def leave(self, directory: OpenDirectory, digest: bytes) -> None:
        """Finish *directory*, whose nodes are all done."""


class SkippingVisitor(Visitor):
    """A visitor that can process files without reading them."""

    def skip(self, directory: OpenDirectory, known: Known) -> Known:  # noqa: ARG002 -- subclasses need the directory
        """Process *known* files of *directory*, and return those that do not have to be read."""
        return known


class Helper(Protocol):
    """Something that can do the visitor's work for a directory and everything below it."""

    def walk(self, directory: OpenDirectory) -> Below | None:
        """Return the content below *directory*; None, leaving nothing behind, if that failed."""
        ...

    def stop(self) -> None:
        """Abort the work in progress."""

    def close(self) -> None:
        """Release the helper."""


def walk(path: Path, visitor: Visitor, helpers: Sequence[Callable[[], Helper]] = (), *, many: int = _MANY) -> Content:
    """Return the content of the tree at *path* as *visitor* finds it.

    If it has more than *many* nodes, the *helpers* are started for parts of it.

    Raises:
        InvalidTree: it contains a fifo, a socket or a device, or is too deep.
        OSError: from the visitor, or because a directory cannot be read.
    """
    root = os.fspath(path)
    form = stat.S_IFMT(os.lstat(root).st_mode)
    if form == stat.S_IFDIR:
        digest, size, nodes = _Walk(visitor, helpers, many).below(OpenDirectory(None, root, root, 0))
        return Content(tree_digest(Kind.DIRECTORY, digest), size, nodes + 1)
    if form == stat.S_IFLNK:
        return Content(tree_digest(Kind.SYMLINK, visitor.symlink(None, root, root)), 0, 1)
    if form == stat.S_IFREG:
        kind, digest, size, _ = visitor.file(None, root, root, FileReader())
        return Content(tree_digest(kind, digest), size, 1)
    raise refusal(root, form)


def walk_below(place: str, depth: int, visitor: Visitor) -> Below:
    """Return the content below the directory at *place*, *depth* levels below a tree's root, as *visitor* finds it.

    Raises:
        InvalidTree, OSError: as for `walk`.
    """
    return _Walk(visitor, (), _MANY).below(OpenDirectory(None, place, place, depth))


@attrs.define
class _Walk:
    visitor: Visitor
    starts: Sequence[Callable[[], Helper]]
    many: int
    _waiting: deque[OpenDirectory] = attrs.field(factory=deque)  # including some that a helper has taken
    _offered: deque[OpenDirectory] = attrs.field(factory=deque)  # those that helpers may take, including some taken
    _changed: threading.Condition = attrs.field(factory=threading.Condition)  # for the fields below and directories
    _threads: list[threading.Thread] = attrs.field(factory=list)
    _helpers: list[Helper] = attrs.field(factory=list)
    _open: set[OpenDirectory] = attrs.field(factory=set)
    _result: Below | None = None
    _failure: BaseException | None = None

    def below(self, root: OpenDirectory) -> Below:
        self._waiting.append(root)
        self._noting_failure(self._work)
        if self._failure:
            for helper in self._helpers:
                helper.stop()
        for thread in self._threads:
            thread.join()
        for directory in self._open:
            directory.close()
        if self._failure:
            raise self._failure
        assert self._result  # noqa: S101 -- the work ends with a result or a failure
        return self._result

    def _work(self) -> None:
        done = 0
        reader = FileReader()
        while directory := self._next(self._waiting, self._waiting.pop):
            self._process(directory, reader)
            done += len(directory.nodes)
            self._complete(directory)
            if done > self.many and self.starts:
                self._start_helpers()

    def _start_helpers(self) -> None:
        starts, self.starts = self.starts, ()
        for start in starts:
            helping = functools.partial(self._use, start)
            thread = threading.Thread(target=self._noting_failure, args=(helping,), daemon=True)
            with contextlib.suppress(RuntimeError):  # no further thread can be started
                thread.start()
                self._threads.append(thread)

    def _use(self, start: Callable[[], Helper]) -> None:
        try:
            helper = start()
        except OSError:  # no further process can be started
            return
        with contextlib.closing(helper):
            self._helpers.append(helper)
            while directory := self._next(self._offered, self._offered.popleft):
                found = helper.walk(directory)
                if found and directory.parent:
                    self._fold(directory, found)
                    self._complete(directory.parent)
                else:
                    directory.taken = False
                    self._put(directory, offer=False)

    def _noting_failure(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 -- raised again in the caller
            with self._changed:
                self._failure = self._failure or error
                self._changed.notify_all()

    def _put(self, directory: OpenDirectory, *, offer: bool = True) -> None:
        with self._changed:
            self._waiting.append(directory)
            if offer and directory.depth >= _DEPTH:
                self._offered.append(directory)
            self._changed.notify_all()

    def _next(self, among: deque[OpenDirectory], take: Callable[[], OpenDirectory]) -> OpenDirectory | None:
        """Wait for a directory *among* these that nobody has taken, *take* and return it; None at the end."""
        with self._changed:
            while not self._result and not self._failure:
                while among:
                    directory = take()
                    if not directory.taken:
                        directory.taken = True
                        return directory
                check()
                self._changed.wait(_LOOK)
        return None

    def _process(self, directory: OpenDirectory, reader: FileReader) -> None:
        """Process everything in *directory* except its subdirectories."""
        check()
        check_depth(directory.depth, directory.place)
        try:
            dir_fd = directory.parent.fd if directory.parent else None
            directory.fd = os.open(directory.name, OPEN_DIRECTORY, dir_fd=dir_fd)
            self._open.add(directory)
            self.visitor.enter(directory)
            with os.scandir(directory.fd) as entries:
                names = [
                    entry.name
                    for entry in entries
                    if entry.is_file(follow_symlinks=False) or self._is_file(directory, entry)
                ]
            if names:
                self._files(directory, names, reader)
        except OSError as error:
            raise _locate(error, directory.place) from None

    def _is_file(self, directory: OpenDirectory, entry: os.DirEntry[str]) -> bool:
        """Return False for *entry*, which is not a file, after processing it."""
        name = entry.name
        place = f"{directory.place}/{name}"
        if entry.is_dir(follow_symlinks=False):
            with self._changed:
                directory.pending += 1
            self._put(OpenDirectory(directory, name, place, directory.depth + 1))
        elif entry.is_symlink():
            try:
                digest = self.visitor.symlink(directory, name, place)
            except OSError as error:
                raise _locate(error, place) from None
            directory.nodes.append((os.fsencode(name), Kind.SYMLINK, digest))
        else:
            raise refusal(place, entry.stat(follow_symlinks=False).st_mode)
        return False

    def _files(self, directory: OpenDirectory, names: list[str], reader: FileReader) -> None:
        results: list[Read] = []
        try:
            for result in self.visitor.files(directory, names, reader):
                results.append(result)
                if self._failure:
                    return
                check()
        except OSError as error:
            raise _locate(error, directory.path_of(names[len(results)])) from None
        encoded = os.fsencode("\0".join(names)).split(b"\0")  # takes a third of the time of encoding one by one
        directory.size += sum([size for _, _, size, _ in results])
        directory.nodes += [(name, kind, digest) for name, (kind, digest, _, _) in zip(encoded, results, strict=True)]

    def _complete(self, directory: OpenDirectory) -> None:
        """Count one part of *directory* as done; finish it if that was the last one, and its parents likewise."""
        current: OpenDirectory | None = directory
        while current:
            with self._changed:
                current.pending -= 1
                if current.pending or self._failure:
                    return
            digest = listing_digest(current.nodes)
            self.visitor.leave(current, digest)
            self._open.discard(current)
            current.close()
            size = current.size + current.size_below
            self._fold(current, (digest, size, len(current.nodes) + current.nodes_below))
            current.nodes.clear()  # the directory may still be in `_offered`
            current = current.parent

    def _fold(self, directory: OpenDirectory, below: Below) -> None:
        """Add what is *below* a directory to its parent, or make it the result."""
        digest, size, nodes = below
        parent = directory.parent
        with self._changed:
            if parent:
                parent.nodes.append((os.fsencode(directory.name), Kind.DIRECTORY, digest))
                parent.size_below += size
                parent.nodes_below += nodes
            else:
                self._result = below
                self._changed.notify_all()


def _locate(error: OSError, place: str) -> OSError:
    """Return *error* with the file name *place*, if it has only one component of the path."""
    if isinstance(error.filename, str | bytes) and os.sep not in os.fsdecode(error.filename):
        error.filename = place
    return error
