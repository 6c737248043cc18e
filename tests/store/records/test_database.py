"""The database: versions that it refuses to open, values that its schema refuses, bulk queries."""

from __future__ import annotations

import contextlib
import sqlite3
import threading

from typing import TYPE_CHECKING

import pytest

from store.gc.retention import Retention
from store.path import StorePath
from store.records.connection import SchemaTooNew, StoreCorrupt
from store.records.database import Database, PathInfo
from store.records.schema import SCHEMA_VERSION
from store.records.verdicts import verdicts


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _path(number: int) -> StorePath:
    return StorePath(f"{number:032d}", "x")


def _info(number: int, *references: int, used: int = 1000) -> PathInfo:
    return PathInfo(
        path=_path(number),
        digest=bytes([number % 256]) * 32,
        size=number,
        nodes=1,
        registered=500,
        used=used,
        retention=Retention.RESULT,
        deriver=_path(0) if number == 3 else None,
        references=tuple(map(_path, references)),
    )


def _fill(database: Database, *infos: PathInfo) -> dict[str, int]:
    ids: dict[str, int] = {}
    with database.write():
        for info in infos:
            database.insert(info, ids)
    return ids


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Return an empty database."""
    opened = Database(tmp_path / "db.sqlite", fresh=True)
    yield opened
    opened.close()


def test_insert(database: Database) -> None:
    """An object's record is read back as inserted, including references and deriver."""
    infos = [_info(1), _info(2, 1), _info(3, 1, 2)]
    _fill(database, *infos)
    assert {info.path: info for info in infos} == database.infos(map(_path, [1, 2, 3, 4]))
    assert infos == database.all_infos()
    assert {_path(2)} == database.valid([_path(2), _path(4)])
    assert [_path(2), _path(3)] == database.referrers(_path(1))


def test_a_reference_must_be_older(database: Database) -> None:
    """The schema refuses a reference to an object registered later, so there are no cycles."""
    ids = _fill(database, _info(1), _info(2))
    with pytest.raises(StoreCorrupt, match="CHECK"), database.write():
        database.execute("insert into refs values (?, ?)", (ids[str(_path(1))], ids[str(_path(2))]))


def test_referenced_objects_cannot_be_deleted(database: Database) -> None:
    """The schema refuses to delete a referenced object, and the transaction is rolled back."""
    _fill(database, _info(1), _info(2, 1))

    def delete() -> None:
        with database.write():
            database.execute("update objects set size = 99")
            database.execute("delete from objects where path = ?", (str(_path(1)),))

    with pytest.raises(StoreCorrupt, match="FOREIGN KEY"):
        delete()
    assert database.infos([_path(1)])[_path(1)].size == 1


def test_results_are_deleted_with_their_object(database: Database) -> None:
    """Deleting an object deletes its realisations."""
    ids = _fill(database, _info(1))
    with database.write():
        database.realise(key=b"k" * 32, output="out", path=_path(1), object_id=ids[str(_path(1))], now=1)
    assert {b"k" * 32: {"out": _path(1)}} == database.realised([b"k" * 32, b"j" * 32])
    with database.write():
        database.execute("delete from objects")
    assert database.realised([b"k" * 32]) == {}


def test_many_keys_at_once(database: Database) -> None:
    """One call can query more keys than one statement can bind."""
    ids = _fill(database, _info(1))
    keys = [number.to_bytes(32, "big") for number in range(3000)]
    with database.write():
        rows = [(key, "out", ids[str(_path(1))]) for key in keys]
        database.execute_many("insert into realisations values (?, ?, ?)", rows)
    assert set(keys) == database.realised([*keys, b"?" * 32]).keys()


def test_first_result_stays(database: Database) -> None:
    """A second, different result is recorded as a divergence, once; the first stays the key's result."""
    ids = _fill(database, _info(1), _info(2))
    divergence = None
    with database.write():
        for number in (1, 2, 2, 1):
            found = database.realise(
                key=b"k" * 32, output="out", path=_path(number), object_id=ids[str(_path(number))], now=1
            )
            divergence = found or divergence
    assert divergence is not None
    assert (_path(1), _path(2)) == (divergence.kept, divergence.other)
    assert [divergence] == database.divergences()
    assert {"out": _path(1)} == database.realised([b"k" * 32])[b"k" * 32]


