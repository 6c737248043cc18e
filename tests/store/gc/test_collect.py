"""The collector: against a model on random stores, and what it must spare while others work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from store.gc.collect import Policy, collect, plan
from store.gc.retention import Retention
from store.gc.roots import add_root, link_result
from store.local import Store
from store.osutil import failpoints
from store.osutil.space import DiskFull
from store.path import StorePath
from store.records.database import PathInfo
from store.verify import verify


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.store.conftest import Make


ALL = Policy(keep={}, keep_derivers=False)
NOW = int(time.time())
DAY = 24 * 60 * 60

_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # faster than a disk, where available


@attrs.frozen
class Node:
    """An object of a model: its references, its deriver, when it was used, and what keeps it."""

    references: frozenset[int]
    deriver: int | None
    age: int
    retention: Retention
    root: bool
    held: bool
    size: int


Model = list[Node]


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Return objects that refer to earlier ones; the deriver of an object may be any of them."""
    count = draw(st.integers(1, 10))
    return [
        Node(
            references=frozenset(draw(st.sets(st.integers(0, i - 1), max_size=3))) if i else frozenset(),
            deriver=draw(st.none() | st.integers(0, count - 1)),
            age=draw(st.integers(0, 9)) * DAY + DAY // 2,
            retention=draw(st.sampled_from(Retention)),
            root=draw(st.integers(0, 3)) == 0,
            held=draw(st.integers(0, 5)) == 0,
            size=draw(st.integers(0, 100)),
        )
        for i in range(count)
    ]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Return a policy in whole days."""
    days = st.integers(0, 10).map(lambda day: day * DAY)
    return Policy(
        older_than=draw(st.none() | days),
        keep=draw(st.dictionaries(st.sampled_from(Retention), days)),
        keep_derivers=draw(st.booleans()),
    )


def _live(model: Model, policy: Policy) -> set[int]:
    live = {
        i
        for i, node in enumerate(model)
        if node.root or node.held or node.age < max(policy.keep.get(node.retention, 0), policy.older_than or 0)
    }
    while True:
        more = {j for i in live for j in model[i].references}
        if policy.keep_derivers:
            more |= {deriver for i in live if (deriver := model[i].deriver) is not None}
        if more <= live:
            return live
        live |= more


def _path(number: int) -> StorePath:
    return StorePath(f"{number:032d}", "x")


def _info(number: int, node: Node) -> PathInfo:
    return PathInfo(
        path=_path(number),
        digest=b"\0" * 32,
        size=node.size,
        nodes=1,
        registered=NOW,
        used=NOW - node.age,
        retention=node.retention,
        deriver=None if node.deriver is None else _path(node.deriver),
        references=tuple(_path(reference) for reference in sorted(node.references)),
    )


def _fill(store: Store, model: Model) -> None:
    ids: dict[str, int] = {}
    with store.database.write():
        for number, node in enumerate(model):
            store.database.insert(_info(number, node), ids)
            store.path(_path(number)).write_text("")
    for number, node in enumerate(model):
        if node.root:
            (store.layout.roots / str(number)).symlink_to(store.path(_path(number)))
    store.hold(_path(number) for number, node in enumerate(model) if node.held)


def _registered(store: Store) -> set[int]:
    return {int(path.split("-")[0]) for path in store.database.paths()}


@pytest.fixture(scope="module")
def blank() -> Iterator[Path]:
    """Return the home of an empty store to be copied."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as directory:
        Store.open(Path(directory)).close()
        yield Path(directory)


def _copied(blank: Path, directory: str) -> Path:
    return shutil.copytree(blank, Path(directory) / "home", ignore=shutil.ignore_patterns("reserve"))


