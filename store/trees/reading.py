"""Opening and reading a tree's nodes, and refusing those that no object can contain.

Nothing here follows a symbolic link or opens a path of more than one component below the tree's root.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import struct

from typing import TYPE_CHECKING, TypeAlias

import attrs

from blake3 import blake3

from store.osutil.interrupt import check
from store.trees.content import MAX_DEPTH, InvalidTree, Kind


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


Name: TypeAlias = str | bytes

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Not blocking, in case a fifo has just replaced the file.
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

_BUFFER_SIZE = 1 << 20  # bytes: sixteen small files (docs/performance.md, “Adding a tree”)
_SMALL = 1 << 16  # bytes: most source files are smaller
_BLOCK = 512  # stat(2)'s unit
_ZEROS = bytes(_BUFFER_SIZE)

BATCH = _BUFFER_SIZE // _SMALL
"""How many files `FileReader.small` reads at a time."""

_WHAT = {
    stat.S_IFIFO: "a fifo",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


Read: TypeAlias = tuple[Kind, bytes, int, bytes]
"""A file as it was read: its kind, digest, size, and stamp."""

Known: TypeAlias = dict[str, Read]
"""What the index knows about files of a directory."""

STAMP = struct.Struct("<Qqqq")
"""The stamp of a file, which changes with it: inode, size, mtime and ctime."""

Small: TypeAlias = tuple[Read, memoryview]
"""A file that was read in one go, and its bytes, which are valid until the reader is used again."""


@attrs.define
class FileReader:
    """Reads files through one buffer, so that reading allocates nothing; for use by one thread."""

    _buffers: list[bytearray] = attrs.field(factory=lambda: [bytearray(_BUFFER_SIZE)], repr=False)
    _view: memoryview = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._view = memoryview(self._buffers[0])

    def read(self, fd: int) -> memoryview:
        """Return the next bytes of *fd*, valid until the next call; no bytes at the end."""
        check()
        return self._view[: os.readv(fd, self._buffers)]

    def is_whole(self, data: memoryview) -> bool:
        """Return whether *data*, the result of a file's first read, is the whole file."""
        return len(data) < _BUFFER_SIZE

    def small(self, dir_fd: int, names: Sequence[Name]) -> list[Small | None]:
        """Read up to BATCH files *names* of *dir_fd*; return None for each that has to be read by itself.

        Those are large files and non-files, or all of them after an error. Each step is done for all the
        files before the next step: the kernel's and Python's code and data for it are then in the CPU's cache.
        """
        fds: list[int] = []
        try:
            for name in names:
                fds.append(os.open(name, OPEN_FILE, dir_fd=dir_fd))  # noqa: PERF401 -- closes those that were opened
            return self._each(fds, [os.fstat(fd) for fd in fds])
        except OSError:
            return [None] * len(names)
        finally:
            for fd in fds:
                os.close(fd)

    def _each(self, fds: list[int], statuses: list[os.stat_result]) -> list[Small | None]:
        results: list[Small | None] = []
        start = 0
        for fd, status in zip(fds, statuses, strict=True):
            room = self._view[start : start + _SMALL]
            if not stat.S_ISREG(status.st_mode) or status.st_size >= _SMALL or (size := os.readv(fd, [room])) == _SMALL:
                results.append(None)
                continue
            data = room[:size]
            results.append(((file_kind(status.st_mode), blake3(data).digest(), size, stamp(status)), data))
            start += size
        return results

    def digest(self, fd: int) -> tuple[bytes, int]:
        """Return the digest and the size of *fd*'s bytes from its present offset."""
        data = self.read(fd)
        if self.is_whole(data):
            return blake3(data).digest(), len(data)
        hasher = blake3()
        size = 0
        for piece in self._from_first(fd, data):
            hasher.update(piece)
            size += len(piece)
        return hasher.digest(), size

    def pieces(self, fd: int) -> Iterator[memoryview]:
        """Yield *fd*'s bytes from its present offset, each piece valid until the next; unallocated parts as holes."""
        data = self.read(fd)
        if not data or self.is_whole(data):
            yield data
        else:
            yield from self._from_first(fd, data)

    def _from_first(self, fd: int, data: memoryview) -> Iterator[memoryview]:
        """Yield *data*, the first piece of *fd*, and what follows."""
        status = os.fstat(fd)
        if status.st_blocks * _BLOCK < status.st_size:
            yield from self._sparse(fd, os.lseek(fd, -len(data), os.SEEK_CUR), status.st_size)
        else:
            yield data
        while data := self.read(fd):
            yield data

    def _sparse(self, fd: int, start: int, size: int) -> Iterator[memoryview]:
        """Yield the bytes of *fd* from *start* to *size* or its end, leaving its offset there."""
        while start < size:
            data = _next_data(fd, start, size)
            yield from _hole(data - start)
            end = os.lseek(fd, data, os.SEEK_HOLE) if data < size else size
            start = os.lseek(fd, data, os.SEEK_SET)
            while start < end:
                check()
                read = os.readv(fd, [self._view[: end - start]])
                if not read:  # the file was truncated meanwhile
                    return
                start += read
                yield self._view[:read]


def is_hole(piece: memoryview | bytes | bytearray) -> bool:
    """Return whether *piece*, from a reader, is part of a hole: zeros that take no room on the disk."""
    return isinstance(piece, memoryview) and piece.obj is _ZEROS


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the file at *path* in hexadecimal."""
    hasher = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        for piece in FileReader().pieces(file.fileno()):
            hasher.update(piece)
    return hasher.hexdigest()


def _hole(size: int) -> Iterator[memoryview]:
    while size > 0:
        check()
        piece = memoryview(_ZEROS)[:size]
        size -= len(piece)
        yield piece


def _next_data(fd: int, start: int, size: int) -> int:
    """Return the offset of the next data in the file *fd* from *start*, or *size*, its end, if there is none."""
    try:
        return min(os.lseek(fd, start, os.SEEK_DATA), size)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return size
        raise


def open_file(dir_fd: int | None, name: Name, place: str) -> tuple[int, os.stat_result]:
    """Return a descriptor of the regular file *name* in the directory *dir_fd*, and its status.

    Raises:
        InvalidTree: it is something else.
    """
    fd = os.open(name, OPEN_FILE, dir_fd=dir_fd)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise refusal(place, status.st_mode)
    return fd, status


def stamp(status: os.stat_result) -> bytes:
    """Return the stamp of a file with *status*."""
    return STAMP.pack(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_target(dir_fd: int | None, name: Name) -> bytes:
    """Return the target of the symbolic link *name* in the directory *dir_fd*."""
    return os.readlink(os.fsencode(name), dir_fd=dir_fd)


def file_kind(mode: int) -> Kind:
    """Return the kind of a regular file with *mode*, which depends on its owner's permissions."""
    return Kind.EXECUTABLE if mode & stat.S_IXUSR else Kind.FILE


def refusal(place: str, mode: int) -> InvalidTree:
    """Return the error for a node with *mode* at *place* that is not a file, directory or symbolic link."""
    what = _WHAT.get(stat.S_IFMT(mode), "of unknown type")
    return InvalidTree(place, f"it is {what}; only files, directories and symbolic links can be stored")


def check_depth(depth: int, place: str) -> None:
    """Refuse a directory *depth* levels below the root if that is too deep for a tree.

    Raises:
        InvalidTree: it is too deep.
    """
    if depth > MAX_DEPTH:
        raise InvalidTree(f"{place[:200]}…", f"it is more than {MAX_DEPTH} directories deep")
