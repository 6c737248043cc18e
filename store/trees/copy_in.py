"""Copying somebody else's tree into the store: canonically, and through the pool.

The hash is of the copy, even if the source changes while it is read.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from store.trees.cached_walk import CachedVisitor
from store.trees.content import Content, InvalidTree, Kind
from store.trees.helpers import serve_walks, tree_helpers
from store.trees.pool import Pool
from store.trees.reading import (
    BATCH,
    OPEN_DIRECTORY,
    FileReader,
    Name,
    Read,
    file_kind,
    open_file,
    read_target,
    stamp,
)
from store.trees.walk import OpenDirectory, SkippingVisitor, walk
from store.trees.writer import finish_directory, put_chunks, put_file, put_files, put_symlink


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from store.trees.reading import Known
    from store.trees.stat_cache import Index


_SAMPLE = (
    64  # files: enough to distinguish most from few, and reading them takes moments. A wrong guess only costs time
)
_MANY = 500  # nodes: copying them takes as long as starting a process


def copy_in(source: Path, target: Path, pool: Pool, index: Index | None = None) -> Content:
    """Copy the tree at *source* to *target*, canonically and through *pool*, and return the copy's content.

    Files that *index* knows and *pool* has are linked without being read.

    Raises:
        InvalidTree: it contains a fifo, a socket or a device, or is too deep.
        OSError: something cannot be read or written; *target* is left unfinished.
    """
    copy = _Copy(os.fspath(target), pool)
    places = os.fspath(pool.directory), os.fspath(index.place) if index else ""
    helping = tree_helpers("store.trees.copy_in", "help_copying", *places, source=source, target=target)
    return walk(source, CachedVisitor(copy, index) if index else copy, helping, many=_MANY)


def seems_new(path: Path, pool: Pool) -> bool:
    """Return whether most of the first files in the tree at *path* are not in *pool*.

    In that case the tree is probably not in the store, and it is not worth reading all of it to find out.
    """
    try:
        known = [pool.has(digest, executable) for digest, executable in itertools.islice(_digests(path), _SAMPLE)]
    except (OSError, RecursionError):  # reading the whole tree will report the error
        return True
    return 2 * sum(known) < len(known)


def _digests(path: Path) -> Iterator[tuple[bytes, bool]]:
    reader = FileReader()
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        return
    for _, _, names, dir_fd in os.fwalk(path):
        for name in names:
            with contextlib.suppress(OSError, InvalidTree):  # reading the whole tree will report it
                fd, status = open_file(dir_fd, name, name)
                try:
                    yield reader.digest(fd)[0], file_kind(status.st_mode) is Kind.EXECUTABLE
                finally:
                    os.close(fd)


@attrs.frozen
class _Copy(SkippingVisitor):
    target: str
    pool: Pool

    def enter(self, directory: OpenDirectory) -> None:
        parent = directory.parent
        name, dir_fd = (directory.name, parent.target_fd) if parent else (self.target, None)
        os.mkdir(name, 0o755, dir_fd=dir_fd)
        directory.target_fd = os.open(name, OPEN_DIRECTORY, dir_fd=dir_fd)

    def file(self, directory: OpenDirectory | None, name: Name, place: str, reader: FileReader) -> Read:
        new, dir_fd = (name, directory.target_fd) if directory else (self.target, None)
        fd, status = open_file(directory.fd if directory else None, name, place)
        try:
            kind = file_kind(status.st_mode)
            executable = kind is Kind.EXECUTABLE
            data = reader.read(fd)
            if reader.is_whole(data):
                return kind, put_file(self.pool, data, executable, dir_fd, new), len(data), stamp(status)
            os.lseek(fd, 0, os.SEEK_SET)
            digest, size = reader.digest(fd)
            if not self.pool.link(digest, executable, dir_fd, new):
                os.lseek(fd, 0, os.SEEK_SET)
                digest, size = put_chunks(self.pool, reader.pieces(fd), executable, dir_fd, new)
        finally:
            os.close(fd)
        return kind, digest, size, stamp(status)

    def files(self, directory: OpenDirectory, names: Sequence[str], reader: FileReader) -> Iterator[Read]:
        for start in range(0, len(names), BATCH):
            several = names[start : start + BATCH]
            for name, copied in zip(several, self._together(directory, several, reader), strict=True):
                yield copied or self.file(directory, name, directory.path_of(name), reader)

    def _together(self, directory: OpenDirectory, names: Sequence[str], reader: FileReader) -> list[Read | None]:
        """Copy the small ones among the files *names*; return None for each that has to be copied by itself."""
        found = reader.small(directory.fd, names)
        files = [(name, *it) for name, it in zip(names, found, strict=True) if it]
        try:
            put_files(self.pool, files, directory.target_fd)
        except OSError:  # copying the file by itself meets the error again
            for name, *_ in files:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=directory.target_fd)
            return [None] * len(names)
        return [it and it[0] for it in found]

    def skip(self, directory: OpenDirectory, known: Known) -> Known:
        link, target_fd = self.pool.link, directory.target_fd
        return {
            name: it
            for name, it in known.items()
            if link(it[1], it[0] is Kind.EXECUTABLE, target_fd, name, likely=True)
        }

    def symlink(self, directory: OpenDirectory | None, name: Name, place: str) -> bytes:  # noqa: ARG002 -- the protocol's
        new, dir_fd = (name, directory.target_fd) if directory else (self.target, None)
        return put_symlink(read_target(directory.fd if directory else None, name), dir_fd, new)

    def leave(self, directory: OpenDirectory, digest: bytes) -> None:  # noqa: ARG002 -- the protocol's
        finish_directory(directory.target_fd)


def help_copying(pool: str, place: str) -> None:
    """Serve another process: copy through the pool in the directory *pool*, linking what the index at *place* knows."""
    opened = Pool.open(Path(pool))
    serve_walks(lambda target: _Copy(target, opened), place)
