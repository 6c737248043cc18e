"""The store: adding, registering in groups, holding, finding; stores that do not open."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store.gc.retention import Retention
from store.home import PlaceTaken
from store.local import AmbiguousPrefix, NoSuchObject, Store
from store.path import InvalidStorePath, StorePath
from store.records.connection import StoreCorrupt
from store.registration import Entry, ObjectMissing, ReferenceMissing
from store.trees.adopt import adopt
from store.trees.content import Content


if TYPE_CHECKING:
    from tests.store.conftest import Make


KEY = b"k" * 32
ABSENT = StorePath("0" * 32, "absent")


def _entry(store: Store, scratch: Path, name: str, *references: StorePath) -> Entry:
    place = scratch / name
    place.write_text(name)
    content = adopt(place, store.pool)
    path = StorePath.make(content.digest, name, references)
    return Entry(path=path, place=place, content=content, references=frozenset(references))


def _descriptors() -> set[str]:
    return {descriptor.name for descriptor in Path("/proc/self/fd").iterdir()}


def test_add(store: Store, tmp_path: Path) -> None:
    """Adding a directory makes an object with its content and a correct record."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "file").write_text("hello")
    path = store.add(source)
    info = store.info(path)
    assert (store.path(path) / "sub" / "file").read_text() == "hello"
    assert (info.path.name, info.size, info.nodes, info.references) == ("source", 5, 3, ())
    assert StorePath.make(info.digest, "source") == path
    assert info.retention == Retention.SOURCE


def test_adding_again_writes_nothing(store: Store, tmp_path: Path) -> None:
    """Equal content with the same name is the same object, and it is not written again."""
    for name in ("one", "two"):
        (tmp_path / name).write_text("same")
    path = store.add(tmp_path / "one", "name")
    journal = store.layout.journal.read_bytes()
    assert path == store.add(tmp_path / "two", "name")
    assert journal == store.layout.journal.read_bytes()


def test_invalid_name(store: Store, tmp_path: Path) -> None:
    """A name is checked before anything is written."""
    (tmp_path / "a b").write_text("")
    with pytest.raises(InvalidStorePath):
        store.add(tmp_path / "a b")
    assert list(store.layout.objects.iterdir()) == []


def test_references_and_results_come_with_an_object(store: Store, make: Make) -> None:
    """References and results registered with an object are recorded."""
    library = make("library")
    program = make("program", references=[library], deriver=library, realisations=[(KEY, "out")])
    assert (library,) == store.info(program).references
    assert library == store.info(program).deriver
    assert {KEY: {"out": program}} == store.realised([KEY, b"?" * 32])


def test_entries_may_refer_to_each_other(store: Store) -> None:
    """Objects of one commit may refer to each other, in any order."""
    with store.scratch() as scratch:
        first = _entry(store, scratch, "first")
        second = _entry(store, scratch, "second", first.path)
        third = _entry(store, scratch, "third", first.path, second.path)
        store.commit([third, first, second])
    assert {first.path, second.path, third.path} == store.valid([first.path, second.path, third.path])


def test_a_missing_reference_registers_nothing(store: Store) -> None:
    """If one entry refers to a missing object, none is registered, and the trees are moved back."""
    with store.scratch() as scratch:
        good = _entry(store, scratch, "good")
        bad = _entry(store, scratch, "bad", ABSENT)
        with pytest.raises(ReferenceMissing) as caught:
            store.commit([good, bad])
        assert (bad.path, ABSENT) == (caught.value.path, caught.value.reference)
        assert good.place.exists()
        assert bad.place.exists()
    assert set() == store.valid([good.path, bad.path])
    assert list(store.layout.objects.iterdir()) == []


def test_two_results_for_a_key(store: Store, make: Make) -> None:
    """A second, different result is reported and does not replace the first."""
    first = make("result", "first", realisations=[(KEY, "out")])
    second = make("result", "second")
    (divergence,) = store.record([(KEY, "out", second)])
    assert (KEY, "out", first, second) == (divergence.key, divergence.output, divergence.kept, divergence.other)
    assert store.record([(KEY, "out", first), (KEY, "dev", second)]) == ()
    assert {"out": first, "dev": second} == store.realised([KEY])[KEY]


def test_a_result_must_be_an_object(store: Store) -> None:
    """An unregistered path cannot be a result."""
    with pytest.raises(ObjectMissing) as caught:
        store.record([(KEY, "out", ABSENT)])
    assert caught.value.path == ABSENT


def test_registered_entries_stay_in_their_scratch(store: Store, make: Make) -> None:
    """Committing a registered object does not change it, except that its retention may become longer."""
    path = make("result", "text")
    inode = store.path(path).stat().st_ino
    assert path == make("result", "text", retention=Retention.TOOLCHAIN)
    assert inode == store.path(path).stat().st_ino
    assert store.info(path).retention == Retention.TOOLCHAIN
    make("result", "text")
    assert store.info(path).retention == Retention.TOOLCHAIN


def test_leftover_of_a_crash_is_replaced(store: Store, tmp_path: Path) -> None:
    """An unregistered tree in an object's place is moved away when the object is registered."""
    (tmp_path / "file").write_text("whole")
    place = store.path(store.add(tmp_path / "file"))
    store.database.execute("delete from objects")
    place.unlink()
    place.write_text("torn")
    assert place == store.path(store.add(tmp_path / "file"))
    assert place.read_text() == "whole"


def test_missing_object_is_restored(store: Store, make: Make) -> None:
    """A registered object whose tree is missing is restored by the next build of it."""
    path = make("result", "text")
    store.path(path).chmod(0o755)  # an ordinary user can only move a writable directory
    store.path(path).rename(store.layout.trash / "x")
    make("result", "text")
    assert (store.path(path) / "file").read_text() == "text"


