"""Locks: exclusion, the names of lock files, cancelling, and a gate that starves nobody."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time

from typing import TYPE_CHECKING

import pytest

from store.osutil.locks import Gate, WaitCancelled, locked, permanent_lock, try_permanent_lock


if TYPE_CHECKING:
    from pathlib import Path


_HOLD = """
import sys, time
from pathlib import Path
from store.osutil.locks import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""

_COUNT = """
import sys
from pathlib import Path
from store.osutil.locks import locked
lock, counter = Path(sys.argv[1]), Path(sys.argv[2])
for _ in range(100):
    with locked(lock):
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def _never() -> bool:
    return False


def test_file_is_removed_with_the_lock(tmp_path: Path) -> None:
    """A named lock's file exists only while it is held."""
    path = tmp_path / "lock"
    with locked(path):
        assert path.exists()
    assert list(tmp_path.iterdir()) == []


def test_exclusive_lock_excludes(tmp_path: Path) -> None:
    """A waiter for a lock is notified once, and can give up."""
    path = tmp_path / "lock"
    waits: list[int] = []
    answers = iter([False, False, True])
    second = locked(path, cancelled=lambda: next(answers), on_wait=lambda: waits.append(1))
    with locked(path), pytest.raises(WaitCancelled) as caught, second:
        pytest.fail("two at once")
    assert path == caught.value.path
    assert waits == [1]


def test_shared_locks_admit_each_other(tmp_path: Path) -> None:
    """Any number may hold a shared lock, and its file stays until the last of them releases it."""
    path = tmp_path / "lock"
    with locked(path, shared=True):
        with locked(path, shared=True, cancelled=lambda: True):
            pass
        assert path.exists()
    assert not path.exists()


def test_nobody_gets_a_lock_without_a_name(tmp_path: Path) -> None:
    """A waiter that gets the lock of an unlinked file tries again with the lock's name."""
    path = tmp_path / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    entered = threading.Event()

    def enter() -> None:
        with locked(path, cancelled=_never):
            entered.set()

    thread = threading.Thread(target=enter)
    thread.start()
    other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
    fcntl.flock(other, fcntl.LOCK_EX)
    (tmp_path / "other").replace(path)  # atomically: otherwise the thread could take the name in between
    os.close(descriptor)
    assert not entered.wait(0.2)
    os.close(other)
    thread.join()
    assert entered.is_set()


def test_killed_holder_leaves_nothing_locked(tmp_path: Path) -> None:
    """When a holder is killed, the next one proceeds."""
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", _HOLD, path], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"locked\n"
        child.send_signal(signal.SIGKILL)
        with locked(path, cancelled=_never):
            pass


def test_processes_take_turns(tmp_path: Path) -> None:
    """Processes that lock, count and unlock in a loop do not lose a count."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    arguments = [sys.executable, "-c", _COUNT, str(tmp_path / "lock"), str(counter)]
    children = [subprocess.Popen(arguments) for _ in range(4)]
    assert [child.wait() for child in children] == [0] * 4
    assert counter.read_text() == "400"


def test_standing_lock_keeps_its_file(tmp_path: Path) -> None:
    """A permanent lock excludes, and its file stays."""
    path = tmp_path / "lock"
    with permanent_lock(path), try_permanent_lock(path) as free:
        assert not free
    with try_permanent_lock(path) as free:
        assert free
    assert path.exists()


def test_gate_waits_for_those_inside(tmp_path: Path) -> None:
    """Exclusive entry waits until all shared ones have left."""
    gate = Gate(tmp_path)
    order: list[str] = []

    def collect() -> None:
        with gate.exclusive():
            order.append("exclusive")

    with gate.shared():
        thread = threading.Thread(target=collect)
        thread.start()
        time.sleep(0.05)
        order.append("shared")
    thread.join()
    assert order == ["shared", "exclusive"]


def test_gate_does_not_starve_the_collector(tmp_path: Path) -> None:
    """Exclusive entry succeeds although others enter shared all the time, overlapping."""
    gate = Gate(tmp_path)
    stop = threading.Event()

    def use() -> None:
        while not stop.is_set():
            with gate.shared():
                time.sleep(0.002)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            with gate.exclusive():
                pass
    finally:
        stop.set()
        for thread in threads:
            thread.join()
