"""Decompress xz files whose blocks record their sizes, with several threads.

    stream = header block* index footer
    header = fd "7zXZ" 00, flags 2, CRC32 4                      flags: 00, and in the next byte the kind of check
    block  = size/4-1 1, flags 1, [packed size] [size], filters, CRC32 4, data, padding to 4, check
    index  = 00, count, (unpadded size, size)*, padding to 4, CRC32 4
    footer = CRC32 4, (size of the index)/4-1 4, flags 2, "YZ"

Sizes are numbers of seven bits a byte, lowest first. If blocks record both of theirs, as multi-threaded
compressors always do, each block is found without decompressing the one before: a decoder takes the
header and any one block for the beginning of a file, and checks all of that. It does not see whether
all blocks are present; the index shows that. (The format: tukaani.org/xz/xz-file-format.txt.)

python-xz, which also reads such files, is not used. It needs a seekable file, and here bytes are read forwards,
from within a Debian package. And it has one thread: 18 to 21 s for the 144 MiB of Debian's source of Linux 6.12 where
this takes 15 to 16 s (two processors, both also busy with other work; the processor time is the same).
"""

from __future__ import annotations

import collections
import lzma
import os
import struct
import zlib

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Future


_HEADER = 12  # bytes
_SIZES = 0xC0
"""The flags of a block that records its sizes."""

_CHECKS = (0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64)  # bytes, by the kind of check (2.1.1.2)
_MOST = 64 << 20
"""The largest block that is decompressed in memory, in bytes: those of `xz -T` have 24 MiB, of `-T -7` 48."""

MEMORY = 512 << 20
"""Bytes of memory that decoders may use: files of `xz -9` need 65 million, and a header may claim 4 GiB."""

_WORKERS = 4  # each holds a block in memory; nobody has measured more than two
_PIECE = 1 << 20  # bytes, as `decompress.PIECE`
_READ = 256 * 1024  # bytes, as `decompress.READ`


@attrs.define
class _Input:
    """The bytes already read, and *read* for more."""

    data: bytes
    read: Callable[[int], bytes]

    def take(self, size: int) -> bytes:
        """Return the next *size* bytes."""
        taken = self.peek(size)
        self.data = self.data[size:]
        return taken

    def peek(self, size: int) -> bytes:
        """Return the next *size* bytes without consuming them."""
        if len(self.data) < size:
            parts, missing = [self.data], size - len(self.data)
            while missing > 0:
                part = self.read(max(missing, _READ))
                if not part:
                    msg = "it ends in the middle of the compressed data"
                    raise EOFError(msg)
                parts.append(part)
                missing -= len(part)
            self.data = b"".join(parts)
        return self.data[:size]


@attrs.frozen
class _Block:
    """The sizes of a block in bytes: its header, the rest, everything but the padding, and its decompressed data."""

    header: int
    rest: int
    unpadded: int
    size: int


@attrs.define
class _Index:
    """The index that the blocks so far require."""

    count: int = 0
    records: bytearray = attrs.field(factory=bytearray)

    def add(self, block: _Block) -> None:
        """Add the record of one more *block*."""
        self.count += 1
        self.records += _encode(block.unpadded) + _encode(block.size)


def in_blocks(data: bytes) -> bool:
    """Return whether *data* begins a stream whose first block records its sizes and is not too large."""
    try:
        return _block(data[_HEADER:], _check_size(data)) is not None
    except (IndexError, lzma.LZMAError):
        return False


def expand(data: bytes, read: Callable[[int], bytes], memory: int = MEMORY) -> Generator[memoryview, None, bytes]:
    """Yield the contents of the stream that begins with *data* and continues with *read*; return what follows it.

    All decoders together may use *memory* bytes.

    Raises:
        EOFError: it ends too early.
        lzma.LZMAError: it is broken.
    """
    source = _Input(data, read)
    header = source.take(_HEADER)
    index = _Index()
    workers = min(len(os.sched_getaffinity(0)), _WORKERS)
    waiting: collections.deque[Future[bytes]] = collections.deque()
    with ThreadPoolExecutor(workers, "xz") as executor:
        try:
            for block, packed in _blocks(source, _check_size(header)):
                index.add(block)
                waiting.append(executor.submit(_decompress, header + packed, block.size, memory // workers))
                if len(waiting) > workers:
                    yield from _pieces(waiting.popleft().result())
            while waiting:
                yield from _pieces(waiting.popleft().result())
        finally:
            for future in waiting:
                future.cancel()
    _check_end(source, header, index)
    return source.data


def _blocks(source: _Input, check: int) -> Iterator[tuple[_Block, bytes]]:
    while source.peek(1) != b"\0":
        block = _block(source.peek(4 * (source.peek(1)[0] + 1)), check)
        if block is None:
            msg = "its blocks are too large, or only some of them record their sizes"
            raise lzma.LZMAError(msg)
        yield block, source.take(block.header + block.rest)


def _decompress(data: bytes, size: int, memory: int) -> bytes:
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=memory)
    found = decompressor.decompress(data, size)
    if len(found) != size or decompressor.decompress(b"", 1):
        msg = "a block does not have its recorded size"
        raise lzma.LZMAError(msg)
    return found


def _check_end(source: _Input, header: bytes, known: _Index) -> None:
    """Check the index and the footer, which follow from the blocks."""
    index = b"\0" + _encode(known.count) + known.records
    index += bytes(-len(index) % 4)
    index += struct.pack("<I", zlib.crc32(index))
    fields = struct.pack("<I", len(index) // 4 - 1) + header[6:8]
    end = index + struct.pack("<I", zlib.crc32(fields)) + fields + b"YZ"
    if source.take(len(end)) != end:
        msg = "its index does not match its blocks"
        raise lzma.LZMAError(msg)


def _block(header: bytes, check: int) -> _Block | None:
    """Return the sizes of the block that begins with *header*; None if it does not record them or is too large."""
    length = 4 * (header[0] + 1)
    header = header[:length]
    if header[0] == 0 or header[1] & _SIZES != _SIZES:
        return None
    packed, position = _decode(header, 2)
    size, _ = _decode(header, position)
    if max(packed, size) > _MOST:
        return None
    return _Block(length, packed + -packed % 4 + check, length + packed + check, size)


def _check_size(header: bytes) -> int:
    return _CHECKS[header[7] & 0x0F]


def _decode(data: bytes, position: int) -> tuple[int, int]:
    """Return the number at *position* in *data*, and where it ends."""
    number = shift = 0
    while True:
        if position == len(data):
            msg = "a size is truncated"
            raise lzma.LZMAError(msg)
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004  the highest bit means that more follows
            return number, position
        if shift > 56:  # noqa: PLR2004
            msg = "a size is too large"
            raise lzma.LZMAError(msg)


def _encode(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:  # noqa: PLR2004
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _pieces(data: bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    for start in range(0, len(view), _PIECE):
        yield view[start : start + _PIECE]
