"""Find which store objects a tree refers to: whose digests occur in its bytes.

A digest is 32 characters of Nix's base-32 and looks like nothing else, so an occurrence is
a reference (Nix, `libstore/references.cc`). A compressed file hides those in it. All
candidates are looked for at once: every window of 32 characters in a run of that many
characters of the alphabet is looked up, and such runs are rare in text and in machine code.
"""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import attrs

from store import base32
from store.path import DIGEST_LENGTH
from store.walk import FileReader, content_of, open_file


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


_TABLE = bytes(ord("x") if chr(byte) in base32.ALPHABET else ord("-") for byte in range(256))
_RUN = b"x" * DIGEST_LENGTH


def find_references(path: Path, candidates: Iterable[str]) -> set[str]:
    """Return those of the digests *candidates* that occur in the files and symbolic links of the tree at *path*.

    Raises:
        InvalidTree: there is a fifo, a socket or a device, or it is too deep.
        OSError: something cannot be read.
    """
    scanner = Scanner.of(candidates)
    if scanner.wanted:
        content_of(path, scanner=scanner)
    return scanner.found
