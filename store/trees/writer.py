"""Writing a tree entry by entry, canonically, and computing its content on the way.

A `TreeWriter` accepts entries in any order, as archives have them: each file is hashed while it
is in memory, and linked from the pool if the pool has it. Files get their final mode and time when
they are written, directories when they are complete. Nothing is made durable here: one `syncfs`
does that for everything when the tree is committed.
"""

from __future__ import annotations

import os
import stat

from typing import TYPE_CHECKING, Self, TypeAlias

import attrs

from blake3 import blake3

from store.osutil.interrupt import check
from store.trees.content import (
    MAX_DEPTH,
    MAX_TARGET,
    Content,
    InvalidTree,
    Kind,
    check_node_name,
    listing_digest,
    tree_digest,
)
from store.trees.reading import OPEN_DIRECTORY, is_hole
from store.trees.seal import DIRECTORY_MODE, EXECUTABLE_MODE, FILE_MODE, MTIME_NS


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from store.trees.pool import Pool
    from store.trees.reading import Read


Bytes: TypeAlias = bytes | bytearray | memoryview

_TIMES = (MTIME_NS, MTIME_NS)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def put_file(pool: Pool, data: Bytes, executable: bool, dir_fd: int | None, name: bytes | str) -> bytes:
    """Write *data* to the file *name* in *dir_fd*, shared through *pool*, and return its digest."""
    digest = blake3(data).digest()
    if not pool.link(digest, executable, dir_fd, name):
        _create(data, executable, dir_fd, name)
        pool.offer(digest, executable, dir_fd, name)
    return digest


def put_files(pool: Pool, files: Sequence[tuple[str, Read, memoryview]], dir_fd: int) -> None:
    """Write *files* in *dir_fd*, shared through *pool*; each is a name, the expected kind, digest and size, and bytes.

    They are written before the pool is consulted, so this is for files that the pool probably lacks, and each step
    is done for all of them before the next. After an error, some may have been written.
    """
    fds: list[int] = []
    try:
        for name, _, _ in files:
            fds.append(os.open(name, _CREATE, FILE_MODE, dir_fd=dir_fd))
        # The umask and the directory's ACL remove the same bits from all of them.
        right = not fds or stat.S_IMODE(os.fstat(fds[0]).st_mode) == FILE_MODE
        for fd, (_, _, data) in zip(fds, files, strict=True):
            _write_all(fd, data)
        for fd, (_, (kind, *_), _) in zip(fds, files, strict=True):
            if kind is Kind.EXECUTABLE or not right:
                os.fchmod(fd, EXECUTABLE_MODE if kind is Kind.EXECUTABLE else FILE_MODE)
            os.utime(fd, ns=_TIMES)
    finally:
        for fd in fds:
            os.close(fd)
    for name, (kind, digest, *_), _ in files:
        pool.offer(digest, kind is Kind.EXECUTABLE, dir_fd, name)


def put_chunks(
    pool: Pool, chunks: Iterable[Bytes], executable: bool, dir_fd: int | None, name: bytes | str
) -> tuple[bytes, int]:
    """Write *chunks* to the file *name* in *dir_fd*, shared through *pool*, and return its digest and size.

    The file is written before its digest is known; the pool's file then takes its place. Holes stay holes.
    """
    hasher = blake3()
    size = 0
    fd = os.open(name, _CREATE, 0o600, dir_fd=dir_fd)
    try:
        for chunk in chunks:
            check()
            hasher.update(chunk)
            size += len(chunk)
            write_piece(fd, chunk)
        os.ftruncate(fd, size)  # the file may end in a hole
        finish_file(fd, executable)
    finally:
        os.close(fd)
    digest = hasher.digest()
    pool.offer(digest, executable, dir_fd, name)
    return digest, size


def write_piece(fd: int, piece: Bytes) -> None:
    """Write *piece*, or seek past it if it is part of a hole; at the end the caller has to set the file's size."""
    if is_hole(piece):
        os.lseek(fd, len(piece), os.SEEK_CUR)
    else:
        _write_all(fd, piece)


def put_symlink(target: bytes, dir_fd: int | None, name: bytes | str) -> bytes:
    """Create the symbolic link *name* in *dir_fd* to *target*, and return its digest."""
    os.symlink(target, os.fsencode(name), dir_fd=dir_fd)
    os.utime(name, ns=_TIMES, dir_fd=dir_fd, follow_symlinks=False)
    return digest_target(target)


def digest_target(target: bytes) -> bytes:
    """Return the digest of a symbolic link to *target*."""
    return blake3(target).digest()


