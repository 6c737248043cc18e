"""The files of a kept tree, with their digests: what it is checked against before each use.

Its form on disk: BLAKE3 of the rest in hexadecimal, then a line for each entry, `kind digest size path`, sorted by path;
kinds and digests are those of `store.trees.content`, a directory's digest is `-`, a link's is that of its target.
Paths are percent-encoded where they have a newline or are not UTF-8.
"""

from __future__ import annotations

import os
import urllib.parse

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class InvalidListing(ValueError):
    """The bytes are not a listing."""


@attrs.frozen
class Item:
    """A file, executable file or link (`f`, `x`, `l`) with its digest and size, or a directory (`d`)."""

    kind: str
    digest: bytes = b""
    size: int = 0


@attrs.frozen(eq=False)
class Listing:
    """The entries of a tree by path, directories before what is in them."""

    items: dict[str, Item]

    @classmethod
    def of(cls, items: dict[str, Item]) -> Listing:
        """Return the listing of *items*, in order."""
        return cls(dict(sorted(items.items())))

    @property
    def size(self) -> int:
        """Return the bytes of its files."""
        return sum(it.size for it in self.items.values())

    def encode(self) -> bytes:
        """Return the bytes to keep."""
        lines = [
            f"{it.kind} {it.digest.hex() or '-'} {it.size} {urllib.parse.quote(os.fsencode(path), safe=_SAFE)}\n"
            for path, it in self.items.items()
        ]
        body = "".join(lines).encode()
        return blake3(body).hexdigest().encode() + b"\n" + body

    @classmethod
    def decode(cls, data: bytes) -> Listing:
        """Return the listing that *data* holds.

        Raises:
            InvalidListing: it holds none, or was damaged.
        """
        checksum, _, body = data.partition(b"\n")
        if blake3(body).hexdigest().encode() != checksum:
            raise InvalidListing("its checksum does not match")
        items = {}
        for line in body.decode().splitlines():
            kind, digest, size, path = line.split(" ", 3)
            items[os.fsdecode(urllib.parse.unquote_to_bytes(path))] = Item(
                kind, b"" if digest == "-" else bytes.fromhex(digest), int(size)
            )
        return cls(items)


_SAFE = "/ !#$&'()*+,:;=?@[]~"


def is_whole(tree: Path, listing: Listing) -> str | None:
    """Return the first entry of *tree* that is not as *listing* says, None if all are."""
    if strays := set(_walk(tree)).symmetric_difference(listing.items):
        return min(strays)
    root = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for path, item in listing.items.items():
            try:
                if item.kind == "d":
                    continue
                if item.kind == "l":
                    data = os.fsencode(os.readlink(path, dir_fd=root))
                    fit = True
                else:
                    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
                    try:
                        status = os.fstat(fd)
                        data = os.read(fd, item.size + 1)
                        while len(data) <= item.size and (more := os.read(fd, item.size + 1)):
                            data += more
                    finally:
                        os.close(fd)
                    fit = bool(status.st_mode & 0o100) == (item.kind == "x") and status.st_mtime_ns == MTIME_NS
            except OSError:
                return path
            if not fit or blake3(data).digest() != item.digest:
                return path
    finally:
        os.close(root)
    return None


def _walk(tree: Path) -> Iterator[str]:
    """Yield the paths of everything below *tree*, relative to it."""
    top = len(os.fspath(tree)) + 1
    for above, directories, files in os.walk(tree):
        for name in (*directories, *files):
            yield f"{above}/{name}"[top:]


MTIME_NS = 10**9
"""The time of every file: that of everything in a store, so that nothing looks newer than what was made from it."""
