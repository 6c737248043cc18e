"""The journal: its golden form, torn lines, other versions, compaction during registrations."""

from __future__ import annotations

import contextlib

from typing import TYPE_CHECKING

import pytest

from store.gc.retention import Retention
from store.path import StorePath
from store.records.journal import Journal, JournalTooNew, Line, ObjectLine, RealisationLine


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


A = StorePath("0" * 32, "a")
B = StorePath("1" * 32, "b")

OBJECT = ObjectLine(
    path=B,
    digest=b"\xab" * 32,
    size=7,
    nodes=2,
    registered=1700000000,
    retention=Retention.SOURCE,
    deriver=None,
    references=(A,),
)
RESULT = RealisationLine(key=b"\x01" * 32, output="out", path=B)

GOLDEN = f"""{{"journal":1}}

{{"object":"{B}","digest":"{"ab" * 32}","size":7,"nodes":2,"registered":1700000000,"retention":"source","deriver":null,\
"references":["{A}"]}}
{{"key":"{"01" * 32}","output":"out","object":"{B}"}}
"""


def _append(journal: Journal, lines: Iterable[Line]) -> None:
    with journal.appended(lines):
        pass


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Return a journal that does not exist yet."""
    return Journal(tmp_path / "journal")


def test_form(journal: Journal) -> None:
    """The journal's form never changes."""
    _append(journal, [OBJECT, RESULT])
    assert journal.path.read_text() == GOLDEN


def test_round_trip(journal: Journal) -> None:
    """Appended lines are read back."""
    _append(journal, [OBJECT])
    _append(journal, [RESULT])
    assert list(journal.lines()) == [OBJECT, RESULT]


def test_missing_journal(journal: Journal) -> None:
    """A missing journal has no lines."""
    assert list(journal.lines()) == []


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_torn_end(journal: Journal, cut: int) -> None:
    """Half a line at the end is ignored, and does not spoil what is appended after it."""
    _append(journal, [OBJECT])
    journal.path.write_bytes(journal.path.read_bytes() + (RESULT.encode()[:cut]).encode())
    assert list(journal.lines()) == [OBJECT]
    _append(journal, [RESULT])
    assert list(journal.lines()) == [OBJECT, RESULT]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\0" * 40, id="zeroes"),
        pytest.param("[]", id="a list"),
        pytest.param("3", id="a number"),
        pytest.param("{}", id="no fields"),
        pytest.param('{"object":3}', id="a path of another type"),
        pytest.param(OBJECT.encode().replace(str(B), "../../etc"), id="an invalid path"),
        pytest.param(OBJECT.encode().replace("source", "sauce"), id="an unknown retention class"),
        pytest.param(RESULT.encode().replace("01" * 32, "xy"), id="a key that is not hexadecimal"),
        pytest.param("\ufffd", id="no JSON"),
    ],
)
def test_unreadable_lines_are_skipped(journal: Journal, text: str) -> None:
    """A line in another form is skipped."""
    _append(journal, [OBJECT])
    journal.path.write_text(journal.path.read_text() + text + "\n")
    _append(journal, [RESULT])
    assert list(journal.lines()) == [OBJECT, RESULT]


def test_newer_version(journal: Journal) -> None:
    """A journal with a newer format is refused, with its number."""
    journal.path.write_text('{"journal":2}\n')
    with pytest.raises(JournalTooNew) as caught:
        list(journal.lines())
    assert caught.value.found == 2


def test_compaction_drops_deleted_objects(journal: Journal) -> None:
    """Compaction keeps the lines of the objects to keep, and only those."""
    gone = RealisationLine(key=b"\x02" * 32, output="out", path=A)
    _append(journal, [OBJECT, gone, RESULT])
    journal.compact({str(B)}, lambda _: set(), contextlib.nullcontext)
    assert list(journal.lines()) == [OBJECT, RESULT]


def test_compaction_keeps_new_registrations(journal: Journal) -> None:
    """A registration that commits during a compaction keeps its line."""
    _append(journal, [OBJECT])
    journal.compact(set(), lambda paths: paths, contextlib.nullcontext)
    assert list(journal.lines()) == [OBJECT]


def test_line_dropped_before_its_registration_comes_back(journal: Journal) -> None:
    """A registration whose lines are dropped by a compaction meanwhile appends them again."""
    with journal.appended([OBJECT]) as appended:
        journal.compact(set(), lambda _: set(), contextlib.nullcontext)
        assert list(journal.lines()) == []
        appended.ensure()
    assert list(journal.lines()) == [OBJECT]


def test_nothing_is_appended_twice(journal: Journal) -> None:
    """Without a compaction in between, a registration does not append its lines again."""
    with journal.appended([OBJECT]) as appended:
        appended.ensure()
    assert list(journal.lines()) == [OBJECT]
