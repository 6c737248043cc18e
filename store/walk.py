"""Walk a tree and fold it into its content, with assistants if it is large.

A `Visitor` says what becomes of each file, link and directory. Nothing here follows a symbolic link
below the tree's root or opens a path of more than one component: every directory is opened from its
parent's descriptor. The directory that was found last is taken up first, so the descriptors in use
are those of one path from the root, for each assistant; MAX_DEPTH bounds them.
"""

from __future__ import annotations

import contextlib
import os
import queue
import stat
import threading

from typing import TYPE_CHECKING, Protocol

import attrs

from store.reading import (
    OPEN_DIRECTORY,
    FileReader,
    Name,
    Read,
    check_depth,
    refusal,
)
from store.tree import Content, Kind, listing_digest, tree_digest


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_MANY = 2000  # nodes: what takes as long as starting a process


@attrs.define(eq=False)
class Directory:
    """A directory on its way to a digest; a visitor may keep a second descriptor in it."""

    parent: Directory | None
    name: Name  # in its parent; the root's is its path
    place: str
    depth: int
    fd: int = -1
    target_fd: int = -1
    nodes: list[tuple[bytes, Kind, bytes]] = attrs.field(factory=list)
    size: int = 0  # of the files in it
    size_below: int = 0
    nodes_below: int = 0
    pending: int = 1  # its own entries, and each directory in it

    def path_of(self, name: Name) -> str:
        """Return the path of *name* in it."""
        return f"{self.place}/{os.fsdecode(name)}"

    def close(self) -> None:
        """Release the descriptors."""
        for fd in (self.fd, self.target_fd):
            if fd >= 0:
                os.close(fd)
        self.fd = self.target_fd = -1


class Visitor(Protocol):
    """What is done with the nodes of a tree. The root has no directory, and its path for a name."""

    def enter(self, directory: Directory) -> None:
        """Take up *directory*, which is open."""

    def file(self, directory: Directory | None, name: Name, place: str, reader: FileReader) -> Read:
        """Return what the file *name* is."""

    def files(self, directory: Directory, names: Sequence[str], reader: FileReader) -> Iterator[Read]:
        """Yield what the files *names* are."""
        for name in names:
            yield self.file(directory, name, directory.path_of(name), reader)

    def symlink(self, directory: Directory | None, name: Name, place: str) -> bytes:
        """Return the digest of the symbolic link *name*."""

    def leave(self, directory: Directory, digest: bytes) -> None:
        """Finish *directory*, in which all is done."""


class Assistant(Protocol):
    """Somebody else who can do what the visitor does with files."""

    def files(self, directory: Directory, names: Sequence[str]) -> list[Read]:
        """Return what the files *names* in *directory* are, up to the first that failed."""

    def close(self) -> None:
        """Let it go."""


def walk(path: Path, visitor: Visitor, assistants: Sequence[Callable[[], Assistant]] = ()) -> Content:
    """Return the content of the tree at *path* as *visitor* finds it.

    If the tree turns out to be large, the *assistants* are called in for its files.

    Raises:
        InvalidTree: there is a fifo, a socket or a device, or it is too deep.
        OSError: what the visitor met, or a directory that cannot be read.
    """
    root = os.fspath(path)
    form = stat.S_IFMT(os.lstat(root).st_mode)
    if form == stat.S_IFDIR:
        return _Walk(visitor, assistants).content(Directory(None, root, root, 0))
    if form == stat.S_IFLNK:
        return Content(tree_digest(Kind.SYMLINK, visitor.symlink(None, root, root)), 0, 1)
    if form == stat.S_IFREG:
        kind, digest, size, _ = visitor.file(None, root, root, FileReader())
        return Content(tree_digest(kind, digest), size, 1)
    raise refusal(root, form)


