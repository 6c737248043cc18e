"""Git's binary patches: base 85, zlib, and deltas against the old file.

Each line is a letter for its number of bytes (A to Z for 1 to 26, a to z for 27 to 52) and that many
bytes in base 85, five characters for every four. Together the lines are one zlib stream that inflates to the
stated size: the new file itself, or a delta as in git's packs (gitformat-pack), that is, two sizes, then
commands to copy from the old file or to insert.
"""

from __future__ import annotations

import base64
import hashlib
import zlib

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator


class Damaged(ValueError):
    """The data cannot be decoded, or belong to another file."""


def decode_line(line: bytes) -> bytes:
    """Return the bytes encoded in one *line*, given without its line ending.

    Raises:
        Damaged: the line is invalid.
    """
    count = _count(line[:1])
    try:
        data = base64.b85decode(line[1:])
    except ValueError:
        msg = "a line is not base 85"
        raise Damaged(msg) from None
    if len(line) - 1 != -(-count // 4) * 5 or len(data) < count:
        msg = "a line does not have its stated length"
        raise Damaged(msg)
    return data[:count]


def _count(letter: bytes) -> int:
    if b"A" <= letter <= b"Z":
        return letter[0] - ord("A") + 1
    if b"a" <= letter <= b"z":
        return letter[0] - ord("a") + 27
    msg = "a line does not begin with its length"
    raise Damaged(msg)


def inflate(data: bytes, size: int) -> bytes:
    """Return the *size* bytes in the zlib stream *data*.

    Raises:
        Damaged: it is broken, or has another size.
    """
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(data, size + 1)
    except zlib.error:
        msg = "the data are not a zlib stream"
        raise Damaged(msg) from None
    if len(found) != size or not stream.eof:
        msg = f"the data do not have their stated size of {size} bytes"
        raise Damaged(msg)
    return found


def apply_delta(delta: bytes, old: bytes) -> bytes:
    """Return the file that results from applying *delta* to *old*.

    Raises:
        Damaged: it is for another file, or broken.
    """
    try:
        size, at = _number(delta, 0)
        result, at = _number(delta, at)
    except IndexError:
        raise Damaged(_BROKEN) from None
    if size != len(old):
        msg = f"it is for a file of {size} bytes, but this one has {len(old)}"
        raise Damaged(msg)
    new = bytearray()
    for piece in _pieces(delta, at, old):
        new += piece
        if len(new) > min(result, MAX_SIZE):
            raise Damaged(_BROKEN)
    if len(new) != result:
        raise Damaged(_BROKEN)
    return bytes(new)


MAX_SIZE = 1 << 30
"""The largest file that a delta may make, in bytes: a delta of a few bytes can ask for any size."""

_BROKEN = "the delta is broken"


def _pieces(delta: bytes, at: int, old: bytes) -> Iterator[bytes]:
    """Yield the output of the commands of *delta* from *at* on."""
    while at < len(delta):
        command = delta[at]
        at += 1
        if command & 0x80:
            start, count, at = _span(delta, at, command)
            piece = old[start : start + count]
        else:
            count, piece = command, delta[at : at + command]
            at += command
        if len(piece) != count or not piece:
            raise Damaged(_BROKEN)
        yield piece


def blob_digest(data: bytes, length: int) -> str:
    """Return git's blob digest of *data* in *length* hexadecimal digits: SHA-1 for 40, SHA-256 for 64."""
    algorithm = "sha256" if length == _SHA256_DIGITS else "sha1"
    return hashlib.new(algorithm, b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest()


_SHA256_DIGITS = 64  # of a blob's name in a repository with SHA-256


def _number(delta: bytes, at: int) -> tuple[int, int]:
    """Return the number at *at*, seven bits a byte, lowest first, and where it ends."""
    number = shift = 0
    while True:
        byte = delta[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return number, at


def _span(delta: bytes, at: int, command: int) -> tuple[int, int, int]:
    """Return the start and length of a copy, whose bytes present are flagged in *command*, and where they end."""
    parts = []
    for bit in range(7):
        follows = command >> bit & 1
        if at + follows > len(delta):
            raise Damaged(_BROKEN)
        parts.append(delta[at] if follows else 0)
        at += follows
    start = int.from_bytes(bytes(parts[:4]), "little")
    return start, int.from_bytes(bytes(parts[4:]), "little") or 0x10000, at
