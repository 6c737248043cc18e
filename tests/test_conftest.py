"""Tests of tests/conftest.py."""

from __future__ import annotations

import os
import subprocess
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent

FAILS = """
import subprocess, sys
import pytest

@pytest.fixture
def broken():
    subprocess.run([sys.executable, "-c", {program!r}], {how}, check=True)

def test_it(broken): pass
"""

NEEDS_ROOT = """
import pytest

@pytest.mark.root
@pytest.mark.parametrize("number", [1, 2])
def test_it(number): pass
"""


LONG = """
import time

import pytest

def test_first(): time.sleep(0.1)

@pytest.mark.long
def test_long(): pass

def test_short(): pass
"""


@pytest.fixture
def pytest_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that runs pytest on a text, with tests/conftest.py and further words, and returns its output."""
    monkeypatch.delenv("KERNIX_TESTS_BEGAN")

    def run(text: str, *words: str) -> str:
        (tmp_path / "test_inner.py").write_text(text)
        (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  root\n  long\n")
        command = [
            sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-rs", *words, str(tmp_path),
        ]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("capture_output=True", id="bytes"),
        pytest.param("capture_output=True, text=True", id="text"),
        pytest.param("stdout=-1, stderr=-2, text=True", id="one-stream"),
        pytest.param("stdin=None", id="not-captured"),
    ],
)
def test_output_of_a_failed_command(pytest_says: Callable[..., str], how: str) -> None:
    """The output of a command is in the report of the failure, for any reason and in any phase."""
    program = "import sys; sys.stderr.write('because ' + 'of' + ' this'); sys.exit(3)"
    assert "because of this" in pytest_says(FAILS.format(program=program, how=how))


def test_tests_for_root(pytest_says: Callable[..., str]) -> None:
    """Tests that need root run as root, and are listed and counted for other users."""
    output = pytest_says(NEEDS_ROOT)
    if os.geteuid() == 0:
        assert "2 passed" in output
    else:
        assert "2 tests need root and were skipped" in output
        assert [f"test_inner.py::test_it[{it}]" in output for it in (1, 2)] == [True, True]


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        pytest.param([], "3 passed", id="no-budget"),
        pytest.param(["--budget", "1"], "3 passed", id="enough"),
        pytest.param(["--budget", "0.001"], "2 passed, 1 skipped", id="too-little"),
    ],
)
def test_a_budget(pytest_says: Callable[..., str], words: list[str], outcome: str) -> None:
    """Only long tests are skipped, only once the budget is used up, and the reason says so."""
    output = pytest_says(LONG, *words)
    assert outcome in output
    assert ("the budget of 0.001 minutes is used up" in output) is ("skipped" in outcome)
