"""The entry point: neighbours, exit codes, errors in one sentence."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernix.output.messages import report_end
from kernix.verbs import GROUPS, VERBS


if TYPE_CHECKING:
    from tests.kernix.conftest import CommandLine

PROJECT = Path(__file__).parents[2]


def test_a_directory_of_the_same_name_does_not_matter(kernix: CommandLine) -> None:
    """A directory `store` without Python files is not a package."""
    (kernix.work / "store").mkdir()
    assert kernix.process("--version").returncode == 0


@pytest.mark.parametrize(
    ("words", "sentence", "hint"),
    [
        pytest.param(["biuld"], "unknown verb `biuld`", "did you mean `build`?", id="verb"),
        pytest.param(["zzz"], "unknown verb `zzz`", "`kernix --help` lists what is available", id="far-verb"),
        pytest.param(["gc", "--dryrun"], "unknown option `--dryrun`", "did you mean `--dry-run`?", id="option"),
        pytest.param(["help", "biuld"], "unknown verb `biuld`", "did you mean `build`?", id="help-of-a-verb"),
        pytest.param(["config", "chekc", "x"], "unknown verb `chekc`", "did you mean `check`?", id="inner-verb"),
        pytest.param(["roots", "lsit"], "unknown verb `lsit`", "did you mean `list`?", id="roots"),
        pytest.param(["--ver"], "unknown option `--ver`", "did you mean `--version`?", id="global-option"),
        pytest.param(
            ["build"], "missing argument 'ATTR…'", "`kernix build --help` lists what is available", id="missing"
        ),
        pytest.param(
            ["build", "-j", "0", "x"],
            "invalid value for '-j' / '--jobs': 0 is not in the range x>=1",
            "`kernix build --help` lists what is available",
            id="range",
        ),
        pytest.param(
            ["gc", "--delete-older-than", "soon"],
            "invalid value for '--delete-older-than': invalid time 'soon', write it as 30m, 12h or 14d",
            "`kernix gc --help` lists what is available",
            id="time",
        ),
    ],
)
def test_a_wrong_request_is_a_usage_error(kernix: CommandLine, words: list[str], sentence: str, hint: str) -> None:
    """An invalid request is reported in a sentence, with a suggestion, and exit code 2."""
    ran = kernix(*words)
    assert (2, "", f"error: {sentence}\nhint: {hint}\n") == (ran.code, ran.out, ran.err)


def test_an_error_of_the_system_is_a_sentence(kernix: CommandLine) -> None:
    """An error of the operating system is reported with its path, without a traceback."""
    ran = kernix("add", kernix.work / "absent")
    assert (1, "", f"error: {kernix.work}/absent: no such file or directory\n") == (ran.code, ran.out, ran.err)


@pytest.mark.usefixtures("kernix")
def test_a_closed_pipe_is_quiet() -> None:
    """When the reader of its results has gone, kernix exits silently."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kernix", "list"],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    message = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), message) == (0, b"")


@pytest.mark.usefixtures("kernix")
@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["help"],
        ["version"],
        ["list", "--json"],
        ["roots"],
        ["config", "--help"],
        ["completion", "bash"],
        ["doctor"],
    ],
    ids=" ".join,
)
def test_a_closed_pipe_is_quiet_in_every_verb(words: list[str]) -> None:
    """Every verb that prints exits silently with 0 when its reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "kernix", *words]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, env=environment, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_build_goes_on_when_nobody_reads_its_progress(kernix: CommandLine, scripts: Path) -> None:
    """A build continues when the reader of its stderr has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "kernix", "build", "-f", str(scripts), "fine"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=writing, check=False, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stdout.count(b"\n"), (kernix.work / "result").is_symlink()) == (0, 1, True)


