"""Nix's archives of one tree, written as a stream.

    nar    = str("nix-archive-1") node
    node   = str("(") str("type") ( file | link | directory ) str(")")
    file   = str("regular") [str("executable") str("")] str("contents") str(bytes)
    link   = str("symlink") str("target") str(target)
    directory = str("directory") { str("entry") str("(") str("name") str(name) str("node") node str(")") }
    str(s) = its length as a little-endian 64-bit number, s, zeros up to a multiple of 8

Entries are in bytewise order of their names (Nix, `libutil/archive.cc`). A tree has exactly one archive.
"""

from __future__ import annotations

import struct

from typing import TYPE_CHECKING

import attrs

from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from store.exports.rewriting import Rewriting


MAX_DEPTH = 63
"""How many directories deep an archive may be: newer versions of Nix refuse more (CVE-2026-44028)."""

_ALIGNMENT = 8
_LENGTH = struct.Struct("<Q")


class TooDeepForNix(Error):
    """An object has more nested directories than Nix accepts."""

    place: str

    def __str__(self) -> str:
        return f"{self.place[:200]} is more than {MAX_DEPTH} directories deep, which Nix refuses"


def text(*words: bytes) -> bytes:
    """Return *words* as strings of an archive."""
    return b"".join(_LENGTH.pack(len(word)) + word + bytes(-len(word) % _ALIGNMENT) for word in words)


@attrs.frozen
class NarWriter:
    """A sink (`store.exports.read_object`) that passes the archive of one tree to *write*, piece by piece.

    Attributes:
        write: Takes the next bytes, valid until it returns.
        rewriting: What replaces the digests of store paths in contents, names and targets.
    """

    write: Callable[[bytes | memoryview], object]
    rewriting: Rewriting | None = None

    def enter(self, path: bytes) -> None:
        """Begin a directory."""
        if path.count(b"/") + bool(path) > MAX_DEPTH:
            raise TooDeepForNix(path.decode(errors="backslashreplace"))
        self._begin(path)
        self.write(text(b"directory"))

    def leave(self, path: bytes) -> None:
        """End a directory."""
        self._end(path)

    def file(self, path: bytes, *, size: int, executable: bool, chunks: Iterator[memoryview]) -> None:
        """Write a file."""
        self._begin(path)
        self.write(text(b"regular", *((b"executable", b"") if executable else ()), b"contents"))
        self.write(_LENGTH.pack(size))
        for chunk in self.rewriting.chunks(chunks) if self.rewriting else chunks:
            self.write(chunk)
        self.write(bytes(-size % _ALIGNMENT))
        self._end(path)

    def symlink(self, path: bytes, target: bytes) -> None:
        """Write a symbolic link."""
        self._begin(path)
        self.write(text(b"symlink", b"target", self._rewritten(target)))
        self._end(path)

    def _begin(self, path: bytes) -> None:
        if path:
            name = self._rewritten(path.rpartition(b"/")[2])
            self.write(text(b"entry", b"(", b"name", name, b"node", b"(", b"type"))
        else:
            self.write(text(b"nix-archive-1", b"(", b"type"))

    def _end(self, path: bytes) -> None:
        self.write(text(b")", b")") if path else text(b")"))

    def _rewritten(self, data: bytes) -> bytes:
        return self.rewriting.all_in(data) if self.rewriting else data
