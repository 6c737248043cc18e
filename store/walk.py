"""Walk a tree and fold it into its content, with assistants if it is large.

A `Visitor` says what becomes of each file, link and directory; `content_of` only reads. Nothing
here follows a symbolic link below the tree's root or opens a path of more than one component:
every directory is opened from its parent's descriptor. The directory that was found last is
taken up first, so the descriptors in use are those of one path from the root, for each
assistant; MAX_DEPTH bounds them.
"""

from __future__ import annotations

import contextlib
import os
import queue
import stat
import threading

from typing import TYPE_CHECKING, Protocol, TypeAlias

import attrs

from blake3 import blake3

from store.tree import MAX_DEPTH, Content, InvalidTree, Kind, listing_digest, tree_digest


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


Name: TypeAlias = str | bytes

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Not blocking, should a fifo stand where a file was seen a moment ago.
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

_BUFFER_SIZE = 1 << 20
_MANY = 1000  # nodes: what takes as long as starting a process

_WHAT = {
    stat.S_IFIFO: "a fifo",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


@attrs.frozen(kw_only=True)
class Node:
    """What a tree holds at one place, relative to its root."""

    place: str
    kind: Kind
    digest: bytes
    status: os.stat_result


@attrs.define
class FileReader:
    """Reads files through one buffer, so that reading allocates nothing; for one thread."""

    _buffers: list[bytearray] = attrs.field(factory=lambda: [bytearray(_BUFFER_SIZE)], repr=False)
    _view: memoryview = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._view = memoryview(self._buffers[0])

    def read(self, fd: int) -> memoryview:
        """Return the next bytes of *fd*, good until the next call; none at the end."""
        return self._view[: os.readv(fd, self._buffers)]

    def is_whole(self, data: memoryview) -> bool:
        """Return whether *data*, what the first read of a file gave, is all of it."""
        return len(data) < _BUFFER_SIZE

    def digest(self, fd: int) -> tuple[bytes, int]:
        """Return the digest and the size of what is in *fd* from where it stands."""
        data = self.read(fd)
        if self.is_whole(data):
            return blake3(data).digest(), len(data)
        hasher = blake3()
        size = 0
        while data:
            hasher.update(data)
            size += len(data)
            data = self.read(fd)
        return hasher.digest(), size


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

    def file(self, directory: Directory | None, name: Name, place: str, reader: FileReader) -> tuple[Kind, bytes, int]:
        """Return the kind, digest and size of the file *name*."""

    def symlink(self, directory: Directory | None, name: Name, place: str) -> bytes:
        """Return the digest of the symbolic link *name*."""

    def leave(self, directory: Directory, digest: bytes) -> None:
        """Finish *directory*, in which all is done."""


class Assistant(Protocol):
    """Somebody else who can do what the visitor does with files."""

    def files(self, directory: Directory, names: list[bytes]) -> list[tuple[Kind, bytes, int]]:
        """Return the kind, digest and size of the files *names* in *directory*, up to the first that failed."""

    def close(self) -> None:
        """Let it go."""


def content_of(
    path: Path, visit: Callable[[Node], None] | None = None, assistants: Sequence[Callable[[], Assistant]] = ()
) -> Content:
    """Return the content of what lies at *path*, having shown every node to *visit*, a directory after what it holds.

    What the *assistants* read, if the tree turns out to be large, is not shown.

    Raises:
        InvalidTree: there is a fifo, a socket or a device, or it is too deep.
        OSError: something cannot be read; its file name is the whole path.
    """
    return walk(path, Look(len(os.fspath(path)) + 1, visit), assistants)


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
        kind, digest, size = visitor.file(None, root, root, FileReader())
        return Content(tree_digest(kind, digest), size, 1)
    raise refusal(root, form)


def open_file(directory: Directory | None, name: Name, place: str) -> tuple[int, os.stat_result]:
    """Return a descriptor of the regular file *name*, and its status.

    Raises:
        InvalidTree: it is something else.
    """
    fd = os.open(name, OPEN_FILE, dir_fd=directory.fd if directory else None)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise refusal(place, status.st_mode)
    return fd, status


def read_target(directory: Directory | None, name: Name) -> bytes:
    """Return what the symbolic link *name* points to."""
    return os.readlink(os.fsencode(name), dir_fd=directory.fd if directory else None)


def file_kind(mode: int) -> Kind:
    """Return the kind of a regular file with *mode*: what its owner may do decides."""
    return Kind.EXECUTABLE if mode & stat.S_IXUSR else Kind.FILE


def refusal(place: str, mode: int) -> InvalidTree:
    """Return the error for what has *mode* at *place* and is no file, directory or symbolic link."""
    what = _WHAT.get(stat.S_IFMT(mode), "of unknown type")
    return InvalidTree(place, f"it is {what}, and only files, directories and symbolic links can be stored")


def check_depth(depth: int, place: str) -> None:
    """Refuse a directory *depth* levels below the root if no tree may be so deep.

    Raises:
        InvalidTree: it is too deep.
    """
    if depth > MAX_DEPTH:
        raise InvalidTree(f"{place[:200]}…", f"it is more than {MAX_DEPTH} directories deep")


@attrs.define
class Look:
    """Reads a tree and shows its nodes to *visit*, their places without the first *prefix* characters."""

    prefix: int = 0
    visit: Callable[[Node], None] | None = None

    def enter(self, directory: Directory) -> None:
        """Do nothing."""

    def file(self, directory: Directory | None, name: Name, place: str, reader: FileReader) -> tuple[Kind, bytes, int]:
        """Return the kind, digest and size of the file *name*, read to its end."""
        fd, status = open_file(directory, name, place)
        try:
            digest, size = reader.digest(fd)
        finally:
            os.close(fd)
        kind = file_kind(status.st_mode)
        self._show(place, kind, digest, status)
        return kind, digest, size

    def symlink(self, directory: Directory | None, name: Name, place: str) -> bytes:
        """Return the digest of the symbolic link *name*."""
        dir_fd = directory.fd if directory else None
        digest = blake3(read_target(directory, name)).digest()
        self._show(place, Kind.SYMLINK, digest, os.stat(name, dir_fd=dir_fd, follow_symlinks=False))
        return digest

    def leave(self, directory: Directory, digest: bytes) -> None:
        """Show *directory*."""
        self._show(directory.place, Kind.DIRECTORY, digest, os.fstat(directory.fd))

    def _show(self, place: str, kind: Kind, digest: bytes, status: os.stat_result) -> None:
        if self.visit:
            self.visit(Node(place=place[self.prefix :], kind=kind, digest=digest, status=status))


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
        seen = 0
        try:
            reader = FileReader()
            while directory := self._queue.get():
                self._take_up(directory, assistant, reader)
                seen += len(directory.nodes)
                self._complete(directory)
                if assistant is None and seen > _MANY and not self._threads:
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
        check_depth(directory.depth, directory.place)
        try:
            dir_fd = directory.parent.fd if directory.parent else None
            directory.fd = os.open(directory.name, OPEN_DIRECTORY, dir_fd=dir_fd)
            self._open.add(directory)
            self.visitor.enter(directory)
            with os.scandir(directory.fd) as entries:
                names = [entry.name for entry in entries if self._is_file(directory, entry)]
            done = self._delegate(directory, assistant, names) if assistant else 0
            for name in names[done:]:
                self._file(directory, name, reader)
                if self._failure:
                    return
        except OSError as error:
            raise _locate(error, directory.place) from None

    def _is_file(self, directory: Directory, entry: os.DirEntry[str]) -> bool:
        """Return whether *entry* is a file; see to it if it is something else."""
        if entry.is_file(follow_symlinks=False):
            return True
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

    def _delegate(self, directory: Directory, assistant: Assistant, names: list[str]) -> int:
        """Have *assistant* do the files *names*; return how many it did."""
        encoded = [os.fsencode(name) for name in names]
        results = assistant.files(directory, encoded) if names else []
        for name, (kind, digest, size) in zip(encoded, results, strict=False):
            directory.size += size
            directory.nodes.append((name, kind, digest))
        return len(results)

    def _file(self, directory: Directory, name: str, reader: FileReader) -> None:
        place = f"{directory.place}/{name}"
        try:
            kind, digest, size = self.visitor.file(directory, name, place, reader)
        except OSError as error:
            raise _locate(error, place) from None
        directory.size += size
        directory.nodes.append((os.fsencode(name), kind, digest))

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
