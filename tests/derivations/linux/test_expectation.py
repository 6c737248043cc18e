"""Tests of derivations.linux.expectation: what a user may expect of a guest, and what of it does not hold."""

from __future__ import annotations

import json
import re

from typing import TYPE_CHECKING, Any

import pytest

from derivations.linux.arguments import InvalidArgument
from derivations.linux.expectation import BootTestFailed, GuestUnfinished, Reported, problems, shown, written


if TYPE_CHECKING:
    from derivations.linux.expectation import Expected


CONSOLE = "Linux version 1\r\nKERNIX-OUT a line\r\nnoise\r\nKERNIX-OUT answer=42\r\nKERNIX-FACT release=1.0=x\r\nKERNIX-FACT status=0\r\n"


@pytest.fixture
def reported() -> Reported:
    """Return what the guest with `CONSOLE` reported."""
    return Reported.parse(CONSOLE, "test")


def test_what_is_read(reported: Reported) -> None:
    """Output and facts are read from the console, among the kernel's own lines; the script may report facts, too."""
    assert ("a line", "answer=42") == reported.output == shown(reported)
    assert {"answer": "42", "release": "1.0=x", "status": "0"} == dict(reported.facts)


def test_a_guest_that_did_not_finish() -> None:
    """Without its status there is no report."""
    with pytest.raises(GuestUnfinished):
        Reported.parse("KERNIX-OUT a line\n", "test")


@pytest.mark.parametrize(
    ("expected", "wrong"),
    [
        pytest.param(None, (), id="nothing"),
        pytest.param("a line\nanswer=42\n", (), id="output"),
        pytest.param("a line", ("the script printed 'a line\\nanswer=42', not 'a line'",), id="other-output"),
        pytest.param(re.compile("^answer=\\d+$", re.MULTILINE), (), id="pattern"),
        pytest.param(re.compile("^x"), ("the script printed 'a line\\nanswer=42', not like '^x'",), id="no-match"),
        pytest.param(["a line", re.compile("LINE", re.IGNORECASE)], (), id="lines"),
        pytest.param(["a"], ("the script did not print 'a'",), id="no-line"),
        pytest.param({"answer": "42", "release": re.compile("^1")}, (), id="facts"),
        pytest.param({"answer": "41"}, ("answer is '42', not '41'",), id="other-fact"),
        pytest.param([{"modules": "x"}], ("the guest did not report modules",), id="no-fact"),
        pytest.param(["b", "c"], ("the script did not print 'b'", "the script did not print 'c'"), id="several"),
    ],
)
def test_what_does_not_hold(reported: Reported, expected: Expected, wrong: tuple[str, ...]) -> None:
    """All that does not hold is listed, and it can be written as JSON in between."""
    assert wrong == problems(json.loads(json.dumps(written(expected))), reported)


@pytest.mark.parametrize("expected", [1, b"bytes", [1], {1: "x"}, {"a b": "x"}, {"a": 1}, re.compile(b"x"), [["a"]]])
def test_what_cannot_be_expected(expected: Any) -> None:  # noqa: ANN401 -- what a user might write
    """Only texts, patterns, mappings of facts, and lists of these."""
    with pytest.raises(InvalidArgument):
        written(expected)


def test_the_error_is_one_sentence() -> None:
    """It has the test's name, and all problems."""
    assert "mine failed: a; b" == str(BootTestFailed("mine", ("a", "b")))
