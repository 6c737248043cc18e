"""The members of archives: their names in order, and where each says when it was changed.

`ar`, `cpio` (newc) and `tar` are read as far as their headers go; anything else has no members.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.proof.bytes_of import Buffer


AR, CPIO, GZIP = b"!<arch>\n", b"070701", b"\x1f\x8b"

_AR_HEADER, _CPIO_HEADER, _TAR_BLOCK = 60, 110, 512
_GZIP_TIME = range(4, 8)  # RFC 1952, MTIME
_MOST = 200_000  # members: more than any archive of a kernel has


@attrs.frozen
class Member:
    """A member of an archive: its name, and the range of its header's bytes that hold a time."""

    name: str
    time: range


def members(data: Buffer) -> list[Member]:
    """Return the members of the archive *data*, an empty list if it is none."""
    if bytes(data[:8]) == AR:
        reader = _of_ar(data)
    elif bytes(data[:6]) == CPIO:
        reader = _of_cpio(data)
    elif bytes(data[257:262]) == b"ustar":
        reader = _of_tar(data)
    else:
        return []
    found = []
    try:
        for member in reader:
            found.append(member)
            if len(found) > _MOST:
                break
    except ValueError:  # cut off, or not what it seemed
        pass
    return found


def holds_a_time(data: Buffer, offset: int) -> bool:
    """Return whether the byte *offset* of *data* is part of the time of a member, or of a gzip file."""
    if bytes(data[:2]) == GZIP:
        return offset in _GZIP_TIME
    return any(offset in member.time for member in members(data))


def _of_ar(data: Buffer) -> Iterator[Member]:
    place, size = len(AR), len(data)
    while place + _AR_HEADER <= size:
        header = bytes(data[place : place + _AR_HEADER])
        yield Member(header[:16].decode(errors="replace").rstrip(), range(place + 16, place + 28))
        length = int(header[48:58])
        place += _AR_HEADER + length + length % 2


def _of_cpio(data: Buffer) -> Iterator[Member]:
    place, size = 0, len(data)
    while place + _CPIO_HEADER <= size and bytes(data[place : place + 6]) == CPIO:
        header = bytes(data[place : place + _CPIO_HEADER])
        length, names = int(header[54:62], 16), int(header[94:102], 16)
        name = bytes(data[place + _CPIO_HEADER : place + _CPIO_HEADER + names - 1]).decode(errors="replace")
        yield Member(name, range(place + 46, place + 54))
        place = _aligned(_aligned(place + _CPIO_HEADER + names, 4) + length, 4)


def _of_tar(data: Buffer) -> Iterator[Member]:
    place, size = 0, len(data)
    while place + _TAR_BLOCK <= size:
        header = bytes(data[place : place + _TAR_BLOCK])
        if not any(header):
            return
        yield Member(header[:100].rstrip(b"\0").decode(errors="replace"), range(place + 136, place + 148))
        length = int(header[124:136].rstrip(b"\0 ") or b"0", 8)
        place += _TAR_BLOCK + _aligned(length, _TAR_BLOCK)


def _aligned(place: int, unit: int) -> int:
    return -(-place // unit) * unit
