"""Adopting trees."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hypothesis import given

from store.trees import seal
from store.trees.adopt import adopt
from store.trees.content import Content, InvalidTree
from store.trees.copy_in import copy_in
from store.trees.pool import Pool
from store.trees.remove import remove_tree
from tests.trees import File, Link, Tree, as_ordinary_user, count, digest, is_canonical, read, size, trees, write


if TYPE_CHECKING:
    from collections.abc import Callable


TREE: Tree = {
    b"dir": {b"file": File(b"text"), b"run": File(b"#!", executable=True), b"empty": {}},
    b"link": Link(b"dir/file"),
    b"same": File(b"text"),
}


@given(trees)
def test_same_content(tree: Tree) -> None:
    """A copy, the adopted tree itself, and the description agree; both are canonical, and the source is unchanged."""
    with tempfile.TemporaryDirectory() as scratch, Pool.open(Path(scratch, "pool")) as pool:
        source = write(tree, Path(scratch, "source"))
        copy = Path(scratch, "copy")
        status = source.lstat()
        expected = Content(digest(tree), size(tree), count(tree))
        assert expected == copy_in(source, copy, pool)
        assert (status.st_mode, status.st_mtime_ns) == (source.lstat().st_mode, source.lstat().st_mtime_ns)
        assert expected == adopt(source, pool)
        for path in (source, copy):
            assert tree == read(path)
            assert is_canonical(path)


def _files(path: Path) -> dict[Path, int]:
    return {it.relative_to(path): it.stat().st_ino for it in path.rglob("*") if it.is_file() and not it.is_symlink()}


def test_copies_share_files(pool: Pool, tmp_path: Path) -> None:
    """Equal files become one inode, within and between trees, adopted or copied, small or large."""
    tree: Tree = {**TREE, b"large": File(b"x" * 3000000)} if isinstance(TREE, dict) else TREE
    source = write(tree, tmp_path / "source")
    copy_in(source, tmp_path / "one", pool)
    copy_in(source, tmp_path / "two", pool)
    adopt(source, pool)
    inodes = _files(source)
    assert inodes[Path("same")] == inodes[Path("dir/file")]
    assert len(set(inodes.values())) == 3
    assert inodes == _files(tmp_path / "one") == _files(tmp_path / "two")


def test_adopt_again(pool: Pool, tmp_path: Path) -> None:
    """Adopting a canonical tree changes nothing."""
    path = write(TREE, tmp_path / "tree")
    content = adopt(path, pool)
    inodes = _files(path)
    assert content == adopt(path, pool)
    assert inodes == _files(path)


def test_adopt_links_of_objects(pool: Pool, tmp_path: Path) -> None:
    """Files that a builtin linked from an object stay the object's, even if the pool has lost them."""
    adopt(write(TREE, tmp_path / "object"), pool)
    for _ in range(2):
        path = write({b"new": File(b"new")}, tmp_path / "tree")
        os.link(tmp_path / "object/dir/run", path / "run")
        os.link(tmp_path / "object/link", path / "link", follow_symlinks=False)
        expected: Tree = {b"new": File(b"new"), b"run": File(b"#!", executable=True), b"link": Link(b"dir/file")}
        assert digest(expected) == adopt(path, pool).digest
        assert (path / "run").stat().st_ino == (tmp_path / "object/dir/run").stat().st_ino
        remove_tree(path)
        for entry in list(pool.entries()):
            pool.drop(entry)


def test_adopt_hard_links(pool: Pool, tmp_path: Path) -> None:
    """Hard links within a tree are treated like equal files."""
    path = write({b"a": File(b"1"), b"dir": {}}, tmp_path / "tree")
    os.link(path / "a", path / "dir/b")
    assert digest({b"a": File(b"1"), b"dir": {b"b": File(b"1")}}) == adopt(path, pool).digest
    assert is_canonical(path)


def test_adopt_hard_link_to_outside(pool: Pool, tmp_path: Path) -> None:
    """A file with a name outside the tree is refused, and keeps its mode and time."""
    secret = write(File(b"secret"), tmp_path / "secret")
    path = write(TREE, tmp_path / "tree")
    os.link(secret, path / "dir/stolen")
    before = secret.stat()
    with pytest.raises(InvalidTree, match="1 of its 2 links are elsewhere") as caught:
        adopt(path, pool)
    assert str(path / "dir/stolen") == caught.value.place
    after = secret.stat()
    assert (before.st_mode, before.st_mtime_ns, 2) == (after.st_mode, after.st_mtime_ns, after.st_nlink)