def test_an_inner_pipe_that_breaks_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A broken pipe that is not stdout is reported, with exit code 1."""
    assert (report_end(BrokenPipeError(errno.EPIPE, "Broken pipe")), capsys.readouterr().err) == (
        1,
        "error: broken pipe\n",
    )


@pytest.mark.parametrize(
    ("words", "same"),
    [
        pytest.param(["help"], ["--help"], id="kernix"),
        pytest.param(["help", "build"], ["build", "--help"], id="verb"),
        pytest.param(["help", "config", "check"], ["config", "check", "--help"], id="inner-verb"),
        pytest.param(["version"], ["--version"], id="version"),
    ],
)
def test_help_and_version_are_verbs_too(kernix: CommandLine, words: list[str], same: list[str]) -> None:
    """The verbs print what the options print."""
    ran, expected = kernix(*words), kernix(*same)
    assert (ran.code, ran.out, ran.err) == (0, expected.out, "")


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        pytest.param(signal.SIGINT, 130, "error: interrupted", id="interrupted"),
        pytest.param(signal.SIGTERM, 143, "", id="terminated"),
    ],
)
def test_signals_end_a_build(
    kernix: CommandLine, scripts: Path, number: signal.Signals, code: int, message: str
) -> None:
    """Ctrl-C and SIGTERM end a build with their exit codes, without a traceback or leftovers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kernix", "build", "-f", scripts, "slow"],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while process.stderr.readline() != "building slow\n":
        pass
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (code, "", message) == (process.returncode, out, err.strip())
    assert [] == list((kernix.home / "builds").iterdir())


def test_an_interrupt_while_a_file_is_evaluated(kernix: CommandLine) -> None:
    """Ctrl-C while a user's file runs is an interrupt, not an error in the file."""
    file = kernix.write("slow.py", "import time\nprint('there', flush=True)\ntime.sleep(60)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "kernix", "list", "-f", file],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "there\n" == process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (130, "error: interrupted\n") == (process.returncode, err.lstrip("\n"))


def test_help_fits_a_terminal(kernix: CommandLine) -> None:
    """`--help` names every verb, in groups, and fits 80 columns and 30 lines with the prompt after it."""
    ran = kernix("--help")
    words = set(re.findall(r"[\w-]+", ran.out))
    assert (ran.code, VERBS.keys() - words, GROUPS.keys() - words) == (0, set(), set())
    assert (len(ran.lines) < 30, max(map(len, ran.lines)) <= 80) == (True, True)


def test_no_verb_is_help(kernix: CommandLine) -> None:
    """`kernix` alone prints the help, as an incomplete request."""
    ran = kernix()
    assert (ran.code, ran.out, ran.err) == (2, "", kernix("--help").out)


def test_shared_options_are_explained_once(kernix: CommandLine) -> None:
    """The help of a verb names the options that it shares with others; `kernix help options` explains them."""
    verb, options = kernix("help", "build").out, kernix("help", "options").out
    assert ("--keep-going" in verb, "--keep-going   " in verb, "--no-link   " in verb) == (True, False, True)
    assert [name for name in re.findall(r"--[\w-]+", verb.partition("Shared options")[2]) if name not in options] == []


def test_colours_are_for_terminals(kernix: CommandLine) -> None:
    """Without a terminal on stderr nothing is coloured."""
    assert "\x1b" not in kernix.process("biuld").stderr


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        pytest.param({"KERNIX_HOME": "here"}, "KERNIX_HOME is 'here', which is not an absolute path", id="relative"),
        pytest.param(
            {"KERNIX_HOME": "", "HOME": ""},
            "neither KERNIX_HOME nor HOME is set, so kernix has no place for its files",
            id="nowhere",
        ),
    ],
)
def test_an_invalid_home_is_reported(kernix: CommandLine, environment: dict[str, str], sentence: str) -> None:
    """The home of a store must be an absolute path."""
    ran = kernix.process("roots", more=environment)
    assert (1, f"error: {sentence}") == (ran.returncode, ran.stderr.splitlines()[0])


def test_the_home_follows_the_base_directories(kernix: CommandLine) -> None:
    """Without KERNIX_HOME the store is in XDG_DATA_HOME, or in ~/.local/share."""
    kernix.process("add", ".", more={"KERNIX_HOME": "", "XDG_DATA_HOME": str(kernix.top / "data")})
    kernix.process("add", ".", more={"KERNIX_HOME": ""})
    homes = [kernix.top / "data/kernix/version", kernix.top / "home/.local/share/kernix/version"]
    assert [it.exists() for it in homes] == [True, True]
