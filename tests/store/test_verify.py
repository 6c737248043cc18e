"""Verification finds damage; repair and rebuild fix it."""

from __future__ import annotations

import os
import sqlite3

from typing import TYPE_CHECKING

import attrs
import pytest

from blake3 import blake3

from store.gc.collect import Policy, collect
from store.gc.retention import Retention
from store.local import Store
from store.path import StorePath
from store.rebuild import rebuild
from store.records.connection import SchemaTooNew, StoreCorrupt
from store.repair import repair
from store.trees.remove import remove_tree
from store.verify import Problem, damaged, verify


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.store.conftest import Make


KEY = b"k" * 32


def _change(path: Path, change: Callable[[Path], object]) -> None:
    """Apply *change* to a file so that its mode and time look as before."""
    status, above = path.stat(), path.parent.stat()
    path.parent.chmod(0o755)
    path.chmod(0o644)
    change(path)
    path.chmod(status.st_mode & 0o777)
    path.parent.chmod(above.st_mode & 0o777)
    for place, before in ((path, status), (path.parent, above)):
        os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def test_intact_store(store: Store, make: Make) -> None:
    """An intact store has no problems."""
    make("program", references=[make("library")])
    assert verify(store) == []
    assert verify(store, contents=True) == []


def test_flipped_bit(store: Store, tmp_path: Path) -> None:
    """One flipped bit is found, and its file is named in each object that shares it."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    for number in range(5):
        (source / "sub" / f"file-{number}").write_text(f"content {number}")
    one, two = store.add(source, "one"), store.add(source, "two")
    _change(store.path(one) / "sub" / "file-3", _flip)
    assert verify(store) == []
    expected = [Problem(place=f"{path}/sub/file-3", reason="has changed", damages=path) for path in sorted([one, two])]
    assert verify(store, contents=True) == expected
    assert damaged(expected) == sorted([one, two])


def test_flipped_bit_in_an_object_that_is_a_file(store: Store, tmp_path: Path) -> None:
    """An object that is a single file is named by itself."""
    (tmp_path / "file").write_text("content")
    path = store.add(tmp_path / "file")
    _change(store.path(path), _flip)
    assert verify(store, contents=True) == [Problem(place=str(path), reason="has changed", damages=path)]


def test_flipped_bit_without_a_pool(store: Store, make: Make) -> None:
    """If the pool cannot help, the files that may have changed are named."""
    path = make("object", "content")
    for entry in list(store.pool.entries()):
        store.pool.drop(entry)
    _change(store.path(path) / "file", _flip)
    (problem,) = verify(store, contents=True)
    assert problem.place == f"{path}/file"
    assert problem.reason.startswith("may have changed")
    assert problem.damages == path


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda path: path.unlink(), id="removed"),
        pytest.param(lambda path: path.rename(path.with_name("other")), id="renamed"),
        pytest.param(lambda path: path.with_name("link").symlink_to("file"), id="added"),
    ],
)
def test_changed_structure(store: Store, make: Make, change: Callable[[Path], object]) -> None:
    """A removed, renamed or added entry is found, and its directory is named."""
    path = make("object", "content")
    store.path(path).chmod(0o755)
    change(store.path(path) / "file")
    store.path(path).chmod(0o555)
    problems = verify(store, contents=True)
    assert str(path) in {problem.place for problem in problems}
    assert damaged(problems) == [path]


def test_changed_mode_and_time(store: Store, make: Make) -> None:
    """A wrong mode or time is reported, and does not make the content doubtful."""
    path = make("object")
    os.utime(store.path(path) / "file", (5, 5))
    store.path(path).chmod(0o755)
    problems = verify(store, contents=True)
    assert [problem.place for problem in problems] == [str(path), f"{path}/file"]
    assert damaged(problems) == []


def test_missing_object(store: Store, make: Make) -> None:
    """A registered object that is missing is found without reading contents."""
    path = make("object")
    remove_tree(store.path(path))
    assert [(problem.place, problem.damages) for problem in verify(store)] == [(str(path), path)]


def test_unregistered_entry(store: Store, make: Make) -> None:
    """An unregistered entry in the store's directory is reported, and damages nothing."""
    make("object")
    (store.layout.objects / "stranger").write_text("")
    (problem,) = verify(store)
    assert (problem.place, problem.damages) == ("stranger", None)