def _bind(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


def _chmod(kind: str, mode: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.mkdir() if kind == "directory" else path.touch()
        path.chmod(mode)

    return make


BAD = [
    pytest.param(os.mkfifo, "a fifo", id="fifo"),
    pytest.param(_bind, "a socket", id="socket"),
    pytest.param(_chmod("file", 0o4755), "mode 4755: .*setuid", id="setuid"),
    pytest.param(_chmod("file", 0o2755), "mode 2755: .*setgid", id="setgid"),
    pytest.param(_chmod("file", 0o6755), "setuid or setgid", id="setuid and setgid"),
    pytest.param(_chmod("file", 0o1644), "sticky", id="sticky file"),
    pytest.param(_chmod("directory", 0o1777), "sticky", id="sticky directory"),
    pytest.param(_chmod("directory", 0o4755), "setuid", id="setuid directory"),
]


@pytest.mark.parametrize(("make", "reason"), BAD)
@pytest.mark.parametrize("place", ["dir/bad", ""])
def test_adopt_refuses(pool: Pool, tmp_path: Path, make: Callable[[Path], None], reason: str, place: str) -> None:
    """Nodes that no object can contain are refused by path, before any file is changed or pooled."""
    path = tmp_path / "tree"
    if place:
        write(TREE, path)
    make(path / place)
    with pytest.raises(InvalidTree, match=reason) as caught:
        adopt(path, pool)
    assert str(path / place) == caught.value.place
    assert list(pool.entries()) == []
    assert not place or (path / "dir/file").stat().st_mode & 0o777 == 0o644


def test_inherited_setgid(pool: Pool, tmp_path: Path) -> None:
    """A directory that has inherited its setgid bit from the store's parent is adopted without it."""
    path = write(TREE, tmp_path / "tree")
    (path / "dir").chmod(0o2755)
    assert digest(TREE) == adopt(path, pool).digest
    assert is_canonical(path)


@pytest.mark.root
def test_other_owner(pool: Pool, tmp_path: Path) -> None:
    """Another user's file is refused."""
    path = write(TREE, tmp_path / "tree")
    os.chown(path / "dir/file", 1234, 1234)
    with pytest.raises(InvalidTree, match="user 1234"):
        adopt(path, pool)


def test_attributes(pool: Pool, tmp_path: Path) -> None:
    """Extended attributes are removed."""
    path = write(TREE, tmp_path / "tree")
    try:
        for place in (path, path / "dir", path / "dir/file"):
            os.setxattr(place, "user.comment", b"x")
    except OSError:
        pytest.skip("this file system has no user attributes")
    adopt(path, pool)
    assert [os.listxattr(place) for place in (path, path / "dir", path / "dir/file")] == [[], [], []]


def test_links_are_not_followed(pool: Pool, tmp_path: Path) -> None:
    """The targets of an output's links are neither read nor changed."""
    outside = write({b"file": File(b"1")}, tmp_path / "outside")
    tree: Tree = {b"dir": Link(os.fsencode(outside)), b"file": Link(os.fsencode(outside / "file"))}
    assert digest(tree) == adopt(write(tree, tmp_path / "tree"), pool).digest
    assert (outside / "file").stat().st_mode & 0o7777 == 0o644
    assert not is_canonical(outside)


def test_ordinary_user() -> None:
    """An ordinary user adopts trees with unreadable modes, copies read-only trees, and moves objects."""

    def check() -> None:
        os.umask(0o027)
        with tempfile.TemporaryDirectory() as scratch, Pool.open(Path(scratch, "pool")) as pool:
            path = write(TREE, Path(scratch, "tree"))
            (path / "dir/run").chmod(0o100)
            (path / "dir/empty").chmod(0)
            (path / "dir").chmod(0)
            (path / "same").chmod(0)
            assert digest(TREE) == adopt(path, pool).digest
            assert digest(TREE) == copy_in(path, Path(scratch, "copy"), pool).digest
            Path(scratch, "store").mkdir()
            for name in ("tree", "copy"):
                seal.move(Path(scratch, name), Path(scratch, "store", name))
                assert is_canonical(Path(scratch, "store", name))
            with pytest.raises(OSError, match="not empty"):
                seal.move(Path(scratch, "store/tree"), Path(scratch, "pool"))
            assert is_canonical(Path(scratch, "store/tree"))
            assert remove_tree(Path(scratch, "store/tree"))[0] == 6 + 1
            remove_tree(Path(scratch, "store/copy"))

    as_ordinary_user(check)
