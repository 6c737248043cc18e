"""Tests for store.liveness on more objects than the collector's differential test can make."""

from __future__ import annotations

import random

import pytest

from store.database import Database, PathInfo
from store.liveness import Marking, mark
from store.path import StorePath
from store.retention import Retention


COUNT = 5000


def _path(number: int) -> StorePath:
    return StorePath(f"{number:032d}", "x")


def _graph() -> list[list[int]]:
    chance = random.Random(1)  # noqa: S311 -- the same graph each time
    return [sorted(chance.sample(range(max(0, number - 50), number), min(number, 3))) for number in range(COUNT)]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Return a database of COUNT objects, each of which needs three of the fifty before it."""
    place = tmp_path_factory.mktemp("liveness") / "db.sqlite"
    Database(place, fresh=True).close()
    database = Database(place, fresh=False)
    ids: dict[str, int] = {}
    with database.write():
        for number, references in enumerate(_graph()):
            info = PathInfo(
                path=_path(number), digest=b"\0" * 32, size=1, nodes=1, registered=1, used=1,
                retention=Retention.RESULT, deriver=None, references=tuple(map(_path, references)),
            )  # fmt: skip
            database.insert(info, ids)
    return database


@pytest.mark.parametrize(
    "roots",
    [
        pytest.param(range(0), id="nothing"),
        pytest.param(range(COUNT), id="everything"),
        pytest.param([COUNT - 1], id="nearly everything"),
        pytest.param([30, 1000, 1001], id="few"),
        pytest.param([*range(2000, 3000), *range(3000, COUNT, 90)], id="few and many by turns"),
    ],
)
def test_live_is_what_the_roots_reach(database: Database, roots: list[int]) -> None:
    """Where the living are dense and where they are sparse, they are the roots and all that these need."""
    graph = _graph()
    live: set[int] = set()
    rest = [*roots]
    while rest:
        if (number := rest.pop()) not in live:
            live.add(number)
            rest += graph[number]

    marked = mark(database, Marking(roots=frozenset(str(_path(it)) for it in roots), used_since={}, keep_derivers=True))

    ids = database.ids(str(_path(number)) for number in range(COUNT))
    dead = [ids[str(_path(number))] for number in reversed(range(COUNT)) if number not in live]
    assert dead == marked.dead()
    assert set(dead) == {number for number in ids.values() if marked.is_dead(number)}
