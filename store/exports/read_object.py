"""Read one object from its root to its last file, and check on the way that it is what was registered."""

from __future__ import annotations

import contextlib
import os
import stat

from typing import TYPE_CHECKING, Protocol

import attrs

from blake3 import blake3

from store.registration import ObjectDamaged, ObjectGone
from store.trees.content import InvalidTree, Kind, listing_digest, tree_digest
from store.trees.reading import (
    OPEN_DIRECTORY,
    FileReader,
    check_depth,
    file_kind,
    open_file,
    read_target,
    refusal,
)


if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from store.path import StorePath


class Sink(Protocol):
    """Receives the nodes of a tree: a directory before what is in it, names in bytewise order.

    Paths are relative, with `/` between names; the root's is empty.
    """

    def enter(self, path: bytes) -> None:
        """Begin the directory *path*."""
        ...

    def leave(self, path: bytes) -> None:
        """End the directory *path*."""
        ...

    def file(self, path: bytes, *, size: int, executable: bool, chunks: Iterator[memoryview]) -> None:
        """Take the file *path* of *size* bytes; all *chunks* have to be read, and each is valid until the next."""
        ...

    def symlink(self, path: bytes, target: bytes) -> None:
        """Take the symbolic link *path* to *target*."""
        ...


def read_object(
    path: StorePath, place: Path, digest: bytes, sink: Sink, *, order: Callable[[bytes], bytes] | None = None
) -> None:
    """Give the nodes of the object *path*, which is at *place*, to *sink*.

    With *order*, the entries of a directory come in the order of what it returns for their names.

    Raises:
        ObjectDamaged: its content does not have the *digest* that was registered; by then *sink* has all of it.
        ObjectGone: it is not on the disk.
        OSError: it cannot be read.
    """
    try:
        kind, root = _Reading(sink, order).node(None, os.fspath(place), b"")
    except FileNotFoundError:
        raise ObjectGone(path) from None
    except InvalidTree:
        raise ObjectDamaged(path) from None
    if tree_digest(kind, root) != digest:
        raise ObjectDamaged(path)


@attrs.frozen
class _Reading:
    sink: Sink
    order: Callable[[bytes], bytes] | None
    reader: FileReader = attrs.field(factory=FileReader)

    def node(self, dir_fd: int | None, name: str | bytes, path: bytes) -> tuple[Kind, bytes]:
        """Read the node *name* in *dir_fd*, which is *path* in the tree, and return its kind and digest."""
        mode = os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            return Kind.DIRECTORY, self._directory(dir_fd, name, path)
        if stat.S_ISLNK(mode):
            target = read_target(dir_fd, name)
            self.sink.symlink(path, target)
            return Kind.SYMLINK, blake3(target).digest()
        if stat.S_ISREG(mode):
            return self._file(dir_fd, name, path)
        raise refusal(os.fsdecode(path), mode)

    def _directory(self, dir_fd: int | None, name: str | bytes, path: bytes) -> bytes:
        check_depth(path.count(b"/") + bool(path), os.fsdecode(path))
        fd = os.open(name, OPEN_DIRECTORY, dir_fd=dir_fd)
        try:
            self.sink.enter(path)
            start = path + b"/" if path else b""
            with os.scandir(fd) as found:
                names = sorted((os.fsencode(it.name) for it in found), key=self.order)
            nodes = [(it, *self.node(fd, it, start + it)) for it in names]
            self.sink.leave(path)
        finally:
            os.close(fd)
        return listing_digest(nodes)

    def _file(self, dir_fd: int | None, name: str | bytes, path: bytes) -> tuple[Kind, bytes]:
        fd, status = open_file(dir_fd, name, os.fsdecode(path))
        try:
            kind, hasher = file_kind(status.st_mode), blake3()
            given = 0

            def chunks() -> Generator[memoryview, None, None]:
                nonlocal given
                for piece in self.reader.pieces(fd):
                    given += len(piece)
                    if given > status.st_size:
                        raise InvalidTree(os.fsdecode(path), "it grows")
                    hasher.update(piece)
                    yield piece

            with contextlib.closing(chunks()) as pieces:
                self.sink.file(path, size=status.st_size, executable=kind is Kind.EXECUTABLE, chunks=pieces)
            if given < status.st_size:
                raise InvalidTree(os.fsdecode(path), "it was cut off")
        finally:
            os.close(fd)
        return kind, hasher.digest()
