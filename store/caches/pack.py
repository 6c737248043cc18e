"""Packing a tree: an archive of frames, or a delta against another tree, each with its listing.

Files are taken in the order of their paths. A large one is a frame of its own, small ones share a frame: so any file can
be had alone, and small files compress together. In a delta, a changed file is a frame whose prefix is a file
of the base: one with the same content, else the one at the same path, else the one at the same path but for
numbers (`lib/modules/6.1.0-50/…`). Each distinct file is packed once.
"""

from __future__ import annotations

import os
import re

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from store.caches import zstd
from store.caches.listing import EMPTY, Directory, File, Frame, Link, Listing
from store.osutil.interrupt import check
from store.osutil.parallel import in_parallel
from store.trees.content import Kind, nodes_of


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from store.path import StorePath
    from store.trees.manifest import Manifest


SMALL = 64 << 10
"""Bytes of a file that shares a frame."""

GROUP = 256 << 10
"""Bytes of files in one frame, before they are packed: what one request for one file may cost."""

_BATCH = 64 << 20  # bytes that are packed at once: what is packed waits in memory for what comes before it
_NUMBER = re.compile(rb"[0-9]+")


@attrs.frozen
class Tree:
    """A tree on the disk and what is in it: the kind and digest of each node by its path."""

    root: Path
    nodes: dict[bytes, tuple[Kind, bytes]]

    @classmethod
    def of(cls, root: Path, manifest: Manifest) -> Tree:
        """Return the tree at *root*, whose manifest is *manifest*; of directories, only empty ones are listed."""
        return cls(root, dict(_nodes(manifest)))

    def place(self, path: bytes) -> Path:
        """Return where the node *path*, which is one of `nodes`, is."""
        return self.root / os.fsdecode(path) if path else self.root

    def size(self, path: bytes) -> int:
        """Return the size of the file *path*."""
        return self.place(path).lstat().st_size

    def target(self, path: bytes) -> bytes:
        """Return the target of the symbolic link *path*."""
        return os.fsencode(self.place(path).readlink())

    def chunks(self, path: bytes) -> Iterator[bytes]:
        """Yield the content of the file *path*."""
        with self.place(path).open("rb") as file:
            while chunk := file.read(zstd.CHUNK):
                check()
                yield chunk


@attrs.frozen
class Packed:
    """An archive that was written to a file: its digest and size, and its listing."""

    digest: bytes
    size: int
    listing: Listing


@attrs.define
class _Job:
    """A frame to make: its files, each with its offset, and where its prefix is."""

    files: list[tuple[bytes, int, int]]  # path, offset, size
    size: int = 0
    prefix: bytes | None = None


def pack_archive(tree: Tree, output: BinaryIO, *, threads: int) -> Packed:
    """Write the archive of *tree* to *output*.

    Raises:
        OSError: something cannot be read or written.
    """
    return _pack(tree, tree.nodes, output, threads, None)


def pack_delta(tree: Tree, base: Tree, base_path: StorePath, output: BinaryIO, *, threads: int) -> Packed:
    """Write what *tree* has and *base*, the object *base_path*, has not or has otherwise to *output*.

    Raises:
        OSError: something cannot be read or written.
    """
    changed = {
        path: node for path, node in tree.nodes.items() if node[0] is Kind.DIRECTORY or base.nodes.get(path) != node
    }
    return _pack(tree, changed, output, threads, (base_path, base))


