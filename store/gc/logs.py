"""Remove build logs that are too old or take too much space."""

from __future__ import annotations

import contextlib
import itertools
import time

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    import os

    from collections.abc import Iterator
    from pathlib import Path


_DAY = 24 * 60 * 60  # seconds


@attrs.frozen(kw_only=True)
class LogPolicy:
    """Which logs to keep.

    *older_than*: only those written within this many seconds.
    *max_size*: at most this many bytes on the disk; the oldest go first.

    The defaults are guesses: nobody looks at older logs, and beside kernels and toolchains the space is small.
    """

    older_than: int = 90 * _DAY
    max_size: int = 1 << 30


def superfluous(directory: Path, policy: LogPolicy, now: float | None = None) -> list[tuple[Path, int]]:
    """Return the logs below *directory* that *policy* does not keep, oldest first, and the bytes that each takes.

    An unfinished log (`*.part`) only counts if it was last written too long ago: its writer has died.
    """
    now = time.time() if now is None else now
    found = sorted(((status.st_mtime, path, status.st_blocks * 512) for path, status in _logs(directory)), reverse=True)
    room, doomed = policy.max_size, []
    for written, path, size in found:
        is_part = path.suffix == ".part"
        room -= 0 if is_part else size
        if now - written > policy.older_than or (room < 0 and not is_part):
            doomed.append((path, size))
    return doomed[::-1]


def remove_logs(directory: Path, policy: LogPolicy) -> tuple[int, int]:
    """Remove the logs below *directory* that *policy* does not keep; return their number and the bytes they took."""
    count = freed = 0
    for path, size in superfluous(directory, policy):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            count, freed = count + 1, freed + size
    return count, freed


def _logs(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the logs (`<2>/<62>.zst`, `proofs/*.log`) and unfinished logs below *directory*, and no other files."""
    for path in itertools.chain(directory.glob("??/*"), directory.glob("proofs/*.log")):
        with contextlib.suppress(FileNotFoundError):
            if path.suffix in {".zst", ".part", ".log"} and path.is_file() and not path.is_symlink():
                yield path, path.stat()
