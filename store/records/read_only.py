"""Reading a database where SQLite cannot create the two files that it normally needs beside it.

On a full disk, without a free inode, or on a read-only mount, a database with a write-ahead log cannot be opened as
usual. If its log is empty and nothing can write to it meanwhile, the file itself has everything, and SQLite reads it
alone (https://www.sqlite.org/wal.html, "Read-Only Databases"). Otherwise the file and its log are copied, into memory
if there is such a file system, and the copy is read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile

from pathlib import Path
from urllib.parse import quote


_PLACES = ("/dev/shm", "/run", None)  # noqa: S108 -- with a random name; None: the default for temporary files
_BUSY_SECONDS = 10  # readers wait only while another process recovers or closes the log (sqlite.org/wal.html)


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Return a connection that reads the present state of the database at *path*.

    Raises:
        sqlite3.Error: it is not a database, or cannot be read.
        OSError: it cannot be read, or there is nowhere to copy it.
    """
    if not _size(_log(path)):
        return _read(path, "mode=ro&immutable=1")
    with contextlib.suppress(sqlite3.OperationalError):
        return _read(path, "mode=ro")
    return _read_copy(path)


def _read(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(path))}?{how}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute("select count(*) from sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _read_copy(path: Path) -> sqlite3.Connection:
    error: OSError | None = None
    for place in _PLACES:
        try:
            with tempfile.TemporaryDirectory(dir=place, prefix="kernix-") as directory:
                copy = Path(directory, "db.sqlite")
                shutil.copyfile(path, copy)
                shutil.copyfile(_log(path), _log(copy))
                return _read(copy, "mode=rw")  # it stays open when its names are removed
        except OSError as failure:
            error = error or failure
    raise error or FileNotFoundError(path)


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
