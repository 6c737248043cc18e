"""Decompress what Python's own library does not: the forms of LZ4 and LZO that the kernel unpacks.

LZ4, the first form (`lz4 -l`): 02 21 4c 18, then blocks, each a length in four bytes, little-endian, and the compressed data of at
most 8 MiB. LZO: the format of lzop, whose blocks are LZO1X (`lib/decompress_unlzo.c`, `lib/lzo/lzo1x_decompress_safe.c`).
"""

from __future__ import annotations

import struct


LZ4 = b"\x02\x21\x4c\x18"
LZO = b"\x89LZO\0\r\n\x1a\n"

_LZ4_BLOCK = 8 << 20
_LZ4_BOUND = _LZ4_BLOCK + _LZ4_BLOCK // 255 + 16
_LZO_BLOCK = 64 << 20  # the largest that lzop makes
_FILTER, _EXTRA = 0x800, 0x40
_SUMS, _SUMS_OF_COMPRESSED = (0x1, 0x100), (0x2, 0x200)  # Adler-32, CRC-32
_WITH_LEVEL = 0x940  # the version whose header is longer


def lz4(data: bytes, start: int, limit: int) -> tuple[bytes, int]:
    """Return what the LZ4 at *start* of *data* unpacks to, and where it ends.

    Raises:
        ValueError: it is damaged, or unpacks to more than *limit* bytes.
        IndexError, struct.error: it is cut off.
    """
    found = bytearray()
    at = start + len(LZ4)
    while at + 4 <= len(data):
        size = struct.unpack_from("<I", data, at)[0]
        if data[at : at + 4] == LZ4:
            at += 4
            continue
        if size == 0 or size > _LZ4_BOUND:
            break
        if at + 4 + size > len(data):
            raise IndexError
        found += _lz4_block(data[at + 4 : at + 4 + size])
        _within(found, limit)
        at += 4 + size
    return bytes(found), at


def lzo(data: bytes, start: int, limit: int) -> tuple[bytes, int]:
    """Return what the LZO at *start* of *data* unpacks to, and where it ends; the errors are those of `lz4`."""
    at = start + len(LZO)
    version = struct.unpack_from(">H", data, at)[0]
    longer = version >= _WITH_LEVEL
    at += 7 if longer else 5
    at += 1 if longer else 0
    flags = struct.unpack_from(">I", data, at)[0]
    at += 4 + (4 if flags & _FILTER else 0) + (12 if longer else 8)
    at += 1 + data[at] + 4
    if flags & _EXTRA:
        at += 4 + struct.unpack_from(">I", data, at)[0] + 4
    found = bytearray()
    while size := struct.unpack_from(">I", data, at)[0]:
        packed = struct.unpack_from(">I", data, at + 4)[0]
        at += 8 + 4 * sum(bool(flags & it) for it in _SUMS)
        at += 4 * sum(bool(flags & it) for it in _SUMS_OF_COMPRESSED) if packed < size else 0
        if size > _LZO_BLOCK or packed > size:
            msg = "it has a block that is too large"
            raise ValueError(msg)
        block = data[at : at + packed]
        if len(block) != packed:
            raise IndexError
        found += _lzo_block(block) if packed < size else block
        _within(found, limit)
        at += packed
    return bytes(found), at + 4


def _within(found: bytearray, limit: int) -> None:
    if len(found) > limit:
        msg = f"it unpacks to more than {limit >> 20} MiB"
        raise ValueError(msg)


def _lz4_block(data: bytes) -> bytearray:
    """Return what one block unpacks to: literals and matches in turn, each with a length in half of a byte or more."""
    found = bytearray()
    at = 0
    while at < len(data):
        token = data[at]
        at += 1
        length, at = _extended(data, at, token >> 4)
        found += data[at : at + length]
        at += length
        if at >= len(data):
            break
        offset = data[at] | data[at + 1] << 8
        length, at = _extended(data, at + 2, token & 15)
        _repeat(found, offset, length + 4)
    return found


def _extended(data: bytes, at: int, length: int) -> tuple[int, int]:
    """Return a length, of which 15 says that bytes follow which add to it, and the place after it."""
    if length == 15:  # noqa: PLR2004 -- of four bits
        while True:
            length += data[at]
            at += 1
            if data[at - 1] != 255:  # noqa: PLR2004 -- the largest, so one more follows
                break
    return length, at


def _repeat(found: bytearray, offset: int, length: int) -> None:
    """Append to *found* again *length* bytes of it from *offset* bytes back, which may be among those appended."""
    start = len(found) - offset
    if offset <= 0 or start < 0:
        msg = "it refers to data before its start"
        raise ValueError(msg)
    if offset >= length:
        found += found[start : start + length]
    else:
        found += (found[start:] * (length // offset + 1))[:length]


def _lzo_block(data: bytes) -> bytearray:
    """Return what one block of LZO1X unpacks to."""
    found = bytearray()
    at = 0
    state = 0  # how many literals were copied before this instruction; 4 stands for a run of them
    if data[0] > 17:  # noqa: PLR2004 -- the first byte alone may be a run
        count = data[0] - 17
        found += data[1 : 1 + count]
        at, state = 1 + count, min(count, 4)
    while True:
        code = data[at]
        at += 1
        if code < 16 and state == 0:  # noqa: PLR2004 -- from here on, the bits of each instruction
            count, at = _run(data, at, code, 15)
            found += data[at : at + count + 3]
            at += count + 3
            state = 4
            continue
        if code < 16:  # noqa: PLR2004
            far = state == 4  # noqa: PLR2004
            offset = (0x801 if far else 1) + (code >> 2) + (data[at] << 2)
            length, state = (3 if far else 2), code & 3
            at += 1
        elif code >= 64:  # noqa: PLR2004
            offset = 1 + (code >> 2 & 7) + (data[at] << 3)
            length, state = (code >> 5) + 1, code & 3
            at += 1
        else:
            near = code >= 32  # noqa: PLR2004
            length, at = _run(data, at, code & (31 if near else 7), 31 if near else 7)
            pair = data[at] | data[at + 1] << 8
            at += 2
            offset = (pair >> 2) + (1 if near else (code & 8) << 11)
            if not near and offset == 0:
                return found
            offset += 0 if near else 0x4000
            length, state = length + 2, pair & 3
        _repeat(found, offset, length)
        found += data[at : at + state]
        at += state


def _run(data: bytes, at: int, count: int, most: int) -> tuple[int, int]:
    """Return a count, of which 0 says that it is more than *most*, and the place after it."""
    if count == 0:
        count = most
        while data[at] == 0:
            count += 255
            at += 1
        count += data[at]
        at += 1
    return count, at
