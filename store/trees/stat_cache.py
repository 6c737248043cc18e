"""The index of files as they were last read, so that unchanged files are not read again: like git's index, for `add`.

For each directory it holds the status of every file (inode, size, mtime and ctime) and the result of reading it. A
file whose status is unchanged has not been written to since: the kernel records every change in a file's ctime, which
programs cannot set. The cases that this does not cover are excluded:

- a file that was changed within MARGIN before it was read: it can change again within the resolution of the
  file system's times (two seconds for some) without a change of its status;
- everything read before the machine was booted or the file system mounted: after a power failure, or when a disk was
  pulled, a file may have older bytes than its times say;
- file systems not known to maintain such a time, on this machine and for every writer.

As with git, make and rsync, one case remains: a file that is written to through a shared mapping which existed
before and has not been written back since.

The index is a SQLite file that may be deleted at any time. If it is damaged, trees are read as if it did not exist.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
import threading

from typing import TYPE_CHECKING, Self, TypeAlias

import attrs

from blake3 import blake3

from store.osutil.mount_identity import boot_id, superblock_identity
from store.osutil.syscalls import file_system
from store.trees.content import Kind
from store.trees.reading import OPEN_DIRECTORY, STAMP, stamp


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from store.trees.reading import Known, Read

    Row: TypeAlias = tuple[bytes, bytes, bytes]


MARGIN = 3 * 10**9
"""Nanoseconds: more than the coarsest resolution of file times, two seconds."""

MAX_ENTRIES = 100_000
"""Directories: some twenty Linux trees. Those read longest ago are dropped first."""

_KEEPING_TIME = frozenset(
    {
        0x01021994,  # tmpfs
        0x2FC12FC1,  # ZFS
        0x58465342,  # XFS
        0x794C7630,  # overlayfs
        0x9123683E,  # Btrfs
        0xCA451A4E,  # bcachefs
        0xEF53,  # ext2, ext3, ext4
        0xF2F52010,  # F2FS
    }
)
_NOTHING_WRONG = frozenset(  # locked, no directory, no room
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
    }
)
_VERSION = 3  # of the tables; an index with another one is started afresh
_TABLES = """
create table boots (id text not null);
create table directories (
    number integer primary key autoincrement,
    device integer not null,
    inode integer not null,
    names blob not null,
    stamps blob not null,
    results blob not null,
    checksum blob not null,
    unique (device, inode)
);
"""
_NAMES = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
_READ = "select names, stamps, results, checksum from directories where device = ? and inode = ?"
_WRITE = "replace into directories (device, inode, names, stamps, results, checksum) values (?, ?, ?, ?, ?, ?)"
_FORGET = "delete from directories where number <= (select max(number) from directories) - ?"
_BUSY_SECONDS = 10  # for another process to save its index; without one, everything is read
_EACH_STAMP = struct.Struct(f"{STAMP.size}s")
_RESULT = struct.Struct("<c32sQ")
_KINDS = {kind.value: kind for kind in Kind}


@attrs.frozen
class DirectoryFiles:
    """What is known of the files of a *directory* (device and inode), and the digests of files that have changed."""

    directory: tuple[int, int]
    known: Known
    former: dict[str, bytes]


@attrs.define
class Index:
    """The known files, for threads of this process and other processes at the same time. A context manager."""

    place: Path
    _connection: sqlite3.Connection | None
    margin: int = MARGIN
    most: int = MAX_ENTRIES
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)
    _recent: dict[tuple[int, int], dict[str, Read]] = attrs.field(factory=dict, init=False, repr=False)
    _numbers: dict[int, int | None] = attrs.field(factory=dict, init=False, repr=False)  # by device
    _news: dict[tuple[int, int], Row] = attrs.field(factory=dict, init=False, repr=False)

    @classmethod
    def open(cls, place: Path, *, margin: int = MARGIN, most: int = MAX_ENTRIES) -> Self:
        """Return the index at *place*, creating it if it does not exist; an empty one if that fails."""
        connection = None
        with contextlib.suppress(sqlite3.Error, OSError):
            try:
                connection = _connect(place)
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOTHING_WRONG:
                    raise
                place.unlink()
                connection = _connect(place)
        return cls(place, connection, margin, most)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def has(self, directory: Path) -> bool:
        """Return whether *directory* has been read before."""
        try:
            fd = os.open(directory, OPEN_DIRECTORY & ~os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            own = self._own(fd)
        finally:
            os.close(fd)
        return own is not None and self._row(own) is not None

    def look_up(self, fd: int, names: Sequence[str]) -> DirectoryFiles | None:
        """Look up the files *names* in the directory *fd* and check their status; None if the directory is unsuitable.

        Their status is only read once: until it is closed, the index returns the same again.

        Raises:
            OSError: one no longer exists.
        """
        directory = self._own(fd)
        if directory is None:
            return None
        if (recent := self._recent.get(directory)) is not None:
            return DirectoryFiles(directory, {name: recent[name] for name in names if name in recent}, {})
        row = self._row(directory)
        if row is None:
            return DirectoryFiles(directory, {}, {})
        stamps = {name: stamp(os.stat(name, dir_fd=fd, follow_symlinks=False)) for name in names}
        seen = DirectoryFiles(directory, {}, {})
        for name, record in _records(row):
            present = stamps.get(name)
            if present == record[-1]:
                seen.known[name] = record
            elif present:
                seen.former[name] = record[1]
        self._recent[directory] = seen.known
        return seen

    def note(self, seen: DirectoryFiles, read: dict[str, Read], began: int) -> None:
        """Remember the results *read* of files of the directory *seen*; reading began at the time *began*."""
        latest = began - self.margin
        records = self._recent[seen.directory] = dict(seen.known)
        for name, result in read.items():
            _, size, _, changed = STAMP.unpack(result[-1])
            if size == result[2] and changed < latest:
                records[name] = result
        self._news[seen.directory] = (
            os.fsencode("\0".join(records)),
            b"".join([each for _, _, _, each in records.values()]),
            b"".join([_RESULT.pack(kind.value, digest, size) for kind, digest, size, _ in records.values()]),
        )

    def save(self) -> None:
        """Write new results to the file."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            if self._connection is None or not self._news:
                return
            rows = [(*directory, *row, _checksum(row)) for directory, row in self._news.items()]
            with self._connection as connection:
                connection.execute("begin immediate")
                connection.executemany(_WRITE, rows)
                connection.execute(_FORGET, (self.most,))
            self._news.clear()

    def _own(self, fd: int) -> tuple[int, int] | None:
        """Return the key of the directory *fd*: its file system as mounted now, and its inode; None if unsuitable."""
        status = os.fstat(fd)
        device = status.st_dev
        if device not in self._numbers:
            trusted = file_system(fd) in _KEEPING_TIME
            self._numbers[device] = _number(f"{device} {superblock_identity(fd)}") if trusted else None
        number = self._numbers[device]
        return None if number is None else (number, status.st_ino)

    def _row(self, directory: tuple[int, int]) -> Row | None:
        with self._lock, contextlib.suppress(sqlite3.Error, TypeError, ValueError):
            if self._connection is not None:
                for *row, checksum in self._connection.execute(_READ, directory):
                    names, stamps, results = row
                    if _checksum((names, stamps, results)) == checksum:
                        return names, stamps, results
        return None


