"""A glance sees a store's results and creates nothing."""

from __future__ import annotations

import time

from typing import TYPE_CHECKING

import pytest

from store.local import Store
from store.records import glance
from store.records.schema import SCHEMA_VERSION


if TYPE_CHECKING:
    from pathlib import Path


KEY, OTHER = bytes(32), bytes(range(32))


@pytest.mark.parametrize("name", ["home", "50% off?", "#1", "ein Ort mit ü", "a?mode=memory"])
def test_results_are_seen(tmp_path: Path, name: str) -> None:
    """A realisation is seen, wherever the store is; a different key, output or object is not."""
    home = tmp_path / name
    with Store.open(home) as store:
        file = tmp_path / "file"
        file.touch()
        path = str(store.add(file))
        store.record([(KEY, "out", store.add(file))])
    database = str(home / "db.sqlite")
    asked = [(KEY, "out", path), (OTHER, "out", path), (KEY, "dev", path), (KEY, "out", "0" * 32 + "-x")]
    assert [True, False, False, False] == [glance.has(database, [it], used_since=0) for it in asked]
    assert [True, False] == [glance.has(database, it, used_since=0) for it in ([], asked)]
    assert not glance.has(database, asked[:1], used_since=int(time.time()) + 100)


def test_no_database_is_created(tmp_path: Path) -> None:
    """If there is no database, looking does not create one."""
    assert not glance.has(str(tmp_path / "db.sqlite"), [], used_since=0)
    assert [] == list(tmp_path.iterdir())


def test_newer_schema_is_not_read(store: Store) -> None:
    """A newer kernix' database is not read."""
    database = str(store.layout.database)
    before = glance.has(database, [], used_since=0)
    store.database.execute(f"pragma user_version = {SCHEMA_VERSION + 1}")
    assert (True, False) == (before, glance.has(database, [], used_since=0))
