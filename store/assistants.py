"""Processes that assist in walking a large tree (`store.helper`): each takes all files of a directory at a time."""

from __future__ import annotations

import contextlib
import os

from typing import TYPE_CHECKING

import attrs

from store.helper import Helper, helpers_wanted, serve
from store.index import Index
from store.look import Look, content_of
from store.reading import OPEN_DIRECTORY, FileReader
from store.walk import Directory


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from store.reading import Read
    from store.tree import Content
    from store.walk import Visitor


@attrs.frozen
class HelperAssistant:
    """A helper that does what a visitor would with the files in *source*; what it makes lies in *target*."""

    source: str
    target: str
    helper: Helper

    def files(self, directory: Directory, names: list[bytes]) -> list[Read]:
        """Return what the files *names* in *directory* are, up to the first that failed."""
        target = self.target + directory.place[len(self.source) :] if self.target else ""
        results = self.helper.files(directory.place, target, names)
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
            yield from visitor.files(directory, names, reader)
        finally:
            directory.close()

    serve(handle)


def read_content(path: Path, index: Index | None = None) -> Content:
    """Return the content of the tree at *path*, as far as *index* does not know it read by several processes if it is large.

    Raises:
        InvalidTree: there is a fifo, a socket or a device, or it is too deep.
        OSError: something cannot be read; its file name is the whole path.
    """
    return content_of(path, assistants=assistants("store.assistants", "help_reading", source=path), memory=index)


def remembered_content(place: Path, path: Path) -> Content:
    """Return the content of the tree at *path*; what the index at *place* knows is not read, and it learns of the rest.

    Raises:
        InvalidTree, OSError: as `read_content` does.
    """
    with Index.open(place) as index:
        content = read_content(path, index)
        index.save()
    return content


def help_reading() -> None:
    """Read files for another process."""
    serve_files(Look())
