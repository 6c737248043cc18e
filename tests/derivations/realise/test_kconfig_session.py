"""The protocol with a resolver; `tests/test_real_conformance.py` has real ones."""

from __future__ import annotations

import subprocess
import sys

from typing import TYPE_CHECKING

import pytest

from derivations.realise.kconfig_session import Evaluator, ResolverFailed


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# Answers every question with itself, in capitals, in the form of a table; fails on what is "bad", and dies of "worse".
RESOLVER = """
import sys

stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
while head := stdin.readline():
    verb, length = head.split()
    text = stdin.read(int(length))
    if text == b"worse":
        sys.stderr.write("a warning\\nkconf: this is the end\\n")
        sys.exit(1)
    answer = b"" if text == b"bad" else b'ASKED 2 1 "%s %s\\n' % (verb, text)
    stdout.write(b"!\\n" if text == b"bad" else b"%d\\n%s" % (len(answer), answer))
    stdout.flush()
"""


@pytest.fixture
def evaluate(tmp_path: Path) -> Iterator[Evaluator]:
    errors = tmp_path / "errors"
    with (
        errors.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, "-c", RESOLVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
        ) as process,
    ):
        process.stderr = errors.open("rb")  # as `interactive.session` has it
        yield Evaluator(process)
        process.kill()


def test_questions_are_answered_in_turn(evaluate: Evaluator) -> None:
    """One process answers many questions in order."""
    assert evaluate("A").text("ASKED") == "values A"
    assert evaluate.settled("B").text("ASKED") == "settled B"
    assert evaluate.config("C") == 'ASKED 2 1 "config C\n'


def test_invalid_utf8_survives(evaluate: Evaluator) -> None:
    """A configuration that is not UTF-8 is passed on, and comes back, unchanged."""
    odd = b'CONFIG_X="\xff"'.decode(errors="surrogateescape")

    assert evaluate(odd).text("ASKED") == f"values {odd}"


def test_a_failure_is_an_error_and_not_the_end(evaluate: Evaluator) -> None:
    """A configuration that cannot be resolved is an error; the next question is answered."""
    with pytest.raises(ResolverFailed, match=r"does not resolve this configuration$"):
        evaluate("bad")
    assert evaluate("A").text("ASKED") == "values A"


def test_the_last_message_is_reported(evaluate: Evaluator) -> None:
    """When the resolver dies, its last message is in that error and all later ones."""
    with pytest.raises(ResolverFailed, match=r"this configuration: this is the end$"):
        evaluate("worse")
    with pytest.raises(ResolverFailed, match=r"this is the end$"):
        evaluate("x" * 1_000_000)
