"""Read a tree and return its listings, with helpers if it is large.

Each helper appends the listings of its directories to one file in memory. What it wrote before it failed is of no harm:
listings are found by their content.
"""

from __future__ import annotations

import contextlib
import os
import struct

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from store.trees.content import Kind, listing_of
from store.trees.hash_tree import Look
from store.trees.helpers import serve_walks, tree_helpers
from store.trees.walk import walk


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from store.trees.reading import FileReader, Name, Read
    from store.trees.walk import Directory


_LENGTH = struct.Struct("<I")


def list_tree(path: Path) -> tuple[Kind, bytes, dict[bytes, bytes]]:
    """Return the kind and digest of the root of the tree at *path*, and the listings of its directories by digest.

    Raises:
        InvalidTree: it contains a fifo, a socket or a device, or is too deep.
        OSError: something cannot be read; the error's file name is the whole path.
    """
    listings: dict[bytes, bytes] = {}
    listing = _List(keep=listings.__setitem__)
    with contextlib.closing(_Shared.make()) as shared:
        helping = tree_helpers("store.trees.list_tree", "help_listing", shared.place, source=path)
        walk(path, listing, helping)
        for found in shared.all():
            listings[blake3(found).digest()] = found
    kind, digest = listing.root
    return kind, digest, listings


def help_listing(place: str) -> None:
    """Serve another process: read trees, and append their listings to the file *place*."""
    descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def keep(_: bytes, listing: bytes) -> None:
        record = _LENGTH.pack(len(listing)) + listing
        if os.write(descriptor, record) != len(record):
            message = "a listing was cut off"
            raise OSError(message)

    serve_walks(lambda _: _List(keep=keep), "")


@attrs.define
class _List(Look):
    """Reads a tree and passes each directory's digest and listing to *keep*."""

    keep: Callable[[bytes, bytes], None] = attrs.field(kw_only=True)
    root: tuple[Kind, bytes] = attrs.field(default=(Kind.DIRECTORY, b""), init=False)

    def file(self, directory: Directory | None, name: Name, place: str, reader: FileReader) -> Read:
        """Read the file *name* to its end."""
        found = super().file(directory, name, place, reader)
        if directory is None:
            self.root = found[:2]
        return found

    def symlink(self, directory: Directory | None, name: Name, place: str) -> bytes:
        """Return the digest of the symbolic link *name*."""
        digest = super().symlink(directory, name, place)
        if directory is None:
            self.root = (Kind.SYMLINK, digest)
        return digest

    def leave(self, directory: Directory, digest: bytes) -> None:
        """Keep the listing of *directory*."""
        self.keep(digest, listing_of(directory.nodes))
        if directory.parent is None:
            self.root = (Kind.DIRECTORY, digest)


@attrs.frozen
class _Shared:
    """A file in memory to which several processes append."""

    descriptor: int

    @classmethod
    def make(cls) -> _Shared:
        return cls(os.memfd_create("listings", os.MFD_CLOEXEC))

    @property
    def place(self) -> str:
        """Its path for processes of this user."""
        return f"/proc/{os.getpid()}/fd/{self.descriptor}"

    def all(self) -> Iterator[bytes]:
        """Yield the listings, without one that was cut off at the end."""
        data = Path(self.place).read_bytes()
        start = 0
        while start + _LENGTH.size <= len(data):
            (length,) = _LENGTH.unpack_from(data, start)
            start += _LENGTH.size + length
            yield data[start - length : start]

    def close(self) -> None:
        os.close(self.descriptor)