def test_threads_commit_together(store: Store) -> None:
    """Concurrent commits of many threads share the work, and only the bad one fails."""
    outcomes: dict[int, str] = {}

    def commit(number: int) -> None:
        with store.scratch() as scratch:
            references = [ABSENT] if number == 7 else []
            try:
                store.commit([_entry(store, scratch, f"object-{number}", *references)])
            except ReferenceMissing:
                outcomes[number] = "refused"
            else:
                outcomes[number] = "registered"

    threads = [threading.Thread(target=commit, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: "refused" if number == 7 else "registered" for number in range(16)} == outcomes
    assert len(store.database.paths()) == 15


def test_entry_without_its_tree_fails_alone(store: Store, tmp_path: Path) -> None:
    """An entry whose tree is missing is an error, and the store does not change."""
    content = Content(b"\0" * 32, 0, 1)
    entry = Entry(path=StorePath.make(content.digest, "x"), place=tmp_path / "nothing", content=content)
    with pytest.raises(FileNotFoundError):
        store.commit([entry])
    assert set() == store.valid([entry.path])


def test_hold_returns_registered_objects(store: Store, make: Make) -> None:
    """Holding returns the registered objects; hold_all raises for others."""
    path = make("object")
    assert {path} == store.hold([path, ABSENT])
    with pytest.raises(ObjectMissing):
        store.hold_all([path, ABSENT])


def test_closing_releases_everything(home: Path, make: Make, store: Store) -> None:
    """Closing a store leaves no temporary roots behind."""
    path = make("object")
    with Store.open(home) as other:
        other.hold([path])
        assert len(list(store.layout.temproots.iterdir())) == 2
    assert len(list(store.layout.temproots.iterdir())) == 1


def test_find(store: Store, make: Make) -> None:
    """An object is found by the beginning of its path; no match and several matches are errors."""
    path = make("object")
    make("other")
    assert path == store.find(path.digest[:10])
    assert path == store.find(str(path))
    with pytest.raises(NoSuchObject):
        store.find("zzzz-")
    with pytest.raises(NoSuchObject):
        store.find("")


def test_ambiguous_prefix(store: Store, make: Make) -> None:
    """A prefix that several objects share is an error, which lists them."""
    paths = [make(f"object-{number}") for number in range(33)]  # more than there are possible first characters
    first = next(p.digest[0] for p in paths if sum(q.digest[0] == p.digest[0] for q in paths) > 1)
    with pytest.raises(AmbiguousPrefix) as caught:
        store.find(first)
    assert sorted(path for path in paths if path.digest[0] == first) == list(caught.value.candidates)


def test_scratch_is_removed(store: Store) -> None:
    """A scratch is private, empty, and removed afterwards with everything in it."""
    with store.scratch() as scratch:
        assert scratch.stat().st_mode & 0o777 == 0o700
        (scratch / "sub").mkdir()
        (scratch / "sub").chmod(0o555)
    assert list(store.layout.builds.iterdir()) == []


def test_first_scratch_after_a_boot_distrusts(store: Store) -> None:
    """After a power failure, files that only the pool has are not linked to."""
    with store.scratch() as scratch:
        (scratch / "file").write_text("not on the disk when the power failed")
        adopt(scratch / "file", store.pool)
    assert len(list(store.pool.entries())) == 1
    (store.layout.home / "boot").write_text("another boot\n")
    (store.layout.builds / "left").mkdir()
    with store.scratch():
        assert len(list(store.pool.entries())) == 0
        assert not (store.layout.builds / "left").exists()


def test_lost_database_is_not_a_new_store(store: Store, make: Make, home: Path) -> None:
    """A store with objects but without a database is not mistaken for a new one: its objects would be garbage."""
    make("object")
    store.close()
    store.layout.database.unlink()
    with pytest.raises(StoreCorrupt):
        Store.open(home)
    store.layout.journal.unlink()
    with pytest.raises(StoreCorrupt):
        Store.open(home)


def test_opening_in_vain_leaves_nothing_open(store: Store, home: Path) -> None:
    """What was opened before opening a store fails is closed again."""
    store.close()
    shutil.rmtree(store.layout.pool)
    store.layout.pool.write_text("not a directory")
    before = _descriptors()
    with pytest.raises(PlaceTaken):
        Store.open(home)
    assert _descriptors() == before


def test_home_is_found_under_any_name(store: Store, make: Make, home: Path, tmp_path: Path) -> None:
    """A home reached through a symbolic link is the same store."""
    path = make("object")
    (tmp_path / "link").symlink_to(home)
    with Store.open(tmp_path / "link") as other:
        assert store.path(path) == other.path(path)


_OPEN = """
import sys
from pathlib import Path
from store.local import Store
with Store.open(Path(sys.argv[1])) as store:
    print(store.add(Path(sys.argv[2])))
"""


def test_processes_create_one_store(home: Path, tmp_path: Path) -> None:
    """Processes that open a new store and add the same tree at the same time all succeed."""
    (tmp_path / "file").write_text("content")
    arguments = [sys.executable, "-c", _OPEN, str(home), str(tmp_path / "file")]
    children = [subprocess.Popen(arguments, stdout=subprocess.PIPE) for _ in range(6)]
    outputs = {child.communicate()[0] for child in children}
    assert [child.returncode for child in children] == [0] * 6
    assert len(outputs) == 1


def test_opening_is_light() -> None:
    """Importing the store loads none of the libraries for network, configuration or terminal."""
    script = "import store.local, sys; print({'rich', 'requests', 'cattrs', 'concurrent.futures'} & sys.modules.keys())"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout
    assert output == "set()\n"
