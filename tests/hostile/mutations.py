"""Mutations of valid input, to test that readers cope with them: each number is one mutation."""

from __future__ import annotations

import random
import re

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence


NUMBERS = (
    b"0", b"-1", b"1e999", b"-1e999", b"NaN", b"Infinity", b"9" * 18, b"9" * 19, b"9" * 25, b"9" * 5_000, b"1_0",
    b"0x" + b"f" * 5_000, b"18446744073709551616", b"1.5", b"00", "²".encode(), "٣".encode(), b"+5", b" 5",
)  # fmt: skip

PIECES = (
    *NUMBERS,
    b"[" * 3_000, b"{" * 3_000, b'{"a":' * 1_000, b"(" * 3_000, b"[" * 300 + b"]" * 300, b"a.b." * 1_000,
    b"\\ud800", b'"\\ud800"', b"\xed\xa0\x80", b"\xff\xfe", b"\0", b"\x1b]52;c;x\x07", "\u202e".encode(), b"\xef\xbb\xbf",
    b"\r\n", b"\r", b"\n", b'"', b"'", b"\\", b"#", b" ", b"\t", b",", b":", b"=", b"null", b"true", b"{}", b"[]", b'""',
    b"x" * 5_000, b"/" * 300, b"../" * 300, b"%s%n{}", b"CONFIG_", b"\xc3", "İ".encode(), "ǆ".encode(),
)  # fmt: skip

_LARGEST = 1 << 20


def mutated(seed: int, corpus: Sequence[bytes], pieces: Sequence[bytes] = PIECES) -> bytes:
    """Return the mutilation *seed* of one of *corpus*."""
    chance = random.Random(seed)  # noqa: S311 -- nothing is secret
    data = chance.choice(corpus)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        data = chance.choice(_WAYS)(chance, data, corpus, pieces)[:_LARGEST]
    return data


def _span(chance: random.Random, data: bytes) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.choice((0, 1, 1, 4, 16, 64, 512)))


def _insert(chance: random.Random, data: bytes, _: Sequence[bytes], pieces: Sequence[bytes]) -> bytes:
    start, end = _span(chance, data)
    return data[:start] + chance.choice(pieces) + data[end:]


def _remove(chance: random.Random, data: bytes, _: Sequence[bytes], __: Sequence[bytes]) -> bytes:
    start, end = _span(chance, data)
    return data[:start] + data[end:]


def _repeat(chance: random.Random, data: bytes, _: Sequence[bytes], __: Sequence[bytes]) -> bytes:
    start, end = _span(chance, data)
    return data[:end] + data[start:end] * chance.choice((1, 2, 100)) + data[end:]


def _flip(chance: random.Random, data: bytes, _: Sequence[bytes], __: Sequence[bytes]) -> bytes:
    if not data:
        return data
    place = chance.randrange(len(data))
    return data[:place] + bytes((data[place] ^ 1 << chance.randrange(8),)) + data[place + 1 :]


def _cut(chance: random.Random, data: bytes, _: Sequence[bytes], __: Sequence[bytes]) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _splice(chance: random.Random, data: bytes, corpus: Sequence[bytes], _: Sequence[bytes]) -> bytes:
    other = chance.choice(corpus)
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]


def _renumber(chance: random.Random, data: bytes, _: Sequence[bytes], __: Sequence[bytes]) -> bytes:
    found = list(re.finditer(rb"[0-9]+", data[:100_000]))
    if not found:
        return data
    match = chance.choice(found)
    return data[: match.start()] + chance.choice(NUMBERS) + data[match.end() :]


def _reword(chance: random.Random, data: bytes, corpus: Sequence[bytes], pieces: Sequence[bytes]) -> bytes:
    found = list(re.finditer(rb'"[^"]*"|\w+', data[:100_000]))
    if not found:
        return _insert(chance, data, corpus, pieces)
    match = chance.choice(found)
    return data[: match.start()] + chance.choice((*pieces, chance.choice(found)[0])) + data[match.end() :]


_WAYS = (_insert, _remove, _repeat, _flip, _cut, _splice, _renumber, _reword)
