"""Tests for derivations.realise.supervised."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading

from typing import TYPE_CHECKING

import pytest

from derivations.realise.supervised import RunCancelled, RunTimedOut, run


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


FAMILY = "sleep 1000 > {pipe} & (trap '' TERM HUP INT; sleep 1000 > {pipe}) & wait"
"""A program with helpers, one of which ignores signals; all of them hold the pipe open."""


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """Return a named pipe, and a descriptor that reads from it."""
    place = tmp_path / "pipe"
    os.mkfifo(place)
    reader = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    yield place, reader
    os.close(reader)


def await_end(reader: int) -> None:
    """Wait until no process holds the other end of the pipe."""
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""


def test_output_and_exit_code() -> None:
    """Both streams and the exit code are returned, in English, and there is no input."""
    finished = run(["sh", "-c", 'cat; echo "out $LC_ALL"; echo err >&2; exit 7'], timeout=60)
    assert ("out C\n", "err\n", 7) == (finished.stdout, finished.stderr, finished.returncode)


def test_arguments_are_not_split() -> None:
    """Arguments arrive unchanged."""
    words = ["a b", "$HOME", "'", '"', "*", "", "-n"]
    assert "".join(f"{it}\n" for it in words) == run(["printf", "%s\n", *words], timeout=60).stdout


def test_a_missing_program() -> None:
    """A missing program is an exit code, as in a shell."""
    assert 127 == run(["no-such-program"], timeout=60).returncode


def test_no_helper_outlives_the_timeout(pipe: tuple[Path, int]) -> None:
    """A program that times out ends with all its helpers."""
    with pytest.raises(RunTimedOut):
        run(["sh", "-c", FAMILY.format(pipe=shlex.quote(str(pipe[0])))], timeout=0.5)
    await_end(pipe[1])


def test_no_helper_outlives_a_cancellation(pipe: tuple[Path, int]) -> None:
    """A cancelled program ends with all its helpers."""
    with pytest.raises(RunCancelled):
        run(["sh", "-c", FAMILY.format(pipe=shlex.quote(str(pipe[0])))], timeout=600, cancelled=lambda: True)
    await_end(pipe[1])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_no_helper_outlives_kernix(pipe: tuple[Path, int], number: signal.Signals) -> None:
    """However the process that runs a program ends, the program and its helpers end with it."""
    place, reader = pipe
    code = f"from derivations.realise.supervised import run; run(['sh', '-c', {FAMILY.format(pipe=shlex.quote(str(place)))!r}], timeout=600)"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        await_writer(reader)
        process.send_signal(number)
    await_end(reader)


def await_writer(reader: int) -> None:
    """Wait until a process holds the other end of the pipe."""
    while True:
        try:
            if os.read(reader, 1) == b"":
                threading.Event().wait(0.01)  # nobody yet
        except BlockingIOError:
            return
