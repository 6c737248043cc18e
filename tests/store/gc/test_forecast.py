"""What a collection is said to free is what it frees, and what the disk then has again."""

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
    """Return how many bytes objects, pool, trash and scratches take, each file once."""
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
    said = forecast(store, doomed)
    before = _used(store.layout.home)
    collected = collect(store, policy)
    assert (len(doomed), said) == (collected.objects, collected.freed)
    assert said == before - _used(store.layout.home)


def _add(store: Store, top: Path, name: str, files: Sequence[int]) -> None:
    """Add a directory, or if there is one file a file, whose files have so many pages; equal numbers are equal files."""
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
    """Files that objects share, dead and alive, are freed once, and only when nobody has them any more."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as directory, Store.open(Path(directory, "home")) as store:
        for number, (rooted, files) in enumerate(objects):
            _add(store, Path(directory), f"{'rooted' if rooted else 'dead'}-{number}", files)
        _check(store, Policy(keep={}, keep_derivers=False, max_freed=limit))


def test_what_is_left_over_counts(store: Store, tmp_path: Path) -> None:
    """Trash, scratches that nobody uses, what is not registered and what only the pool has are freed as well."""
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


def test_what_is_doubtful_or_damaged_counts(store: Store, tmp_path: Path) -> None:
    """The pool's files count wherever they are in it."""
    _add(store, tmp_path, "dead", [3, 4, 5])
    (store.layout.home / "boot").write_text("another boot")
    _add(store, tmp_path, "rooted", [3, 6])
    (entry, *_) = store.pool.entries()
    store.pool.set_aside(entry)
    _check(store, ALL)


def test_files_that_share_nothing(store: Store, tmp_path: Path) -> None:
    """Where the pool has none of them, all is freed."""
    _add(store, tmp_path, "dead", [3, 4, 5])
    for entry in list(store.pool.entries()):
        store.pool.drop(entry)
    _check(store, ALL)
