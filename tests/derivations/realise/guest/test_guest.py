"""The host's side of a run, with real processes and sockets, and a guest that follows a script."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from collections.abc import Iterator


SCRIPT = Path(__file__).with_name("scripted.py")
ROOT = Path(__file__).parents[4]
LONG = "60"
PATIENCE = 120  # seconds


def words(what: str, boot: str = LONG, whole: str = LONG) -> list[str]:
    """Return the command of a host whose guest plays *what*."""
    return [sys.executable, str(SCRIPT), "host", what, boot, whole]


def ran(
    what: str, boot: str = LONG, whole: str = LONG, *, given: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Return how the host ended."""
    command = words(what, boot, whole)
    if given is None:
        return subprocess.run(
            command, capture_output=True, check=False, timeout=PATIENCE, env=environment(), stdin=subprocess.DEVNULL
        )
    return subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE, env=environment(), input=given)


def environment() -> dict[str, str]:
    """Return the environment in which the script finds kernix."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@contextlib.contextmanager
def started(what: str) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Provide a host that runs, in a process group of its own, and its standard output."""
    with subprocess.Popen(
        words(what),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=environment(),
    ) as host:
        assert host.stdout is not None
        yield host, host.stdout
        host.kill()


def test_code_and_streams() -> None:
    """The exit code is the command's, and stdout and stderr are separate and whole."""
    done = ran("streams")
    assert (7, b"o" * 300_000, b"e" * 200_000) == (done.returncode, done.stdout, done.stderr)


def test_input_is_exact_and_ends() -> None:
    """Far more bytes than the window reach the command, and then the end."""
    data = os.urandom(1_000_000)
    done = ran("copy", given=data)
    assert (0, data, b"") == (done.returncode, done.stdout, done.stderr)


def test_without_input_the_command_sees_its_end() -> None:
    """With /dev/null as standard input."""
    assert (0, b"") == (ran("copy").returncode, ran("copy").stdout)


def test_a_command_that_does_not_read_gets_a_window_of_input() -> None:
    """Not more than 4096 bytes are on their way, so that signals are never behind them."""
    assert 4 == ran("no-input", given=bytes(1_000_000)).returncode


def test_output_after_the_word_of_the_end_is_waited_for() -> None:
    """The channels are separate, so the end may come first."""
    done = ran("late")
    assert (0, b"last") == (done.returncode, done.stdout)


def test_a_panic_is_an_error_with_its_console() -> None:
    """From its first line on."""
    done = ran("panic")
    assert 125 == done.returncode
    assert done.stderr.decode().splitlines() == [
        "GuestPanicked: the guest's kernel failed: Kernel panic - not syncing: no init",
        "the guest's console:",
        "> Kernel panic - not syncing: no init",
        "> Call Trace:",
    ]


def test_a_guest_that_ends_without_a_word() -> None:
    """What it wrote before is not lost."""
    done = ran("dies")
    assert (125, b"some") == (done.returncode, done.stdout)
    assert done.stderr.startswith(b"GuestEnded: the guest ended before the command ended\n")
    assert b"> Linux version" in done.stderr


def test_a_guest_that_does_not_boot() -> None:
    """After its console has been silent for so long."""
    done = ran("silent", boot="1")
    assert 125 == done.returncode
    assert b"has been silent for 1 seconds" in done.stderr


def test_the_time_limit() -> None:
    """Its exit code is that of timeout(1)."""
    done = ran("forever", whole="1")
    assert (124, b"TimeOver: the guest was stopped: it ran for longer than 1 seconds") == (done.returncode, done.stderr)


def test_a_command_that_cannot_be_started() -> None:
    """The guest says why, and the code is a shell's."""
    done = ran("refused")
    assert (127, b"CommandNotFound: cannot run x: no such file") == (done.returncode, done.stderr)


def test_an_oops_does_not_change_the_code() -> None:
    """It is in the console of the result."""
    done = ran("oops")
    assert (139, b"BUG: unable to handle\n") == (done.returncode, done.stderr)


def test_the_first_interrupt_is_the_commands_and_the_second_ends_the_guest() -> None:
    """Ctrl-C, twice."""
    with started("signals") as (host, out):
        assert b"ready\n" == out.readline()
        os.kill(host.pid, signal.SIGINT)
        assert b"first\n" == out.readline()
        os.kill(host.pid, signal.SIGINT)
        assert 130 == host.wait(60)


def test_a_reader_that_goes_away_ends_the_command_as_a_pipe_would() -> None:
    """The command gets SIGPIPE."""
    with started("yes") as (host, out):
        out.read(2)
        out.close()
        assert 128 + signal.SIGPIPE == host.wait(60)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_remains(number: int) -> None:
    """A guest ends when its host does: its channels close."""
    with started("signals") as (host, out):
        out.readline()
        guest = int(Path(f"/proc/{host.pid}/task/{host.pid}/children").read_text().split()[0])
        os.kill(host.pid, number)
        host.wait(60)
        for _ in range(100):
            status = Path(f"/proc/{guest}/status")
            if not status.exists() or "\nState:\tZ" in status.read_text():
                return
            time.sleep(0.1)
        pytest.fail("the guest still runs")
