"""Compressed files, recognised by how they begin, decompressed in a thread while somebody works on what came out.

    1f 8b                gzip        fd 37 7a 58 5a 00    xz
    "BZh"                bzip2       28 b5 2f fd          zstd

Several compressed streams in a row are one file, as the command-line tools have it; zeros between or
after them are padding. Anything else is taken as it is. xz in blocks is a matter for several threads
(`derivations.realise.archives.xz`).
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


READ = 256 * 1024
PIECE = 1024 * 1024
TICK = 0.1
AHEAD = 16
"""How many pieces may wait to be worked on."""

MAGIC_LENGTH = 6
XZ = b"\xfd7zXZ\0"

STREAMS = 1 << 16
"""How many compressed streams may follow each other: to begin one costs something, though nothing be in it."""

_ERRORS = (OSError, EOFError, lzma.LZMAError, zlib.error, zstd.ZstdError, ValueError)


class Corrupt(Error):
    """An archive cannot be read to its end."""

    archive: str
    reason: str

    def __str__(self) -> str:
        return f"{self.archive} is corrupt: {self.reason}"

    @property
    def hint(self) -> str:
        """Tell what may be at fault."""
        return (
            "if its hash is pinned, the archive itself is bad; a store object is checked by `kernix verify --contents`"
        )


class Decompressor(Protocol):
    """What bz2, lzma and zstd have in common: one compressed stream."""

    @property
    def eof(self) -> bool:
        """Return whether the stream has ended."""
        ...

    @property
    def needs_input(self) -> bool:
        """Return whether nothing more comes out before something goes in."""
        ...

    @property
    def unused_data(self) -> bytes:
        """Return what came after the end of the stream."""
        ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Return at most *max_length* bytes of what *data* and what went in before it hold."""
        ...


@attrs.define
class _Gzip:
    """zlib's decompressor, with the others' face."""

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
    """Where compressed bytes come from."""

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes, none at the end."""
        ...


@attrs.define
class Section:
    """The next *size* bytes of *file*, counted while they are read."""

    file: IO[bytes]
    size: int
    done: int = attrs.field(default=0, init=False)

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes, none at the end."""
        data = self.file.read(min(size, self.size - self.done))
        self.done += len(data)
        return data


def form_of(magic: bytes) -> Callable[[], Decompressor] | None:
    """Return what decompresses a file that begins with *magic*; None if it is not compressed."""
    return next((make for start, make in _FORMS.items() if magic.startswith(start)), None)


def pieces(file: ByteSource) -> Iterator[Piece]:
    """Yield what *file* holds, decompressed if it is compressed, in pieces of a megabyte at most.

    Raises:
        EOFError: the compressed data end too early.
        Exception: whatever else the decompressor says about broken data.
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


def whole(file: ByteSource, name: str, limit: int) -> bytes:
    """Return all that *file* holds, decompressed, if that is no more than *limit* bytes; *name* stands in errors.

    Raises:
        Corrupt: it cannot be decompressed, or holds more.
    """
    data = bytearray()
    try:
        for piece in pieces(file):
            data += piece
            if len(data) > limit:
                raise Corrupt(name, f"it has more than {limit >> 20} MiB")
    except _ERRORS as error:
        raise Corrupt(name, _words(error)) from None
    return bytes(data)


def _stream(stream: Decompressor, data: bytes, file: ByteSource) -> Generator[bytes, None, bytes]:
    """Yield what is in *stream*, which begins with *data*, and return what was read beyond it."""
    while not stream.eof:
        if piece := stream.decompress(data, PIECE):
            yield piece
        data = file.read(READ) if stream.needs_input and not stream.eof else b""
        if not data and stream.needs_input and not stream.eof:
            msg = "it ends in the middle of the compressed data"
            raise EOFError(msg)
    return stream.unused_data


def _after_padding(data: bytes, file: ByteSource) -> bytes:
    """Return what follows in *file* after *data* and zeros."""
    while not (rest := data.lstrip(b"\0")):
        data = file.read(READ)
        if not data:
            return b""
    return rest + file.read(READ) if len(rest) < MAGIC_LENGTH else rest


class _Closed(Exception):
    """Nobody wants to know what follows."""


@attrs.frozen
class _Unless:
    """What *file* holds, unless *closed* is set."""

    file: ByteSource
    closed: threading.Event

    def read(self, size: int, /) -> bytes:
        if self.closed.is_set():
            raise _Closed
        return self.file.read(size)


class Reader:
    """Forward reading of what *file* holds, decompressed by a thread.

    *name* stands in errors. *check* is called now and then while there is something to wait for, and may raise.
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
            Corrupt: there are not so many, or what is there cannot be decompressed.
        """
        start = self._position
        if start + size <= len(self._piece):
            self._position = start + size
            return bytes(self._piece[start : start + size])
        return b"".join(self.chunks(size))

    def chunks(self, size: int) -> Iterator[memoryview]:
        """Yield *size* bytes, in pieces.

        Raises:
            Corrupt: there are not so many, or what is there cannot be decompressed.
        """
        while size:
            if self._position == len(self._piece) and not self._next():
                raise Corrupt(self.name, "it ends in the middle")
            piece = self._piece[self._position : self._position + size]
            self._position += len(piece)
            size -= len(piece)
            yield piece

    def skip(self, size: int) -> None:
        """Pass over *size* bytes."""
        for _ in self.chunks(size):
            pass

    def drain(self) -> None:
        """Pass over all that is left, so that a decompressor has checked it."""
        while self._next():
            pass

    def at_end(self) -> bool:
        """Return whether nothing follows."""
        return self._position == len(self._piece) and not self._next()

    @property
    def share(self) -> float:
        """Return how much of what has been decompressed was read, between 0 and 1."""
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
        except BaseException as error:  # noqa: BLE001 -- raised by whoever reads, who would wait for ever
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