@settings(max_examples=60, deadline=None)
@given(model=models(), policy=policies(), chunk=st.integers(1, 4))
def test_collector_agrees_with_the_model(blank: Path, model: Model, policy: Policy, chunk: int) -> None:
    """The collector leaves what a plain definition of liveness says, and what it planned to leave."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as directory, Store.open(_copied(blank, directory)) as store:
        _fill(store, model)
        live = _live(model, policy)
        planned = {int(info.path.digest) for info in plan(store, policy)}
        assert set(range(len(model))) - live == planned
        assert len(planned) == collect(store, policy, chunk=chunk).objects
        assert live == _registered(store)
        assert {str(_path(number)) for number in live} == {place.name for place in store.layout.objects.iterdir()}


@settings(max_examples=30, deadline=None)
@given(model=models(), limit=st.integers(0, 300), chunk=st.integers(1, 4))
def test_collector_stops_when_it_has_freed_enough(blank: Path, model: Model, limit: int, chunk: int) -> None:
    """With a limit, it deletes dead objects, longest unused first, until the limit is reached."""
    policy = attrs.evolve(ALL, max_freed=limit)
    with tempfile.TemporaryDirectory(dir=_MEMORY) as directory, Store.open(_copied(blank, directory)) as store:
        _fill(store, model)
        planned = [int(info.path.digest) for info in plan(store, policy)]
        collect(store, policy, chunk=chunk)
        left = _registered(store)
    live = _live(model, policy)
    deleted = set(range(len(model))) - left
    assert deleted == set(planned)
    assert not deleted & live
    assert sum(model[number].size for number in planned[:-1]) < limit or not planned
    assert sum(model[number].size for number in planned) >= limit or left == live
    assert not any(model[number].references & deleted for number in left)


def test_empty_store(store: Store) -> None:
    """An empty store can be collected."""
    collected = collect(store, ALL)
    assert collected.objects == 0


def test_results_are_deleted_sources_stay(store: Store, make: Make) -> None:
    """Without roots, results are deleted at once, but sources and toolchains only long after their last use."""
    result = make("result")
    kept = {make(str(retention), retention=retention) for retention in (Retention.SOURCE, Retention.TOOLCHAIN)}
    store.temproots.close()
    assert [result] == [info.path for info in plan(store, Policy())]
    collect(store, Policy())
    assert kept == store.valid([result, *kept])
    with store.database.write():
        store.database.execute("update objects set used = used - ?", (31 * DAY,))
    assert collect(store, Policy()).objects == 2


def test_dry_run_deletes_nothing(store: Store, make: Make) -> None:
    """A plan lists what would be deleted, and nothing is deleted."""
    path = make("object")
    store.temproots.close()
    assert [path] == [info.path for info in plan(store, ALL)]
    assert store.is_valid(path)
    assert store.path(path).exists()


def test_bytes_are_freed(store: Store, make: Make) -> None:
    """Deleting frees disk space: that of objects, trash, and the pool's files without other links."""
    make("object", "x" * 100_000)
    kept = make("kept", "y" * 100_000)
    add_root(store, "kept", kept)
    store.temproots.close()
    collected = collect(store, ALL)
    assert (collected.objects, collected.size) == (1, 100_000)
    assert collected.freed >= 100_000
    assert [store.path(kept)] == list(store.layout.objects.iterdir())
    assert list(store.layout.trash.iterdir()) == []
    assert len(list(store.pool.entries())) == 1


def test_held_objects_are_spared(store: Store, make: Make, home: Path) -> None:
    """Objects that a process holds, and everything they refer to, stay until that process ends."""
    library = make("library")
    program = make("program", references=[library])
    store.temproots.close()
    with Store.open(home) as other:
        other.hold([program])
        collect(store, ALL)
        assert {library, program} == store.valid([library, program])
    collect(store, ALL)
    assert set() == store.valid([library, program])


def test_objects_held_during_a_collection_are_spared(store: Store, make: Make, home: Path) -> None:
    """Objects that a process comes to hold between marking and deletion stay, even if it ends at once."""
    library = make("library")
    program = make("program", references=[library])
    victims = [make(f"victim-{number}") for number in range(3)]
    store.temproots.close()

    def hold(point: str) -> None:
        if point == "collect: unlink":
            failpoints.uninstall()
            with Store.open(home) as other:
                assert {program} == other.hold([program])

    failpoints.install(hold)
    try:
        collect(store, ALL, chunk=1)
    finally:
        failpoints.uninstall()
    assert {library, program} == store.valid([library, program, *victims])
    assert verify(store, contents=True) == []


def test_objects_registered_during_a_collection_are_spared(store: Store, make: Make, tmp_path: Path) -> None:
    """An object that is registered and linked during a collection stays, with everything that it refers to."""
    library = make("library")
    victims = [make(f"victim-{number}") for number in range(3)]
    store.temproots.close()
    made: list[StorePath] = []

    def register(point: str) -> None:
        if point == "collect: unlink":
            failpoints.uninstall()
            made.append(make("program", references=[library]))
            link_result(store, tmp_path / "result", made[0])
            store.temproots.close()

    failpoints.install(register)
    try:
        collect(store, ALL, chunk=1)
    finally:
        failpoints.uninstall()
    assert {library, *made} == store.valid([library, *made, *victims])
    store.temproots.close()
    collect(store, ALL)
    assert {library, *made} == store.valid([library, *made, *victims])


def test_registration_after_a_collection_notices_its_loss(store: Store, make: Make) -> None:
    """Holding an object too late reveals that it is gone."""
    path = make("object")
    store.temproots.close()
    collect(store, ALL)
    assert set() == store.hold([path])
    assert path == make("object")
    assert store.is_valid(path)


def test_junk_in_the_store_is_deleted(store: Store, make: Make) -> None:
    """Anything in the store's directories that is neither registered nor in use is deleted."""
    kept = make("kept")
    directory = store.layout.objects / "not a store path"
    (directory / "sub").mkdir(parents=True)
    directory.chmod(0o555)
    (store.layout.objects / "link").symlink_to("/etc")
    (store.layout.builds / "left").mkdir()
    (store.layout.trash / "left").mkdir()
    with store.scratch() as scratch:
        collect(store, ALL)
        assert scratch.exists()
    assert [store.path(kept)] == list(store.layout.objects.iterdir())
    assert [*store.layout.builds.iterdir(), *store.layout.trash.iterdir()] == []


