"""Removing trees."""

from __future__ import annotations

import contextlib
import os
import resource
import tempfile
import threading

from pathlib import Path

import pytest

from hypothesis import given

from store.trees.adopt import adopt
from store.trees.pool import Pool
from store.trees.remove import remove_many, remove_tree
from tests.trees import File, Link, Tree, as_ordinary_user, count, trees, write


@given(trees)
def test_remove(tree: Tree) -> None:
    """Everything is removed and counted."""
    with tempfile.TemporaryDirectory() as scratch:
        path = write(tree, Path(scratch, "tree"))
        assert count(tree) == remove_tree(path)[0]
        assert list(Path(scratch).iterdir()) == []


def test_nothing(tmp_path: Path) -> None:
    """Removing a missing tree does nothing."""
    assert remove_tree(tmp_path / "gone") == (0, 0)


def test_bytes(tmp_path: Path) -> None:
    """Files without other links are counted as freed; several links to one file within the tree count once."""
    path = write({b"a": File(b"x" * 8192), b"b": File(b"x" * 4096)}, tmp_path / "tree")
    os.link(path / "a", path / "another")
    os.link(path / "b", tmp_path / "outside")
    expected = sum(it.stat().st_blocks * 512 for it in (path, path / "a"))
    assert (4, expected) == remove_tree(path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    """The targets of symbolic links stay."""
    outside = write({b"file": File()}, tmp_path / "outside")
    write({b"dir": Link(os.fsencode(outside)), b"file": Link(os.fsencode(outside / "file"))}, tmp_path / "tree")
    write(Link(os.fsencode(outside)), tmp_path / "link")
    assert remove_tree(tmp_path / "tree")[0] == 3
    assert remove_tree(tmp_path / "link")[0] == 1
    assert [outside / "file"] == list(outside.iterdir())


def test_modes() -> None:
    """Their owner, who need not be root, can remove objects and directories without any permissions."""

    def check() -> None:
        with tempfile.TemporaryDirectory() as scratch:
            path = write({b"closed": {b"in": {b"file": File()}}, b"blind": {b"file": File()}}, Path(scratch, "tree"))
            (path / "closed/in").chmod(0)
            (path / "closed").chmod(0)
            (path / "blind").chmod(0o300)
            assert remove_tree(path)[0] == 6
            with Pool.open(Path(scratch, "pool")) as pool:
                adopt(write({b"dir": {b"file": File()}}, path), pool)
            assert remove_tree(path)[0] == 3
            assert not path.exists()

    as_ordinary_user(check)


def test_depth(tmp_path: Path) -> None:
    """A tree may be much deeper than the limit on open files."""
    depth = 300
    tree: Tree = {b"file": File()}
    for _ in range(depth):
        tree = {b"d": tree, b"e": {}}
    write(tree, tmp_path / "tree")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 100, hard))  # noqa: PTH208
    try:
        assert 2 * depth + 2 == remove_tree(tmp_path / "tree")[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_race(tmp_path: Path) -> None:
    """Nothing outside is removed while another process turns directories into links to it and back."""
    outside = write({b"%d" % number: File() for number in range(20)}, tmp_path / "outside")
    tree, spare, link = tmp_path / "tree", tmp_path / "spare", tmp_path / "link"
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            for path in [tree / str(number) for number in range(4)]:
                with contextlib.suppress(OSError):
                    path.rename(spare)
                    link.symlink_to(outside)
                    link.rename(path)
                    path.unlink()
                    spare.rename(path)
                link.unlink(missing_ok=True)

    for _ in range(10):
        write({b"%d" % number: {b"%d" % inner: File() for inner in range(20)} for number in range(4)}, tree)
        done.clear()
        swapper = threading.Thread(target=swap)
        swapper.start()
        try:
            remove_tree(tree)
        finally:
            done.set()
            swapper.join()
        remove_tree(spare)
    assert len(list(outside.iterdir())) == 20


def test_many(tmp_path: Path) -> None:
    """Many trees are removed at the same time, and their totals returned."""
    paths = [write({b"file": File(b"x")}, tmp_path / str(number)) for number in range(20)]
    expected = sum(it.stat().st_blocks * 512 for path in paths for it in (path, path / "file"))
    assert (40, expected) == remove_many(paths, 4)
    assert list(tmp_path.iterdir()) == []


def test_failure() -> None:
    """A failure to remove something is an error."""
    with pytest.raises(PermissionError):
        remove_tree(Path("/proc/self/fdinfo"))
