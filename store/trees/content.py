"""The content of an object as a Merkle tree of files, directories and symbolic links.

    node       = kind name-length name digest         a line of a directory's listing
    kind       = "f" file | "x" executable file | "d" directory | "l" symbolic link
    digest     = BLAKE3(content)                      of a file
               | BLAKE3(target)                       of a symbolic link
               | BLAKE3(nodes, by name, bytewise)     of a directory
    tree digest = BLAKE3 derive-key "kernix 1 tree" (kind digest)

Name lengths are little-endian 32-bit numbers; names are bytes. Owners, times, extended
attributes and all mode bits except the executable bit are not part of the content. In
addition to the grammar, a tree is at most MAX_DEPTH directories deep. The form follows
tvix's castore (`castore/docs`) with a fixed binary listing instead of protobuf.
"""

from __future__ import annotations

import enum
import struct

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


MAX_NAME = 255  # bytes: Linux's NAME_MAX
MAX_TARGET = 4095  # bytes: Linux's PATH_MAX, less the final NUL
DIGEST_SIZE = 32  # bytes
MAX_DEPTH = 256  # walking a tree costs a descriptor and a stack frame per level

_CONTEXT = "kernix 1 tree"
_HEAD = struct.Struct("<cI")


class Kind(enum.Enum):
    """The kind of a node; the value is its letter in a listing."""

    FILE = b"f"
    EXECUTABLE = b"x"
    DIRECTORY = b"d"
    SYMLINK = b"l"


_KINDS = {kind.value: kind for kind in Kind}


class InvalidTree(Error):
    """A tree contains something that a store object cannot contain."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@attrs.frozen
class Content:
    """The summary of a tree.

    Attributes:
        digest: BLAKE3 of the kind and content of its root, 32 bytes.
        size: The total size of its files, in bytes.
        nodes: The number of its files, links and directories, including the root.
        listings: The listings of its directories by digest, the root's last, if whoever made the tree has them.
    """

    digest: bytes
    size: int
    nodes: int
    listings: Mapping[bytes, bytes] | None = attrs.field(default=None, eq=False, repr=False)


def listing_of(nodes: Iterable[tuple[bytes, Kind, bytes]]) -> bytes:
    """Return the listing of a directory of (name, kind, digest) *nodes*, in any order."""
    pack = _HEAD.pack
    return b"".join(
        [pack(kind._value_, len(name)) + name + digest for name, kind, digest in sorted(nodes, key=_by_name)]
    )


def listing_digest(nodes: Iterable[tuple[bytes, Kind, bytes]]) -> bytes:
    """Return the digest of a directory of (name, kind, digest) *nodes*, in any order."""
    return blake3(listing_of(nodes)).digest()


def nodes_of(listing: bytes) -> Iterator[tuple[bytes, Kind, bytes]]:
    """Yield the nodes in the *listing* of a directory, by name.

    Raises:
        ValueError: it is not one.
    """
    unpack, end = _HEAD.unpack_from, 0
    try:
        while end < len(listing):
            letter, length = unpack(listing, end)
            start = end + _HEAD.size
            middle = start + length
            end = middle + DIGEST_SIZE
            yield listing[start:middle], _KINDS[letter], listing[middle:end]
    except (struct.error, KeyError):
        end = -1
    if end != len(listing):
        message = "this is not the listing of a directory"
        raise ValueError(message)


def tree_digest(kind: Kind, digest: bytes) -> bytes:
    """Return the digest of a whole object whose root is of *kind* and has *digest*."""
    return blake3(kind.value + digest, derive_key_context=_CONTEXT).digest()


def check_node_name(name: bytes) -> bytes:
    """Return *name* if it is valid for a node: the only place where a name becomes a path.

    Raises:
        InvalidTree: the name is empty, `.`, `..`, too long, or contains a slash or NUL.
    """
    if name in {b"", b".", b".."} or b"/" in name or b"\0" in name or len(name) > MAX_NAME:
        raise InvalidTree(repr(name)[1:], "not a file name")
    return name


def _by_name(node: tuple[bytes, Kind, bytes]) -> bytes:
    return node[0]
