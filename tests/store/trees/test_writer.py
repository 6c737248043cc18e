"""Writing trees entry by entry."""

from __future__ import annotations

import contextlib
import os
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from store.trees.content import MAX_DEPTH, Content, InvalidTree
from store.trees.hash_tree import content_of
from store.trees.pool import Pool
from store.trees.remove import remove_tree
from store.trees.writer import TreeWriter
from tests.trees import File, Link, Tree, as_ordinary_user, count, digest, is_canonical, read, size, trees


if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def writer(pool: Pool, tmp_path: Path) -> Iterator[TreeWriter]:
    """Return a writer of `tmp_path / "tree"`."""
    with TreeWriter(pool, tmp_path / "tree") as opened:
        yield opened


def _entries(tree: Tree, path: bytes = b"") -> list[tuple[bytes, Tree]]:
    if not isinstance(tree, dict):
        return [(path, tree)]
    below = [_entries(child, path + b"/" + name if path else name) for name, child in tree.items()]
    return [(path, {}), *(entry for entries in below for entry in entries)]


def _put(writer: TreeWriter, path: bytes, node: Tree, *, chunks: bool = False) -> None:
    if isinstance(node, File):
        data = [node.data[:3], node.data[3:]] if chunks else node.data
        writer.file(path, data, executable=node.executable)
    elif isinstance(node, Link):
        writer.symlink(path, node.target)
    else:
        writer.directory(path)


@given(trees, st.randoms(use_true_random=False), st.booleans())
def test_round_trip(tree: Tree, random: object, chunks: bool) -> None:
    """Entries in any order make the same tree, canonical on the disk, with the right content."""
    entries = _entries(tree)
    random.shuffle(entries)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "tree")
        with Pool.open(Path(scratch, "pool")) as pool, TreeWriter(pool, path) as writer:
            for place, node in entries:
                _put(writer, place, node, chunks=chunks)
            assert Content(digest(tree), size(tree), count(tree)) == writer.finish()
        assert tree == read(path)
        assert is_canonical(path)


def test_equal_files(pool: Pool, writer: TreeWriter, tmp_path: Path) -> None:
    """Files with the same bytes and mode are one inode, within and between trees, whole or in chunks."""
    writer.file("a", b"same")
    writer.file("b/c", [b"sa", b"me"])
    writer.file("run", b"same", executable=True)
    writer.finish()
    with TreeWriter(pool, tmp_path / "other") as other:
        other.file("", b"same")
        other.finish()
    inodes = [(tmp_path / path).stat().st_ino for path in ("tree/a", "tree/b/c", "other", "tree/run")]
    assert inodes[0] == inodes[1] == inodes[2] != inodes[3]


def test_empty(writer: TreeWriter, tmp_path: Path) -> None:
    """A tree without entries is an empty directory."""
    assert digest({}) == writer.finish().digest
    assert list((tmp_path / "tree").iterdir()) == []


def test_directories(writer: TreeWriter) -> None:
    """A directory may be announced before or after its contents, twice, or not at all."""
    writer.directory("a/b")
    writer.file("a/b/c", b"")
    writer.file("d/e", b"")
    writer.directory("a/b")
    writer.directory("d")
    assert digest({b"a": {b"b": {b"c": File()}}, b"d": {b"e": File()}}) == writer.finish().digest


def test_replace(writer: TreeWriter, tmp_path: Path) -> None:
    """With *replace*, a later entry replaces a file or link; the file's other links do not change."""
    writer.file("file", b"old")
    writer.link("twin", "file")
    writer.symlink("link", "twin")
    writer.file("file", b"new", executable=True, replace=True)
    writer.file("link", b"no link", replace=True)
    writer.symlink("twin2", "x", replace=True)
    wanted: Tree = {
        b"file": File(b"new", executable=True),
        b"twin": File(b"old"),
        b"link": File(b"no link"),
        b"twin2": Link(b"x"),
    }
    assert digest(wanted) == writer.finish().digest
    assert wanted == read(tmp_path / "tree")


