"""Processes that assist in walking a tree."""

from __future__ import annotations

import contextlib
import os
import signal

from typing import TYPE_CHECKING

import pytest

from store.assistants import assistants, read_content
from store.look import content_of
from store.pool import Pool
from store.tree import Content, InvalidTree, Kind
from store.walk import Directory
from tests.trees import File, Link, Tree, count, digest, size, write


if TYPE_CHECKING:
    from pathlib import Path


LARGE: Tree = {
    b"%d" % number: {
        **{b"%d" % inner: File(b"%d" % (number * inner), executable=inner % 2 == 0) for inner in range(30)},
        b"link": Link(b"%d" % number),
    }
    for number in range(80)
}


def test_read_content(tmp_path: Path) -> None:
    """A tree that is large enough for helpers has the content that it has without them."""
    path = write(LARGE, tmp_path / "tree")
    assert Content(digest(LARGE), size(LARGE), count(LARGE)) == read_content(path)
    assert content_of(path) == read_content(path)


def test_what_cannot_be_stored(tmp_path: Path) -> None:
    """What no object may have is refused as without helpers."""
    path = write(LARGE, tmp_path / "tree")
    os.mkfifo(path / "79/fifo")
    with pytest.raises(InvalidTree) as caught:
        read_content(path)
    assert str(path / "79/fifo") == caught.value.place


def test_reading(tmp_path: Path) -> None:
    """A helper reads files up to the first that fails, and touches none."""
    source = write({b"a": File(b"1"), b"b": File(b"2", executable=True)}, tmp_path / "source")
    (start, *_) = assistants("store.assistants", "help_reading", "", "", source=source) or pytest.skip(
        "there is one processor"
    )
    with contextlib.closing(start()) as assistant:
        results = assistant.files(Directory(None, "", str(source), 0), ["a", "b", "gone", "a"])
    assert [(Kind.FILE, 1), (Kind.EXECUTABLE, 1)] == [(kind, length) for kind, _, length, _ in results]


@pytest.mark.parametrize("killed", [False, True])
def test_copying(tmp_path: Path, killed: bool) -> None:
    """A helper copies files; what one that was killed has begun is begun again."""
    source = write({b"a": File(b"1"), b"b": File(b"2")}, tmp_path / "source")
    target = tmp_path / "target"
    target.mkdir()
    fd = os.open(target, os.O_RDONLY)
    with Pool.open(tmp_path / "pool") as pool:
        pooling = os.fspath(pool.directory)
        starts = assistants("store.copying", "help_copying", pooling, "", source=source, target=target)
        (start, *_) = starts or pytest.skip("there is one processor")
        with contextlib.closing(start()) as assistant:
            if killed:
                os.kill(assistant.helper.pid, signal.SIGKILL)
                (target / "a").write_text("half")
            results = assistant.files(Directory(None, "", str(source), 0, target_fd=fd), ["a", "b", "gone"])
    os.close(fd)
    assert [] == results if killed else [1, 1] == [length for _, _, length, _ in results]
    assert sorted(it.name for it in target.iterdir()) == ([] if killed else ["a", "b"])
