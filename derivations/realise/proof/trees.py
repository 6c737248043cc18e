"""Compare two trees on the disk, entry by entry."""

from __future__ import annotations

import contextlib
import mmap
import os
import stat

from typing import TYPE_CHECKING

from derivations.proof.compare import Background, Difference, compare_files, compare_kinds, compare_links
from store.osutil.interrupt import check


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from derivations.proof.bytes_of import Buffer


def compare_trees(left: Path, right: Path, background: Background) -> Iterator[Difference]:
    """Yield what differs between the trees *left* and *right*, in the order of the paths."""
    yield from _compare(left, right, "", background)


def _compare(left: Path, right: Path, place: str, background: Background) -> Iterator[Difference]:
    check()
    kinds = _kind(left), _kind(right)
    if kinds[0] != kinds[1]:
        yield compare_kinds(place or ".", *kinds)
    elif kinds[0] == "a directory":
        names = sorted({*_names(left), *_names(right)})
        for name in names:
            yield from _compare(left / name, right / name, f"{place}/{name}" if place else name, background)
    elif kinds[0] == "a link":
        targets = str(left.readlink()), str(right.readlink())
        if targets[0] != targets[1]:
            yield compare_links(place or ".", *targets, background)
    else:
        with _mapped(left) as one, _mapped(right) as other:
            if (found := compare_files(place or ".", one, other, background)) is not None:
                yield found


def _kind(path: Path) -> str:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return "nothing"
    if stat.S_ISDIR(mode):
        return "a directory"
    if stat.S_ISLNK(mode):
        return "a link"
    return "an executable file" if mode & stat.S_IXUSR else "a file"


def _names(directory: Path) -> list[str]:
    return [entry.name for entry in os.scandir(directory)]


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[Buffer]:
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:  # nothing can be mapped
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
