"""Archives: the bytes that Nix would write."""

from __future__ import annotations

import os
import struct
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hypothesis import given

from store.exports.nar import MAX_DEPTH, NarWriter, TooDeepForNix
from store.exports.read_object import read_object
from store.exports.rewriting import Rewriting
from store.path import StorePath
from store.registration import ObjectDamaged, ObjectGone
from tests.store.exports.nix import dump
from tests.trees import LARGE, File, Link, digest, trees, write


if TYPE_CHECKING:
    from tests.trees import Tree


PATH = StorePath("0" * 32, "it")
VECTOR = Path(__file__).with_name("example.nar")

EXAMPLE: Tree = {
    b"A": File(b"seven  "),
    b"a": File(b"eight..."),
    b"empty": File(b""),
    b"large": File(b"0123456789" * 20_000),
    b"\xff\n": File(b"a name that is no text"),
    b"dir": {b"none": {}, b"run": File(b"#!/bin/sh\n", executable=True), b"up": Link(b"../a")},
}


def archive(path: Path, tree: Tree, rewriting: Rewriting | None = None) -> bytes:
    """Return the archive of *tree*, which is at *path*."""
    parts: list[bytes] = []
    writer = NarWriter(lambda data: parts.append(bytes(data)), rewriting)
    read_object(PATH, path, digest(tree), writer, order=rewriting.all_in if rewriting else None)
    return b"".join(parts)


def naive(tree: Tree) -> bytes:
    """Return the archive of *tree* as the grammar says."""
    return _text(b"nix-archive-1") + _node(tree)


def _node(tree: Tree) -> bytes:
    if isinstance(tree, File):
        mark = _text(b"executable") + _text(b"") if tree.executable else b""
        inside = _text(b"regular") + mark + _text(b"contents") + _text(tree.data)
    elif isinstance(tree, Link):
        inside = _text(b"symlink") + _text(b"target") + _text(tree.target)
    else:
        inside = _text(b"directory")
        for name in sorted(tree):
            inside += _text(b"entry") + _text(b"(") + _text(b"name") + _text(name)
            inside += _text(b"node") + _node(tree[name]) + _text(b")")
    return _text(b"(") + _text(b"type") + inside + _text(b")")


def _text(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + data + bytes(-len(data) % 8)


@given(trees)
def test_any_tree(tree: Tree) -> None:
    """The archive of any tree is what the grammar says."""
    with tempfile.TemporaryDirectory() as scratch:
        assert archive(write(tree, Path(scratch, "it")), tree) == naive(tree)


@pytest.mark.parametrize("tree", [EXAMPLE, LARGE, File(b"alone"), File(b"", executable=True), Link(b"to")])
def test_as_nix_writes_it(tmp_path: Path, tree: Tree) -> None:
    """The archive is, to the byte, what `nix-store --dump` prints."""
    place = write(tree, tmp_path / "it")
    assert archive(place, tree) == dump(place)


def test_golden(tmp_path: Path) -> None:
    """A small archive has not changed: the file is from `nix-store --dump` of Nix 2.8."""
    tree = {b"dir": EXAMPLE[b"dir"], b"a": EXAMPLE[b"a"]}  # type: ignore[index]
    assert archive(write(tree, tmp_path / "it"), tree) == VECTOR.read_bytes()


def test_deepest(tmp_path: Path) -> None:
    """A tree may be as deep as newer versions of Nix allow, and no deeper."""

    def deep(levels: int) -> Tree:
        tree: Tree = File(b"x")
        for _ in range(levels):
            tree = {b"d": tree}
        return tree

    allowed, refused = deep(MAX_DEPTH + 1), deep(MAX_DEPTH + 2)  # the root itself is at depth 0
    assert archive(write(allowed, tmp_path / "1"), allowed) == naive(allowed)
    with pytest.raises(TooDeepForNix):
        archive(write(refused, tmp_path / "2"), refused)


def test_damaged(tmp_path: Path) -> None:
    """What is not as registered is reported."""
    place = write(EXAMPLE, tmp_path / "it")
    (place / "a").write_bytes(b"eight,..")
    with pytest.raises(ObjectDamaged):
        archive(place, EXAMPLE)
    (place / "a").unlink()
    os.mkfifo(place / "a")
    with pytest.raises(ObjectDamaged):
        archive(place, EXAMPLE)
    with pytest.raises(ObjectGone):
        archive(tmp_path / "none", EXAMPLE)


OLD, NEW = StorePath("1" * 32, "old"), StorePath("0" * 31 + "1", "old")


@pytest.mark.parametrize("before", [0, 1, (1 << 20) - 33, (1 << 20) - 32, (1 << 20) - 7, 1 << 20, 3 << 20])
def test_rewriting(tmp_path: Path, before: int) -> None:
    """A digest is replaced wherever it is in a file, also where two pieces share it, in targets, and in names."""

    def tree_of(path: StorePath) -> Tree:
        digest = path.digest.encode()
        data = b"." * before + digest + b"/" + digest + b"," * 40
        return {b"f": File(data), b"l": Link(b"../" + str(path).encode()), digest: {}, b"05": File(b"between")}

    old = tree_of(OLD)
    rewriting = Rewriting.of({OLD: NEW})
    assert archive(write(old, tmp_path / "it"), old, rewriting) == naive(tree_of(NEW))
