"""Unpacking frames into a tree, with the files that are here already linked instead.

Nothing is believed: names go through `TreeWriter`, which refuses those that lead elsewhere; a prefix is a file that the
base's manifest lists; no frame yields more than its listing says, and the listing no more than the info. Whoever
calls this compares the tree's digest with the expected one before anything else sees the tree.
"""

from __future__ import annotations

import functools
import os

from typing import TYPE_CHECKING

import attrs

from store.caches import zstd
from store.caches.pack import GROUP
from store.trees.content import Kind


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from store.caches.info import Info
    from store.caches.listing import File, Frame, Listing
    from store.caches.pack import Tree
    from store.trees.content import Content
    from store.trees.writer import TreeWriter


_LARGEST_GROUP = 16 * GROUP


def check_sizes(listing: Listing, info: Info) -> None:
    """Check that *listing* does not have more in it than *info* says.

    Raises:
        ValueError: it does.
    """
    if sum(it.size for it in listing.files) > info.size or sum(it.size for it in listing.frames) > info.size:
        msg = f"it has more than the {info.size} bytes of the object"
        raise ValueError(msg)
    if len(listing.files) + len(listing.links) + len(listing.directories) > info.nodes:
        msg = f"it has more than the {info.nodes} nodes of the object"
        raise ValueError(msg)


@attrs.frozen
class Frames:
    """The frames of an archive in an open file: frame n begins where it does in the archive."""

    descriptor: int
    starts: tuple[int, ...]

    def packed(self, number: int) -> Iterator[bytes]:
        """Yield the bytes of frame *number*."""
        place, end = self.starts[number : number + 2]
        while place < end:
            data = os.pread(self.descriptor, min(zstd.CHUNK, end - place), place)
            if not data:
                msg = f"frame {number} is cut"
                raise ValueError(msg)
            place += len(data)
            yield data


def unpack_tree(listing: Listing, frames: Frames, writer: TreeWriter, base: Tree | None = None) -> Content:
    """Write the tree that *listing* describes, and return its content.

    Raises:
        ValueError: the frames or the listing are damaged.
        InvalidTree: the listing has a path that no tree can have.
        OSError: something cannot be written.
    """
    if (listing.base is None) is not (base is None):
        msg = "it is not the listing of a delta" if base is not None else "it is the listing of a delta"
        raise ValueError(msg)
    if base is not None:
        _take_over(listing, base, writer)
    for directory in listing.directories:
        writer.directory(directory.path)
    for link in listing.links:
        writer.symlink(link.path, link.target)
    by_frame: dict[int, list[File]] = {}
    for file in listing.files:
        by_frame.setdefault(file.frame, []).append(file)
    for number, files in by_frame.items():
        missing = [it for it in files if not _pooled(writer, it)]
        if number < 0:
            for file in missing:
                writer.file(file.path, b"", executable=file.kind is Kind.EXECUTABLE)
        elif missing:
            frame = listing.frames[number]
            _unpack(frame, functools.partial(frames.packed, number), missing, writer, _prefix(frame, base))
    return writer.finish()


def _pooled(writer: TreeWriter, file: File) -> bool:
    return bool(file.size) and writer.pooled(file.path, file.digest, file.size, executable=file.kind is Kind.EXECUTABLE)


def _prefix(frame: Frame, base: Tree | None) -> bytes | None:
    if frame.prefix is None:
        return None
    node = None if base is None else base.nodes.get(frame.prefix)
    if base is None or node is None or node[0] not in {Kind.FILE, Kind.EXECUTABLE}:
        msg = "a frame's prefix is not a file of the base"
        raise ValueError(msg)
    if max(base.size(frame.prefix), frame.size) > zstd.MAX_PREFIX:
        msg = "a frame or its prefix is too large"
        raise ValueError(msg)
    return base.place(frame.prefix).read_bytes()


def _unpack(
    frame: Frame, packed: Callable[[], Iterator[bytes]], files: list[File], writer: TreeWriter, prefix: bytes | None
) -> None:
    if all(it.offset == 0 and it.size == frame.size for it in files):
        for number, file in enumerate(files):
            if number == 0 or not _pooled(writer, file):
                data = zstd.unpack(packed(), frame.size, prefix=prefix)
                writer.file(file.path, data, executable=file.kind is Kind.EXECUTABLE)
        return
    if frame.size > _LARGEST_GROUP:
        msg = f"a frame of {frame.size} bytes has several files"
        raise ValueError(msg)
    whole = memoryview(b"".join(zstd.unpack(packed(), frame.size, prefix=prefix)))
    for file in files:
        piece = whole[file.offset : file.offset + file.size]
        writer.file(file.path, piece, executable=file.kind is Kind.EXECUTABLE)


def _take_over(listing: Listing, base: Tree, writer: TreeWriter) -> None:
    """Write what the object has as the base has it."""
    changed = {*(it.path for it in listing.files), *(it.path for it in listing.links), *listing.removed}
    for path, (kind, digest) in base.nodes.items():
        if path in changed or kind is Kind.DIRECTORY:
            continue
        if kind is Kind.SYMLINK:
            writer.symlink(path, base.target(path))
            continue
        executable = kind is Kind.EXECUTABLE
        size = base.size(path)
        if not size or not writer.pooled(path, digest, size, executable=executable):
            writer.file(path, base.chunks(path) if size else b"", executable=executable)
