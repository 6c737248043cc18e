"""Decompress files, recognised by their first bytes, in a thread of its own.

    1f 8b                gzip        fd 37 7a 58 5a 00    xz
    "BZh"                bzip2       28 b5 2f fd          zstd

Several compressed streams in a row are one file, as for the command-line tools; zeros between or
after them are padding. Anything else is passed through unchanged. xz files in blocks are decompressed by several
threads (`derivations.realise.archives.xz`).
"""

from __future__ import annotations

import bz2
import contextlib
import itertools
import lzma
import queue
import sys
import threading
import zlib

from typing import IO, TYPE_CHECKING, Protocol, Self, TypeAlias

import attrs

from derivations.realise.archives import xz
from store.errors import Error


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    Piece: TypeAlias = bytes | memoryview


READ = 256 * 1024  # bytes of compressed data at a time
PIECE = 1024 * 1024  # bytes: a queue costs little for each, and AHEAD of them fit in memory
TICK = 0.1  # seconds between two checks for cancellation
AHEAD = 16
"""How many decompressed pieces may wait for the reader: 16 MiB even out the pauses of both sides."""

MAGIC_LENGTH = 6
XZ = b"\xfd7zXZ\0"

STREAMS = 1 << 16
"""How many compressed streams one file may have: even an empty one takes time to start."""

_ERRORS = (OSError, EOFError, lzma.LZMAError, zlib.error, zstd.ZstdError, ValueError)


class Corrupt(Error):
    """An archive cannot be read to its end."""

    archive: str
    reason: str

    def __str__(self) -> str:
        return f"{self.archive} is corrupt: {self.reason}"

    @property
    def hint(self) -> str:
        """Return what may be at fault."""
        return (
            "if its hash is pinned, the archive itself is bad; to check a store object, run `kernix verify --contents`"
        )


class Decompressor(Protocol):
    """The interface that bz2, lzma and zstd share: one compressed stream."""

    @property
    def eof(self) -> bool:
        """Return whether the stream has ended."""
        ...

    @property
    def needs_input(self) -> bool:
        """Return whether more input is needed before there is more output."""
        ...

    @property
    def unused_data(self) -> bytes:
        """Return the input after the end of the stream."""
        ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Return at most *max_length* bytes decompressed from *data* and earlier input."""
        ...


@attrs.define
class _Gzip:
    """zlib's decompressor with the interface of the others."""

    _inner: zlib._Decompress = attrs.field(factory=lambda: zlib.decompressobj(wbits=31))

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max(0, max_length))


_FORMS: dict[bytes, Callable[[], Decompressor]] = {
    b"\x1f\x8b": _Gzip,
    b"BZh": bz2.BZ2Decompressor,
    XZ: lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=xz.MEMORY),
    b"\x28\xb5\x2f\xfd": zstd.ZstdDecompressor,
}


class ByteSource(Protocol):
    """A source of compressed bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes, empty at the end."""
        ...