def test_changed_record(store: Store, make: Make) -> None:
    """A digest in the database that does not match the path is found without reading contents."""
    path = make("object")
    store.database.execute("update objects set digest = zeroblob(32)")
    assert damaged(verify(store)) == [path]


def test_fifo_in_an_object(store: Store, make: Make) -> None:
    """An object that contains something impossible does not stop the verification."""
    path, other = make("object"), make("other")
    store.path(path).chmod(0o755)
    os.mkfifo(store.path(path) / "fifo")
    store.path(other).chmod(0o755)
    (store.path(other) / "file").unlink()
    assert damaged(verify(store, contents=True)) == sorted([path, other])


def test_repair(store: Store, make: Make) -> None:
    """Damaged objects and everything that refers to them are forgotten; they can be built again, intact."""
    library = make("library", "content")
    program = make("program", references=[library], realisations=[(KEY, "out")])
    other = make("other")
    _change(store.path(library) / "file", _flip)
    assert repair(store, verify(store, contents=True)) == sorted([library, program])
    assert store.valid([library, program, other]) == {other}
    assert store.realised([KEY]) == {}
    assert make("library", "content") == library
    assert verify(store, contents=True) == []


def _reported(store: Store, *, contents: bool = True) -> list[tuple[str, str]]:
    done: list[tuple[str, str]] = []
    repair(store, verify(store, contents=contents), lambda place, what: done.append((place, what)))
    return sorted(done)


def test_repair_of_a_missing_object_among_damaged_ones(store: Store, make: Make) -> None:
    """All are forgotten, and objects made of the same files afterwards are intact."""
    one, two, gone = make("one", "content"), make("two", "content"), make("gone", "content")
    _change(store.path(one) / "file", _flip)
    remove_tree(store.path(gone))
    assert [(str(path), "forgotten") for path in sorted([one, two, gone])] == _reported(store)
    assert gone == make("gone", "content")
    assert verify(store, contents=True) == []


def test_repair_of_a_missing_object(store: Store, make: Make) -> None:
    """A missing object can be forgotten without reading contents."""
    gone, other = make("gone"), make("other")
    remove_tree(store.path(gone))
    assert [(str(gone), "forgotten")] == _reported(store, contents=False)
    assert store.valid([gone, other]) == {other}


