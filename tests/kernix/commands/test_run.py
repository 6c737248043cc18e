"""`kernix run`: what is refused before anything is built. The runs themselves are in tests/test_real_run.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernix.conftest import CommandLine


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["linux_guest"], "there is no command to run", id="neither"),
        pytest.param(["--shell", "linux_guest", "--", "true"], "there is a command and --shell", id="both"),
        pytest.param(["--root", "/nowhere", "linux_guest", "--", "true"], "'/nowhere' does not exist", id="root"),
        pytest.param(["--disk", "/nowhere", "linux_guest", "--", "true"], "'/nowhere' does not exist", id="disk"),
        pytest.param(["--cpus", "0", "linux_guest", "--", "true"], "0 is not in the range", id="cpus"),
        pytest.param(["--memory", "much", "linux_guest", "--", "true"], "much", id="memory"),
    ],
)
def test_what_is_impossible_is_refused(kernix: CommandLine, words: list[str], sentence: str) -> None:
    """With the exit code of a usage error, and one sentence."""
    ran = kernix("run", *words)
    assert (2, "") == (ran.code, ran.out)
    assert sentence in ran.err
    assert "Traceback" not in ran.err


def test_only_kernels_run_commands(kernix: CommandLine, tmp_path: Path) -> None:
    """A derivation is not a kernel."""
    file = tmp_path / "hello.py"
    file.write_text('from derivations import text_file\nhello = text_file("hello", "hello\\n")\n')
    ran = kernix("run", "-f", file, "hello", "--", "true")
    assert 2 == ran.code
    assert ran.err.startswith("error: `hello` is not a kernel, so nothing can be run on it\n")


def test_the_time_limit_is_the_guests(kernix: CommandLine) -> None:
    """`--timeout` is explained as an option of this verb, not as the shared one for builders."""
    shown = kernix("run", "--help").out
    assert "with exit code 124" in shown
    assert "--timeout" not in shown.rpartition("Shared options")[2]
