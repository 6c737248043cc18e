"""Finding the store objects that a tree refers to: those whose digests occur in its files or file names.

A digest is 32 characters of Nix's base-32 and resembles nothing else, so an occurrence is
a reference (Nix, `libstore/references.cc`). Compression hides references. One pass searches
for all candidates: it looks up every window of 32 characters in runs of at least as many
characters of the alphabet, and such runs are rare in text and in machine code.
"""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import attrs

from store import base32
from store.path import DIGEST_LENGTH
from store.trees.content import Kind
from store.trees.reading import FileReader, Name, Read, is_hole, open_file, read_target
from store.trees.walk import OpenDirectory, Visitor, walk


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


_TABLE = bytes(ord("x") if chr(byte) in base32.ALPHABET else ord("-") for byte in range(256))
_RUN = b"x" * DIGEST_LENGTH


def find_references(path: Path, candidates: Iterable[str]) -> set[str]:
    """Return those of the digests *candidates* that occur in the files, symbolic links and names of the tree at *path*.

    Raises:
        InvalidTree: it contains a fifo, a socket or a device, or is too deep.
        OSError: something cannot be read.
    """
    scan = _Scan(frozenset(candidate.encode() for candidate in candidates))
    if scan.wanted:
        walk(path, scan)
    return {digest.decode() for digest in scan.found}


def occurring(data: bytes, candidates: frozenset[bytes]) -> set[bytes]:
    """Return those of the digests *candidates* that occur in *data*."""
    found = set()
    runs = data.translate(_TABLE)
    start = runs.find(_RUN)
    while start >= 0:
        end = runs.find(b"-", start + DIGEST_LENGTH)
        end = len(runs) if end < 0 else end
        for place in range(start, end - DIGEST_LENGTH + 1):
            window = data[place : place + DIGEST_LENGTH]
            if window in candidates:
                found.add(window)
        start = runs.find(_RUN, end)
    return found


@attrs.frozen
class _Scan(Visitor):
    """A visitor that hashes nothing."""

    wanted: frozenset[bytes]
    found: set[bytes] = attrs.field(factory=set)

    def enter(self, directory: OpenDirectory) -> None:
        if directory.parent:  # the root's own name is not part of the tree
            self._see(directory.name)

    def file(self, directory: OpenDirectory | None, name: Name, place: str, reader: FileReader) -> Read:
        if directory:
            self._see(name)
        fd, _ = open_file(directory.fd if directory else None, name, place)
        try:
            tail = b""
            for data in reader.pieces(fd):
                if is_hole(data):
                    tail = b""
                    continue
                window = tail + bytes(data)
                self.found.update(occurring(window, self.wanted))
                tail = window[1 - DIGEST_LENGTH :]  # one byte too short for a digest: none is found twice or missed
        finally:
            os.close(fd)
        return Kind.FILE, b"", 0, b""

    def symlink(self, directory: OpenDirectory | None, name: Name, place: str) -> bytes:  # noqa: ARG002 -- the protocol's
        if directory:
            self._see(name)
        self.found.update(occurring(read_target(directory.fd if directory else None, name), self.wanted))
        return b""

    def leave(self, directory: OpenDirectory, digest: bytes) -> None:
        pass

    def _see(self, name: Name) -> None:
        """Search *name*, which is part of the tree's content."""
        if len(name) >= DIGEST_LENGTH:
            self.found.update(occurring(os.fsencode(name), self.wanted))
