"""Damaged databases: every error says what to do, nothing rooted is deleted, and a rebuild recovers the database.

The damage is random with a fixed seed: bits, bytes and pages of the file and of its log, and values of columns.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from derivations.realise.realise import held_plan
from derivations.source import text_file
from store.closure import UnknownReference, closure, closure_sizes, topological, why_depends
from store.errors import Error
from store.gc.collect import Policy, collect, plan
from store.gc.forecast import forecast
from store.gc.retention import Retention
from store.gc.roots import add_root
from store.local import NoSuchObject, Store
from store.path import StorePath
from store.rebuild import rebuild
from store.records import glance
from store.records.connection import DatabaseFailed, SchemaTooNew, StoreCorrupt
from store.records.journal import Journal
from store.registration import Entry, ObjectMissing
from store.repair import repair
from store.trees.adopt import adopt
from store.verify import verify


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Damage = Callable[[Path, random.Random], None]


ALL = Policy(keep={}, keep_derivers=True)
KEY, OTHER = b"k" * 32, b"o" * 32
DRAWS = 5
PAGE = 4096
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _commit(store: Store, name: str, *references: StorePath, **more: Any) -> StorePath:  # noqa: ANN401 -- an entry's fields
    with store.scratch() as scratch:
        place = scratch / name
        place.mkdir()
        (place / "file").write_text(f"{name} {references}")
        content = adopt(place, store.pool)
        path = StorePath.make(content.digest, name, references)
        store.commit([Entry(path=path, place=place, content=content, references=frozenset(references), **more)])
    return path


@pytest.fixture(scope="module")
def whole() -> Iterator[Path]:
    """Return the home of a store with some of everything, to be copied."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as directory:
        home = Path(directory, "home")
        with Store.open(home) as store:
            drv = _commit(store, "program.drv", retention=Retention.DERIVATION)
            library = _commit(store, "library", retention=Retention.TOOLCHAIN)
            program = _commit(store, "program", library, deriver=drv, realisations=((KEY, "out"),))
            add_root(store, "program", program)
            for number in range(40):
                dead = _commit(store, f"dead-{number}", library)
            store.record([(text_file("result", "what it holds").key, "out", library)])
            store.record([(OTHER, "out", dead), (KEY, "dev", library), (KEY, "out", library)])
        yield home


