"""One object as a tar file: the same bytes for the same object, on every machine.

Members are named `STORE-PATH/…`, or `STORE-PATH` for the root, so that objects unpacked side by side are a store. They come
in the order of `store.exports.read_object`, with the time 1, owned by root, with the modes of the store, in the format of `pax(5)`.
"""

from __future__ import annotations

import os
import tarfile

from typing import TYPE_CHECKING

import attrs

from store.trees.seal import DIRECTORY_MODE, EXECUTABLE_MODE, FILE_MODE


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from store.path import StorePath


_LINK_MODE = 0o777  # what Linux reports for every symbolic link
_END = bytes(2 * tarfile.BLOCKSIZE)


@attrs.frozen
class TarWriter:
    """A sink (`store.exports.read_object`) that passes the archive of the object *path* to *write*, piece by piece."""

    path: StorePath
    write: Callable[[bytes | memoryview], object]

    def enter(self, path: bytes) -> None:
        """Write a directory."""
        self._header(path, tarfile.DIRTYPE, DIRECTORY_MODE)

    def leave(self, path: bytes) -> None:
        """Do nothing."""

    def file(self, path: bytes, *, size: int, executable: bool, chunks: Iterator[memoryview]) -> None:
        """Write a file."""
        self._header(path, tarfile.REGTYPE, EXECUTABLE_MODE if executable else FILE_MODE, size=size)
        for chunk in chunks:
            self.write(chunk)
        self.write(bytes(-size % tarfile.BLOCKSIZE))

    def symlink(self, path: bytes, target: bytes) -> None:
        """Write a symbolic link."""
        self._header(path, tarfile.SYMTYPE, _LINK_MODE, target=target)

    def end(self) -> None:
        """Write the end of the archive."""
        self.write(_END)

    def _header(self, path: bytes, kind: bytes, mode: int, *, size: int = 0, target: bytes = b"") -> None:
        name = f"{self.path}/{os.fsdecode(path)}" if path else str(self.path)
        member = tarfile.TarInfo(name)
        member.type, member.mode, member.size, member.mtime = kind, mode, size, 1
        member.linkname = os.fsdecode(target)
        self.write(member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
