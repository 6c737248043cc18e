"""The content of an object as a Merkle tree: files, directories, symbolic links, nothing else.

    node       = kind name-length name digest         a line of a directory's listing
    kind       = "f" file | "x" executable file | "d" directory | "l" symbolic link
    digest     = BLAKE3(content)                      of a file
               | BLAKE3(target)                       of a symbolic link
               | BLAKE3(nodes, by name, bytewise)     of a directory
    tree digest = BLAKE3 derive-key "kernix 1 tree" (kind digest)

Name lengths are little-endian 32-bit numbers; names are bytes. Owners, times, extended
attributes and all of the mode but the executable bit are not part of the content. What
the grammar cannot say: a tree is at most MAX_DEPTH directories deep. The form follows
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


MAX_NAME = 255
MAX_TARGET = 4095
MAX_DEPTH = 256  # walking a tree costs a descriptor and a stack frame for each level

_CONTEXT = "kernix 1 tree"
_HEAD = struct.Struct("<cI")


class Kind(enum.Enum):
    """What a node is; the value is its letter in a listing."""

    FILE = b"f"
    EXECUTABLE = b"x"
    DIRECTORY = b"d"
    SYMLINK = b"l"


class InvalidTree(Error):
    """A tree holds something that no store object may hold."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@attrs.frozen
class Content:
    """What a tree amounts to.

    Attributes:
        digest: BLAKE3 of the kind and content of its root, 32 bytes.
        size: How many bytes its files have.
        nodes: How many files, links and directories it is made of, the root among them.
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
    """Return the digest of a whole object whose root is a *kind* with *digest*."""
    return blake3(kind.value + digest, derive_key_context=_CONTEXT).digest()


def check_node_name(name: bytes) -> bytes:
    """Return *name* if a node may bear it: the one place where a name becomes a path.

    Raises:
        InvalidTree: the name is empty, `.`, `..`, too long, or has a slash or NUL in it.
    """
    if name in {b"", b".", b".."} or b"/" in name or b"\0" in name or len(name) > MAX_NAME:
        raise InvalidTree(repr(name)[1:], "not a file name")
    return name


def _by_name(node: tuple[bytes, Kind, bytes]) -> bytes:
    return node[0]