@attrs.define
class FileSection:
    """The next *size* bytes of *file*; *done* counts those read."""

    file: IO[bytes]
    size: int
    done: int = attrs.field(default=0, init=False)

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes, empty at the end."""
        data = self.file.read(min(size, self.size - self.done))
        self.done += len(data)
        return data


def form_of(magic: bytes) -> Callable[[], Decompressor] | None:
    """Return a factory of decompressors for a file that begins with *magic*; None if it is not compressed."""
    return next((make for start, make in _FORMS.items() if magic.startswith(start)), None)


def pieces(file: ByteSource) -> Iterator[Piece]:
    """Yield the contents of *file*, decompressed if compressed, in pieces of at most a megabyte.

    Raises:
        EOFError: the compressed data end too early.
        Exception: any other error of the decompressor about broken data.
    """
    data = file.read(READ)
    make = form_of(data[:MAGIC_LENGTH])
    if make is None:
        while data:
            yield data
            data = file.read(READ)
        return
    for number in itertools.count():
        if not data:
            return
        if number == STREAMS:
            msg = f"it is made of more than {STREAMS:,} compressed streams"
            raise ValueError(msg)
        if make is _FORMS[XZ] and xz.in_blocks(data):
            rest = yield from xz.expand(data, file.read)
        else:
            rest = yield from _stream(make(), data, file)
        data = _after_padding(rest, file)


def decompress_all(file: ByteSource, name: str, limit: int) -> bytes:
    """Return the decompressed contents of *file*, of at most *limit* bytes; *name* is its name in errors.

    Raises:
        Corrupt: it cannot be decompressed, or is larger.
    """
    data = bytearray()
    try:
        for piece in pieces(file):
            data += piece
            if len(data) > limit:
                raise Corrupt(name, f"it unpacks to more than {limit >> 20} MiB")
    except _ERRORS as error:
        raise Corrupt(name, _words(error)) from None
    return bytes(data)


def _stream(stream: Decompressor, data: bytes, file: ByteSource) -> Generator[bytes, None, bytes]:
    """Yield the contents of *stream*, which begins with *data*, and return what was read beyond its end."""
    while not stream.eof:
        if piece := stream.decompress(data, PIECE):
            yield piece
        data = file.read(READ) if stream.needs_input and not stream.eof else b""
        if not data and stream.needs_input and not stream.eof:
            msg = "it ends in the middle of the compressed data"
            raise EOFError(msg)
    return stream.unused_data


def _after_padding(data: bytes, file: ByteSource) -> bytes:
    """Return what follows the zeros in *data* and *file*."""
    while not (rest := data.lstrip(b"\0")):
        data = file.read(READ)
        if not data:
            return b""
    return rest + file.read(READ) if len(rest) < MAGIC_LENGTH else rest


class _Closed(Exception):
    """The reader was closed."""


@attrs.frozen
class _Unless:
    """Reads *file* until *closed* is set."""

    file: ByteSource
    closed: threading.Event

    def read(self, size: int, /) -> bytes:
        if self.closed.is_set():
            raise _Closed
        return self.file.read(size)


class Reader:
    """Reads the contents of *file* forwards, decompressed by a thread.

    *name* is its name in errors. *check* is called repeatedly during waits, and may raise.
    """

    def __init__(self, file: ByteSource, name: str, check: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self._check = check
        self._queue: queue.Queue[Piece | BaseException] = queue.Queue(AHEAD)
        self._closed = threading.Event()
        self._piece = memoryview(b"")
        self._position = 0
        self._ended = False
        self._made = self._taken = 0
        self._thread = threading.Thread(target=self._pump, args=(file,), name=f"decompress {name}", daemon=True)
        self._thread.start()

    def read(self, size: int) -> bytes:
        """Return *size* bytes.

        Raises:
            Corrupt: there are fewer, or they cannot be decompressed.
        """
        start = self._position
        if start + size <= len(self._piece):
            self._position = start + size
            return bytes(self._piece[start : start + size])
        return b"".join(self.chunks(size))

    def chunks(self, size: int) -> Iterator[memoryview]:
        """Yield *size* bytes, in pieces.

        Raises:
            Corrupt: there are fewer, or they cannot be decompressed.
        """
        while size:
            if self._position == len(self._piece) and not self._next():
                raise Corrupt(self.name, "it is truncated")
            piece = self._piece[self._position : self._position + size]
            self._position += len(piece)
            size -= len(piece)
            yield piece

    def skip(self, size: int) -> None:
        """Skip *size* bytes."""
        for _ in self.chunks(size):
            pass

    def drain(self) -> None:
        """Skip the rest, so that the decompressor has checked it."""
        while self._next():
            pass

    def at_end(self) -> bool:
        """Return whether nothing follows."""
        return self._position == len(self._piece) and not self._next()

    @property
    def share(self) -> float:
        """Return how much of the decompressed data was read, between 0 and 1."""
        return self._taken / self._made if self._made else 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop decompressing."""
        self._closed.set()
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()
        self._thread.join()

    def _next(self) -> bool:
        if self._ended:
            return False
        piece = self._wait()
        if isinstance(piece, _ERRORS):
            self._ended = True
            raise Corrupt(self.name, _words(piece)) from None
        if isinstance(piece, BaseException):
            self._ended = True
            raise piece
        self._piece, self._position = memoryview(piece), 0
        self._taken += len(piece)
        self._ended = not piece
        return not self._ended

    def _wait(self) -> Piece | BaseException:
        while True:
            self._check()
            with contextlib.suppress(queue.Empty):
                return self._queue.get(timeout=TICK)

    def _pump(self, file: ByteSource) -> None:
        try:
            for piece in pieces(_Unless(file, self._closed)):
                self._made += len(piece)
                if not self._put(piece):
                    return
        except BaseException as error:  # noqa: BLE001 -- raised in the reading thread, which would wait for ever
            self._put(error)
        else:
            self._put(b"")

    def _put(self, piece: Piece | BaseException) -> bool:
        while not self._closed.is_set():
            try:
                self._queue.put(piece, timeout=TICK)
            except queue.Full:
                continue
            return True
        return False


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    text = str(error) or type(error).__name__
    return text[0].lower() + text[1:].rstrip(".")
