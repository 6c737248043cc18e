"""Processes that assist in walking a large tree (`store.trees.helper`): each takes a directory at a time, with all below it.

They open it below the descriptor that we have of the directory above, so nobody can lead them out of the tree.
"""

from __future__ import annotations

import contextlib
import os

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from store.trees.cached_walk import Remembering
from store.trees.hash_tree import Look
from store.trees.helper import Helper, helpers_wanted, serve
from store.trees.remove import remove_tree
from store.trees.stat_cache import Index
from store.trees.walk import walk, walk_below


if TYPE_CHECKING:
    from collections.abc import Callable

    from store.trees.content import Content
    from store.trees.walk import Below, Directory, Taker


@attrs.frozen
class HelperAssistant:
    """A helper that does what a visitor would with the files in *source*; what it makes lies in *target*."""

    source: str
    target: str
    helper: Helper

    def walk(self, directory: Directory) -> Below | None:
        """Return what is below *directory*; None if that could not be done, and nothing is left of it."""
        target = self.target + directory.place[len(self.source) :] if self.target else ""
        found = self.helper.walk(_place(directory), target, directory.depth)
        if target and not found:
            with contextlib.suppress(FileNotFoundError):
                remove_tree(Path(target))
        return found

    def stop(self) -> None:
        """End it, whatever it does."""
        self.helper.stop()

    def close(self) -> None:
        """Let it go."""
        self.helper.close()


def _place(directory: Directory) -> str:
    """Return a path by which another process of ours opens *directory* and nothing that its owner has put there since.

    It leads through the descriptor of the directory above (proc(5), /proc/pid/fd), which is open as long as anything
    in that is left to do; what is left of the path has one component, and no link is followed there.
    """
    if directory.parent is None:
        return directory.place
    return f"/proc/{os.getpid()}/fd/{directory.parent.fd}/{os.fsdecode(directory.name)}"


def assistants(
    module: str, function: str, *arguments: str, source: Path, target: Path | str = ""
) -> list[Callable[[], HelperAssistant]]:
    """Return what starts as many processes as can help to walk *source*.

    Each calls *function* of *module* with *arguments*, and that calls `serve_walks`.
    """

    def start() -> HelperAssistant:
        return HelperAssistant(os.fspath(source), os.fspath(target), Helper.start(module, function, *arguments))

    return [start] * helpers_wanted()


def serve_walks(visitor: Callable[[str], Taker], place: str, *, until_change: bool = False) -> None:
    """Walk what another process names with the *visitor* for its target, until it names no more.

    What the index at *place* knows, if there is one, is not read; a walk may fail at what has changed.
    """
    if not place:
        serve(lambda directory, target, depth: walk_below(directory, depth, visitor(target)))
        return
    with Index.open(Path(place)) as index:

        def handle(directory: str, target: str, depth: int) -> Below:
            return walk_below(directory, depth, Remembering(visitor(target), index, until_change))

        serve(handle)
        index.save()


def read_content(path: Path, index: Index | None = None, *, until_change: bool = False) -> Content:
    """Return the content of the tree at *path*, as far as *index* does not know it read by several processes if it is large.

    Raises:
        InvalidTree: there is a fifo, a socket or a device, or it is too deep.
        OSError: something cannot be read; its file name is the whole path.
        Differs: a file that *index* knows has changed, and it is read only *until_change*.
    """
    place = os.fspath(index.place) if index else ""
    helping = assistants("store.trees.helpers", "help_reading", place, "1" if until_change else "", source=path)
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
    """Read for another process what the index at *place*, if there is one, does not know."""
    serve_walks(lambda _: Look(), place, until_change=bool(until_change))
