"""Tests of derivations.realise.sandbox.log."""

from __future__ import annotations

import itertools
import os

from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.realise.sandbox.log import (
    LONGEST_LINE,
    TAIL,
    FailureMessage,
    Lines,
    LogDamaged,
    LogMissing,
    LogWriter,
    ProgressMessage,
    log_path,
    nonempty_log,
    read_log,
)


if TYPE_CHECKING:
    from pathlib import Path


KEY = bytes(range(32))


def test_round_trip(tmp_path: Path) -> None:
    """A log is read back byte for byte."""
    writer = LogWriter(log_path(tmp_path, KEY))
    writer.write(b"one\n\xff")
    writer.write(b"two")
    assert writer.close() == log_path(tmp_path, KEY)
    assert read_log(tmp_path, KEY, "it") == b"one\n\xfftwo"


def test_place(tmp_path: Path) -> None:
    """A log's directory is named after the first two characters of its key."""
    assert log_path(tmp_path, KEY) == tmp_path / "00" / f"{KEY.hex()[2:]}.zst"


def test_appears_whole(tmp_path: Path) -> None:
    """An unfinished log has another name."""
    writer = LogWriter(log_path(tmp_path, KEY))
    writer.write(b"half")
    with pytest.raises(LogMissing, match="no log of it"):
        read_log(tmp_path, KEY, "it")
    writer.close()
    assert [log_path(tmp_path, KEY)] == list((tmp_path / "00").iterdir())


def test_empty(tmp_path: Path) -> None:
    """A silent builder leaves an empty log, replacing an older one, and errors do not point to it."""
    older = LogWriter(log_path(tmp_path, KEY))
    older.write(b"older")
    assert older.close() == nonempty_log(tmp_path, KEY)
    assert LogWriter(log_path(tmp_path, KEY)).close() is None
    assert (read_log(tmp_path, KEY, "it"), nonempty_log(tmp_path, KEY)) == (b"", None)


@pytest.mark.parametrize("keep", [0, 5, -4], ids=["empty", "cut-early", "cut-late"])
def test_damaged(tmp_path: Path, keep: int) -> None:
    """A torn log, left by a power cut, is an error that names the file, and errors still point to it."""
    writer = LogWriter(log_path(tmp_path, KEY))
    writer.write(os.urandom(1000))
    writer.close()
    place = log_path(tmp_path, KEY)
    place.write_bytes(place.read_bytes()[:keep] + (b"\xff" if keep else b"garbage"))
    with pytest.raises(LogDamaged) as caught:
        read_log(tmp_path, KEY, "it")
    assert (place, place) == (caught.value.path, nonempty_log(tmp_path, KEY))


def test_spoken_log_of_nothing(tmp_path: Path) -> None:
    """What was never built has no log to point to."""
    assert nonempty_log(tmp_path, KEY) is None


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="there is no /dev/full")
def test_full_disk(tmp_path: Path) -> None:
    """A log that cannot be written is silently dropped, and accepts further data."""
    writer = LogWriter(tmp_path / "log")
    writer._part.symlink_to("/dev/full")
    for _ in range(100):
        writer.write(os.urandom(1 << 16))
    assert writer.close() is None
    assert writer.size == 100 << 16
    assert list(tmp_path.iterdir()) == []


def test_no_directory(tmp_path: Path) -> None:
    """A log whose directory cannot be created is dropped, too."""
    (tmp_path / "logs").write_text("a file")
    writer = LogWriter(tmp_path / "logs" / "00" / "log")
    writer.write(b"x")
    assert writer.close() is None


@given(st.binary(max_size=200).filter(lambda it: b"@" not in it), st.lists(st.integers(0, 200)))
def test_lines_do_not_depend_on_chunks(data: bytes, cuts: list[int]) -> None:
    """The lines are the same however the bytes are split."""
    whole, parts = Lines(), Lines()
    expected = [*whole.feed(data), *whole.finish()]
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    found = [it for start, end in itertools.pairwise(places) for it in parts.feed(data[start:end])]
    assert expected == [*found, *parts.finish()]


def test_tail() -> None:
    """The last lines are kept."""
    lines = Lines()
    lines.feed(b"".join(b"%d\n" % i for i in range(1000)))
    assert [str(i) for i in range(1000 - TAIL, 1000)] == list(lines.tail)


def test_endless_line() -> None:
    """An endless line is split, so that memory is bounded."""
    lines = Lines()
    assert [len(str(it)) for it in lines.feed(b"x" * (LONGEST_LINE + 1))] == [LONGEST_LINE + 1]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        pytest.param(b"\x1b[31mred\x1b[0m", "red", id="colour"),
        pytest.param(b"\x1b]0;title\x07text", "text", id="title"),
        pytest.param(b"10%\r20%\r30%", "30%", id="carriage-return"),
        pytest.param(b"dos\r", "dos", id="dos"),
        pytest.param(b"a\tb\x00\x08", "a\tb", id="control"),
        pytest.param(b"\xff", "\ufffd", id="not-utf-8"),
    ],
)
def test_harmless(written: bytes, shown: str) -> None:
    """Control sequences are removed from lines."""
    assert Lines().feed(written + b"\n") == [shown]


def test_complaint() -> None:
    """The last error message says why a build failed, and is not shown as a line."""
    lines = Lines()
    assert lines.feed(b'@kernix {"error": "first"}\n@kernix {"error": "last", "hint": "do", "kind": "k"}\n') == []
    assert lines.failure == FailureMessage("last", "do", "k")
    assert list(lines.tail) == []


def test_progress() -> None:
    """A progress message has a number done and a number expected."""
    assert Lines().feed(b'@kernix {"progress": [3, 7]}\n@kernix {"progress": [4, null]}\n') == [
        ProgressMessage(3, 7),
        ProgressMessage(4, None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="not-json"),
        pytest.param("[" * 50000, id="deep"),
        pytest.param("1" * 5000, id="long-number"),
        pytest.param('{"error": 3}', id="not-text"),
        pytest.param('{"progress": [1]}', id="short"),
        pytest.param('{"progress": ["1", "2"]}', id="not-numbers"),
        pytest.param('{"other": 1}', id="unknown"),
        pytest.param("null", id="null"),
    ],
)
def test_not_a_message(text: str) -> None:
    """A line that only looks like a message is text."""
    lines = Lines()
    assert lines.feed(f"@kernix {text}\n".encode()) == [f"@kernix {text}"]
    assert lines.failure is None
