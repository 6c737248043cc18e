"""Which paths are files of a cache: everything else in its directory is neither served nor written."""

from __future__ import annotations

import re

import attrs

from store.caches.documents import MAX_DOCUMENT
from store.caches.paths import BLOBS, HEADER, INFOS, NAMES, RESULTS, ROOTS


_NAME = r"[0-9a-zA-Z+_?=-][0-9a-zA-Z+._?=-]{0,254}"
_FILE = re.compile(
    rf"{HEADER}|(?P<folder>{INFOS}|{RESULTS}|{BLOBS})/(?P<two>[0-9a-z]{{2}})/(?P<name>{_NAME})|({NAMES}|{ROOTS})/{_NAME}",
    re.ASCII,
)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FOLDER = re.compile(rf"({INFOS}|{RESULTS}|{BLOBS})(/[0-9a-z]{{2}})?|{NAMES}|{ROOTS}", re.ASCII)
_REMAINS = re.compile(rf"(({INFOS}|{RESULTS}|{BLOBS})/[0-9a-z]{{2}}|{NAMES}|{ROOTS})/\.tmp-[0-9a-f]{{16}}", re.ASCII)


@attrs.frozen
class Name:
    """A file of a cache.

    Attributes:
        path: Its path in the cache.
        digest: BLAKE3 of its content in hexadecimal, if the path says it: such a file never changes.
    """

    path: str
    digest: str | None = None

    def most(self, largest: int) -> int:
        """Return how many bytes it may have if a blob may have *largest*."""
        return largest if self.digest is not None else min(largest, MAX_DOCUMENT)


def file_name(path: str) -> Name | None:
    """Return which file of a cache *path* is, or None if a cache has no such files."""
    found = _FILE.fullmatch(path)
    if found is None:
        return None
    if found["folder"] is None:
        return Name(path)
    if not found["name"].startswith(found["two"]):
        return None
    if found["folder"] != BLOBS:
        return Name(path)
    return Name(path, found["name"]) if _DIGEST.fullmatch(found["name"]) else None


def is_folder(path: str) -> bool:
    """Return whether *path* is a directory of a cache that may be listed."""
    return _FOLDER.fullmatch(path) is not None


def is_left_over(path: str) -> bool:
    """Return whether *path* is a file that a killed writer left, which may be deleted."""
    return _REMAINS.fullmatch(path) is not None
