"""Read a tree and compute its content.

`walk.walk` folds what is read here; `content.listing_digest` is the hash of a directory.
"""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from store.trees.content import Kind
from store.trees.reading import BATCH, FileReader, Name, Read, file_kind, open_file, read_target, stamp
from store.trees.walk import SkippingVisitor, walk


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from store.trees.content import Content
    from store.trees.walk import OpenDirectory


@attrs.frozen(kw_only=True)
class Node:
    """A node of a tree; *place* is relative to its root."""

    place: str
    kind: Kind
    digest: bytes
    status: os.stat_result


def content_of(path: Path, visit: Callable[[Node], None] | None = None) -> Content:
    """Return the content of the tree at *path*; call *visit* for every node, for a directory after its contents.

    It reads everything, in this thread: for those that run in parallel themselves (`store.verify`, `store.rebuild`), do
    not trust the index, or read one file. `helpers.read_content` is for large trees; here, its helpers would compete
    for processors, and loading it takes longer than reading a file.

    Raises:
        InvalidTree: it contains a fifo, a socket or a device, or is too deep.
        OSError: something cannot be read; the error's file name is the whole path.
    """
    return walk(path, ContentVisitor(len(os.fspath(path)) + 1, visit))


@attrs.define
class ContentVisitor(SkippingVisitor):
    """Reads a tree and passes its nodes to *visit*, their places without the first *prefix* characters."""

    prefix: int = 0
    visit: Callable[[Node], None] | None = None

    def enter(self, directory: OpenDirectory) -> None:
        """Do nothing."""

    def file(self, directory: OpenDirectory | None, name: Name, place: str, reader: FileReader) -> Read:
        """Read the file *name* to its end."""
        fd, status = open_file(directory.fd if directory else None, name, place)
        try:
            digest, size = reader.digest(fd)
        finally:
            os.close(fd)
        kind = file_kind(status.st_mode)
        self._show(place, kind, digest, status)
        return kind, digest, size, stamp(status)

    def files(self, directory: OpenDirectory, names: Sequence[str], reader: FileReader) -> Iterator[Read]:
        """Read the files *names*, several at a time if nobody wants to see them."""
        if self.visit:
            yield from super().files(directory, names, reader)
            return
        for start in range(0, len(names), BATCH):
            several = names[start : start + BATCH]
            for name, found in zip(several, reader.small(directory.fd, several), strict=True):
                yield found[0] if found else self.file(directory, name, directory.path_of(name), reader)

    def symlink(self, directory: OpenDirectory | None, name: Name, place: str) -> bytes:
        """Return the digest of the symbolic link *name*."""
        dir_fd = directory.fd if directory else None
        digest = blake3(read_target(dir_fd, name)).digest()
        self._show(place, Kind.SYMLINK, digest, os.stat(name, dir_fd=dir_fd, follow_symlinks=False))
        return digest

    def leave(self, directory: OpenDirectory, digest: bytes) -> None:
        """Pass *directory* to *visit*."""
        self._show(directory.place, Kind.DIRECTORY, digest, os.fstat(directory.fd))

    def _show(self, place: str, kind: Kind, digest: bytes, status: os.stat_result) -> None:
        if self.visit:
            self.visit(Node(place=place[self.prefix :], kind=kind, digest=digest, status=status))
