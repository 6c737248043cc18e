"""Tests for derivations.realise.sandbox.follow_log."""

from __future__ import annotations

import threading

from typing import TYPE_CHECKING

import pytest

from derivations.realise.sandbox.follow_log import running_log
from derivations.realise.sandbox.log import LogWriter, log_path


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


KEY = bytes(range(32))


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[LogWriter]:
    """Return the writer of a log."""
    writer = LogWriter(log_path(tmp_path, KEY))
    yield writer
    writer.close()


def test_what_was_written_can_be_read(tmp_path: Path, writer: LogWriter) -> None:
    """Each read returns what was written since the last one."""
    writer.write(b"one\n")
    writer.flush()
    log = running_log(tmp_path, KEY)
    assert log is not None
    with log:
        first = b"".join(log.so_far())
        writer.write(b"two\n")
        writer.flush()
        assert (b"one\n", b"two\n", b"") == (first, b"".join(log.so_far()), b"".join(log.so_far()))


def test_a_log_is_followed_to_its_end(tmp_path: Path, writer: LogWriter) -> None:
    """Everything written until the log is closed is read, and then the iteration ends."""
    writer.write(b"one\n")
    log = running_log(tmp_path, KEY)
    assert log is not None
    read: list[bytes] = []
    with log:
        reader = threading.Thread(target=lambda: read.extend(log.to_the_end()))
        reader.start()
        for number in range(1000):
            writer.write(b"%d\n" % number)
        writer.close()
        reader.join()
    assert b"one\n" + b"".join(b"%d\n" % number for number in range(1000)) == b"".join(read)


def test_a_finished_log_is_not_running(tmp_path: Path, writer: LogWriter) -> None:
    """A finished log is found by `read_log` instead."""
    before = running_log(tmp_path, KEY)
    writer.write(b"one\n")
    writer.close()
    assert (None, None) == (before, running_log(tmp_path, KEY))


def test_the_log_of_a_process_that_was_killed_is_not_running(tmp_path: Path) -> None:
    """A log left by a killed process is not locked, and so not running."""
    path = log_path(tmp_path, KEY)
    path.parent.mkdir()
    path.with_name(f"{path.name}.0123abcd.part").write_bytes(b"rest")
    assert None is running_log(tmp_path, KEY)
