"""Tests of derivations.realise.sandbox.guard: no process of a build outlives kernix, whenever kernix is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from derivations.realise.sandbox.guard import Guard
from derivations.realise.sandbox.overlay import overlay_works
from store.trees.remove import remove_tree


if TYPE_CHECKING:
    from tests.derivations.realise.conftest import Mark


ROOT = Path(__file__).parents[4]
SECONDS = 20.0
"""Seconds that a busy machine may need for what is otherwise immediate."""

BUILD = """
import os, select, signal, sys

from pathlib import Path

from derivations.realise.sandbox.process import Process
from derivations.realise.sandbox.bubblewrap import Sandbox
from derivations.realise.sandbox.layers import Layers


class Held(Process):
    def _let_begin(self, first):
        if sys.argv[3] == "held":
            poll = select.poll()
            poll.register(self._arrival, select.POLLOUT)
            poll.poll()
            os.kill(first, signal.SIGSTOP)
        print(first, flush=True)
        super()._let_begin(first)
        if sys.argv[3] == "held":
            os.kill(os.getpid(), signal.SIGKILL)


place = Path(sys.argv[2])
build = place / "build"
if sys.argv[5] == "layers":
    build = Layers(lower=(place / "lower",), upper=build, work=place / "work")
sandbox = Sandbox(
    mounts={"/": Path(sys.argv[1])}, build=build, out=place / "out", argv=("/bin/sh", "-c", sys.argv[4])
)
print("ready", flush=True)
with Held(sandbox) as process:
    process.await_start()
    signal.pause()
"""


def start(root: Path, place: Path, how: str, script: str, build: str) -> subprocess.Popen[str]:
    """Start a program that runs *script* in a sandbox, and return it just before the script starts."""
    if build == "layers" and not overlay_works(place.parent):
        pytest.skip("layers do not work here")
    for name in ("build", "out", "lower", "work"):
        (place / name).mkdir(parents=True)
    command = [sys.executable, "-c", BUILD, str(root), str(place), how, script, build]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def is_gone(pid: int) -> bool:
    """Return whether the process *pid* ends in time."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("build", ["plain", "layers"])
def test_killed_before_the_sandbox_is_bound(root: Path, tmp_path: Path, mark: Mark, build: str) -> None:
    """A sandbox ends if kernix is killed just before bubblewrap binds their lives."""
    process = start(root, tmp_path, "held", f"sleep 100{mark.text}", build)
    with process:
        assert process.stdout is not None
        first = int(process.stdout.readline())
        assert process.wait() == -signal.SIGKILL
    end = time.monotonic() + 0.5  # time for the guard to act
    while time.monotonic() < end:
        try:
            os.kill(first, signal.SIGCONT)
        except ProcessLookupError:
            break
        time.sleep(0.02)
    assert is_gone(first)
    assert mark.running() == []


@pytest.mark.parametrize("build", ["plain", "layers"])
def test_killed_at_many_moments(root: Path, tmp_path: Path, mark: Mark, build: str) -> None:
    """Nothing of a sandbox is left two seconds after a SIGKILL of kernix, at any step: no process, and no mount."""
    mounts = Path("/proc/self/mountinfo").read_text()
    for number in range(24):
        with start(root, tmp_path / str(number), "free", f"sleep 100{mark.text}", build) as process:
            time.sleep(number * 0.006)
            process.kill()
            process.wait()
    end = time.monotonic() + SECONDS
    while naming(mark) and time.monotonic() < end:
        time.sleep(0.1)
    assert naming(mark) == []
    assert Path("/proc/self/mountinfo").read_text() == mounts
    remove_tree(tmp_path)


def naming(mark: Mark) -> list[bytes]:
    """Return the command lines that name *mark*, bubblewrap's included."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(place.read_bytes())
    return [line for line in found if mark.text.encode() in line]


@pytest.mark.parametrize("ended", [True, False])
def test_release(ended: bool) -> None:
    """A watched process is killed if the guard is released before it has ended, and left alone otherwise."""
    with subprocess.Popen(["/bin/sleep", "100"], start_new_session=True) as process:
        guard = Guard()
        guard.started(process.pid)
        guard.watch(process.pid)
        guard.release(ended=ended)
        assert (process.poll() is None) or not ended
        process.kill()
        assert process.wait() == -signal.SIGKILL


def test_killed_before_the_first_process_is_known() -> None:
    """The whole process group of bubblewrap is killed if kernix dies before it knows the sandbox's first process."""
    script = "sleep 100 & echo $!; wait"
    with subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        guard = Guard()
        guard.started(process.pid)
        guard.release(ended=False)
        assert process.wait() == -signal.SIGKILL
    assert is_gone(child)


def test_nothing_to_watch() -> None:
    """A guard without a process to watch ends harmlessly."""
    Guard().release(ended=False)
