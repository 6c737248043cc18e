"""Where the files of a cache are: what a cache needs of a server, a directory or another machine.

A transport knows nothing of what it carries. Its paths are those of `store.caches.paths`. Writing is atomic: whoever reads
sees the old file, the new one or none, never a part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

from store.caches.errors import CacheDamaged


if TYPE_CHECKING:
    import contextlib

    from collections.abc import Iterator
    from pathlib import Path


@attrs.frozen
class Stream:
    """The bytes of a file from *start* on; a server that cannot send a part sends all, from 0 on."""

    start: int
    chunks: Iterator[bytes]


@attrs.frozen
class Listed:
    """A file of a cache: its path, its size in bytes, and when it was written, in seconds since 1970."""

    path: str
    size: int
    written: float


class Transport(Protocol):
    """Reads and writes the files below one URL; used by several threads at once.

    Every method raises `NotInCache` if the file is missing, `CacheUnreachable` if the cache does not answer or refuses.
    """

    @property
    def url(self) -> str:
        """The URL of the cache, without credentials: for messages."""
        ...

    def stream(self, path: str, start: int = 0, end: int | None = None) -> contextlib.AbstractContextManager[Stream]:
        """Give the bytes of *path* from *start* to before *end*, by default to its end."""
        ...

    def put(self, path: str, data: bytes | Path) -> None:
        """Write *data*, bytes or the content of a file, to *path*, which may exist."""
        ...

    def size(self, path: str) -> int | None:
        """Return the size of *path*, or None if it does not exist."""
        ...

    def delete(self, path: str) -> None:
        """Delete *path*; it may be missing already."""
        ...

    def list(self, folder: str) -> Iterator[Listed]:
        """Yield every file below *folder*; none if it does not exist."""
        ...


def read_small(transport: Transport, path: str, most: int) -> bytes:
    """Return the content of *path*.

    Raises:
        NotInCache, CacheUnreachable: as `Transport` says.
        CacheDamaged: it is longer than *most* bytes.
    """
    parts = []
    left = most
    with transport.stream(path) as stream:
        for chunk in stream.chunks:
            parts.append(chunk)
            left -= len(chunk)
            if left < 0:
                raise CacheDamaged(transport.url, path, f"it is longer than {most} bytes")
    return b"".join(parts)
