"""A cache in one tar file, to carry to a machine without a network: written at once, and then only read.

Its members are the files of a cache, regular ones alone, sorted by name, with the mode 0644, the owner 0 and the time 0: the same
objects signed by the same key make the same bytes. Nothing is extracted: members are read in place.
"""

from __future__ import annotations

import contextlib
import os
import tarfile

from typing import TYPE_CHECKING

import attrs

from store.caches.errors import CacheUnreachable, NotACache, NotInCache
from store.caches.paths import BLOBS, HEADER, INFOS, NAMES, RESULTS, ROOTS
from store.caches.transport import Listed, Stream
from store.errors import reason_of
from store.osutil.interrupt import check


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO


_MODE = 0o644
_CHUNK = 1 << 18
_FOLDERS = frozenset({INFOS, RESULTS, BLOBS, NAMES, ROOTS})
_MOST = 1 << 20  # members: a closure has a few for each object


@attrs.define(eq=False)
class TarTransport:
    """The cache in the tar *file*, which cannot be written."""

    file: Path
    _index: Mapping[str, tuple[int, int]] | None = attrs.field(default=None, init=False)

    @property
    def url(self) -> str:
        """Return the URL of the file."""
        return self.file.as_uri()

    @contextlib.contextmanager
    def stream(self, path: str, start: int = 0, end: int | None = None) -> Iterator[Stream]:
        """Give the bytes of *path*, as `Transport.stream`."""
        offset, size = self._place(path)
        last = size if end is None else min(end, size)
        with self._reported():
            opened = self.file.open("rb")
        with opened:
            opened.seek(offset + start)
            yield Stream(start, self._chunks(opened, max(0, last - start)))

    def put(self, path: str, data: bytes | Path) -> None:
        """Refuse to write *data* to *path*.

        Raises:
            CacheUnreachable: always.
        """
        del path, data
        raise CacheUnreachable(self.url, "a tar file is only read; `kernix export tar` writes one")

    def size(self, path: str) -> int | None:
        """Return the size of *path*, as `Transport.size`."""
        found = self._members().get(path)
        return None if found is None else found[1]

    def delete(self, path: str) -> None:
        """Refuse to delete *path*.

        Raises:
            CacheUnreachable: always.
        """
        self.put(path, b"")

    def list(self, folder: str) -> Iterator[Listed]:
        """Yield every file below *folder*, as `Transport.list`."""
        with self._reported():
            written = self.file.stat().st_mtime
        for path, (_, size) in self._members().items():
            if path.startswith(f"{folder}/"):
                yield Listed(path, size, written)

    def _place(self, path: str) -> tuple[int, int]:
        found = self._members().get(path)
        if found is None:
            raise NotInCache(self.url, path)
        return found

    def _members(self) -> Mapping[str, tuple[int, int]]:
        """Return where each member begins, and its size.

        Raises:
            NotACache: the file is not such a tar file.
            CacheUnreachable: it cannot be read.
        """
        if self._index is None:
            try:
                with self._reported(), tarfile.open(self.file, "r:") as archive:
                    self._index = self._read(archive)
            except (tarfile.TarError, ValueError, EOFError, OverflowError, RecursionError):
                raise NotACache(self.url, "it is not a tar file, or is cut") from None
        return self._index

    def _read(self, archive: tarfile.TarFile) -> Mapping[str, tuple[int, int]]:
        whole = self.file.stat().st_size
        found: dict[str, tuple[int, int]] = {}
        for member in archive:
            check()
            name = member.name
            if len(found) >= _MOST:
                raise NotACache(self.url, f"it has more than {_MOST} members")
            if not member.isreg() or member.issparse() or not _fits(name) or name in found:
                raise NotACache(self.url, f"its member {name[:80]!r} is not the file of a cache")
            if member.offset_data + member.size > whole:
                raise NotACache(self.url, f"it is cut within {name[:80]!r}")
            found[name] = member.offset_data, member.size
        return found

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CacheUnreachable(self.url, reason_of(error)) from None

    def _chunks(self, file: BinaryIO, left: int) -> Iterator[bytes]:
        while left > 0:
            check()
            with self._reported():
                chunk = file.read(min(_CHUNK, left))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk


def write_tar(directory: Path, place: Path) -> int:
    """Write the cache in *directory* to the tar file *place*, and return its size in bytes.

    Raises:
        OSError: it cannot be written.
    """
    names = sorted(str(it.relative_to(directory)) for it in directory.rglob("*") if it.is_file())
    with place.open("wb") as written:
        with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in names:
                check()
                member = tarfile.TarInfo(name)
                member.size, member.mode = (directory / name).stat().st_size, _MODE
                with (directory / name).open("rb") as file:
                    archive.addfile(member, file)
        written.flush()
        os.fsync(written.fileno())  # it may be on a stick that is pulled out
        return written.tell()


def _fits(name: str) -> bool:
    parts = name.split("/")
    return name == HEADER or (len(parts) > 1 and parts[0] in _FOLDERS and not {"", ".", ".."} & {*parts})
