"""`kernix shell`: its environment, seen by commands that run there."""

from __future__ import annotations

import os
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store.trees.remove import remove_tree
from tests.kernix.conftest import PROJECT
from tests.terminal import User


if TYPE_CHECKING:
    from tests.kernix.conftest import CommandLine

LINES = 'while IFS= read -r line; do echo "$line"; done'


def test_a_command(kernix: CommandLine, scripts: Path) -> None:
    """A command runs in the builder's sandbox; its exit code, input and output are passed through."""
    done = kernix.process("shell", "-f", scripts, "fine", "--", "/bin/sh", "-c", "echo $name $KERNIX_BUILD_TOP; exit 7")

    assert (7, "fine /build\n") == (done.returncode, done.stdout)


def test_files_stay_in_the_working_directory(kernix: CommandLine, scripts: Path) -> None:
    """Files in /build stay in ./NAME-shell, or in the given directory, and are available the next time."""
    write = ("--", "/bin/sh", "-c", "echo mine > file")
    read = ("--", "/bin/sh", "-c", f"{LINES} < file")

    assert kernix.process("shell", "-f", scripts, "fine", *write).returncode == 0
    assert (kernix.work / "fine-shell/file").read_text() == "mine\n"
    assert kernix.process("shell", "-f", scripts, "fine", *read).stdout == "mine\n"
    assert kernix.process("shell", "-f", scripts, "fine", "-d", "deep/er", *write).returncode == 0
    assert (kernix.work / "deep/er/file").read_text() == "mine\n"


def test_it_leaves_nothing_empty(kernix: CommandLine, scripts: Path) -> None:
    """A directory that was created for the shell and stays empty is deleted; an existing one is kept."""
    (kernix.work / "mine").mkdir()
    kernix.process("shell", "-f", scripts, "fine", "--", "/bin/sh", "-c", ":")
    kernix.process("shell", "-f", scripts, "fine", "-d", "mine", "--", "/bin/sh", "-c", ":")

    assert sorted(it.name for it in kernix.work.iterdir()) == ["mine", "scripts.py"]


def test_built_outputs_are_available(kernix: CommandLine, scripts: Path) -> None:
    """A variable named after an output has its path, once it is built; nothing is built for the shell."""
    show = ("--", "/bin/sh", "-c", f"echo out=$out; for it in $dev; do {LINES} < $it; done")

    assert kernix.process("shell", "-f", scripts, "two", *show).stdout == "out=\n"
    kernix("build", "-f", scripts, "two", "two.dev")
    assert kernix.process("shell", "-f", scripts, "two", *show).stdout == "out=/outputs/out\ndev\n"


def test_outputs_that_are_not_built_are_reported(kernix: CommandLine, scripts: Path) -> None:
    """A shell reports its directory and missing outputs; a shell that reads a file ends with it."""
    missing = "not built, so not available: $out, $dev (`kernix build two`)\n"
    done = kernix.process("shell", "-f", scripts, "two")

    assert done.returncode == 0
    assert "two-shell is /build in this shell" in done.stderr
    assert missing in done.stderr
    command = ("--", "/bin/sh", "-c", ":")
    assert kernix.process("shell", "-f", scripts, "two", *command).stderr.endswith(missing)
    kernix("build", "-f", scripts, "two")
    assert "not built" not in kernix.process("shell", "-f", scripts, "two", *command).stderr


@pytest.mark.parametrize("attribute", ["two", "two.out"])
def test_an_output_that_went_away(kernix: CommandLine, scripts: Path, attribute: str) -> None:
    """The command that builds a missing output is printed even if the attribute's own output still exists."""
    kernix("build", "-f", scripts, "two.out")
    remove_tree(Path(kernix("build", "-f", scripts, "two.dev", "--no-link").lines[0]))
    done = kernix.process("shell", "-f", scripts, attribute, "--", "/bin/sh", "-c", ":")

    assert done.stderr.endswith("not built, so not available: $dev (`kernix build two.dev`)\n")
    kernix("build", "-f", scripts, "two.dev")
    done = kernix.process("shell", "-f", scripts, attribute, "--", "/bin/sh", "-c", ":")
    assert "not built" not in done.stderr


def test_at_a_terminal(kernix: CommandLine, scripts: Path) -> None:
    """On a terminal the shell has a prompt with its directory, and its exit code is the verb's."""
    command: list[str | Path] = [sys.executable, "-m", "kernix", "shell", "-f", scripts, "fine"]
    user = User.sit_down(command, {**os.environ, "PYTHONPATH": str(PROJECT), "TERM": "linux"}, cwd=kernix.work)
    try:
        user.see("fine-shell is /build in this shell")
        user.see(r"\[fine .*\]")
        user.type("echo $((40 + 2)) > answer; exit 3\r")
        assert user.process.wait() == 3
        assert user.before == user.settings()
        assert (kernix.work / "fine-shell/answer").read_text() == "42\n"
    finally:
        user.leave()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("hello.py", "hello"), "hello", id="builtin"),
        pytest.param(("scripts.py", "fine", "-d", "scripts.py"), "scripts.py is not a directory", id="file"),
        pytest.param(("scripts.py", "fine", "-d", "scripts.py/below"), "scripts.py/below", id="below-a-file"),
        pytest.param(("scripts.py", "fine", "--", "/no/such"), "/no/such", id="command"),
    ],
)
def test_refused(kernix: CommandLine, scripts: Path, hello: Path, words: tuple[str, ...], message: str) -> None:
    """An invalid request is reported in a sentence, and no directory is left."""
    before = sorted(kernix.work.iterdir())
    done = kernix.process("shell", "-f", *words)

    assert done.returncode in {1, 2}
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert before == sorted(kernix.work.iterdir())
    assert {scripts, hello} <= set(before)
