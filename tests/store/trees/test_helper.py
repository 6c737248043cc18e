"""Processes that help."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blake3 import blake3

from store.trees.helper import Helper
from tests.trees import File, write


if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def helper() -> Iterator[Helper]:
    """Return a process that looks at files."""
    with contextlib.closing(Helper.start("tests.store.helping", "measure")) as started:
        yield started


def test_walk(helper: Helper, tmp_path: Path) -> None:
    """Answers come request after request."""
    place = write({b"a\xff\n": {b"1": File(b"12"), b"2": File()}, b"b": {}}, tmp_path / "dir")
    below = os.fsdecode(os.fsencode(place) + b"/a\xff\n")
    assert helper.walk(below, "", 7) == (blake3(os.fsencode(below) + b" ").digest(), 2, 7)
    assert helper.walk(str(place / "b"), "to", 256) == (blake3(os.fsencode(f"{place}/b to")).digest(), 0, 256)


def test_failure(helper: Helper, tmp_path: Path) -> None:
    """What fails is not done, and the helper goes on with the next request."""
    assert helper.walk(str(tmp_path / "gone"), "", 0) is None
    assert helper.walk(str(tmp_path), "", 0)


def test_killed(helper: Helper, tmp_path: Path) -> None:
    """A helper that was killed does nothing more, which is no error."""
    helper.stop()
    assert helper.walk(str(tmp_path), "", 0) is None


def test_interrupt(helper: Helper, tmp_path: Path) -> None:
    """An interrupt is the asker's business."""
    helper.walk(str(tmp_path), "", 0)
    os.kill(helper.pid, signal.SIGINT)
    assert helper.walk(str(tmp_path), "", 0)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_dies_with_who_started_it(tmp_path: Path) -> None:
    """Nothing of a helper is left when its asker is killed, even if it would never answer."""
    code = (
        "import sys; from store.trees.helper import Helper; helper = Helper.start('tests.store.helping', 'hang');"
        "print(helper.pid, flush=True); helper.walk(sys.argv[1], '', 0)"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdout
        pid = int(asker.stdout.readline())
        while not (tmp_path / "hanging").exists():
            time.sleep(0.01)
        assert _lives(pid)
        asker.kill()
    deadline = time.monotonic() + 30
    while _lives(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("asked", [False, True])
def test_end(tmp_path: Path, asked: bool) -> None:
    """The process ends when it is not needed any more, and no descriptor stays."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- descriptors, not files
    helper = Helper.start("tests.store.helping", "measure")
    if asked:
        helper.walk(str(tmp_path), "", 0)
    helper.close()
    assert before == len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with pytest.raises(ProcessLookupError):
        os.kill(helper.pid, 0)
    helper.stop()
