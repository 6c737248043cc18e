"""Registered objects that have been removed from the disk are never returned, and are built again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from store.registration import ObjectGone
from store.trees.remove import remove_tree


if TYPE_CHECKING:
    from pathlib import Path

    from store.local import Store
    from store.path import StorePath
    from tests.store.conftest import Make


KEY = b"k" * 32


def _take(store: Store, path: StorePath) -> None:
    remove_tree(store.path(path))


def test_it_is_not_valid(store: Store, make: Make) -> None:
    """Such an object is neither valid, nor held, nor the result of a key."""
    path = make("object", realisations=[(KEY, "out"), (KEY, "dev")])
    _take(store, path)
    assert (set(), set(), {}) == (store.valid([path]), store.hold([path]), store.realised([KEY]))
    with pytest.raises(ObjectGone) as caught:
        store.hold_all([path])
    assert path == caught.value.path


def test_other_outputs_of_its_key_stay(store: Store, make: Make) -> None:
    """If one output of a key is missing, the other is still returned."""
    gone = make("gone", realisations=[(KEY, "out")])
    other = make("other", realisations=[(KEY, "dev")])
    _take(store, gone)
    assert {KEY: {"dev": other}} == store.realised([KEY])


def test_it_can_be_built_again(store: Store, make: Make) -> None:
    """Committing it again restores it."""
    library = make("library")
    path = make("object", references=[library], realisations=[(KEY, "out")])
    _take(store, path)
    assert path == make("object", references=[library])
    assert store.path(path).exists()
    assert {KEY: {"out": path}} == store.realised([KEY])
    assert (library,) == store.info(path).references


def test_another_result_takes_its_place(store: Store, make: Make) -> None:
    """A different result of a new build is not a divergence, because the first result is gone."""
    _take(store, make("object", "one", realisations=[(KEY, "out")]))
    other = make("object", "two", realisations=[(KEY, "out")])
    assert {KEY: {"out": other}} == store.realised([KEY])
    assert [] == store.database.divergences()


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_adding_again_brings_it_back(store: Store, tmp_path: Path, kind: str) -> None:
    """Adding the same tree restores it, although the index knows all its files."""
    source = tmp_path / "source"
    if kind == "directory":
        source.mkdir()
        (source / "file").write_text("hello")
    else:
        source.write_text("hello")
    path = store.add(source)
    _take(store, path)
    assert path == store.add(source)
    assert store.path(path).exists()
