"""Getting a blob, or parts of one, into a file: resumed after a cut, and never more bytes than were announced."""

from __future__ import annotations

import os
import random
import time

from typing import TYPE_CHECKING

from blake3 import blake3

from store.caches.errors import CacheDamaged, CacheUnreachable
from store.caches.paths import blob_path
from store.osutil.interrupt import check


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from store.caches.transport import Transport

    Heard = Callable[[int], None]


TRIES = 5
"""How many attempts in a row may fail."""

PROGRESS_THAT_COUNTS = 64 << 10
"""An attempt that got this many bytes further did not fail: a blob survives any number of cuts."""

_FIRST_PAUSE = 0.1  # seconds
_NAP = 0.05  # seconds between two checks for an interrupt
_CHUNK = 1 << 20


class RangesIgnored(Exception):
    """The server sends whole files instead of parts."""


def ignore(_: int) -> None:
    """Ignore a number of bytes."""


def download(transport: Transport, digest: bytes, size: int, place: Path, heard: Heard = ignore) -> None:
    """Write the blob with *digest* to *place*, going on where an earlier attempt, in any process, stopped.

    *heard* is called with each number of bytes that arrive.

    Raises:
        NotInCache: it is missing.
        CacheUnreachable: the connection fails again and again.
        CacheDamaged: it has another digest or size.
    """
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        have = os.fstat(descriptor).st_size
        if 0 < have <= size:
            _persist(transport, descriptor, digest, (have, size), heard, whole=True)
            if _digest(descriptor) == digest:
                return
        # Nothing was there, or what an earlier process left is damaged.
        os.ftruncate(descriptor, 0)
        _persist(transport, descriptor, digest, (0, size), heard, whole=True)
        if _digest(descriptor) != digest:
            os.ftruncate(descriptor, 0)
            raise CacheDamaged(transport.url, blob_path(digest), "it does not have the digest in its name")
    finally:
        os.close(descriptor)


def download_parts(
    transport: Transport, digest: bytes, spans: list[tuple[int, int]], place: Path, heard: Heard = ignore
) -> None:
    """Write the *spans*, each from one byte to before another, of the blob with *digest* to the same offsets in *place*.

    What is written is not checked against the digest of the blob.

    Raises:
        RangesIgnored: the server does not send parts.
        NotInCache, CacheUnreachable, CacheDamaged: as for `download`.
    """
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        for span in spans:
            _persist(transport, descriptor, digest, span, heard, whole=False)
    finally:
        os.close(descriptor)


def _persist(
    transport: Transport, descriptor: int, digest: bytes, span: tuple[int, int], heard: Heard, *, whole: bool
) -> None:
    """Write a *span* of a blob, in as many attempts as make progress."""
    place, end = span
    failures = 0
    while place < end:
        before = place
        try:
            place = _attempt(transport, descriptor, digest, (place, end), heard, whole=whole)
            reason = "the connection was cut"
        except CacheUnreachable as error:
            if not error.transient:
                raise
            place = os.fstat(descriptor).st_size if whole else place
            reason = error.reason
        failures = 0 if place - before >= PROGRESS_THAT_COUNTS else failures + 1
        if place < end and failures >= TRIES:
            raise CacheUnreachable(transport.url, f"{reason}, {failures} times in a row", transient=True)
        if place < end and failures:
            _pause(failures)


def _attempt(
    transport: Transport, descriptor: int, digest: bytes, span: tuple[int, int], heard: Heard, *, whole: bool
) -> int:
    """Write what arrives of a *span*, and return where it ended."""
    place, end = span
    path = blob_path(digest)
    with transport.stream(path, place, None if whole else end) as stream:
        if stream.start != place:
            if not whole:
                raise RangesIgnored
            place = stream.start
            os.ftruncate(descriptor, place)
        for chunk in stream.chunks:
            check()
            if place + len(chunk) > end:
                if whole:
                    os.ftruncate(descriptor, 0)
                raise CacheDamaged(transport.url, path, f"it goes on after the {end} bytes that it should have")
            _write(descriptor, chunk, place)
            place += len(chunk)
            heard(len(chunk))
    return place


def _write(descriptor: int, data: bytes, place: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, place)
        place += written
        rest = rest[written:]


def _pause(failures: int) -> None:
    """Wait, for longer after more *failures*, and not as long as everybody else does."""
    end = time.monotonic() + _FIRST_PAUSE * 2**failures * random.random()  # noqa: S311 -- no secret
    while (left := end - time.monotonic()) > 0:
        check()
        time.sleep(min(left, _NAP))


def _digest(descriptor: int) -> bytes:
    hasher = blake3()
    place = 0
    while chunk := os.pread(descriptor, _CHUNK, place):
        check()
        hasher.update(chunk)
        place += len(chunk)
    return hasher.digest()
