"""Tests for derivations.realise.archives.decompress."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import sys
import threading

from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.realise.archives.decompress import AHEAD, PIECE, Corrupt, FileSection, Reader, pieces


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


if TYPE_CHECKING:
    from collections.abc import Callable


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}),
}
DATA = random.Random(1).randbytes(300_000) + bytes(2_000_000)  # noqa: S311 -- any bytes will do

every_form = pytest.mark.parametrize("form", COMPRESS)
every_compression = pytest.mark.parametrize("form", [form for form in COMPRESS if form != "plain"])


def section(data: bytes) -> FileSection:
    return FileSection(io.BytesIO(data), len(data))


@every_form
def test_every_form_is_recognised(form: str) -> None:
    """Every format is recognised and decompressed, in pieces of at most a megabyte."""
    found = list(pieces(section(COMPRESS[form](DATA))))
    assert b"".join(found) == DATA
    assert max(map(len, found)) <= PIECE


@every_compression
def test_streams_in_a_row_are_one_file(form: str) -> None:
    """Several compressed streams are one file, with or without zeros between them."""
    one, two = COMPRESS[form](DATA), COMPRESS[form](b"end")
    assert b"".join(pieces(section(one + two))) == DATA + b"end"
    assert b"".join(pieces(section(one + bytes(8) + two + bytes(400_000)))) == DATA + b"end"


def read_all(data: bytes) -> None:
    with Reader(section(data), "x.tar") as reader:
        reader.drain()


@every_compression
def test_a_truncated_file_is_corrupt(form: str) -> None:
    """A compressed file that ends too early is an error that names it."""
    data = COMPRESS[form](DATA)
    for length in (len(data) - 1, len(data) // 2, 7):
        with pytest.raises(Corrupt) as caught:
            read_all(data[:length])
        assert str(caught.value) == "x.tar is corrupt: it ends in the middle of the compressed data"


@every_compression
def test_a_flipped_bit_is_corrupt(form: str) -> None:
    """A damaged compressed file is an error that names it, not another one."""
    data = bytearray(COMPRESS[form](DATA))
    data[len(data) // 2] ^= 4
    with pytest.raises(Corrupt, match="is corrupt: "):
        read_all(bytes(data))


def test_rubbish_after_a_stream_is_corrupt() -> None:
    """Garbage after a compressed stream is an error."""
    with pytest.raises(Corrupt):
        read_all(lzma.compress(b"x") + b"rubbish")


@given(st.lists(st.integers(0, 3 * PIECE), max_size=6))
def test_bytes_come_in_their_order(sizes: list[int]) -> None:
    """The bytes are those of the file, whatever the sizes of the reads."""
    data = bytes(range(256)) * (sum(sizes) // 256 + 1)
    position = 0
    with Reader(section(data), "x") as reader:
        for size in sizes:
            assert data[position : position + size] == reader.read(size)
            position += size
        assert (position == len(data)) == reader.at_end()


def test_reading_past_the_end_is_an_error() -> None:
    """Reading past the end is an error, every time."""
    with Reader(section(b"abc"), "x") as reader:
        assert reader.read(2) == b"ab"
        for _ in range(2):
            with pytest.raises(Corrupt, match="it is truncated"):
                reader.read(2)


def test_only_so_much_is_decompressed_ahead() -> None:
    """A file that unpacks to far more than memory is decompressed no faster than it is used."""
    source = section(COMPRESS["zstd"](bytes(4 * AHEAD * PIECE)) + COMPRESS["zstd"](b"end"))
    with Reader(source, "x") as reader:
        reader.read(PIECE)
        assert reader._queue.maxsize == AHEAD >= reader._queue.qsize()


def test_closing_ends_the_thread() -> None:
    """A reader that is closed early leaves no thread behind."""
    before = threading.active_count()
    with Reader(section(bytes(10 * AHEAD * PIECE)), "x") as reader:
        reader.read(1)
    assert before == threading.active_count()


def test_a_section_ends_where_it_should() -> None:
    """A section returns its own bytes, not those after it, and counts them."""
    file = io.BytesIO(b"0123456789")
    file.seek(2)
    it = FileSection(file, 5)
    assert (it.read(3), it.read(3), it.read(3), it.done) == (b"234", b"56", b"", 5)
