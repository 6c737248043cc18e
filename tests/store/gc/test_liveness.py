"""Liveness of more objects than the collector's differential test can make."""

from __future__ import annotations

import random

from typing import TYPE_CHECKING

import pytest

from store.gc.collect import Policy, collect, plan
from store.gc.liveness import Marking, mark
from store.gc.retention import Retention
from store.gc.roots import add_root
from store.local import Store
from store.osutil import failpoints
from store.path import StorePath
from store.records.database import Database, PathInfo


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.store.conftest import Make


ALL = Policy(keep={}, keep_derivers=False)

COUNT = 5000


def _path(number: int) -> StorePath:
    return StorePath(f"{number:032d}", "x")


def _graph() -> list[list[int]]:
    chance = random.Random(1)  # noqa: S311 -- the same graph each time
    return [sorted(chance.sample(range(max(0, number - 50), number), min(number, 3))) for number in range(COUNT)]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Give a database of COUNT objects, each of which refers to three of the fifty before it."""
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
    yield database
    database.close()


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
    """Whether few objects are alive or many, they are the roots and everything that these need."""
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


KEYS = [bytes([number]) * 32 for number in range(4)]


def _left(store: Store, *roots: StorePath) -> set[str]:
    for root in roots:
        add_root(store, str(root), root)
    store.temproots.close()
    planned = {info.path.name for info in plan(store, ALL)}
    before = {info.path.name for info in store.database.all_infos()}
    collect(store, ALL)
    left = {info.path.name for info in store.database.all_infos()}
    assert left == before - planned
    return left


def test_outputs_of_a_build_keep_each_other(store: Store, make: Make) -> None:
    """The other outputs of a build stay while one of its outputs is rooted, with everything that they refer to."""
    library = make("library")
    out = make("out", realisations=[(KEYS[0], "out")])
    make("modules", references=[library], realisations=[(KEYS[0], "modules")])
    make("other", realisations=[(KEYS[1], "out")])
    assert {"out", "modules", "library"} == _left(store, out)


def test_no_output_is_kept_without_a_root(store: Store, make: Make) -> None:
    """Outputs without a root are deleted together, though a live object refers to one of them."""
    out = make("out", realisations=[(KEYS[0], "out")])
    make("modules", realisations=[(KEYS[0], "modules")])
    assert {"out", "user"} == _left(store, make("user", references=[out]))


def test_an_output_of_many_builds(store: Store, make: Make) -> None:
    """Of several builds with the same modules, the last one used keeps its outputs, but they keep no further ones."""
    modules = make("modules", realisations=[(key, "modules") for key in KEYS])
    for number, key in enumerate(KEYS):
        make(f"out-{number}", realisations=[(key, "out")])
    store.database.execute("update objects set used = used + 100 where path like '%-out-1'")
    assert {"modules", "out-1"} == _left(store, modules)


def test_a_root_keeps_no_outputs_of_other_builds(store: Store, make: Make) -> None:
    """An output kept beside a root keeps no outputs beside it."""
    make("modules", realisations=[(key, "modules") for key in KEYS])
    outs = [make(f"out-{number}", realisations=[(key, "out")]) for number, key in enumerate(KEYS)]
    assert {"modules", "out-2"} == _left(store, outs[2])


def test_outputs_beside_an_object_held_later_stay(store: Store, make: Make, home: Path) -> None:
    """Holding one output during a collection keeps the others, too."""
    out = make("out", realisations=[(KEYS[0], "out")])
    make("modules", realisations=[(KEYS[0], "modules")])
    for number in range(3):
        make(f"victim-{number}")
    store.temproots.close()

    def hold(point: str) -> None:
        if point == "collect: unlink":
            failpoints.uninstall()
            with Store.open(home) as other:
                assert {out} == other.hold([out])

    failpoints.install(hold)
    try:
        collect(store, ALL, chunk=1)
    finally:
        failpoints.uninstall()
    assert {"out", "modules"} == {info.path.name for info in store.database.all_infos()}
