"""Tests for derivations.realise.view: a view of layers shows what their union on the disk is."""

from __future__ import annotations

import os
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.realise.view import View
from store.trees.manifest import Manifest
from tests.trees import File, Link, Tree, write


if TYPE_CHECKING:
    from collections.abc import Callable


_NAMES = st.sampled_from([b"a", b"b", b"c"])
_LINKS = st.builds(Link, st.sampled_from([b"a", b"b/", b"../a", b"./b/c", b"../../..", b"/etc", b"none"]))
_LEAVES = st.builds(File, st.sampled_from([b"", b"1", b"2"]), st.booleans()) | _LINKS
_TREES = st.recursive(
    st.dictionaries(_NAMES, _LEAVES, max_size=3),
    lambda below: st.dictionaries(_NAMES, _LEAVES | below, max_size=3),
    max_leaves=12,
)
_PATHS = [
    "",
    *(f"{one}{two}" for one in "ab" for two in ("", "/a", "/b", "/b/c", "/", "/.", "/..", "/../b", "/a/../b")),
]
_GLOBS = ["*", "*/a", "a/*", "*/*/c", "**/a", "a/**/b", "*a*/b", "b/a", "./a", "*/", "a*"]


def _overlaid(top: Tree, base: Tree) -> Tree:
    """Return what overlayfs shows."""
    if not isinstance(top, dict) or not isinstance(base, dict):
        return top
    both = {name: _overlaid(top[name], base[name]) for name in top.keys() & base.keys()}
    return {**base, **top, **both}


def _without(tree: Tree, path: tuple[bytes, ...]) -> Tree:
    if not isinstance(tree, dict) or path[0] not in tree:
        return tree
    rest = {name: node for name, node in tree.items() if name != path[0]}
    return rest if len(path) == 1 else {**rest, path[0]: _without(tree[path[0]], path[1:])}


@given(_TREES, _TREES, st.sets(st.lists(_NAMES, min_size=1, max_size=3).map(tuple), max_size=2))
def test_the_same_as_a_tree(top: Tree, base: Tree, hidden: set[tuple[bytes, ...]]) -> None:
    """Paths, contents, links and globs are as in the tree that the layers are together."""
    shown = base
    for names in hidden:
        shown = _without(shown, names)
    with tempfile.TemporaryDirectory() as scratch:
        real = write(_overlaid(top, shown), Path(scratch, "real"))
        layers = write(top, Path(scratch, "top")), write(base, Path(scratch, "base"))
        view = View(layers, frozenset(b"/".join(names).decode() for names in hidden))
        assert sorted(view.files()) == sorted(path for path, _, _ in Manifest.of(real).paths())
        for path in _PATHS:
            if not _leaves(real, path):
                _check_same(view, path, f"{real}/{path}")


def _check_same(view: View, path: str, place: str) -> None:
    # Not a Path, which would drop a slash or dot at the end.
    found = view.find(path)
    assert (found is not None) == os.path.exists(place)  # noqa: PTH110
    assert view.is_file(path) == os.path.isfile(place)  # noqa: PTH113
    assert view.is_directory(path) == os.path.isdir(place)  # noqa: PTH112
    if found is not None and view.is_file(path):
        assert (view.read(path), found.mode) == (Path(place).read_bytes(), Path(place).stat().st_mode)
    elif found is not None:
        assert view.names(path) == sorted(os.listdir(place))  # noqa: PTH208


def _leaves(real: Path, path: str) -> bool:
    """Return whether *path* leaves *real* on its way, through a link or with `..`."""
    seen, names, links = real, path.split("/")[::-1], 0
    while names:
        name = names.pop()
        if name in {"", "."}:
            continue
        if name == ".." and not seen.is_dir():
            return False
        seen = seen.parent if name == ".." else seen / name
        if not seen.is_relative_to(real):
            return True
        if seen.is_symlink():
            links += 1
            target = os.readlink(seen)  # noqa: PTH115 -- a Path would normalise the target
            if target.startswith("/") or links > 50:
                return True
            names += target.split("/")[::-1]
            seen = seen.parent
    return False


@pytest.fixture
def view(tmp_path: Path) -> Callable[[Tree], View]:
    """Return a function that returns the view of a tree."""
    return lambda tree: View((write(tree, Path(tempfile.mkdtemp(dir=tmp_path), "tree")),))


@pytest.mark.parametrize("pattern", _GLOBS)
def test_globs(view: Callable[[Tree], View], pattern: str) -> None:
    """A pattern matches what it matches in a `Path`."""
    tree = view(
        {
            b"a": {b"a": File(b"1"), b"b": {b"c": File(b"2"), b"a": Link(b"c")}, b"c": Link(b"nowhere"), b".h": File()},
            b"b": Link(b"a"),
            b"ab": {b"b": {b"b": {b"a": File()}}},
            b"c": File(),
        }
    )
    root = tree.roots[0]
    assert sorted({*tree.glob(pattern)}) == sorted({str(it.relative_to(root)) for it in root.glob(pattern)})


def test_links_lead_nowhere_outside(view: Callable[[Tree], View]) -> None:
    """What a link names outside of the tree, or by an absolute path, does not exist."""
    tree = view({b"d": {b"up": Link(b"../.."), b"etc": Link(b"/etc"), b"loop": Link(b"loop")}})
    assert [tree.find(path) for path in ("d/up", "d/etc/passwd", "d/loop", "..", "d/../../d")] == [None] * 5
    found = tree.find("d/etc", follow=False)
    assert found is not None
    assert found.is_link
    with pytest.raises(FileNotFoundError):
        tree.read("d/etc")


def test_nothing_is_in_a_file(view: Callable[[Tree], View]) -> None:
    """A file has nothing below it, not even a slash."""
    tree = view({b"f": File(b"1")})
    assert tree.find("f") is not None
    assert [tree.find(path) for path in ("f/", "f/.", "f/x", "f/..")] == [None] * 4
    assert tree.names("f") == tree.names("none") == []
