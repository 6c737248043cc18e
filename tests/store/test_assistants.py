"""Processes that assist in walking a tree."""

from __future__ import annotations

import contextlib
import os

from typing import TYPE_CHECKING

import pytest

from store.assistants import HelperAssistant, assistants, read_content
from store.look import content_of
from store.pool import Pool
from store.tree import MAX_DEPTH, Content, InvalidTree, Kind, tree_digest
from store.walk import Directory
from tests.trees import LARGE, File, Tree, count, digest, is_canonical, read, size, write


if TYPE_CHECKING:
    from pathlib import Path


def test_read_content(tmp_path: Path) -> None:
    """A tree that is large enough for helpers has the content that it has without them."""
    path = write(LARGE, tmp_path / "tree")
    assert Content(digest(LARGE), size(LARGE), count(LARGE)) == read_content(path)
    assert content_of(path) == read_content(path)


def test_what_cannot_be_stored(tmp_path: Path) -> None:
    """What no object may have is refused as without helpers."""
    path = write(LARGE, tmp_path / "tree")
    os.mkfifo(path / "7/79/fifo")
    with pytest.raises(InvalidTree) as caught:
        read_content(path)
    assert str(path / "7/79/fifo") == caught.value.place


def _start(*arguments: str, source: Path, target: Path | str = "") -> HelperAssistant:
    (start, *_) = assistants(*arguments, source=source, target=target) or pytest.skip("there is one processor")
    return start()


def test_reading(tmp_path: Path) -> None:
    """A helper reads what is below a directory, and touches nothing."""
    source = write({b"dir": {b"a": File(b"1"), b"b": File(b"2", executable=True)}}, tmp_path / "source")
    content = content_of(source / "dir")
    with contextlib.closing(_start("store.assistants", "help_reading", "", "", source=source)) as assistant:
        found = assistant.walk(Directory(None, "dir", str(source / "dir"), 1))
        assert found
        assert content == Content(tree_digest(Kind.DIRECTORY, found[0]), found[1], found[2] + 1)
        assert assistant.walk(Directory(None, "gone", str(source / "gone"), 1)) is None
        assert assistant.walk(Directory(None, "dir", str(source / "dir"), MAX_DEPTH + 1)) is None


@pytest.mark.parametrize("bad", [False, True])
@pytest.mark.parametrize("killed", [False, True])
def test_copying(tmp_path: Path, killed: bool, bad: bool) -> None:
    """A helper copies what is below a directory; where it cannot, or was killed, nothing is left of it."""
    tree: Tree = {b"a": File(b"1"), b"b": {b"c": File(b"2"), b"empty": {}}}
    source = write({b"dir": tree}, tmp_path / "source")
    target = tmp_path / "target"
    target.mkdir()
    if bad:
        os.mkfifo(source / "dir/b/fifo")
    with Pool.open(tmp_path / "pool") as pool:
        arguments = "store.copying", "help_copying", os.fspath(pool.directory), ""
        with contextlib.closing(_start(*arguments, source=source, target=target)) as assistant:
            if killed:
                assistant.stop()
                write({b"a": File(b"half")}, target / "dir")
            found = assistant.walk(Directory(None, "dir", str(source / "dir"), 1))
    if killed or bad:
        assert not found
        assert list(target.iterdir()) == []
    else:
        assert found
        assert (size(tree), count(tree) - 1) == found[1:]
        assert tree == read(target / "dir")
        assert is_canonical(target / "dir")