def test_an_object_that_was_built_again_is_not_forgotten(store: Store, make: Make) -> None:
    """An object that was missing stays if it has been built again before the repair."""
    path = make("object")
    remove_tree(store.path(path))
    problems = verify(store)
    make("object")
    assert repair(store, problems) == []
    assert store.is_valid(path)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda path: path.chmod(0o755), id="directory"),
        pytest.param(lambda path: (path / "sub").chmod(0o777), id="directory below"),
        pytest.param(lambda path: (path / "file").chmod(0o644), id="file"),
        pytest.param(lambda path: (path / "file").chmod(0o000), id="unreadable file"),
        pytest.param(lambda path: (path / "file").chmod(0o555), id="file made executable"),
        pytest.param(lambda path: (path / "run").chmod(0o444), id="executable made a file"),
        pytest.param(lambda path: (path / "run").chmod(0o000), id="unreadable executable"),
        pytest.param(lambda path: (path / "run").chmod(0o4555), id="setuid"),
        pytest.param(lambda path: os.utime(path / "file", (5, 5)), id="time"),
        pytest.param(lambda path: os.utime(path / "link", (5, 5), follow_symlinks=False), id="time of a link"),
        pytest.param(lambda path: os.utime(path, (5, 5)), id="time of a directory"),
    ],
)
def test_repair_of_modes_and_times(store: Store, tmp_path: Path, change: Callable[[Path], object]) -> None:
    """Modes and times are restored, each node named, and no object is lost."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "file").write_text("file")
    (source / "run").write_text("run")
    (source / "run").chmod(0o755)
    (source / "link").symlink_to("file")
    path = store.add(source)
    change(store.path(path))
    assert {"mode and time restored"} == {what for _, what in _reported(store)}
    _reported(store)  # first the mode says whether a file is executable, then the pool
    assert verify(store, contents=True) == []
    assert store.is_valid(path)


def _stray_file(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("mine")


def _stray_directory(place: Path) -> None:
    place.mkdir(parents=True)
    (place / "notes").write_text("mine")


def _stray_link(place: Path) -> None:
    place.symlink_to("/etc")


@pytest.mark.parametrize(
    ("place", "make_stray"),
    [
        pytest.param("zz", _stray_file, id="a-file"),
        pytest.param("notes", _stray_directory, id="a-directory"),
        pytest.param("{free}", _stray_file, id="a-file-for-a-directory"),
        pytest.param("{free}", _stray_link, id="a-link-for-a-directory"),
        pytest.param("{used}/README", _stray_file, id="a-file-among-entries"),
        pytest.param("{used}/" + "0" * 62, _stray_directory, id="a-directory-named-like-an-entry"),
        pytest.param("doubtful", _stray_file, id="a-file-for-doubtful-entries"),
        pytest.param("doubtful/README", _stray_file, id="a-file-among-doubtful-entries"),
        pytest.param("damaged", _stray_file, id="a-file-for-damaged-ones"),
    ],
)
def test_strays_in_the_pool(store: Store, tmp_path: Path, place: str, make_stray: Callable[[Path], None]) -> None:
    """What does not belong to the pool disturbs neither additions nor collections; a repair removes it."""
    used, free = (blake3(text.encode()).hexdigest()[:2] for text in ("old", "new"))
    for name in ("old", "new"):
        (tmp_path / name).write_text(name)
    store.add(tmp_path / "old")
    place = place.format(used=used, free=free)
    stray = store.layout.pool / place
    make_stray(stray)
    found = verify(store, contents=True)
    assert found == [Problem(place=f"pool/{place}", reason="does not belong to the pool")]
    assert store.path(store.add(tmp_path / "new")).read_text() == "new"
    collect(store, Policy())
    assert repair(store, found) == []
    assert not os.path.lexists(stray)
    assert verify(store, contents=True) == []


def test_repair_of_leftovers(store: Store, make: Make) -> None:
    """An unregistered entry is removed, whatever its name."""
    make("object")
    for name in ("left over", os.fsdecode(b"\xff\x1b[31m")):
        (store.layout.objects / name).mkdir()
    assert ["removed", "removed"] == [what for _, what in _reported(store)]
    assert verify(store) == []


def test_repair_of_the_pool(store: Store, make: Make) -> None:
    """A damaged file that only the pool has is found, and no longer linked to."""
    path = make("object", "content")
    remove_tree(store.path(path))
    (entry,) = store.pool.entries()
    _change(store.layout.pool / entry.name, _flip)
    problem = next(it for it in verify(store, contents=True) if it.place != str(path))
    assert (f"pool/{entry.name}", None) == (problem.place, problem.damages)
    assert {(f"pool/{entry.name}", "no longer shared"), (str(path), "forgotten")} == {*_reported(store)}
    make("object", "content")
    assert verify(store, contents=True) == []


def test_an_entry_of_the_pool_under_another_name(store: Store, make: Make) -> None:
    """An intact file in the pool under a wrong name is found, too."""
    make("object", "content")
    (entry,) = store.pool.entries()
    place = store.layout.pool / entry.name
    other = attrs.evolve(entry, digest=entry.digest[:-1] + bytes([entry.digest[-1] ^ 1]))
    place.rename(store.layout.pool / other.name)
    assert [f"pool/{other.name}"] == [problem.place for problem in verify(store, contents=True)]
    assert [(f"pool/{other.name}", "no longer shared")] == _reported(store)
    assert verify(store, contents=True) == []


def _state(store: Store) -> tuple[object, ...]:
    infos = [
        (i.path, i.digest, i.size, i.nodes, i.retention, i.deriver, i.references) for i in store.database.all_infos()
    ]
    return sorted(infos), sorted(store.database.all_realisations())


@pytest.fixture
def full(store: Store, make: Make) -> Store:
    """Return a store with references, derivers, results and a divergence."""
    library = make("library", retention=Retention.TOOLCHAIN)
    make("program", references=[library], deriver=library, realisations=[(KEY, "out")])
    store.record([(KEY, "dev", library), (KEY, "out", library)])
    return store


def _lose(database: Path) -> None:
    database.unlink()


def _truncate(database: Path) -> None:
    database.write_bytes(database.read_bytes()[:5000])


def _empty(database: Path) -> None:
    database.write_bytes(b"")


def _garble(database: Path) -> None:
    database.write_bytes(os.urandom(20_000))


@pytest.mark.parametrize("damage", [_lose, _truncate, _empty, _garble])
def test_rebuild(full: Store, home: Path, damage: Callable[[Path], None]) -> None:
    """A lost or unreadable database comes back with objects, references, derivers and results."""
    before = _state(full)
    full.close()
    damage(full.layout.database)
    with pytest.raises(StoreCorrupt) as caught:
        Store.open(home).database.all_infos()
    assert "verify --rebuild" in caught.value.hint
    rebuilt = rebuild(home)
    assert (rebuilt.objects, rebuilt.realisations, rebuilt.problems) == (2, 2, [])
    with Store.open(home) as store:
        assert _state(store) == before
        assert verify(store, contents=True) == []


def test_rebuild_without_a_journal(full: Store, home: Path) -> None:
    """Without the journal, objects and references are recovered from the objects alone."""
    infos = {info.path: info.references for info in full.database.all_infos()}
    full.close()
    full.layout.database.unlink()
    full.layout.journal.unlink()
    assert rebuild(home).problems == []
    with Store.open(home) as store:
        assert {info.path: info.references for info in store.database.all_infos()} == infos
        assert [line.path for line in store.journal.lines()] == [info.path for info in store.database.all_infos()]


def test_rebuild_registers_nothing_doubtful(full: Store, home: Path) -> None:
    """Objects that cannot prove their identity, and those that refer to them, are reported and not registered."""
    library, program = (info.path for info in full.database.all_infos())
    _change(full.path(library) / "file", lambda path: path.write_text("changed"))
    (full.layout.objects / "junk").write_text("")
    full.close()
    rebuilt = rebuild(home)
    assert (rebuilt.objects, rebuilt.realisations) == (0, 0)
    assert [problem.place for problem in rebuilt.problems] == sorted(["junk", str(library), str(program)])


def test_rebuild_keeps_the_old_database(full: Store, home: Path) -> None:
    """The old database is kept."""
    full.close()
    content = full.layout.database.read_bytes()
    rebuild(home)
    (old,) = home.glob("db.sqlite.old-*")
    assert old.read_bytes() == content


def test_open_store_follows_a_rebuild(full: Store, make: Make, home: Path) -> None:
    """A process that has the store open during a rebuild continues with the new database."""
    rebuild(home)
    path = make("later")
    with Store.open(home) as other:
        assert other.is_valid(path)
    assert full.is_valid(path)


def test_rebuild_does_not_revive_deleted_objects(full: Store, home: Path) -> None:
    """Deleted objects do not come back."""
    full.temproots.close()
    collect(full, Policy(keep={}))
    rebuilt = rebuild(home)
    assert (rebuilt.objects, rebuilt.realisations, rebuilt.problems) == (0, 0, [])


def test_newer_schema_is_not_damage(full: Store, home: Path) -> None:
    """A store whose database a newer version created is refused, not called damaged."""
    full.close()
    connection = sqlite3.connect(full.layout.database)
    connection.execute("pragma user_version = 9")
    connection.close()
    with pytest.raises(SchemaTooNew) as caught:
        Store.open(home)
    assert caught.value.found == 9


def test_collector_needs_the_database(full: Store, home: Path) -> None:
    """A store whose database is lost cannot be opened, so nothing mistakes its objects for garbage."""
    names = {place.name for place in full.layout.objects.iterdir()}
    full.close()
    full.layout.database.unlink()
    with pytest.raises(StoreCorrupt):
        collect(Store.open(home), Policy())
    assert {place.name for place in full.layout.objects.iterdir()} == names


def test_paths_prove_their_content(store: Store, make: Make) -> None:
    """An object's path follows from its digest, references and name, so a record can be checked by itself."""
    program = make("program", references=[make("library")])
    info = store.info(program)
    assert StorePath.make(info.digest, "program", info.references) == program
