"""`file://`: a cache in a directory, which may be on a network file system or be served by a web server."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat

from typing import TYPE_CHECKING

import attrs

from store.caches.errors import CacheUnreachable, NotInCache
from store.caches.transport import Listed, Stream
from store.errors import reason_of
from store.osutil.durable import sync_directory
from store.osutil.failpoints import reach
from store.osutil.interrupt import check


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO


_CHUNK = 1 << 18
_TEMPORARY = ".tmp-"  # no path of a cache begins like this
_MODE = 0o644  # a web server of another user reads it


@attrs.frozen
class DirectoryTransport:
    """The cache in *directory*, which is created by the first write."""

    directory: Path

    @property
    def url(self) -> str:
        """Return the URL of the directory."""
        return self.directory.as_uri()

    @contextlib.contextmanager
    def stream(self, path: str, start: int = 0, end: int | None = None) -> Iterator[Stream]:
        """Give the bytes of *path*, as `Transport.stream`."""
        with self._reported(path):
            file = (self.directory / path).open("rb")
        with file:
            file.seek(start)
            yield Stream(start, self._chunks(path, file, None if end is None else end - start))

    def put(self, path: str, data: bytes | Path) -> None:
        """Write *data* to *path*, durably, as `Transport.put`."""
        with self.replacing(path) as file:
            if isinstance(data, bytes):
                file.write(data)
            else:
                with data.open("rb") as source:
                    shutil.copyfileobj(source, file, _CHUNK)

    @contextlib.contextmanager
    def replacing(self, path: str) -> Iterator[BinaryIO]:
        """Give a file to write, which becomes *path*, durably, when the block ends; an exception in it leaves *path* as it was.

        Raises:
            CacheUnreachable: it cannot be written.
        """
        place = self.directory / path
        temporary = place.parent / f"{_TEMPORARY}{os.urandom(8).hex()}"
        with self._writing(path):
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("xb") as file:
                    yield file
                    file.flush()
                    reach("cache: sync")
                    os.fsync(file.fileno())
                temporary.chmod(_MODE)
                reach("cache: rename")
                temporary.replace(place)
                sync_directory(place.parent)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    temporary.unlink()

    def size(self, path: str) -> int | None:
        """Return the size of *path*, as `Transport.size`."""
        try:
            with self._reported(path):
                return (self.directory / path).stat().st_size
        except NotInCache:
            return None

    def delete(self, path: str) -> None:
        """Delete *path*, as `Transport.delete`."""
        with contextlib.suppress(NotInCache), self._reported(path):
            (self.directory / path).unlink()

    def list(self, folder: str) -> Iterator[Listed]:
        """Yield every file below *folder*, as `Transport.list`; what a killed writer left, too."""
        pending = [folder]
        while pending:
            below = pending.pop()
            with contextlib.suppress(NotInCache), self._reported(below), os.scandir(self.directory / below) as entries:
                for entry in entries:
                    check()
                    path = f"{below}/{entry.name}"
                    with contextlib.suppress(FileNotFoundError):
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(path)
                        elif stat.S_ISREG((status := entry.stat(follow_symlinks=False)).st_mode):
                            yield Listed(path, status.st_size, status.st_mtime)

    @contextlib.contextmanager
    def _reported(self, path: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            raise NotInCache(self.url, path) from None
        except OSError as error:
            raise CacheUnreachable(self.url, f"{path}: {reason_of(error)}") from None

    @contextlib.contextmanager
    def _writing(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CacheUnreachable(self.url, f"{path} cannot be written: {reason_of(error)}") from None

    def _chunks(self, path: str, file: BinaryIO, left: int | None) -> Iterator[bytes]:
        while left is None or left > 0:
            check()
            with self._reported(path):
                chunk = file.read(_CHUNK if left is None else min(_CHUNK, left))
            if not chunk:
                return
            if left is not None:
                left -= len(chunk)
            yield chunk