def _pack(
    tree: Tree,
    nodes: dict[bytes, tuple[Kind, bytes]],
    output: BinaryIO,
    threads: int,
    against: tuple[StorePath, Tree] | None,
) -> Packed:
    base_path, base = against or (None, None)
    first: dict[tuple[Kind, bytes], bytes] = {}  # the path of the first file with each content
    sizes: dict[bytes, int] = {}
    for path in sorted(nodes):
        kind, _ = nodes[path]
        if kind in {Kind.FILE, Kind.EXECUTABLE}:
            sizes[path] = tree.size(path)
            first.setdefault(nodes[path], path)
    prefixes = _Prefixes.of(base)
    jobs = list(_jobs(nodes, first.values(), sizes, prefixes))
    frames: list[Frame] = []
    hasher = blake3()
    total = 0
    for batch in _batches(jobs):
        for job, data in zip(
            batch, in_parallel(lambda job: _frame(tree, base, job, threads), batch, threads), strict=True
        ):
            output.write(data)
            hasher.update(data)
            total += len(data)
            frames.append(Frame(len(data), job.size, job.prefix))
    place = {path: (number, offset) for number, job in enumerate(jobs) for path, offset, _ in job.files}
    listing = Listing(
        frames=tuple(frames),
        files=tuple(
            File(path, *nodes[path], size, *(place[first[nodes[path]]] if size else (EMPTY, 0)))
            for path, size in sizes.items()
        ),
        links=tuple(Link(path, tree.target(path)) for path, (kind, _) in sorted(nodes.items()) if kind is Kind.SYMLINK),
        directories=tuple(Directory(path) for path, (kind, _) in sorted(nodes.items()) if kind is Kind.DIRECTORY),
        base=base_path,
        removed=() if base is None else tuple(sorted(_leaves(base) - tree.nodes.keys())),
    )
    return Packed(hasher.digest(), total, listing)


def _leaves(tree: Tree) -> set[bytes]:
    return {path for path, (kind, _) in tree.nodes.items() if kind is not Kind.DIRECTORY}


@attrs.frozen
class _Prefixes:
    """Where a file's prefix may be in the base."""

    tree: Tree | None
    by_digest: dict[bytes, bytes]
    by_shape: dict[bytes, bytes | None]

    @classmethod
    def of(cls, base: Tree | None) -> _Prefixes:
        by_digest: dict[bytes, bytes] = {}
        by_shape: dict[bytes, bytes | None] = {}
        for path, (kind, digest) in base.nodes.items() if base is not None else ():
            if kind in {Kind.FILE, Kind.EXECUTABLE}:
                by_digest.setdefault(digest, path)
                shape = _NUMBER.sub(b"0", path)
                by_shape[shape] = None if shape in by_shape else path  # of several, none is the right one
        return cls(base, by_digest, by_shape)

    def find(self, path: bytes, digest: bytes, size: int) -> bytes | None:
        """Return the path of the prefix for the file *path*, if there is one."""
        if self.tree is None or size > zstd.MAX_PREFIX:
            return None
        same = path if self.tree.nodes.get(path, (None,))[0] in {Kind.FILE, Kind.EXECUTABLE} else None
        found = self.by_digest.get(digest) or same or self.by_shape.get(_NUMBER.sub(b"0", path))
        return found if found is not None and zstd.MIN_PREFIX <= self.tree.size(found) <= zstd.MAX_PREFIX else None


def _jobs(
    nodes: dict[bytes, tuple[Kind, bytes]], paths: Iterable[bytes], sizes: dict[bytes, int], prefixes: _Prefixes
) -> Iterator[_Job]:
    group = _Job([])
    for path in paths:
        size = sizes[path]
        if not size:
            continue
        prefix = prefixes.find(path, nodes[path][1], size)
        if prefix is not None or size >= SMALL:
            yield _Job([(path, 0, size)], size, prefix)
            continue
        if group.size + size > GROUP:
            yield group
            group = _Job([])
        group.files.append((path, group.size, size))
        group.size += size
    if group.files:
        yield group


def _batches(jobs: list[_Job]) -> Iterator[list[_Job]]:
    batch: list[_Job] = []
    total = 0
    for job in jobs:
        batch.append(job)
        total += job.size
        if total >= _BATCH:
            yield batch
            batch, total = [], 0
    yield batch


def _frame(tree: Tree, base: Tree | None, job: _Job, threads: int) -> bytes:
    prefix = None if job.prefix is None or base is None else base.place(job.prefix).read_bytes()
    chunks = (chunk for path, _, _ in job.files for chunk in tree.chunks(path))
    return zstd.pack(chunks, job.size, prefix=prefix, threads=threads)


def _nodes(manifest: Manifest) -> Iterator[tuple[bytes, tuple[Kind, bytes]]]:
    pending = [(b"", manifest.kind, manifest.root)]
    while pending:
        path, kind, digest = pending.pop()
        if kind is not Kind.DIRECTORY:
            yield path, (kind, digest)
            continue
        inner = [*nodes_of(manifest.listings[digest])]
        if not inner:
            yield path, (kind, digest)
        start = path + b"/" if path else b""
        pending += [(start + name, child, below) for name, child, below in reversed(inner)]