def test_stale_temporary_roots_are_deleted(store: Store, make: Make) -> None:
    """Files of dead processes are deleted, those of live ones are not."""
    make("object")
    (store.layout.temproots / "1-dead").write_text("")
    collect(store, ALL)
    assert len(list(store.layout.temproots.iterdir())) == 1


def test_journal_drops_deleted_objects(store: Store, make: Make) -> None:
    """After a collection the journal has the lines of the remaining objects."""
    make("dead", realisations=[(b"d" * 32, "out")])
    kept = make("kept", realisations=[(b"k" * 32, "out")])
    add_root(store, "kept", kept)
    store.temproots.close()
    collect(store, ALL)
    assert [kept, kept] == [line.path for line in store.journal.lines()]


def test_divergent_results_do_not_keep(store: Store, make: Make) -> None:
    """A second result of a key keeps neither object alive."""
    make("one", realisations=[(b"k" * 32, "out")])
    make("two", realisations=[(b"k" * 32, "out")])
    store.temproots.close()
    assert collect(store, ALL).objects == 2


def test_one_collection_at_a_time(store: Store, home: Path) -> None:
    """A second collection waits for the first, and reports that."""
    script = """
import sys
from pathlib import Path
from store.gc.collect import Policy, collect
from store.local import Store
from store.osutil import failpoints
def wait(point):
    if point == "collect: pool":
        print("there", flush=True)
        sys.stdin.readline()
failpoints.install(wait)
collect(Store.open(Path(sys.argv[1])), Policy())
"""
    waits: list[str] = []
    child = subprocess.Popen(
        [sys.executable, "-c", script, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == "there\n"

        def on_wait() -> None:
            waits.append("waited")
            assert child.stdin is not None
            child.stdin.write("\n")
            child.stdin.flush()

        collect(store, ALL, on_wait=on_wait)
    assert waits == ["waited"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a directory that is its own file system, of 24 MiB."""
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs", tmp_path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    yield tmp_path
    subprocess.run(["/bin/umount", "-l", tmp_path], check=True)


def _fill_disk(directory: Path) -> None:
    with (directory / "filler").open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def _free(directory: Path) -> int:
    room = os.statvfs(directory)
    return room.f_bavail * room.f_frsize


def _fill_small_disk(disk: Path, store: Store) -> StorePath:
    # A reserve is only made if there is plenty of room; this small disk represents a large one.
    store.layout.reserve.write_bytes(b"\0" * (8 << 20))
    (disk / "source").write_bytes(os.urandom(4 << 20))
    path = store.add(disk / "source")
    store.temproots.close()
    return path


@pytest.mark.root
def test_disk_that_fills_up(small_disk: Path) -> None:
    """When the disk is full, adding fails cleanly, and a collection makes room."""
    with Store.open(small_disk / "home") as store:
        path = _fill_small_disk(small_disk, store)
        (small_disk / "source").write_bytes(os.urandom(4 << 20))
        _fill_disk(small_disk)
        assert _free(small_disk) == 0
        with pytest.raises(DiskFull):
            store.add(small_disk / "source")
        assert {path} == store.valid([path])
        assert collect(store, ALL).objects == 1
        assert list(store.layout.objects.iterdir()) == []
        assert verify(store, contents=True) == []
    assert _free(small_disk) >= 4 << 20


@pytest.mark.root
def test_full_disk(small_disk: Path) -> None:
    """A store on a completely full disk can be opened for a collection."""
    with Store.open(small_disk / "home") as store:
        _fill_small_disk(small_disk, store)
    _fill_disk(small_disk)
    assert _free(small_disk) == 0
    with Store.open(small_disk / "home", full_disk=True) as store:
        assert collect(store, Policy(keep={})).objects == 1
    assert _free(small_disk) >= 4 << 20


def test_workers_and_collectors(memory: Path) -> None:
    """Processes that make, look up, hold and read objects never miss one, though two others keep collecting."""
    home = memory / "home"
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.store.crowding", role, str(home), "3", str(seed)],
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed, role in enumerate(["work", "work", "work", "collect", "collect"])
    ]
    counts = [int(child.communicate()[0] or 0) for child in children]
    assert [child.returncode for child in children] == [0] * 5
    assert all(counts[:3])
    assert sum(counts[3:])
    with Store.open(home) as store:
        assert verify(store, contents=True) == []
        collect(store, ALL)
        assert [*store.layout.objects.iterdir(), *store.layout.trash.iterdir(), *store.layout.builds.iterdir()] == []


def test_strangers_among_the_own_files(store: Store) -> None:
    """A link among the temporary roots and a directory for the reserve do not stop a collection."""
    unregistered = store.layout.objects / "left-over"
    unregistered.touch()
    (store.layout.temproots / "link").symlink_to("/etc")
    (store.layout.temproots / "directory").mkdir()
    store.layout.reserve.unlink()
    store.layout.reserve.mkdir()
    collect(store, ALL)
    assert not unregistered.exists()
    assert (store.layout.temproots / "link").is_symlink()
