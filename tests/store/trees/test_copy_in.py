"""Copying trees into the store's form."""

from __future__ import annotations

import os
import tempfile

from hashlib import sha256
from pathlib import Path

import pytest

from store.trees.content import Content, InvalidTree
from store.trees.copy_in import copy_in, seems_new
from store.trees.hash_tree import content_of
from store.trees.pool import Pool
from store.trees.reading import sha256_of
from store.trees.remove import remove_tree
from tests.trees import LARGE, File, Link, Tree, as_ordinary_user, count, digest, is_canonical, read, size, write


TREE: Tree = {
    b"dir": {b"file": File(b"text"), b"run": File(b"#!", executable=True), b"empty": {}},
    b"link": Link(b"dir/file"),
    b"same": File(b"text"),
}


def _inodes(path: Path) -> list[int]:
    return [it.stat().st_ino for it in path.rglob("*") if it.is_file() and not it.is_symlink()]


def test_copy_refuses(pool: Pool, tmp_path: Path) -> None:
    """A copy refuses the same nodes as adopting an output."""
    os.mkfifo(write(TREE, tmp_path / "tree") / "dir/bad")
    with pytest.raises(InvalidTree, match="a fifo"):
        copy_in(tmp_path / "tree", tmp_path / "copy", pool)


def test_copy_takes_no_modes(pool: Pool, tmp_path: Path) -> None:
    """Setuid files, sticky directories and hard links are copied as ordinary files and directories."""
    path = write(TREE, tmp_path / "tree")
    (path / "dir/run").chmod(0o4755)
    (path / "dir/empty").chmod(0o1777)
    os.link(path / "same", tmp_path / "elsewhere")
    assert digest(TREE) == copy_in(path, tmp_path / "copy", pool).digest
    assert is_canonical(tmp_path / "copy")


def test_change_while_copying(pool: Pool, tmp_path: Path) -> None:
    """The content is that of the copy, even if the source changes."""
    source = write(File(b"x" * 5000000), tmp_path / "source")
    content = copy_in(source, tmp_path / "copy", pool)
    os.truncate(source, 5)
    assert content == content_of(tmp_path / "copy")


def _holes(path: Path, parts: list[tuple[int, bytes]], length: int) -> bytes:
    """Write a file of *length* bytes with *parts* at their offsets and holes elsewhere, and return its bytes."""
    content = bytearray(length)
    with path.open("wb") as file:
        file.truncate(length)
        for offset, data in parts:
            file.seek(offset)
            file.write(data)
            content[offset : offset + len(data)] = data
    return bytes(content)


MIB = 1 << 20


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([], id="nothing"),
        pytest.param([(0, b"begin")], id="begin"),
        pytest.param([(12 * MIB - 3, b"end")], id="end"),
        pytest.param([(5 * MIB + 7, b"x" * (2 * MIB)), (9 * MIB, b"y")], id="middle"),
    ],
)
def test_holes_stay_holes(pool: Pool, tmp_path: Path, parts: list[tuple[int, bytes]]) -> None:
    """A file with holes has the same digest as one with zeros, and its copy takes no more space than the original."""
    content = _holes(tmp_path / "sparse", parts, 12 * MIB)
    (tmp_path / "dense").write_bytes(content)
    copied = copy_in(tmp_path / "sparse", tmp_path / "copy", pool)
    assert content == (tmp_path / "copy").read_bytes()
    assert {copied} == {content_of(tmp_path / name) for name in ("sparse", "dense", "copy")}
    assert (tmp_path / "copy").stat().st_blocks <= (tmp_path / "sparse").stat().st_blocks
    assert sha256(content).hexdigest() == sha256_of(tmp_path / "sparse")


