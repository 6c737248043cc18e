"""Remove build logs that are old, or more than there is to be room for."""

from __future__ import annotations

import contextlib
import time

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    import os

    from collections.abc import Iterator
    from pathlib import Path


_DAY = 24 * 60 * 60


@attrs.frozen(kw_only=True)
class LogPolicy:
    """Which logs to keep.

    *older_than*: none that was written longer ago than this many seconds.
    *max_size*: no more than take this many bytes of the disk; the oldest go first.
    """

    older_than: int = 90 * _DAY
    max_size: int = 1 << 30


def superfluous(directory: Path, policy: LogPolicy, now: float | None = None) -> list[tuple[Path, int]]:
    """Return the logs below *directory* that *policy* does not keep, oldest first, and the bytes that they take.

    What is being written (`*.part`) counts as a log only if it was last written to long ago: its writer died.
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
    """Remove the logs below *directory* that *policy* does not keep; return how many, and how many bytes they took."""
    count = freed = 0
    for path, size in superfluous(directory, policy):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            count, freed = count + 1, freed + size
    return count, freed


def _logs(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the logs (`<2>/<62>.zst`) and the parts of logs below *directory*, and nothing that is not one."""
    for path in directory.glob("??/*"):
        with contextlib.suppress(FileNotFoundError):
            if path.suffix in {".zst", ".part"} and path.is_file() and not path.is_symlink():
                yield path, path.stat()