def finish_file(fd: int, executable: bool) -> None:
    """Give the file *fd* its final mode and time."""
    os.fchmod(fd, EXECUTABLE_MODE if executable else FILE_MODE)
    os.utime(fd, ns=_TIMES)


def finish_directory(fd: int) -> None:
    """Give the directory *fd*, which will not change any more, its final mode and time."""
    os.fchmod(fd, DIRECTORY_MODE)
    os.utime(fd, ns=_TIMES)


@attrs.frozen
class _File:
    kind: Kind
    digest: bytes
    size: int  # in bytes


@attrs.define(eq=False)
class _Directory:
    entries: dict[bytes, _File | _Directory] = attrs.field(factory=dict)


@attrs.define
class TreeWriter:
    """Writes one canonical tree at *target*, which must not exist; a context manager, for use by one thread.

    Paths are relative to the tree's root, with `/` between names; the empty path is the root,
    which is a directory unless the first and only entry makes it something else. Missing parent
    directories are created. No path leads through a symbolic link.
    """

    pool: Pool
    target: Path
    _root: _Directory | _File | None = None
    _open: list[tuple[_Directory, int]] = attrs.field(
        factory=list, repr=False
    )  # from the root to the last entry's directory
    _last: bytes | None = None  # the path of that directory

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave(0)

    def directory(self, path: bytes | str) -> None:
        """Create the directory *path*, unless it exists.

        Raises:
            InvalidTree: *path* is not valid in this tree, or something else has it.
        """
        self._enter(os.fsencode(path))

    def file(
        self, path: bytes | str, data: Bytes | Iterable[Bytes], *, executable: bool = False, replace: bool = False
    ) -> None:
        """Write *data*, bytes or chunks, to the file *path*; *replace* an existing file or link.

        Raises:
            InvalidTree: *path* is not valid in this tree, or exists.
        """
        directory, dir_fd, name = self._claim(os.fsencode(path), replace=replace)
        if isinstance(data, bytes | bytearray | memoryview):
            digest, size = put_file(self.pool, data, executable, dir_fd, name), len(data)  # pyright: ignore[reportArgumentType]  # an iterable is not one of these memoryviews
        else:
            digest, size = put_chunks(self.pool, data, executable, dir_fd, name)
        self._record(directory, name, _File(Kind.EXECUTABLE if executable else Kind.FILE, digest, size))

    def pooled(self, path: bytes | str, digest: bytes, size: int, *, executable: bool = False) -> bool:
        """Link the file *path* to the pool's file with *digest*; return False, doing nothing, if there is none.

        Raises:
            InvalidTree: *path* is not valid in this tree, or exists.
        """
        directory, dir_fd, name = self._claim(os.fsencode(path), replace=False)
        if not self.pool.link(digest, executable, dir_fd, name):
            return False
        self._record(directory, name, _File(Kind.EXECUTABLE if executable else Kind.FILE, digest, size))
        return True

    def symlink(self, path: bytes | str, target: bytes | str, *, replace: bool = False) -> None:
        """Create the symbolic link *path* to any *target*; *replace* an existing file or link.

        Raises:
            InvalidTree: *path* is not valid in this tree, or exists, or *target* is not valid for a link.
        """
        goal = os.fsencode(target)
        if not 0 < len(goal) <= MAX_TARGET or b"\0" in goal:
            raise InvalidTree(os.fsdecode(path), f"a symbolic link cannot point to {os.fsdecode(goal[:100])!r}")
        directory, dir_fd, name = self._claim(os.fsencode(path), replace=replace)
        self._record(directory, name, _File(Kind.SYMLINK, put_symlink(goal, dir_fd, name), 0))

    def link(self, path: bytes | str, existing: bytes | str, *, replace: bool = False) -> None:
        """Make *path* the same file or symbolic link as *existing*, an earlier entry; *replace* an existing one.

        Raises:
            InvalidTree: *path* is not valid in this tree, or exists, or *existing* is not such an entry.
        """
        goal = os.fsencode(existing)
        parent, name = _split(goal)
        directory, source_fd = self._enter(parent, create=False)
        entry = directory.entries.get(name)
        if not isinstance(entry, _File):
            raise InvalidTree(
                os.fsdecode(path), f"it is a link to {os.fsdecode(goal)!r}, which is not a file in this tree"
            )
        if goal == os.fsencode(path):
            return
        source_fd = os.dup(source_fd)
        try:
            target, dir_fd, new_name = self._claim(os.fsencode(path), replace=replace)
            os.link(name, new_name, src_dir_fd=source_fd, dst_dir_fd=dir_fd, follow_symlinks=False)
        finally:
            os.close(source_fd)
        self._record(target, new_name, entry)

    def finish(self) -> Content:
        """Give all directories their final mode and time, and return the tree's content; no entry may follow."""
        root = self._root
        if isinstance(root, _File):
            return Content(tree_digest(root.kind, root.digest), root.size, 1)
        root, _ = self._enter(b"")
        self._leave(0)
        digest, size, nodes = _finish(root, os.open(self.target, OPEN_DIRECTORY))
        return Content(tree_digest(Kind.DIRECTORY, digest), size, nodes)

    def _claim(self, path: bytes, *, replace: bool) -> tuple[_Directory | None, int | None, bytes]:
        """Return where to create *path*: its directory (None for the root), that one's descriptor, and the name."""
        if not path:
            if self._root is not None:
                raise InvalidTree(os.fsdecode(self.target), "the tree already has a root")
            return None, None, os.fsencode(self.target)
        parent, name = _split(path)
        directory, fd = self._enter(parent)
        if name in directory.entries:
            if not replace or isinstance(directory.entries[name], _Directory):
                raise InvalidTree(os.fsdecode(path), "it already exists")
            os.unlink(name, dir_fd=fd)
            del directory.entries[name]
        return directory, fd, name

    def _record(self, directory: _Directory | None, name: bytes, entry: _File) -> None:
        if directory is None:
            self._root = entry
        else:
            directory.entries[name] = entry

    def _enter(self, path: bytes, *, create: bool = True) -> tuple[_Directory, int]:
        """Return the directory *path* and a descriptor of it, valid until the next call."""
        if path == self._last:
            return self._open[-1]
        self._last = None
        self._enter_root()
        names = path.split(b"/") if path else []
        if len(names) > MAX_DEPTH:
            raise InvalidTree(os.fsdecode(path[:200]), f"it is more than {MAX_DEPTH} directories deep")
        for level, name in enumerate(names, start=1):
            directory, fd = self._open[level - 1]
            child = directory.entries.get(name)
            if child is None and create:
                _check(name, path)
                os.mkdir(name, 0o755, dir_fd=fd)
                child = directory.entries[name] = _Directory()
            if not isinstance(child, _Directory):
                raise InvalidTree(os.fsdecode(path), f"its component {os.fsdecode(name)!r} is not a directory")
            if level == len(self._open) or self._open[level][0] is not child:
                self._leave(level)
                self._open.append((child, os.open(name, OPEN_DIRECTORY, dir_fd=fd)))
        self._leave(len(names) + 1)
        self._last = path
        return self._open[-1]

    def _enter_root(self) -> None:
        if self._root is None:
            self.target.mkdir(0o755)
            self._root = _Directory()
        if isinstance(self._root, _File):
            raise InvalidTree(os.fsdecode(self.target), "the tree is a single file and cannot have another entry")
        if not self._open:
            self._open.append((self._root, os.open(self.target, OPEN_DIRECTORY)))

    def _leave(self, depth: int) -> None:
        """Close all but the first *depth* of the open directories."""
        while len(self._open) > depth:
            _, fd = self._open.pop()
            self._last = None
            os.close(fd)


