"""The forecast of a collection equals the bytes that it frees on the disk."""

from __future__ import annotations

import os
import shutil
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from store.gc.collect import Policy, collect, plan
from store.gc.forecast import forecast
from store.gc.roots import add_root
from store.local import Store


if TYPE_CHECKING:
    from collections.abc import Sequence


ALL = Policy(keep={}, keep_derivers=False)
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _used(home: Path) -> int:
    """Return how many bytes objects, pool, trash and scratches take, counting each file once."""
    statuses = [
        Path(directory, name).lstat()
        for part in ("store", "pool", "trash", "builds")
        for directory, folders, names in os.walk(home / part)
        for name in [*folders, *names]
        if Path(directory) != home / "pool" or name in names
    ]
    return sum({it.st_ino: it.st_blocks * 512 for it in statuses if it.st_ino}.values())


def _check(store: Store, policy: Policy) -> None:
    store.temproots.close()
    doomed = plan(store, policy)
    expected = forecast(store, doomed)
    before = _used(store.layout.home)
    collected = collect(store, policy)
    assert (len(doomed), expected) == (collected.objects, collected.freed)
    assert expected == before - _used(store.layout.home)


def _add(store: Store, top: Path, name: str, files: Sequence[int]) -> None:
    """Add a directory whose files have these sizes in pages, or a single file; equal numbers are equal files."""
    source = top / name
    if len(files) == 1:
        source.write_bytes(bytes([files[0]]) * (files[0] * 4096))
    else:
        source.mkdir()
        for number, pages in enumerate(files):
            (source / str(number)).write_bytes(bytes([pages]) * (pages * 4096))
    path = store.add(source)
    if name.startswith("rooted"):
        add_root(store, name, path)


objects = st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 6), min_size=1, max_size=5)), max_size=6)


@settings(max_examples=25, deadline=None)
@given(objects=objects, limit=st.none() | st.integers(0, 60_000))
def test_of_any_store(objects: list[tuple[bool, list[int]]], limit: int | None) -> None:
    """Files that objects share are counted once, and only if no other name is left."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as directory, Store.open(Path(directory, "home")) as store:
        for number, (rooted, files) in enumerate(objects):
            _add(store, Path(directory), f"{'rooted' if rooted else 'dead'}-{number}", files)
        _check(store, Policy(keep={}, keep_derivers=False, max_freed=limit))


def test_leftovers_count(store: Store, tmp_path: Path) -> None:
    """Trash, unused scratches, unregistered entries and files that only the pool has count, too."""
    _add(store, tmp_path, "rooted", [1, 2, 3])
    _add(store, tmp_path, "dead", [3, 4, 5])
    _add(store, tmp_path, "gone", [6, 7])
    gone = next(info.path for info in store.database.all_infos() if info.path.name == "gone")
    store.path(gone).chmod(0o755)
    shutil.rmtree(store.path(gone))
    for place in (store.layout.trash / "left", store.layout.builds / "left", store.layout.objects / "left"):
        place.mkdir()
        (place / "file").write_bytes(b"x" * 10_000)
    os.link(store.layout.trash / "left/file", store.layout.builds / "left/other")
    _check(store, ALL)


def test_doubtful_and_damaged_files_count(store: Store, tmp_path: Path) -> None:
    """The pool's files count wherever in the pool they are."""
    _add(store, tmp_path, "dead", [3, 4, 5])
    (store.layout.home / "boot").write_text("another boot")
    _add(store, tmp_path, "rooted", [3, 6])
    (entry, *_) = store.pool.entries()
    store.pool.set_aside(entry)
    _check(store, ALL)


def test_files_that_share_nothing(store: Store, tmp_path: Path) -> None:
    """If the pool has none of them, all files count."""
    _add(store, tmp_path, "dead", [3, 4, 5])
    for entry in list(store.pool.entries()):
        store.pool.drop(entry)
    _check(store, ALL)
