"""Tests for store.trees.manifest."""

from __future__ import annotations

import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blake3 import blake3
from hypothesis import given

from store.trees.content import InvalidTree, Kind
from store.trees.hash_tree import content_of
from store.trees.manifest import Difference, InvalidManifest, Manifest
from store.trees.pool import Pool
from store.trees.writer import TreeWriter
from tests.trees import LARGE, File, Link, Tree, digest, directories, trees, write


if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def listed(tmp_path: Path) -> Callable[[Tree], Manifest]:
    """Return a function that writes a tree and returns its manifest."""

    def listed(tree: Tree) -> Manifest:
        return Manifest.of(write(tree, Path(tempfile.mkdtemp(dir=tmp_path), "tree")))

    return listed


def _manifest(tree: Tree) -> Manifest:
    with tempfile.TemporaryDirectory() as scratch:
        return Manifest.of(write(tree, Path(scratch, "tree")))


def _flat(tree: Tree, path: bytes = b"") -> dict[bytes, File | Link]:
    """Return the files and links of *tree* by path."""
    if not isinstance(tree, dict):
        return {path: tree}
    return {
        place: node
        for name, child in tree.items()
        for place, node in _flat(child, path + b"/" + name if path else name).items()
    }


@given(trees)
def test_of(tree: Tree) -> None:
    """A manifest has the tree's digest, and every file and link with its kind and content."""
    manifest = _manifest(tree)
    assert manifest.digest == digest(tree)
    found = {path.encode("utf-8", "surrogateescape"): (kind, content) for path, kind, content in manifest.paths()}
    wanted = _flat(tree)
    assert found.keys() == wanted.keys()
    for path, node in wanted.items():
        if isinstance(node, Link):
            assert found[path] == (Kind.SYMLINK, blake3(node.target).digest())
        else:
            assert found[path] == (Kind.EXECUTABLE if node.executable else Kind.FILE, blake3(node.data).digest())
    assert all(manifest.entry(path) == (kind, content) for path, kind, content in manifest.paths())


@given(trees)
def test_round_trip(tree: Tree) -> None:
    """A manifest that was written and read is the same, and equal trees have equal bytes."""
    manifest = _manifest(tree)
    again = Manifest.decode(manifest.encode())
    assert (again, [*again.paths()], again.encode()) == (manifest, [*manifest.paths()], manifest.encode())


@given(directories, directories)
def test_difference(old: Tree, new: Tree) -> None:
    """The difference is that of the flat lists of files and links."""
    before, after = _flat(old), _flat(new)
    wanted = {
        **dict.fromkeys(before.keys() - after.keys(), Difference.REMOVED),
        **dict.fromkeys(after.keys() - before.keys(), Difference.ADDED),
        **{path: Difference.CHANGED for path in before.keys() & after.keys() if before[path] != after[path]},
    }
    found = _manifest(old).difference(_manifest(new))
    assert {path.encode("utf-8", "surrogateescape"): it for path, it in found.items()} == wanted


@given(directories, directories)
def test_changes_lead_to_another_tree(old: Tree, new: Tree) -> None:
    """With the difference as changes, a tree has the files and links of the other one."""
    before, after = _manifest(old), _manifest(new)
    changed = before.with_changes({path: after.entry(path) for path in before.difference(after)})
    assert changed.difference(after) == {}
    assert Manifest.decode(changed.encode()) == changed


def test_large(listed: Callable[[Tree], Manifest]) -> None:
    """Helpers report the listings that they found."""
    manifest = listed(LARGE)
    assert manifest.digest == digest(LARGE)
    assert len([*manifest.paths()]) == len(_flat(LARGE))
    assert Manifest.decode(manifest.encode()) == manifest


def test_written(tmp_path: Path) -> None:
    """The writer of a tree knows the listings, without reading it again."""
    with Pool.open(tmp_path / "pool") as pool, TreeWriter(pool, tmp_path / "tree") as writer:
        writer.file("d/a", b"1")
        writer.symlink("d/b", "a")
        writer.directory("e")
        content = writer.finish()
    assert content.listings is not None
    manifest = Manifest.of_written(content.listings)
    assert manifest.digest == content.digest == content_of(tmp_path / "tree").digest
    assert manifest.encode() == Manifest.of(tmp_path / "tree").encode()


def test_entry_and_names(listed: Callable[[Tree], Manifest]) -> None:
    """A path leads to a node; none leads through a file or a link."""
    manifest = listed({b"d": {b"f": File(b"1")}, b"l": Link(b"d"), b"e": {}})
    assert (manifest.names(""), manifest.names("d"), manifest.names("e")) == (("d", "e", "l"), ("f",), ())
    assert manifest.names("d/f") is manifest.names("l") is manifest.names("x") is None
    assert manifest.entry("l/f") is manifest.entry("d/f/g") is manifest.entry("x") is None
    assert manifest.entry("") == (Kind.DIRECTORY, manifest.root)


_FILE = (Kind.FILE, blake3(b"new").digest())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"d": _FILE, "d/f": _FILE}, id="file and directory"),
        pytest.param({"": _FILE}, id="root"),
        pytest.param({"d//f": _FILE}, id="empty name"),
        pytest.param({"../f": _FILE}, id="outside"),
    ],
)
def test_impossible_changes(listed: Callable[[Tree], Manifest], changes: dict[str, tuple[Kind, bytes] | None]) -> None:
    """Paths that no tree has, or that contradict each other, are refused."""
    with pytest.raises(InvalidTree):
        listed({b"d": {b"f": File(b"1")}}).with_changes(changes)


def test_a_file_has_no_files_to_change(listed: Callable[[Tree], Manifest]) -> None:
    """A tree that is a single file cannot be changed."""
    with pytest.raises(InvalidTree):
        listed(File(b"1")).with_changes({"f": _FILE})


def test_every_flipped_or_missing_byte_is_noticed(listed: Callable[[Tree], Manifest]) -> None:
    """A damaged manifest is refused."""
    data = listed({b"d": {b"f": File(b"1")}, b"l": Link(b"d")}).encode()
    for index in range(len(data)):
        flipped = bytearray(data)
        flipped[index] ^= 1
        with pytest.raises(InvalidManifest):
            Manifest.decode(bytes(flipped))
        with pytest.raises(InvalidManifest):
            Manifest.decode(data[:index])


def test_a_missing_listing_is_noticed(listed: Callable[[Tree], Manifest]) -> None:
    """A manifest without one of its listings is refused when that is needed."""
    manifest = listed({b"d": {b"f": File(b"1")}})
    partial = Manifest(manifest.kind, manifest.root, {manifest.root: manifest.listings[manifest.root]})
    with pytest.raises(InvalidManifest):
        partial.entry("d/f")