def _number(text: str) -> int:
    return int.from_bytes(blake3(text.encode()).digest(length=8)) >> 1  # fits SQLite's integers


def _connect(place: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(place, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("pragma synchronous = off")  # after a power failure the index is useless anyway
        connection.execute("begin immediate")
        now = f"{_VERSION} {boot_id()}"
        tables = {name for (name,) in connection.execute(_NAMES)}
        complete = {"boots", "directories"} <= tables
        if not complete or [(now,)] != connection.execute("select id from boots").fetchall():
            for table in tables:
                connection.execute(f"drop table {table}")
            for statement in _TABLES.split(";\n")[:-1]:
                connection.execute(statement)
            connection.execute("insert into boots values (?)", (now,))
        connection.execute("commit")
    except BaseException:
        connection.close()
        raise
    return connection


def _records(row: Row) -> Iterator[tuple[str, Read]]:
    """Yield the files of *row* and the results of reading them."""
    names, stamps, results = row
    records = zip(
        os.fsdecode(names).split("\0"), _EACH_STAMP.iter_unpack(stamps), _RESULT.iter_unpack(results), strict=False
    )
    for name, (stamp_,), (kind, digest, size) in records:
        yield name, (_KINDS[kind], digest, size, stamp_)


def _checksum(row: Row) -> bytes:
    return blake3(b"".join([*(len(part).to_bytes(8) for part in row), *row])).digest()
