"""Adopting the tree that a builder left: make it canonical in place, sharing every file through the pool.

The tree is not trusted: all of it is inspected before anything is changed, no symbolic link is
followed, and each step is relative to an open directory. If we are root, the tree belongs to the
user that the builder ran as, and becomes root's on the way.
"""

from __future__ import annotations

import errno
import os
import stat

from typing import TYPE_CHECKING, TypeAlias

import attrs

from store.osutil.interrupt import check
from store.trees.content import Content, InvalidTree, Kind
from store.trees.reading import (
    OPEN_DIRECTORY,
    FileReader,
    Name,
    Read,
    check_depth,
    file_kind,
    open_file,
    read_target,
    refusal,
    stamp,
)
from store.trees.seal import EXECUTABLE_MODE, FILE_MODE, MTIME_NS
from store.trees.walk import OpenDirectory, Visitor, walk
from store.trees.writer import digest_target, finish_directory, finish_file


if TYPE_CHECKING:
    from pathlib import Path

    from store.trees.pool import Pool

    _Inode: TypeAlias = tuple[int, int]


_TIMES = (MTIME_NS, MTIME_NS)
_CANONICAL_MODES = frozenset({FILE_MODE, EXECUTABLE_MODE})


def adopt(path: Path, pool: Pool, owner: int | None = None) -> Content:
    """Make the tree at *path*, which a builder left, canonical in place and return its content.

    All of it, including files that two outputs share, must belong to *owner* or to us; afterwards it is ours.

    The tree is checked before anything is changed, except that directories become accessible to
    their owner. Files that have their final mode and time and have links elsewhere also belong to
    other objects, and are left alone.

    Raises:
        InvalidTree: it contains a fifo, a socket, a device, a setuid, setgid or sticky bit, another user's
            file, a link to a file outside or an attribute that cannot be removed, or is too deep.
        OSError: something cannot be read or changed.
    """
    ours = os.geteuid()
    inspection = _Inspection(frozenset({ours, ours if owner is None else owner}))
    inspection.inspect(os.fspath(path))
    return walk(path, _Adopt(pool, inspection.shared(), foreign=inspection.owners != {ours}))


@attrs.define
class _Links:
    """The names of one inode: how many it has, how many of them were found, and the first."""

    count: int
    met: int
    place: str
    canonical: bool


@attrs.define
class _Inspection:
    """Inspects a tree that nobody else changes any more, and refuses what cannot be kept."""

    owners: frozenset[int]
    links: dict[_Inode, _Links] = attrs.field(factory=dict)

    def inspect(self, path: str) -> None:
        status = os.lstat(path)
        self._check(status, path)
        if stat.S_ISDIR(status.st_mode):
            self._directory(path, None, status, path, 0)

    def shared(self) -> set[_Inode]:
        """Return the files that have names outside the tree.

        Raises:
            InvalidTree: one of them is not canonical, so it cannot belong to another object.
        """
        outside = {inode: links for inode, links in self.links.items() if links.met < links.count}
        for links in outside.values():
            if not links.canonical:
                reason = f"it is a hard link, and {links.count - links.met} of its {links.count} links are elsewhere"
                raise InvalidTree(links.place, reason)
        return set(outside)

    def _directory(self, name: str, dir_fd: int | None, status: os.stat_result, place: str, depth: int) -> None:
        check_depth(depth, place)
        if status.st_mode & stat.S_IRWXU != stat.S_IRWXU:
            _permit(name, dir_fd, stat.S_IRWXU)
        fd = os.open(name, OPEN_DIRECTORY, dir_fd=dir_fd)
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    check()
                    child = f"{place}/{entry.name}"
                    child_status = entry.stat(follow_symlinks=False)
                    self._check(child_status, child)
                    if stat.S_ISDIR(child_status.st_mode):
                        self._directory(entry.name, fd, child_status, child, depth + 1)
        finally:
            os.close(fd)

    def _check(self, status: os.stat_result, place: str) -> None:
        form = stat.S_IFMT(status.st_mode)
        if form not in {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}:
            raise refusal(place, status.st_mode)
        if status.st_uid not in self.owners:
            raise InvalidTree(place, f"it belongs to user {status.st_uid}, not to the build user")
        bits = status.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX)
        if form == stat.S_IFDIR:
            bits &= ~stat.S_ISGID  # a directory inherits it from its parent; it will be removed
        if bits:
            raise InvalidTree(place, f"it has mode {stat.S_IMODE(status.st_mode):04o}: {_describe(bits)}")
        if form != stat.S_IFDIR and status.st_nlink > 1:
            inode = status.st_dev, status.st_ino
            links = self.links.setdefault(inode, _Links(status.st_nlink, 0, place, _is_canonical(status)))
            links.met += 1


