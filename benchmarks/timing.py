"""Running programs and measuring how long they take, several sides in turns."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from typing import TYPE_CHECKING

from store.osutil.syscalls import syncfs


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    Contestant = Callable[[int], float]  # the round's number -> seconds


def run(command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path) -> str:
    """Run *command* and return its output; if it fails, show its stderr."""
    done = subprocess.run(command, env=dict(env), cwd=cwd, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr[-4000:])
        done.check_returncode()
    return done.stdout


def seconds(command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, durable: Path | None = None) -> float:
    """Return how long *command* takes, including a `syncfs` of the file system of *durable* if that is given."""
    started = time.perf_counter()
    run(command, env=env, cwd=cwd)
    if durable is not None:
        sync(durable)
    return time.perf_counter() - started


def sync(place: Path) -> None:
    """Write everything that the kernel holds in memory for the file system of *place* to the disk."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        syncfs(descriptor)
    finally:
        os.close(descriptor)


def alternate(rounds: int, contestants: Mapping[str, Contestant], disk: Path) -> dict[str, tuple[float, ...]]:
    """Return the times of *contestants*, run in turns: all of them in each round, in alternating order.

    All pending writes go to *disk* before each run, so that nobody pays for another's.
    """
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        order = list(contestants) if number % 2 == 0 else list(reversed(list(contestants)))
        for name in order:
            sync(disk)
            taken = contestants[name](number)
            times[name].append(taken)
            sys.stderr.write(f"  round {number + 1} of {rounds}: {name} {taken:.3f} s\n")
    return {name: tuple(taken) for name, taken in times.items()}


def median(times: Sequence[float]) -> float:
    """Return the median of *times*."""
    return statistics.median(times)
