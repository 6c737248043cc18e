"""Read the logs of running builders while they are written."""

from __future__ import annotations

import contextlib
import sys
import time

from typing import TYPE_CHECKING, Any, BinaryIO

from derivations.realise.sandbox.log import PART, log_path
from store.osutil.locks import try_flock


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self


_CHUNK = 1 << 16  # bytes; any number of some kilobytes would do
_PAUSE = 0.1  # seconds: shorter than the log's own delay, `log.FLUSH`


class RunningLog:
    """A log that a builder is still writing, used as a context manager."""

    def __init__(self, file: BinaryIO) -> None:
        """Read from *file*, opened at its beginning."""
        self._file = file
        self._decompressor = zstd.ZstdDecompressor()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def so_far(self) -> Iterator[bytes]:
        """Yield what was written since the last read; of a damaged log, what precedes the damage."""
        while data := self._file.read(_CHUNK):
            with contextlib.suppress(zstd.ZstdError, EOFError):
                yield self._decompressor.decompress(data)

    def to_the_end(self) -> Iterator[bytes]:
        """Yield what is written until the writer ends."""
        while True:
            is_over = not _is_written(self._file)  # before the read, so that nothing written in between is missed
            yield from self.so_far()
            if is_over:
                return
            time.sleep(_PAUSE)


def running_log(logs: Path, key: bytes) -> RunningLog | None:
    """Return the log below *logs* of the derivation with *key*, if it is being built."""
    path = log_path(logs, key)
    for place in path.parent.glob(f"{path.name}.*{PART}"):
        with contextlib.suppress(FileNotFoundError):
            file = place.open("rb")
            if _is_written(file):
                return RunningLog(file)
            file.close()  # left by a killed process
    return None


def _is_written(file: Any) -> bool:  # noqa: ANN401 -- a file
    return not try_flock(file.fileno(), shared=True)
