"""The connection to a store's SQLite database: transactions and errors (`store.records.schema` has the tables).

All threads of a process share one connection, one at a time. Every SQLite error becomes one of ours: no room, not
writable, damaged, or a failure outside the database.

Without the room or the permission to open it for writing, it is opened for reading (`store.records.read_only`); a
later write then tries again to open it as usual.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import os
import sqlite3
import stat
import struct
import threading
import time

from typing import TYPE_CHECKING, Any, TypeVar

from store.errors import Error
from store.osutil.interrupt import check
from store.osutil.space import DiskFull, is_full
from store.osutil.writability import StoreReadOnly, is_read_only
from store.records.packed_ids import pack
from store.records.schema import SCHEMA, SCHEMA_VERSION, VERDICTS


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path


_Result = TypeVar("_Result")

_BUSY_SECONDS = 600  # far longer than any transaction takes: a process that holds the lock until then hangs
_UNWRITABLE = frozenset(
    {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
)
_TRANSIENT = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM})
_LOOK_SECONDS = 0.5  # SQLite ignores signals while it waits for a lock, so it waits in short pieces
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY})


class StoreCorrupt(Error):
    """The store's own records are damaged."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path} is damaged: {self.reason}"

    @property
    def hint(self) -> str:
        """Return the command that rebuilds the database."""
        return "`kernix verify --rebuild` rebuilds the database from the journal and the objects"


class SchemaTooNew(Error):
    """The database was created by a newer kernix."""

    path: Path
    found: int

    def __str__(self) -> str:
        return f"{self.path} has schema {self.found}, but this kernix supports {SCHEMA_VERSION}"

    @property
    def hint(self) -> str:
        """Return the alternatives."""
        return "use a newer kernix, or another KERNIX_HOME"


class DatabaseFailed(Error):
    """SQLite fails for a reason other than the database's content."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"

    @property
    def hint(self) -> str:
        """Return possible causes."""
        return (
            "check whether another process keeps it locked, and whether it and the files beside it are readable and "
            "writable; `kernix verify --rebuild` rebuilds it"
        )


class Connection:
    """An open database of a store.

    Raises:
        SchemaTooNew: a newer kernix created it.
        StoreCorrupt: it cannot be read, or *fresh* is False and it is missing.
    """

    def __init__(self, path: Path, *, fresh: bool) -> None:
        self.path = path
        self._mutex = threading.RLock()
        self.is_for_reading = False
        self._connection = self._open(fresh=fresh)
        try:
            self._inode = path.stat().st_ino
        except BaseException:
            self._connection.close()
            raise

    @contextlib.contextmanager
    def understood(self) -> Iterator[None]:
        """Report it as damage if the body fails to interpret the rows that it has read.

        SQLite accepts any value in any column, and bits flip.
        """
        try:
            yield
        except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError, struct.error) as error:
            raise StoreCorrupt(self.path, f"a row has an invalid value ({error})") from error

    def refresh(self) -> None:
        """Reopen the database if it is open for reading only: as usual if possible, else to read its present state."""
        with self._mutex:
            if self.is_for_reading:
                self._reopen()

    def close(self) -> None:
        """Close the connection."""
        with self._mutex:
            self._connection.close()

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of *statement*."""
        with self._mutex, self._translated():
            if not self._connection.in_transaction:
                self._reopen_if_replaced()
            return _patiently(lambda: self._connection.execute(statement, parameters).fetchall())

    def each(self, statement: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of *statement*, of which there may be too many for memory; within `snapshot`."""
        with self._translated():
            yield from self._connection.execute(statement, parameters)

    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute *statement* once for each of *rows*."""
        with self._mutex, self._translated():
            self._connection.executemany(statement, rows)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all reads in the body see the same state."""
        with self._mutex:
            self.execute("begin")
            try:
                yield
            finally:
                self.execute("commit")

    @contextlib.contextmanager
    def write(self) -> Iterator[None]:
        """Commit the body's work durably and atomically, or roll it back if it raises."""
        with self._mutex:
            if self.is_for_reading:
                self._reopen(for_writing=True)
            self.execute("begin immediate")
            try:
                yield
                self.execute("commit")
            except BaseException:
                # SQLite rolls back by itself after some errors, a full disk among them.
                if self._connection.in_transaction:
                    self.execute("rollback")
                raise

    def _open(self, *, fresh: bool, for_writing: bool = False) -> sqlite3.Connection:
        if not fresh:
            self._check_file()
        with self._translated():
            try:
                connection = self._open_as_usual(fresh=fresh)
            except sqlite3.OperationalError as error:
                if fresh or for_writing or _code(error) not in _UNWRITABLE:
                    raise
                connection = self._open_for_reading(error)
                self.is_for_reading = True
            else:
                self.is_for_reading = False
            return connection

    def _open_as_usual(self, *, fresh: bool) -> sqlite3.Connection:
        if fresh:  # SQLite gives its other files this file's mode; nobody else may lock them
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=_LOOK_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            _patiently(lambda: _prepare(connection, self.path, fresh=fresh))
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_for_reading(self, error: sqlite3.OperationalError) -> sqlite3.Connection:
        from store.records.read_only import open_for_reading  # noqa: PLC0415 -- start-up: only where nothing can be written

        try:
            connection = open_for_reading(self.path)
        except (sqlite3.OperationalError, OSError):
            raise error from None
        try:
            ((version,),) = connection.execute("pragma user_version")
        except BaseException:
            connection.close()
            raise
        if version != SCHEMA_VERSION:
            connection.close()
            raise error
        return connection

    def _check_file(self) -> None:
        try:
            mode = self.path.stat().st_mode
        except FileNotFoundError:
            raise StoreCorrupt(self.path, "it is missing although the store has objects") from None
        except OSError as error:
            raise StoreCorrupt(self.path, str(error.strerror)) from error
        if not stat.S_ISREG(mode):
            raise StoreCorrupt(self.path, "it is not a file")

    def _reopen(self, *, for_writing: bool = False) -> None:
        connection = self._open(fresh=False, for_writing=for_writing)
        self._connection.close()
        self._connection = connection
        self._inode = self.path.stat().st_ino

    def _reopen_if_replaced(self) -> None:
        # A rebuilt database is a new file with the same name; anything written to the old one would be lost.
        try:
            inode = self.path.stat().st_ino
        except FileNotFoundError:
            raise StoreCorrupt(self.path, "it was deleted while in use") from None
        if inode != self._inode:
            self._reopen()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            code = _code(error)
            if code in _UNWRITABLE:
                raise self._unwritable(error, code) from error
            if code in _TRANSIENT:
                raise DatabaseFailed(self.path, str(error)) from error
            raise StoreCorrupt(self.path, str(error)) from error  # our statement does not fit these tables
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise StoreCorrupt(self.path, str(error)) from error

    def _unwritable(self, error: sqlite3.Error, code: int) -> Error:
        if code == sqlite3.SQLITE_FULL or is_full(self.path.parent):
            return DiskFull(str(self.path))
        if is_read_only(self.path.parent) or is_read_only(self.path):
            return StoreReadOnly(self.path)
        return DatabaseFailed(self.path, str(error))


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary code, or 0 for an error that Python raises because of a value it cannot read."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _patiently(work: Callable[[], _Result]) -> _Result:
    """Return what *work* returns, retrying while others keep the database locked, up to a limit."""
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) not in _BUSY or time.monotonic() > end:
                raise
        check()


