"""Take trees in: copy one that belongs to someone else, or make one of ours canonical where it is.

Both hash what ends up in the store, not what was there before, and share every file through
the pool. A builder's output is distrusted: it is looked through before anything is changed, no
symbolic link is followed, each step is relative to an open directory.
"""

from __future__ import annotations

import os
import stat

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from store.tree import Content, Kind, listing_digest, tree_digest
from store.walk import OPEN_DIRECTORY, FileReader, check_depth, file_kind, file_type, locate, open_file, refusal
from store.writer import finish_directory, put_chunks, put_file, put_symlink


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from store.pool import Pool


def copy_in(source: Path, target: Path, pool: Pool) -> Content:
    """Copy the tree at *source* to *target*, canonically and through *pool*, and return what was written.

    Raises:
        InvalidTree: there is a fifo, a socket or a device, or it is too deep.
        OSError: something cannot be read or written; *target* is then left unfinished.
    """
    return _Copy(pool, source, target).content()


@attrs.define
class _Copy:
    pool: Pool
    source: Path
    target: Path
    size: int = 0
    nodes: int = 0
    reader: FileReader = attrs.field(factory=FileReader)

    def content(self) -> Content:
        source, target = os.fspath(self.source), os.fspath(self.target)
        form = stat.S_IFMT(os.lstat(source).st_mode)
        kind, digest = self._node(source, target, form, None, None, source, 0)
        return Content(tree_digest(kind, digest), self.size, self.nodes + 1)

    def _node(
        self, name: str, new_name: str, form: int, dir_fd: int | None, new_dir_fd: int | None, place: str, depth: int
    ) -> tuple[Kind, bytes]:
        if form == stat.S_IFREG:
            return self._file(name, new_name, dir_fd, new_dir_fd, place)
        if form == stat.S_IFDIR:
            return Kind.DIRECTORY, self._directory(name, new_name, dir_fd, new_dir_fd, place, depth)
        if form == stat.S_IFLNK:
            return Kind.SYMLINK, put_symlink(os.fsencode(os.readlink(name, dir_fd=dir_fd)), new_dir_fd, new_name)
        raise refusal(place, form)

    def _directory(
        self, name: str, new_name: str, dir_fd: int | None, new_dir_fd: int | None, place: str, depth: int
    ) -> bytes:
        check_depth(depth, place)
        os.mkdir(new_name, 0o755, dir_fd=new_dir_fd)
        fd = os.open(name, OPEN_DIRECTORY, dir_fd=dir_fd)
        new_fd = os.open(new_name, OPEN_DIRECTORY, dir_fd=new_dir_fd)
        try:
            with os.scandir(fd) as entries:
                nodes = [self._entry(entry, fd, new_fd, f"{place}/{entry.name}", depth+1) for entry in entries]
            self.nodes += len(nodes)
            finish_directory(new_fd)
        finally:
            os.close(fd)
            os.close(new_fd)
        return listing_digest(nodes)

    def _entry(self, entry, fd, new_fd, place, depth):
        name = entry.name
        try:
            return os.fsencode(name), *self._node(name, name, file_type(entry), fd, new_fd, place, depth)
        except OSError as error:
            raise locate(error, place) from None

    def _file(self, name, new_name, dir_fd, new_dir_fd, place):
        fd, status = open_file(name, dir_fd, place)
        try:
            executable = bool(status.st_mode & stat.S_IXUSR)
            data = self.reader.read(fd)
            if self.reader.is_whole(data):
                size = len(data)
                digest = put_file(self.pool, data, executable, new_dir_fd, new_name)
            else:
                os.lseek(fd, 0, os.SEEK_SET)
                digest, size = self.reader.digest(fd)
                if not self.pool.link(digest, executable, new_dir_fd, new_name):
                    os.lseek(fd, 0, os.SEEK_SET)
                    digest, size = put_chunks(self.pool, iter(lambda: self.reader.read(fd), b""), executable, new_dir_fd, new_name)
        finally:
            os.close(fd)
        self.size += size
        return file_kind(status.st_mode), digest