@pytest.fixture
def home(whole: Path) -> Iterator[Path]:
    """Return the home of a copy."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as directory:
        home = Path(directory, "home")
        _copy(whole, home)
        yield home


def _copy(whole: Path, home: Path) -> None:
    shutil.copytree(whole, home, symlinks=True, ignore=shutil.ignore_patterns("reserve"))
    for link in (home / "roots").iterdir():
        if link.is_symlink():
            target = link.readlink().name
            link.unlink()
            link.symlink_to(home / "store" / target)


def _known(home: Path) -> tuple[list[Any], list[Any]]:
    with Store.open(home) as store:
        infos = [(i.path, i.digest, i.size, i.nodes, i.retention, i.deriver, i.references) for i in _infos(store)]
        return sorted(infos), sorted(store.database.all_realisations())


def _infos(store: Store) -> list[Any]:
    return store.database.all_infos()


def _bits(database: Path, chance: random.Random) -> None:
    data = bytearray(database.read_bytes())
    for _ in range(chance.choice([1, 3, 30, 300])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    database.write_bytes(data)


def _header(database: Path, chance: random.Random) -> None:
    data = bytearray(database.read_bytes())
    data[chance.randrange(16, 100)] = chance.randrange(256)
    database.write_bytes(data)


def _page_headers(database: Path, chance: random.Random) -> None:
    data = bytearray(database.read_bytes())
    for _ in range(4):
        data[chance.randrange(1, len(data) // PAGE) * PAGE + chance.randrange(12)] = chance.randrange(256)
    database.write_bytes(data)


def _page(database: Path, chance: random.Random) -> None:
    data = bytearray(database.read_bytes())
    start = chance.randrange(len(data) // PAGE) * PAGE
    data[start : start + PAGE] = chance.choice([bytes(PAGE), b"\xff" * PAGE, chance.randbytes(PAGE)])
    database.write_bytes(data)


def _swap(database: Path, chance: random.Random) -> None:
    data = bytearray(database.read_bytes())
    one, other = (chance.randrange(1, len(data) // PAGE) * PAGE for _ in range(2))
    data[one : one + PAGE], data[other : other + PAGE] = data[other : other + PAGE], data[one : one + PAGE]
    database.write_bytes(data)


def _cut(database: Path, chance: random.Random) -> None:
    size = database.stat().st_size
    os.truncate(database, chance.choice([1, 50, 100, 512, PAGE, PAGE + 1, size - PAGE, chance.randrange(size)]))


def _empty_index(database: Path, chance: random.Random) -> None:
    """Remove all entries from an index or a table."""
    connection = sqlite3.connect(database)
    pages = [
        page for (page,) in connection.execute("select rootpage from sqlite_master where rootpage > 0 order by name")
    ]
    connection.close()
    data = bytearray(database.read_bytes())
    start = (chance.choice(pages) - 1) * PAGE
    kind = 0x0A if data[start] in {0x02, 0x0A} else 0x0D  # a leaf of an index or of a table
    data[start : start + PAGE] = bytes([kind, 0, 0, 0, 0, PAGE >> 8, 0, 0]) + bytes(PAGE - 8)
    database.write_bytes(data)


def _log(database: Path, chance: random.Random) -> None:
    """Put another database's log beside it, or a damaged one."""
    other = database.with_name("other.sqlite")
    shutil.copy(database, other)
    connection = sqlite3.connect(other)
    connection.execute("pragma wal_autocheckpoint = 0")
    connection.execute("update objects set used = 5, path = path || 'x'")
    connection.commit()
    log = bytearray(Path(f"{other}-wal").read_bytes())
    connection.close()
    for _ in range(chance.choice([0, 1, 50])):
        log[chance.randrange(len(log))] ^= 1 << chance.randrange(8)
    Path(f"{database}-wal").write_bytes(log[: chance.choice([len(log), chance.randrange(len(log))])])


_COLUMNS = [
    ("objects", column)
    for column in ("path", "digest", "size", "nodes", "registered", "used", "retention", "needs", "id")
]
_COLUMNS += [("refs", "referrer"), ("refs", "reference"), ("derivers", "deriver"), ("derivers", "object")]
_COLUMNS += [("realisations", column) for column in ("key", "output", "object")]
_COLUMNS += [("divergences", column) for column in ("key", "output", "kept", "other", "seen")]
_VALUES = [
    "null", "''", "x''", "x'ff'", "cast(x'ff8041fe' as text)", "'../../../etc'", "'text'", "5", "-5", "1.5", "1e999",
    "9223372036854775807", "-9223372036854775808", "zeroblob(7)", "zeroblob(100000)", "char(0)", "char(27) || '[31m'",
]  # fmt: skip


_SOME, _LAST = "where rowid % 3 = 1", "where rowid = (select max(rowid) from objects)"
_CHANGES = [
    "drop table refs", "drop table objects", "drop table derivers", "drop table realisations", "drop table divergences",
    "drop index referrers", "drop index realised", "drop index spared", "alter table objects drop column needs",
    "alter table objects rename column digest to digests", "alter table realisations rename to results",
    "create trigger t before delete on objects begin select raise(abort, 'no'); end",
    "create trigger t before insert on objects begin select gone from nowhere; end", "pragma user_version = 1",
    "pragma user_version = 0", "pragma user_version = 77", "pragma user_version = -1", "pragma journal_mode = delete",
    "delete from objects", "update refs set reference = referrer - 1",
]  # fmt: skip


