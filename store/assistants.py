"""Processes that assist in walking a large tree (`store.helper`): each takes all files of a directory at a time."""

from __future__ import annotations

import contextlib
import os

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from store.helper import Helper, helpers_wanted, serve
from store.index import Index
from store.look import Look
from store.reading import OPEN_DIRECTORY, FileReader
from store.remembering import Remembering
from store.walk import Directory, walk


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from store.reading import Read
    from store.tree import Content
    from store.walk import Visitor


@attrs.frozen
class HelperAssistant:
    """A helper that does what a visitor would with the files in *source*; what it makes lies in *target*."""

    source: str
    target: str
    helper: Helper

    def files(self, directory: Directory, names: Sequence[str]) -> list[Read]:
        """Return what the files *names* in *directory* are, up to the first that failed."""
        target = self.target + directory.place[len(self.source) :] if self.target else ""
        results = self.helper.files(directory.place, target, [os.fsencode(name) for name in names])
        if target:
            for name in names[len(results) :]:  # we make the rest, some of which may be there in part
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=directory.target_fd)
        return results

    def close(self) -> None:
        """Let it go."""
        self.helper.close()


def assistants(
    module: str, function: str, *arguments: str, source: Path, target: Path | str = ""
) -> list[Callable[[], HelperAssistant]]:
    """Return what starts as many processes as can help to walk *source*.

    Each calls *function* of *module* with *arguments*, and that calls `serve_files`.
    """

    def start() -> HelperAssistant:
        return HelperAssistant(os.fspath(source), os.fspath(target), Helper.start(module, function, *arguments))

    return [start] * helpers_wanted()


def serve_files(visitor: Visitor) -> None:
    """Show the files that another process names to *visitor*, until it names no more."""
    reader = FileReader()

    def handle(place: bytes, target: bytes, names: list[bytes]) -> Iterator[Read]:
        directory = Directory(None, place, "", 0)
        try:
            directory.fd = os.open(place, OPEN_DIRECTORY)
            if target:
                directory.target_fd = os.open(target, OPEN_DIRECTORY)
            yield from visitor.files(directory, [os.fsdecode(name) for name in names], reader)
        finally:
            directory.close()

    serve(handle)


def read_content(path: Path, index: Index | None = None, *, until_change: bool = False) -> Content:
    """Return the content of the tree at *path*, as far as *index* does not know it read by several processes if it is large.

    Raises:
        InvalidTree: there is a fifo, a socket or a device, or it is too deep.
        OSError: something cannot be read; its file name is the whole path.
        Differs: a file that *index* knows has changed, and it is read only *until_change*.
    """
    place = os.fspath(index.place) if index else ""
    helping = assistants("store.assistants", "help_reading", place, "1" if until_change else "", source=path)
    return walk(path, Remembering(Look(), index, until_change) if index else Look(), helping)


def remembered_content(place: Path, path: Path) -> Content:
    """Return the content of the tree at *path*; what the index at *place* knows is not read, and it learns of the rest.

    Raises:
        InvalidTree, OSError: as `read_content` does.
    """
    with Index.open(place) as index:
        content = read_content(path, index)
        index.save()
    return content


def help_reading(place: str, until_change: str) -> None:
    """Read files for another process, those that the index at *place* does not know if there is one."""
    if not place:
        serve_files(Look())
        return
    with Index.open(Path(place)) as index:
        serve_files(Remembering(Look(), index, bool(until_change)))
        index.save()
