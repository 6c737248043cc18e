"""The trash: objects that have been removed from the store atomically and are unlinked later.

A rename removes an object of any size for everybody at once. Only the collector empties the
trash; if it crashes, the next collection does the rest.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat

from typing import TYPE_CHECKING

import attrs

from store.trees import seal
from store.trees.remove import remove_many


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from store.layout import Layout


WORKERS = 16  # far more than processors: a thread that frees a file's blocks mostly waits for the disk


@attrs.frozen
class Trash:
    """Moves objects from the objects' directory to the trash."""

    layout: Layout
    _source: int
    _target: int
    _prefix: str = attrs.field(factory=lambda: os.urandom(16).hex())
    _numbers: Iterator[int] = attrs.field(factory=itertools.count)

    def discard(self, name: str) -> None:
        """Move the object *name*, if it exists, to the trash. Only inside the gate."""
        with contextlib.suppress(FileNotFoundError):
            status = os.lstat(name, dir_fd=self._source)
            if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
                os.unlink(name, dir_fd=self._source)  # the pool has it, so no blocks are freed and it is quick
                return
            try:
                self._move(name)
            except PermissionError:
                seal.unseal(self.layout.objects / name)  # its `..` changes: see `store.trees.seal`
                self._move(name)

    def _move(self, name: str) -> None:
        os.rename(name, f"{self._prefix}-{next(self._numbers)}", src_dir_fd=self._source, dst_dir_fd=self._target)


@contextlib.contextmanager
def trash(layout: Layout) -> Iterator[Trash]:
    """Open the trash of a store for the body."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    source = os.open(layout.objects, flags)
    try:
        target = os.open(layout.trash, flags)
        try:
            yield Trash(layout, source, target)
        finally:
            os.close(target)
    finally:
        os.close(source)


def empty(layout: Layout, gone: Callable[[], None] = lambda: None) -> int:
    """Unlink everything in the trash, calling *gone* after each object; return how many bytes of disk were freed."""
    places = list(layout.trash.iterdir())
    return remove_many(places, WORKERS, gone)[1] if places else 0