def _value(database: Path, chance: random.Random) -> None:
    """Write an invalid value into a column, bypassing the schema's checks."""
    table, column = chance.choice(_COLUMNS)
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("pragma ignore_check_constraints = on")
    connection.execute("pragma writable_schema = on")
    connection.execute("update sqlite_master set sql = replace(sql, 'not null', '') where type = 'table'")
    connection.close()
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("pragma ignore_check_constraints = on")
    which = chance.choice(["", *([_SOME, _LAST] if table in {"objects", "derivers"} else [])])
    with contextlib.suppress(sqlite3.Error):  # a primary key does not accept every value
        connection.execute(f"update or replace {table} set {column} = {chance.choice(_VALUES)} {which}")  # noqa: S608
    connection.close()


def _schema(database: Path, chance: random.Random) -> None:
    """Remove a table, an index or a column, or turn a table into something else."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute(chance.choice(_CHANGES))
    connection.close()


DAMAGES: list[Damage] = [_bits, _header, _page_headers, _page, _swap, _cut, _empty_index, _log, _value, _schema]


def _read(store: Store) -> None:
    paths = [info.path for info in _infos(store)] or [StorePath("0" * 32, "absent")]
    graph = closure(paths[-3:], store.references)
    closure_sizes(graph, {path: info.size for path, info in store.infos(graph).items()})
    topological(graph)
    why_depends(paths[-1], paths[0], store.references)
    store.realised([KEY, OTHER])
    store.database.all_realisations()
    store.database.divergences()
    store.database.referrers(paths[0])
    store.find(str(paths[0])[:8])
    held_plan(store, [text_file("result", "what it holds").output("out")])
    store.hold(paths)
    store.touch(paths)
    store.hold_all(paths[:1])


def _plan(store: Store) -> None:
    store.temproots.close()
    forecast(store, plan(store, ALL))
    plan(store, Policy(keep={}, max_freed=100))


def _add(store: Store) -> None:
    source = store.layout.home.parent / "source"
    source.write_text("hello")
    store.add(source)
    library = _commit(store, "library")
    _commit(store, "new", library, realisations=((KEY, "new"), (OTHER, "out")))


def _verify(store: Store) -> None:
    verify(store, contents=True)


def _mend(store: Store) -> None:
    repair(store, verify(store, contents=True))


def _collect(store: Store) -> None:
    store.temproots.close()
    collect(store, ALL, chunk=7)


def _glance(store: Store) -> None:
    glance.has(str(store.layout.database), [(KEY, "out", "x"), (OTHER, "out", "y")], used_since=0)


USES: list[Callable[[Store], None]] = [_read, _glance, _plan, _verify, _add, _collect, _mend]


def _use(home: Path, use: Callable[[Store], None]) -> None:
    """Use the store, and fail on any exception other than an error with a hint."""
    try:
        with Store.open(home) as store:
            use(store)
    except (NoSuchObject, ObjectMissing):
        pass
    except Error as error:
        wrong = not isinstance(error, StoreCorrupt | SchemaTooNew | DatabaseFailed | UnknownReference)
        if wrong or not error.hint:
            raise


@pytest.mark.parametrize("draw", range(DRAWS))
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_reported_and_rebuilt(whole: Path, home: Path, damage: Damage, draw: int) -> None:
    """Every use of a damaged database works or says what to do; rooted objects stay; a rebuild recovers everything."""
    chance = random.Random(f"{damage.__name__} {draw}")  # noqa: S311 -- the same damage each time
    known = _known(whole)
    damage(home / "db.sqlite", chance)
    damaged = home.with_name("damaged")
    _copy(home, damaged)
    for use in USES[:-1]:
        _use(home, use)
    rooted = next(path for path, *_ in known[0] if path.name == "program")
    library = next(path for path, *_ in known[0] if path.name == "library")
    assert {str(rooted), str(library)} <= {place.name for place in (home / "store").iterdir()}
    _use(home, USES[-1])
    assert [] == rebuild(damaged).problems
    assert known == _known(damaged)


@pytest.mark.parametrize(
    "statement",
    [
        "delete from objects",
        "delete from objects where path like '%-program'",
        "update objects set path = replace(path, '-program', '-program}')",
        "update objects set path = replace(path, '-library', '-librarx')",
        "update objects set id = -id",
        "update objects set id = id + 9000000000000000000",
        "update objects set needs = x'ffffffffffffffff' where path like '%-program'",
        "update objects set needs = zeroblob(7)",
        "delete from refs",
    ],
)
def test_changed_rows(home: Path, statement: str) -> None:
    """Whatever the rows say, rooted objects and what they refer to stay."""
    connection = sqlite3.connect(home / "db.sqlite", isolation_level=None)
    connection.execute("pragma foreign_keys = off")
    connection.execute("pragma ignore_check_constraints = on")
    connection.execute(statement)
    connection.close()
    for use in USES[:-1]:
        _use(home, use)
    assert {"program", "library"} <= {place.name[33:] for place in (home / "store").iterdir()}


def _absent(database: Path) -> None:
    database.unlink()


def _empty(database: Path) -> None:
    os.truncate(database, 0)


def _directory(database: Path) -> None:
    database.unlink()
    database.mkdir()
    (database / "file").touch()


def _fifo(database: Path) -> None:
    database.unlink()
    os.mkfifo(database)


def _dangling(database: Path) -> None:
    database.unlink()
    database.symlink_to("nowhere")


def _circular(database: Path) -> None:
    database.unlink()
    database.symlink_to(database)


def _text(database: Path) -> None:
    database.write_text("-- a dump\ncreate table objects (id);\n" * 1000)


def _log_is_a_directory(database: Path) -> None:
    Path(f"{database}-wal").mkdir()


@pytest.mark.parametrize(
    "replace",
    [_absent, _empty, _directory, _fifo, _dangling, _circular, _text, _log_is_a_directory],
)
def test_something_else_instead_of_a_database(whole: Path, home: Path, replace: Callable[[Path], None]) -> None:
    """Something that is not a database is not waited for, and a rebuild sets it aside."""
    known = _known(whole)
    replace(home / "db.sqlite")
    for use in USES:
        with pytest.raises(Error) as caught, Store.open(home) as store:
            _read(store) if use is _glance else use(store)
        assert caught.value.hint
    assert [] == rebuild(home).problems
    assert [] == rebuild(home).problems
    assert known == _known(home)


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"5", b"null", b'{"journal":[]}', b'{"journal":"x"}', b'{"object":5}',
        b'{"key":5,"output":[],"object":{}}', b'{"journal":' + b"9" * 5000 + b"x}", b"\0" * 5000,
        b'{"key":"00","output":"\\ud800","object":"00000000000000000000000000000000-x"}',
    ],
)  # fmt: skip
def test_a_damaged_journal(whole: Path, home: Path, line: bytes) -> None:
    """Unreadable lines are skipped; all others count."""
    known = _known(whole)
    journal = home / "journal"
    before, *rest = journal.read_bytes().split(b"\n")
    journal.write_bytes(b"\n".join([before, line, *rest, line, b""]))
    (home / "db.sqlite").unlink()
    assert [] == rebuild(home).problems
    assert known == _known(home)


@pytest.mark.parametrize("number", ["1e999", "-1", str(1 << 63), "9" * 5000, '"x"', "null", "[]", "1.5e300"])
@pytest.mark.parametrize("field", ["size", "nodes", "registered"])
def test_invalid_numbers_in_the_journal(home: Path, field: str, number: str) -> None:
    """A line with a number that no database can hold is skipped; its object proves itself."""
    journal = home / "journal"
    lines = journal.read_text().replace(f'"{field}":', f'"{field}":{number},"was":')
    journal.write_text(lines)
    assert not [line for line in Journal(journal).lines() if hasattr(line, "nodes")]
    (home / "db.sqlite").unlink()
    rebuilt = rebuild(home)
    assert rebuilt.objects > 0
    assert [] == rebuilt.problems