def _prepare(connection: sqlite3.Connection, path: Path, *, fresh: bool) -> None:
    connection.execute("pragma foreign_keys = on")
    connection.execute("pragma synchronous = full")
    connection.execute("pragma cache_size = -65536")  # at most 64 MiB: what a collection changes in one transaction
    connection.execute("pragma secure_delete = off")  # Debian's default overwrites deleted data with zeros
    connection.execute("pragma temp_store = memory")  # a temporary file could be on another disk that is full
    ((version,),) = connection.execute("pragma user_version")
    if version == 0:
        if not fresh:
            raise StoreCorrupt(path, "it is empty although the store has objects")
        _create(connection)
    elif version > SCHEMA_VERSION:
        raise SchemaTooNew(path, version)
    elif version < SCHEMA_VERSION:
        _upgrade(connection)


def _upgrade(connection: sqlite3.Connection) -> None:
    connection.execute("begin immediate")
    ((version,),) = connection.execute("pragma user_version")
    if version == 1:  # otherwise another process was faster
        connection.execute("alter table objects add column needs blob not null default x''")
        edges = connection.execute("select referrer, reference from refs order by referrer").fetchall()
        rows = [(pack([it for _, it in group]), one) for one, group in itertools.groupby(edges, operator.itemgetter(0))]
        connection.executemany("update objects set needs = ? where id = ?", rows)
    if version < SCHEMA_VERSION:
        _execute_all(connection, VERDICTS)
        connection.execute(f"pragma user_version = {SCHEMA_VERSION}")
    connection.execute("commit")


def _execute_all(connection: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";\n")[:-1]:
        connection.execute(statement)


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("pragma journal_mode = wal")
    connection.execute("begin immediate")
    ((version,),) = connection.execute("pragma user_version")
    if version == 0:  # otherwise another process was faster
        _execute_all(connection, SCHEMA)
        connection.execute(f"pragma user_version = {SCHEMA_VERSION}")
    connection.execute("commit")