def test_touch_updates_once_a_day(database: Database) -> None:
    """The last use is only updated if it was long ago."""
    _fill(database, _info(1, used=1000), _info(2, used=4_000_000_000))
    database.touch([_path(1), _path(2)], older_than=86400)
    infos = database.infos([_path(1), _path(2)])
    assert infos[_path(1)].used > 1_000_000_000
    assert infos[_path(2)].used == 4_000_000_000


def test_prefixes(database: Database) -> None:
    """Objects are found by the beginning of their path, in which wildcards have no meaning."""
    _fill(database, _info(1), _info(2))
    assert [_path(1), _path(2)] == database.beginning_with("0000")
    assert [_path(2)] == database.beginning_with(str(_path(2)))
    assert database.beginning_with("%") == []


def test_threads_share_a_connection(database: Database) -> None:
    """Concurrent writes of many threads all succeed."""
    threads = [threading.Thread(target=_fill, args=(database, _info(number))) for number in range(1, 21)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(database.paths()) == 20


def test_newer_schema(tmp_path: Path) -> None:
    """A database with a newer schema is refused, with its number, and not changed."""
    path = tmp_path / "db.sqlite"
    Database(path, fresh=True).close()
    connection = sqlite3.connect(path)
    connection.execute(f"pragma user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(SchemaTooNew) as caught:
        Database(path, fresh=False)
    assert SCHEMA_VERSION + 1 == caught.value.found
    assert before == path.read_bytes()


def test_first_schema(tmp_path: Path) -> None:
    """A database with the first schema, which stored references only once, is upgraded."""
    path = tmp_path / "db.sqlite"
    database = Database(path, fresh=True)
    _fill(database, _info(1), _info(2, 1), _info(3, 1, 2))
    rows = database.execute("select id, needs from objects order by id")
    database.close()
    connection = sqlite3.connect(path)
    connection.execute("alter table objects drop column needs")
    connection.execute("drop table verdicts")
    connection.execute("pragma user_version = 1")
    connection.close()
    database = Database(path, fresh=False)
    assert rows == database.execute("select id, needs from objects order by id")
    assert [(SCHEMA_VERSION,)] == database.execute("pragma user_version")
    database.close()


def test_second_schema(tmp_path: Path) -> None:
    """A database of before there were verdicts gets their table, and loses nothing."""
    path = tmp_path / "db.sqlite"
    database = Database(path, fresh=True)
    _fill(database, _info(1), _info(2, 1))
    before = database.all_infos()
    database.close()
    connection = sqlite3.connect(path)
    connection.execute("drop table verdicts")
    connection.execute("pragma user_version = 2")
    connection.close()
    database = Database(path, fresh=False)
    assert before == database.all_infos()
    assert verdicts(database) == []
    assert [(SCHEMA_VERSION,)] == database.execute("pragma user_version")
    database.close()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="missing"),
        pytest.param(b"", id="empty"),
        pytest.param(b"SQLite format 3\0", id="a header only"),
        pytest.param(b"garbage" * 1000, id="garbage"),
    ],
)
def test_damaged_database(tmp_path: Path, content: bytes | None) -> None:
    """A missing or unreadable database is reported, with a hint."""
    path = tmp_path / "db.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreCorrupt) as caught:
        Database(path, fresh=False)
    assert path == caught.value.path
    assert "verify --rebuild" in caught.value.hint


def test_truncated_database(tmp_path: Path) -> None:
    """A truncated database is reported as damaged."""
    path = tmp_path / "db.sqlite"
    database = Database(path, fresh=True)
    _fill(database, *(_info(number) for number in range(1, 500)))
    database.close()
    path.write_bytes(path.read_bytes()[:8192])
    with pytest.raises(StoreCorrupt), contextlib.closing(Database(path, fresh=False)) as truncated:
        truncated.all_infos()


def test_replaced_database_is_followed(database: Database, tmp_path: Path) -> None:
    """When another file replaces an open database, the new one is used."""
    other = Database(tmp_path / "other.sqlite", fresh=True)
    _fill(other, _info(7))
    other.close()
    for suffix in ("", "-wal", "-shm"):
        database.path.with_name(f"db.sqlite{suffix}").rename(tmp_path / f"old{suffix}")
    (tmp_path / "other.sqlite").rename(database.path)
    assert {str(_path(7))} == database.paths()


def test_deleted_database_is_noticed(database: Database) -> None:
    """When an open database is deleted, nothing more is written to it."""
    database.path.unlink()
    with pytest.raises(StoreCorrupt):
        _fill(database, _info(1))