@attrs.define
class _Walk:
    visitor: Visitor
    assistants: Sequence[Callable[[], Assistant]]
    _queue: queue.LifoQueue[Directory | None] = attrs.field(factory=queue.LifoQueue)
    _lock: threading.Lock = attrs.field(factory=threading.Lock)
    _threads: list[threading.Thread] = attrs.field(factory=list)
    _open: set[Directory] = attrs.field(factory=set)
    _result: Content | None = None
    _failure: BaseException | None = None

    def content(self, root: Directory) -> Content:
        self._queue.put(root)
        self._work(None)
        for thread in self._threads:
            thread.join()
        for directory in self._open:
            directory.close()
        if self._failure:
            raise self._failure
        assert self._result  # noqa: S101 -- the queue ends with a result or a failure
        return self._result

    def _work(self, assistant: Assistant | None) -> None:
        done = 0
        try:
            reader = FileReader()
            while directory := self._queue.get():
                self._take_up(directory, assistant, reader)
                done += len(directory.nodes)
                self._complete(directory)
                if assistant is None and done > _MANY and not self._threads:
                    self._call_in()
        except BaseException as error:  # noqa: BLE001 -- the thread that waits for us raises it, whatever it is
            self._failure = self._failure or error
            self._stop()

    def _call_in(self) -> None:
        self._threads = [threading.Thread(target=self._assist, args=(it,), daemon=True) for it in self.assistants]
        for thread in self._threads:
            thread.start()

    def _assist(self, start: Callable[[], Assistant]) -> None:
        with contextlib.suppress(OSError), contextlib.closing(start()) as assistant:
            self._work(assistant)

    def _stop(self) -> None:
        for _ in range(1 + len(self.assistants)):
            self._queue.put(None)

    def _take_up(self, directory: Directory, assistant: Assistant | None, reader: FileReader) -> None:
        """Do all that *directory* holds but for the directories in it."""
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
                self._files(directory, names, assistant, reader)
        except OSError as error:
            raise _locate(error, directory.place) from None

    def _is_file(self, directory: Directory, entry: os.DirEntry[str]) -> bool:
        """See to *entry*, which is no file, and return so."""
        name = entry.name
        place = f"{directory.place}/{name}"
        if entry.is_dir(follow_symlinks=False):
            with self._lock:
                directory.pending += 1
            self._queue.put(Directory(directory, name, place, directory.depth + 1))
        elif entry.is_symlink():
            try:
                digest = self.visitor.symlink(directory, name, place)
            except OSError as error:
                raise _locate(error, place) from None
            directory.nodes.append((os.fsencode(name), Kind.SYMLINK, digest))
        else:
            raise refusal(place, entry.stat(follow_symlinks=False).st_mode)
        return False

    def _files(self, directory: Directory, names: list[str], assistant: Assistant | None, reader: FileReader) -> None:
        """See to the files *names* of *directory*: what *assistant* does, and the rest."""
        results = assistant.files(directory, names) if assistant else []
        results += self._visit(directory, names[len(results) :], reader)
        encoded = os.fsencode("\0".join(names)).split(b"\0")  # all at once takes a third of the time
        directory.size += sum([size for _, _, size, _ in results])
        directory.nodes += [(name, kind, digest) for name, (kind, digest, _, _) in zip(encoded, results, strict=False)]

    def _visit(self, directory: Directory, names: list[str], reader: FileReader) -> list[Read]:
        """Return what the visitor makes of the files *names*, as far as all goes well elsewhere, too."""
        results: list[Read] = []
        try:
            for result in self.visitor.files(directory, names, reader):
                results.append(result)
                if self._failure:
                    break
        except OSError as error:
            raise _locate(error, directory.path_of(names[len(results)])) from None
        return results

    def _complete(self, directory: Directory) -> None:
        """Note that one part of *directory* is done; fold it into its parent if it was the last, and so on up."""
        current: Directory | None = directory
        while current and not self._failure:
            with self._lock:
                current.pending -= 1
                if current.pending:
                    return
            digest = listing_digest(current.nodes)
            self.visitor.leave(current, digest)
            self._open.discard(current)
            current.close()
            size = current.size + current.size_below
            nodes = len(current.nodes) + current.nodes_below
            parent = current.parent
            if parent:
                with self._lock:
                    parent.nodes.append((os.fsencode(current.name), Kind.DIRECTORY, digest))
                    parent.size_below += size
                    parent.nodes_below += nodes
            else:
                self._result = Content(tree_digest(Kind.DIRECTORY, digest), size, nodes + 1)
                self._stop()
            current = parent


def _locate(error: OSError, place: str) -> OSError:
    """Return *error* with *place* for a file name if it has but one component of it."""
    if isinstance(error.filename, str | bytes) and os.sep not in os.fsdecode(error.filename):
        error.filename = place
    return error