def _finish(directory: _Directory, fd: int) -> tuple[bytes, int, int]:
    """Finish the open *directory* and everything below it, close it, and return its digest, size and node count."""
    size, nodes = 0, 1
    listing = []
    check()
    try:
        for name, entry in directory.entries.items():
            if isinstance(entry, _File):
                listing.append((name, entry.kind, entry.digest))
                size += entry.size
                nodes += 1
                continue
            digest, child_size, child_nodes = _finish(entry, os.open(name, OPEN_DIRECTORY, dir_fd=fd))
            listing.append((name, Kind.DIRECTORY, digest))
            size += child_size
            nodes += child_nodes
        finish_directory(fd)
    finally:
        os.close(fd)
    return listing_digest(listing), size, nodes


def _split(path: bytes) -> tuple[bytes, bytes]:
    parent, _, name = path.rpartition(b"/")
    _check(name, path)
    return parent, name


def _check(name: bytes, path: bytes) -> None:
    try:
        check_node_name(name)
    except InvalidTree as error:
        raise InvalidTree(repr(path)[1:], f"its component {error.place} is {error.reason}") from None


def _create(data: Bytes, executable: bool, dir_fd: int | None, name: bytes | str) -> None:
    fd = os.open(name, _CREATE, 0o600, dir_fd=dir_fd)
    try:
        _write_all(fd, data)
        finish_file(fd, executable)
    finally:
        os.close(fd)


def _write_all(fd: int, data: Bytes) -> None:
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, memoryview(data)[written:])
