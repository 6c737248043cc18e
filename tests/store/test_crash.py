"""SIGKILL at every step: registered objects are intact, nothing is lost, and leftovers are collected."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import profiles
from store.gc.collect import collect
from store.local import Store
from store.rebuild import rebuild
from store.trees.remove import remove_tree
from store.verify import damaged, verify
from tests.store.crashing import ALL, KEY, SCENARIOS, commit


if TYPE_CHECKING:
    from collections.abc import Iterator


ROOT = Path(__file__).parents[2]
NOBODY = 65534

STEPS = {
    "register": {
        "register: hold", "register: journal", "register: syncfs", "register: transaction", "register: rename",
        "register: set aside", "register: fsync", "register: commit", "register: done", "scratch: lock",
        "scratch: remove",
    },
    "collect": {
        "collect: temporary roots", "collect: rows", "collect: commit", "collect: rename", "collect: unlink",
        "collect: unregistered", "collect: dangling roots", "collect: scratches", "collect: pool",
        "collect: journal", "journal: replace", "collect: done",
    },
    "link": {"roots: register", "roots: switch"},
    "profile": {"profile: generation", "profile: switch", "profile: sync", "profile: delete"},
    "repair": {
        "repair: pool", "repair: rows", "repair: commit", "repair: discard", "repair: left over", "repair: restore",
        "repair: empty",
    },
    "rebuild": {"rebuild: set aside", "rebuild: rename"},
}  # fmt: skip


@pytest.fixture(params=["oneself", pytest.param("nobody", marks=pytest.mark.root)])
def directory(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Return a directory for an ordinary user, or for the user who runs the tests."""
    # Not below pytest's own directory, which other users cannot enter.
    place = Path(tempfile.mkdtemp(prefix="kernix-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    if request.param == "nobody":
        os.chown(place, NOBODY, NOBODY)
    yield place
    remove_tree(place)


def _crash(scenario: str, directory: Path) -> list[tuple[Path, str]]:
    arguments = [sys.executable, "-m", "tests.store.crashing", scenario, str(directory)]
    if directory.stat().st_uid != os.getuid():
        arguments.append(str(directory.stat().st_uid))
    child = subprocess.run(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return [(directory / str(i + 1), name) for i, name in enumerate(child.stdout.split("\n")[:-1])]


def _check(home: Path) -> None:
    with Store.open(home) as store:
        assert damaged(verify(store, contents=True)) == []
        program = store.realised([KEY])[KEY]["out"]
        assert program.name == "program"
        collect(store, ALL)
        assert verify(store, contents=True) == []
        assert {program, *store.info(program).references} <= store.valid([program, *store.info(program).references])
        assert [*store.layout.builds.iterdir(), *store.layout.trash.iterdir()] == []
        assert [place for place in store.layout.home.iterdir() if place.name.endswith(".new")] == []


def _check_rebuilding(home: Path) -> None:
    with Store.open(home) as store:
        paths = store.database.paths()
        results = sorted(store.database.all_realisations())
    (home / "db.sqlite").write_bytes(b"garbage")
    assert rebuild(home).problems == []
    with Store.open(home) as store:
        assert paths == store.database.paths()
        assert results == sorted(store.database.all_realisations())


@pytest.mark.parametrize("scenario", ["register", "collect", "link"])
def test_killed_anywhere(directory: Path, scenario: str) -> None:
    """Killed at any step, a store is intact; the same work then succeeds, and the database can be rebuilt."""
    crashes = _crash(scenario, directory)
    assert STEPS[scenario] <= {name for _, name in crashes}
    for i, (home, _) in enumerate(crashes):
        if i % 2:
            _check(home)
        SCENARIOS[scenario](home)
        _check(home)
        _check_rebuilding(home)


@pytest.mark.parametrize("directory", ["oneself"], indirect=True)
def test_killed_change_of_a_profile(directory: Path) -> None:
    """Killed at any step, a profile leads to a whole generation or does not exist yet; a collection leaves it so."""
    crashes = _crash("profile", directory)
    assert STEPS["profile"] <= {name for _, name in crashes}
    seen = set()
    for home, _ in crashes:
        with Store.open(home) as store:
            used = profiles.generation_in_use(store.layout, "system")
            assert (used is not None) == (home / "profiles/system").exists()
            if used is not None:
                assert used.target in store.valid([used.target])
            seen.add(used.number if used is not None else None)
        SCENARIOS["profile"](home)
        _check(home)
        assert (home / "profiles/system").exists()
    assert {None, 1, 2} <= seen


def test_killed_rebuild(directory: Path) -> None:
    """A rebuild that was killed can be repeated."""
    crashes = _crash("rebuild", directory)
    assert STEPS["rebuild"] <= {name for _, name in crashes}
    for home, _ in crashes:
        rebuild(home)
        _check(home)


def test_killed_repair(directory: Path) -> None:
    """Killed at any step, a repair can be repeated; no row is deleted before the pool is rid of damaged files."""
    crashes = _crash("repair", directory)
    assert STEPS["repair"] <= {name for _, name in crashes}
    for home, _ in crashes:
        with Store.open(home) as store:
            if "library" not in {info.path.name for info in store.database.all_infos()}:
                assert all(store.pool.is_whole(entry) for entry in store.pool.entries())
            SCENARIOS["repair"](home)
            assert verify(store, contents=True) == []
            assert {"whole", "writable"} == {path[33:] for path in store.database.paths()}
            for name in ("library", "dead", "gone", "only-in-the-pool", "whole"):
                commit(store, name)
            assert verify(store, contents=True) == []
            assert store.pool.damaged() == []
            collect(store, ALL)
            assert list(store.layout.trash.iterdir()) == []
