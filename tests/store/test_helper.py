"""Processes that help."""

from __future__ import annotations

import contextlib
import os
import signal

from typing import TYPE_CHECKING

import pytest

from store.helper import Helper
from store.tree import Kind
from tests.trees import File, write


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def helper() -> Iterator[Helper]:
    """Return a process that looks at files."""
    with contextlib.closing(Helper.start("tests.store.helping", "measure")) as started:
        yield started


def test_files(helper: Helper, tmp_path: Path) -> None:
    """Results come in the order of the names, request after request."""
    path = write({b"\xff": File(b"12"), b"run\n": File(b"3", executable=True)}, tmp_path / "dir")
    for _ in range(2):
        results = helper.files(str(path), "", [b"run\n", b"\xff"])
        assert [(Kind.EXECUTABLE, 1), (Kind.FILE, 2)] == [(kind, size) for kind, _, size, _ in results]
    assert helper.files(str(path), "", []) == []


def test_many(helper: Helper, tmp_path: Path) -> None:
    """There may be more names than one request takes."""
    names = [b"%0200d" % number for number in range(1200)]
    path = write({name: File(name[-number % 7 :]) for number, name in enumerate(names)}, tmp_path / "dir")
    assert [len(name[-number % 7 :]) for number, name in enumerate(names)] == [
        size for _, _, size, _ in helper.files(str(path), "", names)
    ]


@pytest.mark.parametrize("missing", [0, 1, 600])
def test_failure(helper: Helper, tmp_path: Path, missing: int) -> None:
    """The results end before the file that failed, and the helper goes on with the next request."""
    names = [b"%d" % number for number in range(700)]
    path = write(dict.fromkeys(names, File()), tmp_path / "dir")
    (path / str(missing)).unlink()
    assert len(helper.files(str(path), "", names)) == missing
    assert len(helper.files(str(path), "", names[missing + 1 :])) == len(names) - missing - 1
    assert helper.files(str(tmp_path / "gone"), "", names) == []


def test_killed(helper: Helper, tmp_path: Path) -> None:
    """A helper that was killed does nothing more, which is no error."""
    path = write({b"file": File()}, tmp_path / "dir")
    os.kill(helper.pid, signal.SIGKILL)
    assert helper.files(str(path), "", [b"file"]) == []


def test_interrupt(helper: Helper, tmp_path: Path) -> None:
    """An interrupt is the asker's business."""
    path = write({b"file": File()}, tmp_path / "dir")
    helper.files(str(path), "", [b"file"])
    os.kill(helper.pid, signal.SIGINT)
    assert len(helper.files(str(path), "", [b"file"])) == 1


@pytest.mark.parametrize("asked", [False, True])
def test_end(tmp_path: Path, asked: bool) -> None:
    """The process ends when it is not needed any more, and no descriptor stays."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- descriptors, not files
    helper = Helper.start("tests.store.helping", "measure")
    if asked:
        helper.files(str(tmp_path), "", [b"file"])
    helper.close()
    assert before == len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with pytest.raises(ProcessLookupError):
        os.kill(helper.pid, 0)
