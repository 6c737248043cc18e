"""The shelf: what is on it, what it takes, and what makes room on it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from derivations.realise.kept.keep import Left, keep
from derivations.realise.kept.shelf import VERSION, ShelfRefused
from tests.derivations.realise.kept.conftest import about, build, facts


if TYPE_CHECKING:
    from collections.abc import Callable

    from derivations.realise.kept.shelf import KeptTree, Shelf


KIB = 1 << 10
BIG = 256 * KIB


def big(letter: str, **more: str) -> dict[str, str]:
    """Return a build with an object of 256 KiB."""
    return {"a.o": letter * BIG, **more}


class Stopped(Exception):
    """Keeping is stopped."""


def files_of(shelf: Shelf) -> list[Path]:
    """Return all files on *shelf*."""
    return sorted(it for it in shelf.place.rglob("*") if it.is_file())


def disk(place: Path) -> int:
    """Return the bytes that *place* takes on the disk, each file once."""
    seen = {status.st_ino: status.st_blocks for it in (place, *place.rglob("*")) for status in [it.lstat()]}
    return 512 * sum(seen.values())


def test_a_kept_tree_is_found(shelf: Shelf, kept: Callable[..., KeptTree]) -> None:
    """A tree is on the shelf with all that it is of, the one used last first."""
    one, two = kept(used=1e9, name="one"), kept(used=2e9, name="two")

    assert [it.id for it in shelf.kept()] == [two.id, one.id]
    assert [it.about for it in shelf.kept()] == [two.about, one.about]
    assert one.about.objects == 1


def test_there_may_be_no_shelf(shelf: Shelf) -> None:
    """Without a shelf nothing is kept, and nothing is made."""
    assert (shelf.kept(), shelf.size(), shelf.shrink(0), shelf.superfluous(0)) == ([], 0, [], [])
    assert not shelf.place.exists()


def test_equal_files_take_space_once(shelf: Shelf, kept: Callable[..., KeptTree]) -> None:
    """The second of two equal trees adds little more than its directories."""
    kept(big("x"))
    before = shelf.size()
    kept(big("x"))

    assert shelf.size() - before < 100 * KIB < BIG < before


def test_the_size_is_that_on_the_disk(shelf: Shelf, kept: Callable[..., KeptTree]) -> None:
    """Files, directories and what is beside the trees count; only the shelf's own few directories do not."""
    kept(big("x", **{f"d{i}/a": "b" for i in range(50)}))
    kept(big("y"))
    own = sum(512 * it.lstat().st_blocks for it in (shelf.place, shelf.trees, shelf.files, *shelf.files.iterdir()))

    assert shelf.size() == disk(shelf.place) - own


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda it: (it / "about.json").unlink(), id="about-missing"),
        pytest.param(lambda it: (it / "about.json").write_text("{"), id="about-cut"),
        pytest.param(lambda it: (it / "about.json").write_text("[]"), id="about-list"),
        pytest.param(lambda it: (it / "about.json").write_text('{"version": 1}'), id="another-version"),
        pytest.param(lambda it: (it / "about.json").write_text(f'{{"version": {VERSION}, "x": 2}}'), id="other-facts"),
    ],
)
def test_what_is_not_understood_is_not_used(
    shelf: Shelf, kept: Callable[..., KeptTree], damage: Callable[[Path], object]
) -> None:
    """A tree of another form or without its facts is left out, and removed with the next one that is kept."""
    damaged = kept(big("x"))
    damage(damaged.place)

    assert shelf.kept() == []
    shelf.shrink(1 << 40)
    assert (damaged.place.exists(), shelf.size()) == (False, 0)


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701])
def test_others_must_not_enter(shelf: Shelf, kept: Callable[..., KeptTree], mode: int) -> None:
    """A shelf that others can enter is refused, by each use."""
    tree = kept()
    shelf.place.chmod(mode)

    for use in (
        shelf.kept,
        shelf.size,
        lambda: shelf.shrink(0),
        lambda: shelf.superfluous(0),
        lambda: shelf.making().__enter__(),
    ):
        with pytest.raises(ShelfRefused) as caught:
            use()
        assert caught.value.reason == "others can enter it"
    assert tree.place.exists()


@pytest.mark.root
def test_a_shelf_of_another_user(shelf: Shelf, kept: Callable[..., KeptTree]) -> None:
    """A shelf that belongs to another user is refused."""
    kept()
    os.chown(shelf.place, 1, 1)

    with pytest.raises(ShelfRefused) as caught:
        shelf.kept()
    assert caught.value.reason == "it belongs to another user"


def test_a_link_instead_of_a_shelf(shelf: Shelf, tmp_path: Path) -> None:
    """A link is refused, wherever it leads."""
    shelf.place.symlink_to(tmp_path)

    with pytest.raises(ShelfRefused) as caught:
        shelf.kept()
    assert caught.value.reason == "it is not a directory"


def test_a_held_tree_stays(shelf: Shelf, kept: Callable[..., KeptTree]) -> None:
    """What a build uses cannot be removed, and does not count as superfluous."""
    tree = kept()
    with shelf.holding(tree) as held:
        assert held
        assert (shelf.remove(tree), shelf.shrink(0), shelf.superfluous(0)) == (None, [], [])

    assert [it.tree for it in shelf.superfluous(0)] == [tree]
    assert shelf.remove(tree) is not None
    with shelf.holding(tree) as held:
        assert not held


