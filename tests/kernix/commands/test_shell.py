"""Tests of `kernix shell`: the environment that one gets into, by commands that are run there."""

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
    """A command runs in the builder's sandbox: its exit code, input and output are the caller's."""
    done = kernix.process("shell", "-f", scripts, "fine", "--", "/bin/sh", "-c", "echo $name $KERNIX_BUILD_TOP; exit 7")

    assert (7, "fine /build\n") == (done.returncode, done.stdout)


def test_what_it_leaves(kernix: CommandLine, scripts: Path) -> None:
    """What is written to /build stays in ./NAME-shell, or in the directory that is given, and is there the next time."""
    write = ("--", "/bin/sh", "-c", "echo mine > file")
    read = ("--", "/bin/sh", "-c", f"{LINES} < file")

    assert kernix.process("shell", "-f", scripts, "fine", *write).returncode == 0
    assert (kernix.work / "fine-shell/file").read_text() == "mine\n"
    assert kernix.process("shell", "-f", scripts, "fine", *read).stdout == "mine\n"
    assert kernix.process("shell", "-f", scripts, "fine", "-d", "deep/er", *write).returncode == 0
    assert (kernix.work / "deep/er/file").read_text() == "mine\n"


def test_it_leaves_nothing_empty(kernix: CommandLine, scripts: Path) -> None:
    """A directory that was made for a command that left nothing in it goes away again; one that was there stays."""
    (kernix.work / "mine").mkdir()
    kernix.process("shell", "-f", scripts, "fine", "--", "/bin/sh", "-c", ":")
    kernix.process("shell", "-f", scripts, "fine", "-d", "mine", "--", "/bin/sh", "-c", ":")

    assert sorted(it.name for it in kernix.work.iterdir()) == ["mine", "scripts.py"]


def test_what_is_built_is_there(kernix: CommandLine, scripts: Path) -> None:
    """A variable named after an output leads to it, once it is built; nothing is built for the shell."""
    show = ("--", "/bin/sh", "-c", f"echo out=$out; for it in $dev; do {LINES} < $it; done")

    assert kernix.process("shell", "-f", scripts, "two", *show).stdout == "out=\n"
    kernix("build", "-f", scripts, "two", "two.dev")
    assert kernix.process("shell", "-f", scripts, "two", *show).stdout == "out=/outputs/out\ndev\n"


def test_what_is_not_built_is_said(kernix: CommandLine, scripts: Path) -> None:
    """Who opens a shell is told where it is and what is missing; a shell that reads a file ends with it."""
    missing = "not built, so not there: $out, $dev (`kernix build two`)\n"
    done = kernix.process("shell", "-f", scripts, "two")

    assert done.returncode == 0
    assert "two-shell is /build in here" in done.stderr
    assert missing in done.stderr
    command = ("--", "/bin/sh", "-c", ":")
    assert kernix.process("shell", "-f", scripts, "two", *command).stderr.endswith(missing)
    kernix("build", "-f", scripts, "two")
    assert "not built" not in kernix.process("shell", "-f", scripts, "two", *command).stderr


@pytest.mark.parametrize("attribute", ["two", "two.out"])
def test_an_output_that_went_away(kernix: CommandLine, scripts: Path, attribute: str) -> None:
    """What builds an output again is told even where another one, to which the attribute leads, is still there."""
    kernix("build", "-f", scripts, "two.out")
    remove_tree(Path(kernix("build", "-f", scripts, "two.dev", "--no-link").lines[0]))
    done = kernix.process("shell", "-f", scripts, attribute, "--", "/bin/sh", "-c", ":")

    assert done.stderr.endswith("not built, so not there: $dev (`kernix build two.dev`)\n")
    kernix("build", "-f", scripts, "two.dev")
    done = kernix.process("shell", "-f", scripts, attribute, "--", "/bin/sh", "-c", ":")
    assert "not built" not in done.stderr


def test_at_a_terminal(kernix: CommandLine, scripts: Path) -> None:
    """At a terminal there is a shell with a prompt that says where one is, and its exit code is the verb's."""
    command: list[str | Path] = [sys.executable, "-m", "kernix", "shell", "-f", scripts, "fine"]
    user = User.sit_down(command, {**os.environ, "PYTHONPATH": str(PROJECT), "TERM": "linux"}, cwd=kernix.work)
    try:
        user.see("fine-shell is /build in here")
        user.see(r"\[fine .*\]")
        user.type("echo $((40 + 2)) > answer; exit 3\r")
        assert user.process.wait() == 3
        assert user.before == user.settings()
        assert (kernix.work / "fine-shell/answer").read_text() == "42\n"
    finally:
        user.leave()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("hello.py", "hello"), "hello is made by kernix itself", id="builtin"),
        pytest.param(("scripts.py", "fine", "-d", "scripts.py"), "scripts.py is not a directory", id="file"),
        pytest.param(("scripts.py", "fine", "-d", "scripts.py/below"), "scripts.py/below", id="below-a-file"),
        pytest.param(("scripts.py", "fine", "--", "/no/such"), "cannot run /no/such in the sandbox", id="command"),
    ],
)
def test_refused(kernix: CommandLine, scripts: Path, hello: Path, words: tuple[str, ...], said: str) -> None:
    """What cannot be is said in a sentence, and no directory is left."""
    before = sorted(kernix.work.iterdir())
    done = kernix.process("shell", "-f", *words)

    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert before == sorted(kernix.work.iterdir())
    assert {scripts, hello} <= set(before)