def test_link(writer: TreeWriter, tmp_path: Path) -> None:
    """A hard link is the same file again, anywhere and even onto itself."""
    writer.file("dir/file", b"text", executable=True)
    writer.link("other/deep/file", "dir/file")
    writer.symlink("symlink", "x")
    writer.link("same", "symlink")
    writer.link("same", "same", replace=True)
    run = File(b"text", executable=True)
    wanted: Tree = {
        b"dir": {b"file": run},
        b"other": {b"deep": {b"file": run}},
        b"symlink": Link(b"x"),
        b"same": Link(b"x"),
    }
    assert digest(wanted) == writer.finish().digest
    assert wanted == read(tmp_path / "tree")


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../up",
        "a/../../up",
        "a/..",
        ".",
        "a/./b",
        "a//b",
        "a/",
        "a\0b",
        "n" * 256,
        "a/" * MAX_DEPTH + "a/b",
    ],
)
def test_paths_out_of_the_tree(writer: TreeWriter, tmp_path: Path, path: str) -> None:
    """Any entry with a path that does not name one place in the tree is refused."""
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InvalidTree):
        writer.file(path, b"")
    with pytest.raises(InvalidTree):
        writer.symlink(path, b"x")
    with pytest.raises(InvalidTree):
        writer.directory(path + "/x")
    writer.file("good", b"")
    with pytest.raises(InvalidTree):
        writer.link(path, "good")
    with pytest.raises(InvalidTree):
        writer.link("better", path)
    assert sorted([*before, tmp_path / "tree"]) == sorted(tmp_path.iterdir())


def test_through_a_link(writer: TreeWriter, tmp_path: Path) -> None:
    """No entry is written through a symbolic link or a file."""
    (tmp_path / "outside").mkdir()
    writer.symlink("link", "../outside")
    writer.file("file", b"")
    for path in ("link/x", "link/y/x", "file/x"):
        with pytest.raises(InvalidTree, match="not a directory"):
            writer.file(path, b"", replace=True)
    with pytest.raises(InvalidTree, match="not a directory"):
        writer.directory("link")
    assert list((tmp_path / "outside").iterdir()) == []


def test_existing_entries(writer: TreeWriter) -> None:
    """An existing entry is only replaced on request, and a directory never is."""
    writer.file("file", b"")
    writer.directory("dir")
    for path, replace in (("file", False), ("dir", False), ("dir", True)):
        with pytest.raises(InvalidTree, match="already exists"):
            writer.file(path, b"", replace=replace)
        with pytest.raises(InvalidTree, match="already exists"):
            writer.symlink(path, b"x", replace=replace)
    with pytest.raises(InvalidTree, match="already has a root"):
        writer.file("", b"")


def test_single_file(writer: TreeWriter, tmp_path: Path) -> None:
    """A tree that is a file cannot have other entries."""
    writer.file("", b"text")
    for path in ("a", ""):
        with pytest.raises(InvalidTree):
            writer.file(path, b"")
    assert digest(File(b"text")) == writer.finish().digest
    assert (tmp_path / "tree").read_bytes() == b"text"


@pytest.mark.parametrize("target", [b"", b"a\0b", b"t" * 4096])
def test_targets(writer: TreeWriter, target: bytes) -> None:
    """An invalid target of a link is refused."""
    with pytest.raises(InvalidTree, match="cannot point to"):
        writer.symlink("link", target)


@pytest.mark.parametrize("existing", ["gone", "dir", "gone/file", "file/x", ""])
def test_link_to_nothing(writer: TreeWriter, existing: str) -> None:
    """A hard link needs an earlier file."""
    writer.directory("dir")
    writer.file("file", b"")
    with pytest.raises(InvalidTree):
        writer.link("link", existing)


def test_target_exists(pool: Pool, tmp_path: Path) -> None:
    """An existing target is not written to."""
    (tmp_path / "tree").mkdir()
    with TreeWriter(pool, tmp_path / "tree") as writer, pytest.raises(FileExistsError):
        writer.directory("")


def test_depth(pool: Pool, tmp_path: Path) -> None:
    """The deepest tree can be written and read, with no more descriptors than levels."""
    deepest = "/".join(["d" * 100] * MAX_DEPTH)
    with TreeWriter(pool, tmp_path / "tree") as writer:
        writer.file(deepest + "/file", b"")
        content = writer.finish()
    assert content == content_of(tmp_path / "tree")


def test_descriptors(pool: Pool, tmp_path: Path) -> None:
    """A writer that is left early leaves no descriptor open."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- descriptors, not files
    with contextlib.suppress(KeyboardInterrupt), TreeWriter(pool, tmp_path / "tree") as writer:
        writer.file("a/b/c", b"")
        raise KeyboardInterrupt
    assert before == len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_umask_and_user() -> None:
    """Modes do not depend on the umask, and an ordinary user can write trees."""

    def check() -> None:
        os.umask(0o077)
        with tempfile.TemporaryDirectory() as scratch, Pool.open(Path(scratch, "pool")) as pool:
            tree: Tree = {b"dir": {b"file": File(b"1"), b"run": File(b"2", executable=True)}}
            path = Path(scratch, "tree")
            with TreeWriter(pool, path) as writer:
                for place, node in _entries(tree):
                    _put(writer, place, node)
                assert digest(tree) == writer.finish().digest
            assert is_canonical(path)
            remove_tree(path)

    as_ordinary_user(check)