def test_large(pool: Pool, tmp_path: Path) -> None:
    """A tree large enough for helpers is copied like any other."""
    source = write(LARGE, tmp_path / "source")
    assert Content(digest(LARGE), size(LARGE), count(LARGE)) == copy_in(source, tmp_path / "copy", pool)
    assert LARGE == read(tmp_path / "copy")
    assert is_canonical(tmp_path / "copy")
    assert len(set(_inodes(tmp_path / "copy"))) == len(list(pool.entries()))


def test_failure_with_helpers() -> None:
    """A file that a helper cannot read is named by its whole path."""

    def check() -> None:
        with tempfile.TemporaryDirectory() as scratch, Pool.open(Path(scratch, "pool")) as pool:
            source = write(LARGE, Path(scratch, "source"))
            for directory in source.glob("*/*"):
                (directory / "7").chmod(0)
            with pytest.raises(PermissionError) as caught:
                copy_in(source, Path(scratch, "copy"), pool)
            assert caught.value.filename in {str(directory / "7") for directory in source.glob("*/*")}
            remove_tree(Path(scratch, "copy"))

    as_ordinary_user(check)


def test_seems_new(pool: Pool, tmp_path: Path) -> None:
    """A tree seems new unless half of the first files are known; links and unknown nodes do not count."""
    path = write({b"dir": {b"%d" % number: File(b"%d" % number) for number in range(4)}}, tmp_path / "tree")
    assert seems_new(path, pool)
    copy_in(write({b"0": File(b"0")}, tmp_path / "other"), tmp_path / "copy", pool)
    os.mkfifo(path / "fifo")
    (path / "link").symlink_to("gone")
    assert seems_new(path, pool)
    copy_in(path / "dir/1", tmp_path / "file", pool)
    assert not seems_new(path, pool)


MIXED: Tree = {
    b"small": File(b"s" * 1000),
    b"large": File(b"l" * ((1 << 16) + 5)),
    b"huge": File(b"h" * ((3 << 20) + 5)),
    b"run": File(b"s" * 1000, executable=True),
    b"just": File(b"j" * (1 << 16)),
    b"below": File(b"b" * ((1 << 16) - 1)),
    b"none": File(b""),
    **{b"%d" % number: File(bytes([number]) * number * 300) for number in range(200)},
}


@pytest.mark.parametrize("mask", [0o22, 0o77, pytest.param(0o777, marks=pytest.mark.root)])
def test_sizes(pool: Pool, tmp_path: Path, mask: int) -> None:
    """Files of every size in one directory are copied completely, whatever the umask."""
    source = write(MIXED, tmp_path / "source")
    before = os.umask(mask)
    try:
        content = copy_in(source, tmp_path / "copy", pool)
    finally:
        os.umask(before)
    assert Content(digest(MIXED), size(MIXED), count(MIXED)) == content
    assert MIXED == read(tmp_path / "copy")
    assert is_canonical(tmp_path / "copy")


def test_one_of_several_fails() -> None:
    """If one of several small files cannot be read, the error names that one, not its neighbour."""

    def check() -> None:
        with tempfile.TemporaryDirectory() as scratch, Pool.open(Path(scratch, "pool")) as pool:
            source = write({b"%d" % number: File(b"%d" % number) for number in range(20)}, Path(scratch, "source"))
            (source / "7").chmod(0)
            with pytest.raises(PermissionError) as caught:
                copy_in(source, Path(scratch, "copy"), pool)
            assert str(source / "7") == caught.value.filename
            remove_tree(Path(scratch, "copy"))

    as_ordinary_user(check)


def test_one_of_several_is_known(pool: Pool, tmp_path: Path) -> None:
    """Small files that the pool has, and equal ones, become one inode each."""
    copy_in(write({b"3": File(b"3")}, tmp_path / "first"), tmp_path / "one", pool)
    tree: Tree = {b"%d" % number: File(b"%d" % (number % 5)) for number in range(20)}
    assert digest(tree) == copy_in(write(tree, tmp_path / "second"), tmp_path / "two", pool).digest
    assert len({*_inodes(tmp_path / "one"), *_inodes(tmp_path / "two")}) == 5
