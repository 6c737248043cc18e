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
    from collections.abc import Iterable


MAX_NAME = 255  # bytes: Linux's NAME_MAX
MAX_TARGET = 4095  # bytes: Linux's PATH_MAX, less the final NUL
MAX_DEPTH = 256  # walking a tree costs a descriptor and a stack frame per level

_CONTEXT = "kernix 1 tree"
_HEAD = struct.Struct("<cI")


class Kind(enum.Enum):
    """The kind of a node; the value is its letter in a listing."""

    FILE = b"f"
    EXECUTABLE = b"x"
    DIRECTORY = b"d"
    SYMLINK = b"l"


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
    """

    digest: bytes
    size: int
    nodes: int


def listing_digest(nodes: Iterable[tuple[bytes, Kind, bytes]]) -> bytes:
    """Return the digest of a directory of (name, kind, digest) *nodes*, in any order."""
    pack = _HEAD.pack
    return blake3(
        b"".join([pack(kind._value_, len(name)) + name + digest for name, kind, digest in sorted(nodes, key=_by_name)])
    ).digest()


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
