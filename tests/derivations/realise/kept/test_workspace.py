"""The directory that a build sees above a kept tree: layers and copies behave the same."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import pytest

from blake3 import blake3

from derivations.kbuild.index import Index
from derivations.realise.kept.keep import Left, keep
from derivations.realise.kept.listing import MTIME_NS, is_whole
from derivations.realise.kept.workspace import Copied, Layered
from tests.derivations.realise.kept.conftest import about, facts


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from derivations.realise.kept.shelf import KeptTree, Shelf


BOTH = pytest.mark.parametrize("kind", [pytest.param(Layered, id="layered", marks=pytest.mark.root), Copied])
# Whiteouts: an ordinary user may make them from Linux 5.8 on; on other file systems than the usual ones nobody may.


@pytest.fixture
def tree(kept: Callable[..., KeptTree]) -> KeptTree:
    """Return a kept tree."""
    return kept({"a.o": "object", "d/b.o": "other"}, links={"link": "a.o"})


def workspace(kind: type[Layered | Copied], tree: KeptTree, tmp_path: Path) -> Layered | Copied:
    """Return a workspace above *tree*."""
    place = tmp_path / "place"
    place.mkdir()
    return kind.make(tree, tree.listing(), place)


def top(work: Layered | Copied) -> Path:
    """Return the directory that gets what a builder makes."""
    return work.upper if isinstance(work, Layered) else work.build


@BOTH
def test_at_first_nothing_is_made_or_gone(kind: type[Layered | Copied], tree: KeptTree, tmp_path: Path) -> None:
    """A new workspace is the tree."""
    work = workspace(kind, tree, tmp_path)

    assert (work.made(), work.gone()) == ({}, set())
    assert work.digest("a.o") == blake3(b"object").digest()
    assert work.digest("nothing") is None
    assert work.digest("d") is None


@BOTH
def test_deleting(kind: type[Layered | Copied], tree: KeptTree, tmp_path: Path) -> None:
    """What is deleted is gone, what was never there makes no difference, and the kept tree is untouched."""
    work = workspace(kind, tree, tmp_path)
    work.delete(["d/b.o", "never"])
    work.delete(["d/b.o"])

    assert (work.gone(), work.digest("d/b.o"), work.made()) == ({"d/b.o"}, None, {})
    assert is_whole(tree.tree, tree.listing()) is None


@BOTH
def test_putting(kind: type[Layered | Copied], tree: KeptTree, tmp_path: Path) -> None:
    """What is put there is found, is new, and replaces what was there or was deleted."""
    work = workspace(kind, tree, tmp_path)
    source = tmp_path / "source"
    source.write_text("mine")
    work.delete(["a.o"])
    for path in ("a.o", "d/b.o", "e/f/c"):
        work.put(path, source, executable=path == "a.o")

    assert set(work.made()) == {"a.o", "d/b.o", "e/f/c"}
    assert [work.digest(it) for it in work.made()] == [blake3(b"mine").digest()] * 3
    assert os.access(top(work) / "a.o", os.X_OK)
    assert work.gone() == set()
    assert is_whole(tree.tree, tree.listing()) is None


@BOTH
def test_what_a_builder_makes(kind: type[Layered | Copied], tree: KeptTree, tmp_path: Path) -> None:
    """New files are seen; a file with the time of the kept ones is not new."""
    work = workspace(kind, tree, tmp_path)
    for name in ("new", "old"):
        (top(work) / name).write_text("x")
    os.utime(top(work) / "old", ns=(MTIME_NS, MTIME_NS))

    assert set(work.made()) == {"new"}


@BOTH
def test_deleting_what_was_made(kind: type[Layered | Copied], tree: KeptTree, tmp_path: Path) -> None:
    """What the builder made can be deleted, and what the tree has there does not come back."""
    work = workspace(kind, tree, tmp_path)
    for path in ("new", "a.o"):
        (top(work) / path).unlink(missing_ok=True)
        (top(work) / path).write_text("x")
    work.delete(["new", "a.o"])

    assert (work.made(), work.gone(), work.digest("a.o")) == ({}, {"a.o"}, None)


@BOTH
def test_keeping_what_was_built_upon_a_tree(
    kind: type[Layered | Copied], tree: KeptTree, shelf: Shelf, tmp_path: Path
) -> None:
    """A tree of two builds is one layer, with what was made, without what is gone, and shares the rest."""
    work = workspace(kind, tree, tmp_path)
    work.delete(["d/b.o", "d/.b.o.cmd"])
    (top(work) / "new").write_text("x")
    left = Left(
        directory=top(work), below=tree, listing=tree.listing(), index=Index.decode(tree.read("index")),
        gone=frozenset(work.gone()), layered=isinstance(work, Layered),
    )  # fmt: skip
    second = keep(shelf, left, about, facts, lambda: None)

    assert set(second.listing().items) == {".config", "a.o", ".a.o.cmd", "d", "link", "new"}
    assert is_whole(second.tree, second.listing()) is None
    assert (second.tree / "a.o").samefile(tree.tree / "a.o")
    assert second.about.objects == 1
    assert is_whole(tree.tree, tree.listing()) is None


@BOTH
def test_two_builds_from_one_tree(kind: type[Layered | Copied], tree: KeptTree, shelf: Shelf, tmp_path: Path) -> None:
    """Two builds may start from a tree at once: both hold it, neither sees what the other does, and it stays whole."""
    with shelf.holding(tree) as one, shelf.holding(tree) as two:
        assert one
        assert two
        works = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            works.append(workspace(kind, tree, tmp_path / name))
            works[-1].delete(["a.o" if name == "one" else "d/b.o"])
            (top(works[-1]) / "a.o").unlink(missing_ok=True)
            (top(works[-1]) / "a.o").write_text(name)
        assert shelf.shrink(0) == []
        assert [it.digest("a.o") for it in works] == [blake3(name).digest() for name in (b"one", b"two")]
        assert [it.digest("d/b.o") is None for it in works] == [False, True]
        assert is_whole(tree.tree, tree.listing()) is None
