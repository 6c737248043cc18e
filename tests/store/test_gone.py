"""Objects that are registered, and that somebody has taken from the disk: never handed out, and made again."""

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
    """It is neither valid, nor held, nor the result of a key."""
    path = make("object", realisations=[(KEY, "out"), (KEY, "dev")])
    _take(store, path)
    assert (set(), set(), {}) == (store.valid([path]), store.hold([path]), store.realised([KEY]))
    with pytest.raises(ObjectGone) as caught:
        store.hold_all([path])
    assert path == caught.value.path


def test_other_results_of_its_key_stay(store: Store, make: Make) -> None:
    """A key whose one output is gone still has the other."""
    gone = make("gone", realisations=[(KEY, "out")])
    other = make("other", realisations=[(KEY, "dev")])
    _take(store, gone)
    assert {KEY: {"dev": other}} == store.realised([KEY])


def test_it_is_made_again(store: Store, make: Make) -> None:
    """Who makes it once more has it, as before."""
    library = make("library")
    path = make("object", references=[library], realisations=[(KEY, "out")])
    _take(store, path)
    assert path == make("object", references=[library])
    assert store.path(path).exists()
    assert {KEY: {"out": path}} == store.realised([KEY])
    assert (library,) == store.info(path).references


def test_another_result_takes_its_place(store: Store, make: Make) -> None:
    """A build that comes to something else is no second result: there is no first any more."""
    _take(store, make("object", "one", realisations=[(KEY, "out")]))
    other = make("object", "two", realisations=[(KEY, "out")])
    assert {KEY: {"out": other}} == store.realised([KEY])
    assert [] == store.database.divergences()


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_adding_again_brings_it_back(store: Store, tmp_path: Path, kind: str) -> None:
    """What was added is added once more, although the index knows every file of it."""
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
