"""Tests for derivations.realise.archives.xz."""

from __future__ import annotations

import io
import lzma
import random
import struct
import subprocess
import zlib

from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.realise.archives.decompress import PIECE, FileSection, pieces
from derivations.realise.archives.xz import expand, in_blocks


if TYPE_CHECKING:
    from pathlib import Path


FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 0}]
FLAGS = b"\0\1"  # the check is a CRC32
HEADER = b"\xfd7zXZ\0" + FLAGS + struct.pack("<I", zlib.crc32(FLAGS))
PARTS = [random.Random(n).randbytes(1000) + bytes(n * 700_000) for n in range(5)]  # noqa: S311 -- any bytes will do


def number(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + number(rest) if rest else bytes([low])


def block(data: bytes, flags: int = 0xC0) -> tuple[bytes, tuple[int, int]]:
    """Return a block and its record in the index."""
    packed = lzma.compress(data, lzma.FORMAT_RAW, filters=FILTERS)
    sizes = [value for flag, value in ((0x40, len(packed)), (0x80, len(data))) if flags & flag]
    header = bytes([flags]) + b"".join(map(number, sizes)) + b"\x21\1\x0c"
    header += bytes(-(len(header) + 1) % 4)
    header = bytes([(len(header) + 1) // 4]) + header
    header += struct.pack("<I", zlib.crc32(header))
    check = struct.pack("<I", zlib.crc32(data))
    return header + packed + bytes(-len(packed) % 4) + check, (len(header) + len(packed) + 4, len(data))


def ending(records: list[tuple[int, int]]) -> bytes:
    index = b"\0" + number(len(records)) + b"".join(number(unpadded) + number(size) for unpadded, size in records)
    index += bytes(-len(index) % 4)
    fields = struct.pack("<I", len(index) // 4) + FLAGS
    return index + struct.pack("<I", zlib.crc32(index)) + struct.pack("<I", zlib.crc32(fields)) + fields + b"YZ"


def stream(parts: list[bytes]) -> bytes:
    blocks = [block(part) for part in parts]
    return HEADER + b"".join(data for data, _ in blocks) + ending([record for _, record in blocks])


def all_of(data: bytes) -> bytes:
    return b"".join(expand(data[:5000], io.BytesIO(data[5000:]).read))


@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=7))
def test_round_trip(parts: list[bytes]) -> None:
    """Data come out in order, here and from the library's own decoder."""
    data = stream(parts)
    assert b"".join(parts) == lzma.decompress(data)
    assert in_blocks(data)
    assert b"".join(parts) == all_of(data)


def test_pieces() -> None:
    """Pieces have at most a megabyte; several streams, with padding between them, are one file."""
    data = stream(PARTS) + bytes(8) + lzma.compress(b"end") + stream(PARTS[:1])
    found = list(pieces(FileSection(io.BytesIO(data), len(data))))
    assert b"".join([*PARTS, b"end", PARTS[0]]) == b"".join(found)
    assert max(map(len, found)) <= PIECE


def test_what_xz_makes(tmp_path: Path) -> None:
    """Multi-threaded output of xz is recognised."""
    (tmp_path / "file").write_bytes(b"".join(PARTS))
    subprocess.run(["/usr/bin/xz", "-0", "-T2", "--block-size=1MiB", tmp_path / "file"], check=True)
    data = (tmp_path / "file.xz").read_bytes()
    assert in_blocks(data)
    assert b"".join(PARTS) == all_of(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(HEADER[:9], id="half a header"),
        pytest.param(lzma.compress(b"text"), id="one block without sizes"),
        pytest.param(lzma.compress(b""), id="no block"),
        pytest.param(HEADER + block(b"text", 0x40)[0], id="one of two sizes"),
        pytest.param(HEADER + b"\3\xc0" + number(1 << 30) * 2, id="a large block"),
        pytest.param(HEADER + b"\3\xc0" + b"\xff" * 20, id="a size without end"),
    ],
)
def test_other_streams(data: bytes) -> None:
    """Streams without sizes, or with unreasonable ones, are decompressed in one thread."""
    assert not in_blocks(data)


def test_truncated() -> None:
    """Truncation anywhere in a stream is an error."""
    data = stream(PARTS[:2])
    for length in {*range(13, 60), *range(len(data) - 60, len(data))}:
        with pytest.raises(EOFError):
            all_of(data[:length])


@pytest.mark.parametrize("position", range(12, len(stream([b"one" * 10, b"three" * 10]))))
def test_damaged(position: int) -> None:
    """A flipped bit anywhere is an error, unless the library accepts it, too: some bits do not matter."""
    data = bytearray(stream([b"one" * 10, b"three" * 10]))
    data[position] ^= 1
    try:
        expected = lzma.decompress(data)
    except lzma.LZMAError:
        with pytest.raises((lzma.LZMAError, EOFError)):
            all_of(bytes(data))
    else:
        assert expected == all_of(bytes(data))


def test_missing_block() -> None:
    """The index reveals a block that is missing, duplicated, or out of order."""
    (one, first), (two, second) = block(b"one"), block(b"three")
    for blocks in (one, two + one, one + two + two):
        with pytest.raises((lzma.LZMAError, EOFError)):
            all_of(HEADER + blocks + ending([first, second]) + bytes(100))
