"""Proving fast results: one process at a time, what is left for the next build, which kept trees go."""

from __future__ import annotations

import time

from typing import TYPE_CHECKING

import pytest

from derivations.realise.kept.shelf import Shelf
from derivations.realise.plan import known_outputs
from derivations.realise.proof import fast
from derivations.realise.proof.fast import AlreadyRunning, NothingToProve, is_running, prove_fast, remove_suspects
from derivations.realise.proof.refuted import Refutation, leave, take, unread
from derivations.realise.sandbox.run_builder import BuildFailed
from store.osutil.locks import locked
from tests.derivations.realise.kept.conftest import Keeping


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.derivation import Derivation
    from derivations.realise.proof.prove import Proof
    from tests.derivations.realise.conftest import Workplace


RANDOM = "head -c 64 /dev/urandom > /out/out"


def action_of(workplace: Workplace, derivation: Derivation) -> bytes:
    """Return the key of the action of *derivation*, whose inputs are realised."""
    store = workplace.store
    return derivation.action_key(lambda it: store.info(known_outputs([it], store.realised)[it]).digest)


def wrong(workplace: Workplace, derivation: Derivation) -> Path:
    """Record something else as the result of *derivation*, as if a fast build had made it; return its path."""
    workplace.realise(workplace.base)
    path = workplace.store.add(_file(workplace), derivation.name)
    workplace.store.record([(key, "out", path) for key in (derivation.key, action_of(workplace, derivation))])
    return workplace.store.path(path)


def _file(workplace: Workplace) -> Path:
    place = workplace.directory / "wrong"
    place.write_text("from a stale object\n")
    return place


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Return a shelf without trees."""
    return Shelf(tmp_path / "shelf")


@pytest.fixture
def kept(shelf: Shelf, tmp_path: Path) -> Keeping:
    """Return a function that keeps a tree on it."""
    return Keeping(shelf, tmp_path / "trees")


@pytest.fixture
def right(workplace: Workplace) -> Derivation:
    """Return a derivation whose recorded result is a wrong one; its input is realised."""
    it = workplace.shell("kernel", "echo right > /out/out")
    wrong(workplace, it)
    return it


def test_refuted(workplace: Workplace, right: Derivation) -> None:
    """A wrong result is replaced by the clean one, and the next build finds what became of it."""
    user = workplace.shell("user", "cat /kernel > /out/out", mounts={"/kernel": right.out})
    spoilt = workplace.realise(user)["out"].name
    assert workplace.text(right) == "from a stale object\n"
    reported: list[Proof] = []
    proof = prove_fast(workplace.store, right, (), report=reported.append)
    assert not proof.holds
    assert reported == [proof]
    assert workplace.text(right) == "right\n"
    (found,) = unread(workplace.store.layout)
    assert (found.name, found.key) == ("kernel", right.key.hex())
    assert found.withdrawn == proof.withdrawn
    assert [str(it) for it in found.instead] == [workplace.realise(right)["out"].name]
    assert [str(it) for it in found.spoilt] == [spoilt]


def test_confirmed(workplace: Workplace) -> None:
    """A right result stays, leaves no word, and no tree is removed."""
    it = workplace.shell("kernel", "echo right > /out/out")
    before = workplace.realise(it)
    theirs = Shelf(workplace.store.layout.kept)
    Keeping(theirs, workplace.directory)(name="near")
    assert prove_fast(workplace.store, it, ["near"]).holds
    assert workplace.realise(it) == before
    assert unread(workplace.store.layout) == []
    assert len(theirs.kept()) == 1


def test_refuted_trees_go(workplace: Workplace, right: Derivation) -> None:
    """The tree that a refuted build left, and the one that it came from, are removed; others stay."""
    theirs = Shelf(workplace.store.layout.kept)
    keep = Keeping(theirs, workplace.directory)
    action = action_of(workplace, right).hex()
    keep(action=action, family="f", made=30.0, name="kernel")
    keep(action="1", family="f", made=20.0, name="near")
    keep(action="2", family="g", made=40.0, name="other")
    prove_fast(workplace.store, right, ["near"])
    assert [it.about.name for it in theirs.kept()] == ["other"]


@pytest.mark.parametrize(
    ("actions", "names", "stay"),
    [
        pytest.param({"c"}, {"two"}, {"one", "apart"}, id="left, from, and what came later"),
        pytest.param({"gone"}, {"two"}, {"one", "apart"}, id="the tree that was left is gone"),
        pytest.param({"c"}, set(), {"one", "two", "apart"}, id="nothing is known of its start"),
        pytest.param({"gone"}, {"gone"}, {"one", "two", "three", "four", "apart"}, id="nothing is there"),
    ],
)
def test_suspects(kept: Keeping, shelf: Shelf, actions: set[str], names: set[str], stay: set[str]) -> None:
    """What was made later in the same family may have come from a wrong tree, and goes as well."""
    kept(action="a", family="f", made=10.0, name="one")
    kept(action="b", family="f", made=20.0, name="two")
    kept(action="c", family="f", made=30.0, name="three")
    kept(action="d", family="f", made=40.0, name="four")
    kept(action="e", family="g", made=50.0, name="apart")
    assert remove_suspects(shelf, actions, names, 0) == []
    assert {it.about.name for it in shelf.kept()} == stay


def test_tree_in_use(kept: Keeping, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree that a build uses is waited for, and with it the one that this build leaves."""
    tree = kept(action="a", family="f", made=10.0, name="one")
    with shelf.holding(tree):
        assert remove_suspects(shelf, {"a"}, (), 0) == [tree.id]
        held = shelf.holding(tree)
        held.__enter__()

    def end_build(_: float) -> None:
        kept(action="b", family="f", made=20.0, name="two")
        held.__exit__(None, None, None)

    monkeypatch.setattr(time, "sleep", end_build)
    assert remove_suspects(shelf, {"a"}, (), 60) == []
    assert shelf.kept() == []


def test_one_at_a_time(workplace: Workplace, right: Derivation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second proof of the same result does not begin, and that one is running can be seen."""
    monkeypatch.setattr(fast, "_GRACE", 0.0)
    layout = workplace.store.layout
    assert not is_running(layout, right)
    with locked(layout.locks / f"proof-{right.key.hex()}"):
        assert is_running(layout, right)
        with pytest.raises(AlreadyRunning):
            prove_fast(workplace.store, right, ())
    assert not is_running(layout, right)
    assert workplace.store.verdicts() == []


def test_nothing_to_prove(workplace: Workplace) -> None:
    """A derivation without a result is not built for a proof."""
    with pytest.raises(NothingToProve):
        prove_fast(workplace.store, workplace.shell("it", RANDOM), ())
    assert workplace.store.verdicts() == []


def test_failure(workplace: Workplace) -> None:
    """A clean build that fails withdraws nothing."""
    it = workplace.shell("it", "exit 3")
    before = wrong(workplace, it)
    with pytest.raises(BuildFailed):
        prove_fast(workplace.store, it, ())
    assert workplace.realise(it)["out"] == before
    assert unread(workplace.store.layout) == []


def test_taken_once(workplace: Workplace) -> None:
    """A refutation is reported by one build; damaged files are passed over."""
    layout = workplace.store.layout
    assert unread(layout) == []
    path = workplace.store.add(_file(workplace))
    one = Refutation(name="a", key="ab", seen=int(time.time()), withdrawn=(path,), instead=(), spoilt=(path,))
    leave(layout, one)
    (layout.refuted / "cd").write_text("{")
    assert unread(layout) == [one]
    assert take(layout, one)
    assert not take(layout, one)
    assert unread(layout) == []
