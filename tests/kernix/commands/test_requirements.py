"""`kernix check --requires`: what is refused before anything is resolved; tests/test_real_requirements.py tests reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from tests.kernix.conftest import CommandLine


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["--requires", "sytemd"], "unknown requirement set 'sytemd'", id="unknown"),
        pytest.param(["--requires", "systemd", "--machine", "m.json"], "exclude each other", id="machine"),
        pytest.param(["--fragment"], "--all and --fragment need --requires", id="fragment"),
        pytest.param(["--all"], "--all and --fragment need --requires", id="all"),
    ],
)
def test_refused(kernix: CommandLine, words: list[str], sentence: str) -> None:
    """A wrong use is an error of the command line."""
    kernix.write("m.json", "{}")

    ran = kernix("check", "linux_micro", *words)
    assert (ran.code, ran.out, sentence in ran.err) == (2, "", True)


def test_the_sets_are_listed(kernix: CommandLine) -> None:
    """The help names every bundled set."""
    assert "systemd-recommended" in " ".join(kernix("check", "--help").out.split())
