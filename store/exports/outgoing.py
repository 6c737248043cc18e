"""A file that is being exported: written beside its place, hashed on the way, and moved there when it is whole."""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import os
import sys

from typing import IO, TYPE_CHECKING, Protocol, Self

import attrs

from store.caches.zstd import LEVEL
from store.exports.errors import reported


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


COMPRESSIONS = {"zstd": ".zst", "xz": ".xz", "none": ""}
"""The compressions, and the ends of their files' names."""

PARTIAL = ".partial-"
"""How the names of unfinished files begin."""


class _Compressor(Protocol):
    def compress(self, data: bytes | memoryview, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Uncompressed:
    def compress(self, data: bytes | memoryview, /) -> bytes:
        return bytes(data)

    def flush(self) -> bytes:
        return b""


def _zstd() -> _Compressor:
    return zstd.ZstdCompressor(level=LEVEL)


_MAKE: dict[str, Callable[[], _Compressor]] = {"zstd": _zstd, "xz": lzma.LZMACompressor, "none": _Uncompressed}


@attrs.define
class Outgoing:
    """The compressed form of a stream in a file of *directory*; a context manager that leaves nothing unfinished.

    Attributes:
        hasher: The SHA-256 of the file so far.
        size: Its size so far, in bytes.
        plain_hasher: The SHA-256 of the stream so far.
        plain_size: Its size so far, in bytes.
    """

    directory: Path
    compression: str = "zstd"
    hasher: hashlib._Hash = attrs.field(factory=hashlib.sha256, init=False)
    size: int = attrs.field(default=0, init=False)
    plain_hasher: hashlib._Hash = attrs.field(factory=hashlib.sha256, init=False)
    plain_size: int = attrs.field(default=0, init=False)
    _compressor: _Compressor = attrs.field(init=False)
    _file: IO[bytes] = attrs.field(init=False)

    def __enter__(self) -> Self:
        self._compressor = _MAKE[self.compression]()
        with reported(self.directory):
            self._file = self.place.open("xb")
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # closing writes what is buffered, and fails on a full disk
            self._file.close()
        with contextlib.suppress(OSError):
            self.place.unlink()

    @property
    def place(self) -> Path:
        """Where the file is until it is finished."""
        return self.directory / f"{PARTIAL}{os.getpid()}-{id(self)}"

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the stream.

        Raises:
            CannotExport: they cannot be written.
        """
        self.plain_hasher.update(data)
        self.plain_size += len(data)
        self._put(self._compressor.compress(data))

    def finish(self) -> None:
        """Write what is left, and wait until the file is on the disk.

        Raises:
            CannotExport: it cannot be written.
        """
        self._put(self._compressor.flush())
        with reported(self.directory):
            self._file.flush()
            os.fsync(self._file.fileno())

    def move(self, place: Path) -> None:
        """Give the finished file its *place*.

        Raises:
            CannotExport: that is not possible.
        """
        with reported(place):
            self.place.replace(place)

    def _put(self, data: bytes) -> None:
        self.hasher.update(data)
        self.size += len(data)
        with reported(self.directory):
            self._file.write(data)


def remove_partial(directory: Path) -> None:
    """Remove the unfinished files in *directory*, which no process is writing."""
    for place in directory.glob(f"{PARTIAL}*"):
        place.unlink(missing_ok=True)
