"""Manifests: what is in a tree, without the tree.

A manifest holds the listings of a tree's directories by their digests (`store.trees.content`), so equal directories
are there once, equal trees have equal manifests, and two trees are compared by descending where digests differ.

    manifest = magic kind digest count lengths listings checksum
    kind     = "f" | "x" | "d" | "l"       of the root, and its digest
    lengths  = one for each listing        32-bit numbers, as the count
    checksum = BLAKE3(everything before)

All numbers are little-endian. The listings' digests are not in it: they are computed.
"""

from __future__ import annotations

import array
import enum
import itertools
import os
import struct
import sys

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from store.errors import Error
from store.trees.content import (
    DIGEST_SIZE,
    InvalidTree,
    Kind,
    check_node_name,
    listing_of,
    nodes_of,
    tree_digest,
)


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import TypeAlias

    Node: TypeAlias = tuple[Kind, bytes]
    Change: TypeAlias = Node | None


_MAGIC = b"kernix manifest 1\n"
_HEAD = struct.Struct("<c32sI")
_NUMBER = 4  # bytes
_NO_LISTING = b""


class Difference(enum.Enum):
    """What has become of a file or link between two trees."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class InvalidManifest(Error):
    """Bytes are not a manifest, or are damaged."""

    reason: str

    def __str__(self) -> str:
        return f"invalid manifest: {self.reason}"


@attrs.define
class _Tree:
    """Changes to a directory: to what has a name in it, and to what is below that name."""

    changes: dict[bytes, Change] = attrs.field(factory=dict)
    below: dict[bytes, _Tree] = attrs.field(factory=dict)

    def adds(self) -> bool:
        """Return whether this puts anything into the directory."""
        return any(self.changes.values()) or any(it.adds() for it in self.below.values())


@attrs.frozen(eq=False, repr=False)
class Manifest:
    """The listing of a tree. Paths in it are relative, with `/` between names; the root's is empty.

    Attributes:
        kind: The kind of its root.
        root: The digest of its root; `digest` is that of the whole tree.
        listings: The listings of its directories by digest.
        exact: Whether these are all of its own; after changes there may be others.
    """

    kind: Kind
    root: bytes
    listings: Mapping[bytes, bytes]
    exact: bool = False
    _read: dict[bytes, dict[bytes, Node]] = attrs.field(factory=dict, init=False)  # those that have been needed

    @classmethod
    def of(cls, path: Path) -> Manifest:
        """Return the manifest of the tree at *path*, which is read to its end.

        Raises:
            InvalidTree: it contains a fifo, a socket or a device, or is too deep.
            OSError: something cannot be read; the error's file name is the whole path.
        """
        from store.trees.list_tree import list_tree  # noqa: PLC0415 -- start-up: most manifests are kept ones

        kind, root, listings = list_tree(path)
        return cls(kind, root, listings)

    @classmethod
    def of_written(cls, listings: Mapping[bytes, bytes]) -> Manifest:
        """Return the manifest of a tree from `Content.listings`."""
        return cls(Kind.DIRECTORY, next(reversed([*listings])), listings, exact=True)

    @property
    def digest(self) -> bytes:
        """Return the digest of the tree, as `Content.digest`."""
        return tree_digest(self.kind, self.root)

    def __eq__(self, other: object) -> bool:
        return (self.kind, self.root) == (other.kind, other.root) if isinstance(other, Manifest) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.kind, self.root))

    def __repr__(self) -> str:
        return f"<Manifest {self.digest.hex()[:12]}>"

    def entry(self, path: str) -> Node | None:
        """Return the kind and digest of what is at *path*, or None if nothing is."""
        node: Change = (self.kind, self.root)
        for name in os.fsencode(path).split(b"/") if path else ():
            if node is None or node[0] is not Kind.DIRECTORY:
                return None
            node = self._nodes(node[1]).get(name)
        return node

    def names(self, path: str) -> tuple[str, ...] | None:
        """Return the names in the directory *path*, sorted bytewise, or None if it is not a directory."""
        node = self.entry(path)
        if node is None or node[0] is not Kind.DIRECTORY:
            return None
        return tuple(map(os.fsdecode, self._nodes(node[1])))

    def paths(self) -> Iterator[tuple[str, Kind, bytes]]:
        """Yield path, kind and digest of each file and link, each directory's own before those below it."""
        return self._below(b"", (self.kind, self.root))

    def difference(self, other: Manifest) -> dict[str, Difference]:
        """Return what became of each file and link that *other* does not have, or has with another kind or content."""
        found: dict[str, Difference] = {}
        self._compare(other, b"", (self.kind, self.root), (other.kind, other.root), found)
        return found

    def missing(self, other: Manifest) -> list[str]:
        """Return the paths of this tree at which *other* has nothing, without those below others.

        If *other* is this tree with changes, hiding these and laying the changed files above it shows it.
        """
        found: list[str] = []
        if self.kind is other.kind is Kind.DIRECTORY:
            self._add_missing(other, b"", self.root, other.root, found)
        return found

    def with_changes(self, changes: Mapping[str, Change]) -> Manifest:
        """Return this tree with *changes* to its files and links: the new kind and digest, or None for a removed one.

        A file replaces a directory with everything in it, and a directory that a path needs replaces a file.
        Directories that removals empty are removed too, as in a union (`builtin:union`).

        Raises:
            InvalidTree: a path is not valid, needs a file to be a directory that is changed too, or the root is one.
        """
        tree = _Tree()
        for path, change in changes.items():
            _put(tree, path, change)
        if self.kind is not Kind.DIRECTORY:
            raise InvalidTree("the root", "it is not a directory, and only those have files to change")
        made: dict[bytes, bytes] = {}
        nodes, _ = self._changed(self._nodes(self.root), tree, made)
        root = _add(nodes, made)
        return Manifest(Kind.DIRECTORY, root, {**self.listings, **made})  # and those that the changes replace

    def encode(self) -> bytes:
        """Return the manifest as bytes: equal ones for equal trees."""
        listings = [self.listings[it] for it in sorted(self.listings if self.exact else self._directories())]
        lengths = array.array("I", map(len, listings))
        if sys.byteorder == "big":
            lengths.byteswap()
        head = _HEAD.pack(self.kind.value, self.root, len(listings))
        body = b"".join([_MAGIC, head, lengths.tobytes(), *listings])
        return body + blake3(body).digest()

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Return the manifest that `encode` made *data* of.

        Raises:
            InvalidManifest: it did not.
        """
        body, checksum = data[:-DIGEST_SIZE], data[-DIGEST_SIZE:]
        if not data.startswith(_MAGIC):
            raise InvalidManifest("it does not begin like one")
        if blake3(body).digest() != checksum:
            raise InvalidManifest("its checksum is wrong")
        try:
            letter, root, count = _HEAD.unpack_from(body, len(_MAGIC))
            start = len(_MAGIC) + _HEAD.size
            lengths = array.array("I", body[start : start + _NUMBER * count])
            if sys.byteorder == "big":
                lengths.byteswap()
            ends = [*itertools.accumulate(lengths, initial=start + _NUMBER * count)]
            parts = [body[start:end] for start, end in itertools.pairwise(ends)]
            found = cls(Kind(letter), root, {blake3(part).digest(): part for part in parts}, exact=True)
        except (struct.error, ValueError) as error:
            raise InvalidManifest(str(error)) from None
        if len(parts) != count or ends[-1] != len(body):
            raise InvalidManifest("its listings are not all there")
        return found

    def _nodes(self, digest: bytes) -> dict[bytes, Node]:
        """Return the nodes of the directory with *digest*, by name.

        Raises:
            InvalidManifest: its listing is missing or invalid.
        """
        found = self._read.get(digest)
        if found is None:
            try:
                found = {name: (kind, node) for name, kind, node in nodes_of(self.listings[digest])}
            except KeyError:
                raise InvalidManifest(f"the listing {digest.hex()} is missing") from None
            except ValueError as error:
                raise InvalidManifest(str(error)) from None
            self._read[digest] = found
        return found

    def _below(self, path: bytes, node: Node) -> Iterator[tuple[str, Kind, bytes]]:
        if node[0] is not Kind.DIRECTORY:
            yield os.fsdecode(path), *node
            return
        pending = [(path, node[1])]
        while pending:
            place, digest = pending.pop()
            start = place + b"/" if place else b""
            inner = []
            for name, (kind, inside) in self._nodes(digest).items():
                if kind is Kind.DIRECTORY:
                    inner.append((start + name, inside))
                else:
                    yield os.fsdecode(start + name), kind, inside
            pending += reversed(inner)

    def _compare(self, other: Manifest, path: bytes, old: Change, new: Change, found: dict[str, Difference]) -> None:
        """Add to *found* what differs between *old*, what this has at *path*, and *new*, what *other* has there."""
        if old == new:
            return
        was, is_ = (node is not None and node[0] is Kind.DIRECTORY for node in (old, new))
        if was and is_:
            before, after = self._nodes(old[1]), other._nodes(new[1])  # type: ignore[index]
            start = path + b"/" if path else b""
            for name in sorted({name for name, _ in before.items() ^ after.items()}):
                self._compare(other, start + name, before.get(name), after.get(name), found)
            return
        if old is not None and new is not None and not was and not is_:
            found[os.fsdecode(path)] = Difference.CHANGED
            return
        if old is not None:
            found.update((it, Difference.REMOVED) for it, _, _ in self._below(path, old))
        if new is not None:
            found.update((it, Difference.ADDED) for it, _, _ in other._below(path, new))

    def _add_missing(self, other: Manifest, path: bytes, old: bytes, new: bytes, found: list[str]) -> None:
        """Add to *found* what the directory *path* has here, where its digest is *old*, and not in *other*."""
        if old == new:
            return
        after = other._nodes(new)
        start = path + b"/" if path else b""
        for name, (kind, inside) in self._nodes(old).items():
            there = after.get(name)
            if there is None:
                found.append(os.fsdecode(start + name))
            elif kind is there[0] is Kind.DIRECTORY:
                self._add_missing(other, start + name, inside, there[1], found)

    def _changed(
        self, nodes: Mapping[bytes, Node], tree: _Tree, made: dict[bytes, bytes]
    ) -> tuple[dict[bytes, Node], bool]:
        """Return *nodes*, those of a directory, after *tree*, and whether something was to be removed there.

        The new listings of directories in it are added to *made*.
        """
        result = dict(nodes)
        removed = False
        for name, change in tree.changes.items():
            if change is not None:
                result[name] = change
            else:
                removed = True
                if name in result and result[name][0] is not Kind.DIRECTORY:
                    del result[name]
        for name, below in tree.below.items():
            node = result.get(name)
            is_directory = node is not None and node[0] is Kind.DIRECTORY
            if node is None or not is_directory:
                if not below.adds():
                    continue
                if tree.changes.get(name) is not None:
                    raise InvalidTree(os.fsdecode(name), "it cannot be a file and a directory")
                node = (Kind.DIRECTORY, _NO_LISTING)
            inner, emptied = self._changed(self._nodes(node[1]) if node[1] else {}, below, made)
            if inner or not emptied:
                result[name] = (Kind.DIRECTORY, _add(inner, made))
            else:
                del result[name]
                removed = True
        return result, removed

    def _directories(self) -> set[bytes]:
        """Return the digest of each directory."""
        pending = [self.root] if self.kind is Kind.DIRECTORY else []
        seen = {*pending}
        while pending:
            inner = {it for kind, it in self._nodes(pending.pop()).values() if kind is Kind.DIRECTORY}
            pending += inner - seen
            seen |= inner
        return seen


def _add(nodes: Mapping[bytes, Node], made: dict[bytes, bytes]) -> bytes:
    """Add the listing of a directory with *nodes* to *made*, and return its digest."""
    listing = listing_of((name, *node) for name, node in nodes.items())
    digest = blake3(listing).digest()
    made[digest] = listing
    return digest


def _put(tree: _Tree, path: str, change: Change) -> None:
    """Add the *change* of *path* to *tree*.

    Raises:
        InvalidTree: the path is not valid, or contradicts another.
    """
    *above, last = (check_node_name(name) for name in os.fsencode(path).split(b"/"))
    for name in above:
        tree = tree.below.setdefault(name, _Tree())
    tree.changes[last] = change
