"""Read a tree where it lies: its content, and node by node what it consists of.

Nothing here follows a symbolic link below the tree's root or opens a path of more than
one component: each directory is opened from its parent's descriptor, without following.
"""

from __future__ import annotations

import os
import stat

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from store.tree import MAX_DEPTH, Content, InvalidTree, Kind, listing_digest, tree_digest


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Not blocking, should a fifo stand where a file was seen a moment ago.
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

_BUFFER_SIZE = 1 << 20

_NAMES = {
    stat.S_IFIFO: "a fifo",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


@attrs.frozen(kw_only=True)
class Node:
    """What a tree holds at one place; *place* is empty for its root."""

    place: str
    kind: Kind
    digest: bytes
    status: os.stat_result


def content_of(path: Path, visit: Callable[[Node], None] | None = None) -> Content:
    """Return the content of what lies at *path*, having shown every node to *visit*, a directory after what it holds.

    Raises:
        InvalidTree: there is a fifo, a socket or a device, or it is too deep.
        OSError: something cannot be read; its file name is the whole path.
    """
    return _Walk(os.fspath(path), visit).content()


@attrs.define
class FileReader:
    """Reads files through one buffer, so that reading allocates nothing; for one thread."""

    buffer: bytearray = attrs.field(factory=lambda: bytearray(_BUFFER_SIZE), repr=False)
    view: memoryview = attrs.field(init=False, repr=False)
    _buffers: list[bytearray] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.view = memoryview(self.buffer)
        self._buffers = [self.buffer]

    def read(self, fd: int) -> memoryview:
        """Return the next bytes of *fd*, valid until the next read: less than the buffer holds only at the end."""
        count = os.readv(fd, self._buffers)
        return self.view[:count]

    def digest(self, fd: int) -> tuple[bytes, int]:
        """Return the digest and the size of what *fd* holds from where it stands."""
        data = self.read(fd)
        if len(data) < _BUFFER_SIZE:
            return blake3(data).digest(), len(data)
        hasher = blake3()
        size = 0
        while data:
            hasher.update(data)
            size += len(data)
            data = self.read(fd)
        return hasher.digest(), size

    def is_whole(self, data: memoryview) -> bool:
        """Return whether *data*, a file's first read, is all of the file."""
        return len(data) < _BUFFER_SIZE


def open_file(name: str | bytes, dir_fd: int | None, place: str) -> tuple[int, os.stat_result]:
    """Return a descriptor of the regular file *name* in *dir_fd*, and its status.

    Raises:
        InvalidTree: it is something else.
    """
    fd = os.open(name, OPEN_FILE, dir_fd=dir_fd)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise refusal(place, status.st_mode)
    return fd, status


def file_type(entry: os.DirEntry[str]) -> int:
    """Return the type bits of *entry*'s mode, from the directory itself where the file system tells."""
    if entry.is_file(follow_symlinks=False):
        return stat.S_IFREG
    if entry.is_dir(follow_symlinks=False):
        return stat.S_IFDIR
    if entry.is_symlink():
        return stat.S_IFLNK
    return stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode)


def file_kind(mode: int) -> Kind:
    """Return the kind of a regular file with *mode*: what its owner may do decides."""
    return Kind.EXECUTABLE if mode & stat.S_IXUSR else Kind.FILE


def refusal(place: str, mode: int) -> InvalidTree:
    """Return the error for what has *mode* at *place* and is no file, directory or symbolic link."""
    what = _NAMES.get(stat.S_IFMT(mode), "of unknown type")
    return InvalidTree(place, f"it is {what}, and only files, directories and symbolic links can be stored")


def check_depth(depth: int, place: str) -> None:
    """Refuse a directory that is *depth* levels below the root.

    Raises:
        InvalidTree: that is more than a tree may have.
    """
    if depth > MAX_DEPTH:
        raise InvalidTree(place[:200], f"it is more than {MAX_DEPTH} directories deep")


def locate(error: OSError, place: str) -> OSError:
    """Return *error* with *place* as its file name, if it names a single component so far."""
    if isinstance(error.filename, bytes | str) and os.sep not in os.fsdecode(error.filename):
        error.filename = place
    return error


@attrs.define
class _Walk:
    root: str
    visit: Callable[[Node], None] | None
    size: int = 0
    nodes: int = 0
    reader: FileReader = attrs.field(factory=FileReader)

    def content(self) -> Content:
        mode = os.lstat(self.root).st_mode
        kind, digest = self._node(self.root, stat.S_IFMT(mode), None, self.root, 0)
        return Content(tree_digest(kind, digest), self.size, self.nodes + 1)

    def _node(self, name: str, form: int, dir_fd: int | None, place: str, depth: int) -> tuple[Kind, bytes]:
        if form == stat.S_IFREG:
            return self._file(name, dir_fd, place)
        if form == stat.S_IFDIR:
            return Kind.DIRECTORY, self._directory(name, dir_fd, place, depth)
        if form == stat.S_IFLNK:
            return Kind.SYMLINK, self._symlink(name, dir_fd, place)
        raise refusal(place, form)

    def _directory(self, name: str, dir_fd: int | None, place: str, depth: int) -> bytes:
        check_depth(depth, place)
        fd = os.open(name, OPEN_DIRECTORY, dir_fd=dir_fd)
        try:
            with os.scandir(fd) as entries:
                nodes = [self._entry(entry, fd, f"{place}/{entry.name}", depth + 1) for entry in entries]
            self.nodes += len(nodes)
            digest = listing_digest(nodes)
            if self.visit:
                self._show(place, Kind.DIRECTORY, digest, os.fstat(fd))
        finally:
            os.close(fd)
        return digest

    def _entry(self, entry: os.DirEntry[str], fd: int, place: str, depth: int) -> tuple[bytes, Kind, bytes]:
        name = entry.name
        try:
            return os.fsencode(name), *self._node(name, file_type(entry), fd, place, depth)
        except OSError as error:
            raise locate(error, place) from None

    def _file(self, name: str, dir_fd: int | None, place: str) -> tuple[Kind, bytes]:
        fd, status = open_file(name, dir_fd, place)
        try:
            digest, size = self.reader.digest(fd)
        finally:
            os.close(fd)
        self.size += size
        kind = file_kind(status.st_mode)
        self._show(place, kind, digest, status)
        return kind, digest

    def _symlink(self, name: str, dir_fd: int | None, place: str) -> bytes:
        digest = blake3(os.fsencode(os.readlink(name, dir_fd=dir_fd))).digest()
        if self.visit:
            self._show(place, Kind.SYMLINK, digest, os.stat(name, dir_fd=dir_fd, follow_symlinks=False))
        return digest

    def _show(self, place: str, kind: Kind, digest: bytes, status: os.stat_result) -> None:
        if self.visit:
            self.visit(Node(place=place[len(self.root) + 1 :], kind=kind, digest=digest, status=status))
