"""The files in which two trees of the store differ.

Equal files of the store are one file, by hard links, so most of two similar trees is known to be equal without being
read.
"""

from __future__ import annotations

import enum
import filecmp
import os
import stat

from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator


class Verb(enum.StrEnum):
    """What became of a file."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


def difference(old: Path, new: Path) -> dict[str, Verb]:
    """Return what became of each file and link from the tree *old* to the tree *new*, by path."""
    return dict(sorted(_difference(os.fspath(old), os.fspath(new), "")))


def is_same(old: Path, new: Path) -> bool:
    """Return whether there is the same file, link or nothing at both places."""
    return _is_same(os.fspath(old), os.fspath(new), _status(old), _status(new))


def _difference(old: str, new: str, below: str) -> Iterator[tuple[str, Verb]]:
    before, after = _entries(old), _entries(new)
    for name in before.keys() | after.keys():
        path = f"{below}{name}"
        places = f"{old}/{name}", f"{new}/{name}"
        was, is_ = before.get(name), after.get(name)
        if was is not None and is_ is not None and stat.S_ISDIR(was.st_mode) and stat.S_ISDIR(is_.st_mode):
            yield from _difference(*places, f"{path}/")
        elif was is not None and is_ is not None and not stat.S_ISDIR(was.st_mode) and not stat.S_ISDIR(is_.st_mode):
            if not _is_same(*places, was, is_):
                yield path, Verb.CHANGED
        else:
            for place, status, verb in zip(places, (was, is_), (Verb.REMOVED, Verb.ADDED), strict=True):
                if status is not None:
                    yield from ((it, verb) for it in _all(place, path, status))


def _all(place: str, path: str, status: os.stat_result) -> Iterator[str]:
    """Yield the paths of all files and links at *place*, which is called *path*."""
    if not stat.S_ISDIR(status.st_mode):
        yield path
        return
    for name, inner in _entries(place).items():
        yield from _all(f"{place}/{name}", f"{path}/{name}", inner)


def _entries(place: str) -> dict[str, os.stat_result]:
    with os.scandir(place) as entries:
        return {it.name: it.stat(follow_symlinks=False) for it in entries}


def _status(place: Path) -> os.stat_result | None:
    try:
        return place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_same(old: str, new: str, was: os.stat_result | None, is_: os.stat_result | None) -> bool:
    if was is None or is_ is None:
        return was is is_
    if os.path.samestat(was, is_):
        return True
    if stat.S_IFMT(was.st_mode) != stat.S_IFMT(is_.st_mode) or was.st_size != is_.st_size:
        return False
    if stat.S_ISLNK(was.st_mode):
        return Path(old).readlink() == Path(new).readlink()
    executable = (was.st_mode ^ is_.st_mode) & stat.S_IXUSR
    return stat.S_ISDIR(was.st_mode) or (not executable and filecmp.cmp(old, new, shallow=False))