@attrs.frozen
class _Adopt(Visitor):
    pool: Pool
    shared: set[_Inode]
    foreign: bool

    def enter(self, directory: OpenDirectory) -> None:
        pass

    def file(self, directory: OpenDirectory | None, name: Name, place: str, reader: FileReader) -> Read:
        dir_fd = directory.fd if directory else None
        try:
            fd, status = open_file(dir_fd, name, place)
        except PermissionError:
            _permit(name, dir_fd, stat.S_IRUSR)
            fd, status = open_file(dir_fd, name, place)
        try:
            kind = file_kind(status.st_mode)
            executable = kind is Kind.EXECUTABLE
            self._own(fd)
            if (status.st_dev, status.st_ino) not in self.shared:
                _strip(fd, place)
                if not _is_canonical(status):
                    finish_file(fd, executable)
            digest, size = reader.digest(fd)
        finally:
            os.close(fd)
        self.pool.offer(digest, executable, dir_fd, name)
        return kind, digest, size, stamp(status)

    def symlink(self, directory: OpenDirectory | None, name: Name, place: str) -> bytes:  # noqa: ARG002 -- the protocol's
        dir_fd = directory.fd if directory else None
        if self.foreign:
            os.chown(name, os.geteuid(), os.getegid(), dir_fd=dir_fd, follow_symlinks=False)
        os.utime(name, ns=_TIMES, dir_fd=dir_fd, follow_symlinks=False)
        return digest_target(read_target(dir_fd, name))

    def leave(self, directory: OpenDirectory, digest: bytes) -> None:  # noqa: ARG002 -- the protocol's
        _strip(directory.fd, directory.place)
        self._own(directory.fd)
        finish_directory(directory.fd)

    def _own(self, fd: int) -> None:
        if self.foreign:
            os.fchown(fd, os.geteuid(), os.getegid())


def _is_canonical(status: os.stat_result) -> bool:
    if status.st_mtime_ns != MTIME_NS:
        return False
    return stat.S_ISLNK(status.st_mode) or stat.S_IMODE(status.st_mode) in _CANONICAL_MODES


def _describe(bits: int) -> str:
    names = {stat.S_ISUID: "setuid", stat.S_ISGID: "setgid", stat.S_ISVTX: "sticky"}
    return f"objects cannot contain anything {' or '.join(name for bit, name in names.items() if bits & bit)}"


def _permit(name: Name, dir_fd: int | None, bits: int) -> None:
    """Give the owner of *name* the permissions *bits*; if it has become a symbolic link, that is an error."""
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        # Linux can neither change the mode of a path without following it, nor use fchmod on such a descriptor.
        os.chmod(f"/proc/self/fd/{fd}", stat.S_IMODE(os.fstat(fd).st_mode) | bits)  # noqa: PTH101 -- not a file's path
    finally:
        os.close(fd)


def _strip(fd: int, place: str) -> None:
    """Remove the extended attributes of *fd*, except those of the kernel's security modules."""
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno in {errno.ENOTSUP, errno.ENOSYS}:
            return
        raise
    for name in names:
        if name.startswith("security.") and name != "security.capability":
            continue
        try:
            os.removexattr(fd, name)
        except OSError as error:
            if error.errno == errno.ENODATA:  # an ACL that is equivalent to the mode
                continue
            raise InvalidTree(place, f"its extended attribute {name} cannot be removed: {error.strerror}") from None
