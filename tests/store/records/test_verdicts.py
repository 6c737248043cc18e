"""Verdicts: recorded with their object, withdrawing what they refute, recovered from the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from store.gc.collect import Policy, collect
from store.local import Store
from store.rebuild import rebuild
from store.records.verdicts import Verdict


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from store.path import StorePath


KEY, ACTION = b"k" * 32, b"a" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a new store."""
    with Store.open(tmp_path / "home") as store:
        yield store


def _add(store: Store, directory: Path, text: str) -> StorePath:
    file = directory / "file"
    file.write_text(text)
    path = store.add(file, "it")
    store.record([(KEY, "out", path), (ACTION, "out", path)])
    return path


def _verdict(store: Store, path: StorePath, rebuilt: bytes | None = None, **others: bool) -> Verdict:
    digest = store.info(path).digest
    return Verdict(
        path=path,
        key=KEY,
        action=ACTION,
        output="out",
        seen=7,
        rebuilt=rebuilt or digest,
        equal=rebuilt in {None, digest},
        conditions="1 processor",
        **others,
    )


def test_recorded(store: Store, tmp_path: Path) -> None:
    """A verdict is found by its object, and says whether the digests are equal."""
    path = _add(store, tmp_path, "a")
    found = [_verdict(store, path), _verdict(store, path, b"x" * 32)]
    store.judge(found)
    assert store.verdicts([path]) == found
    assert [it.equal for it in found] == [True, False]
    assert store.verdicts([]) == []


def test_withdrawn(store: Store, tmp_path: Path) -> None:
    """A withdrawn result is the result of nothing any more, and another can take its place."""
    path = _add(store, tmp_path, "a")
    store.judge([_verdict(store, path, b"x" * 32, withdrawn=True)])
    assert store.realised([KEY, ACTION]) == {}
    assert store.is_valid(path)
    other = _add(store, tmp_path, "b")
    assert store.realised([KEY]) == {KEY: {"out": other}}


def test_survive_a_rebuild(store: Store, tmp_path: Path) -> None:
    """Verdicts are recovered from the journal, and what they withdrew stays withdrawn."""
    path = _add(store, tmp_path, "a")
    store.judge([_verdict(store, path, b"x" * 32, withdrawn=True)])
    other = _add(store, tmp_path, "b")
    store.judge([_verdict(store, other)])
    before = store.verdicts()
    for _ in range(2):  # the second time from the journal that the first wrote
        assert rebuild(store.layout.home).problems == []
        assert store.verdicts() == before
        assert store.realised([KEY]) == {KEY: {"out": other}}


def test_go_with_their_object(store: Store, tmp_path: Path) -> None:
    """The collector takes the verdicts of the objects that it takes, from the journal, too."""
    path = _add(store, tmp_path, "a")
    store.judge([_verdict(store, path)])
    home = store.layout.home
    store.close()
    with Store.open(home) as again:
        again.database.execute("update objects set retention = 'result'")
        collect(again, Policy())
        assert again.verdicts() == []
    assert "verdict" not in (home / "journal").read_text()


def test_of_an_unknown_object(store: Store, tmp_path: Path) -> None:
    """A verdict on an object that was collected meanwhile is dropped."""
    path = _add(store, tmp_path, "a")
    store.judge([attrs.evolve(_verdict(store, path), path=attrs.evolve(path, digest="0" * 32))])
    assert store.verdicts() == []