def test_the_longest_unused_goes_first(shelf: Shelf, kept: Callable[..., KeptTree]) -> None:
    """Trees go in the order of their last use until the rest fits, and what was freed is what was foretold."""
    trees = [kept(big(letter), used=used) for letter, used in (("a", 3e9), ("b", 1e9), ("c", 2e9))]
    limit = shelf.size() - 300 * KIB
    foretold = shelf.superfluous(limit)
    before = shelf.size()
    removed = shelf.shrink(limit)

    assert [it.tree for it in removed] == [trees[1], trees[2]]
    assert foretold == removed
    assert shelf.size() == before - sum(it.freed for it in removed) <= limit
    assert shelf.kept() == [trees[0]]


def test_shared_files_are_freed_with_the_last_tree(shelf: Shelf, kept: Callable[..., KeptTree]) -> None:
    """A file of two trees is freed with the second; both are counted right."""
    for used in (1e9, 2e9):
        kept(big("x"), used=used)
    kept(big("z"), used=3e9)
    foretold = shelf.superfluous(shelf.size() - BIG)
    removed = shelf.shrink(shelf.size() - BIG)

    assert foretold == removed
    assert removed[0].freed < BIG <= removed[1].freed
    assert len(removed) == 2


def test_old_trees_go(shelf: Shelf, kept: Callable[..., KeptTree]) -> None:
    """A tree that was not used for so long is removed, however much room there is."""
    old, new = kept(used=time.time() - 100), kept(used=time.time() - 10)

    assert [it.tree for it in shelf.superfluous(1 << 40, 50)] == [old]
    assert [it.tree for it in shelf.shrink(1 << 40, 50)] == [old]
    assert shelf.kept() == [new]


def test_the_new_one_goes_last(shelf: Shelf, kept: Callable[..., KeptTree]) -> None:
    """The tree of the build that makes room stays if it fits, whenever it was used, and goes if it alone does not."""
    mine, other = kept(big("x"), used=1e9), kept(big("y"), used=2e9)

    assert [it.tree for it in shelf.shrink(shelf.size() - 1, spare=mine.id)] == [other]
    assert [it.tree for it in shelf.shrink(shelf.size() - 1, spare=mine.id)] == [mine]
    assert shelf.size() == 0


def test_nothing_is_left_of_a_failure(shelf: Shelf, kept: Callable[..., KeptTree], tmp_path: Path) -> None:
    """If keeping fails in the middle, the shelf is as it was before."""
    kept()
    before = files_of(shelf)
    steps = iter(range(9))

    def stop() -> None:
        if next(steps) == 3:
            raise Stopped

    new = build(tmp_path / "new", {**big("x"), "b.o": "y", "c/d.o": "z"})
    with pytest.raises(Stopped):
        keep(shelf, Left(directory=new), about, facts, stop)
    assert files_of(shelf) == before
    assert not [it for it in shelf.trees.iterdir() if it.name.startswith(".")]


def test_a_failure_beside_another_keeper(shelf: Shelf, tmp_path: Path) -> None:
    """While another tree is made the pool is left alone; what a failure left there goes with the next chance."""

    def stop() -> None:
        if files_of(shelf):
            raise Stopped

    with shelf.making():
        with pytest.raises(Stopped):
            keep(shelf, Left(directory=build(tmp_path / "new", big("x"))), about, facts, stop)
        assert files_of(shelf)
    shelf.shrink(1 << 40)
    assert shelf.size() == 0
    assert list(shelf.trees.iterdir()) == []


KEEPER = """
import os, sys
from pathlib import Path
from derivations.realise.kept.keep import Left, keep
from derivations.realise.kept.shelf import Shelf
from tests.derivations.realise.kept.conftest import about, facts

count = 0
def wait():
    global count
    count += 1
    if count == {after}:
        print("here", flush=True)
        sys.stdin.read()

keep(Shelf(Path({shelf!r})), Left(directory=Path({directory!r})), about, facts, wait)
print("here", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("after", [1, 2, 4, 6])
def test_killed_while_keeping(shelf: Shelf, kept: Callable[..., KeptTree], tmp_path: Path, after: int) -> None:
    """A process that is killed while it keeps a tree leaves nothing that is used, and the next one removes it all."""
    tree = kept()
    before = shelf.size()
    directory = build(tmp_path / "new", {**big("x"), "b.o": "y", "c/d.o": "z"})
    program = KEEPER.format(after=after, shelf=str(shelf.place), directory=str(directory))
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        shelf.shrink(1 << 40)
        assert [it.name for it in shelf.trees.iterdir() if it.name.startswith(".new-")]
        process.send_signal(signal.SIGKILL)
    assert shelf.kept() == [tree]
    shelf.shrink(1 << 40)
    assert (shelf.kept(), shelf.size()) == ([tree], before)
    assert [it.name for it in shelf.trees.iterdir()] == [tree.id]


def test_killed_while_removing(shelf: Shelf, kept: Callable[..., KeptTree]) -> None:
    """A removal that was not finished leaves nothing that is used, and the next one finishes it."""
    tree = kept(big("x"))
    gone = tree.place.with_name(f".old-{tree.id}")
    tree.place.rename(gone)
    shutil.rmtree(gone / "tree")

    assert shelf.kept() == []
    shelf.shrink(1 << 40)
    assert (shelf.size(), list(shelf.trees.iterdir())) == (0, [])


def test_a_tree_without_a_listing_is_removed(shelf: Shelf, kept: Callable[..., KeptTree]) -> None:
    """Without its listing a tree's files are found in the pool all the same."""
    tree = kept(big("x"))
    (tree.place / "listing").write_text("damaged")

    assert shelf.remove(tree) is not None
    shelf.clean()
    assert (shelf.size(), list(shelf.trees.iterdir())) == (0, [])
