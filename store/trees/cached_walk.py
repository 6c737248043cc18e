"""Walking a tree without reading the files that the index knows."""

from __future__ import annotations

import time

from typing import TYPE_CHECKING

import attrs

from store.trees.walk import Visitor


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from store.trees.reading import FileReader, Name, Read
    from store.trees.stat_cache import Index
    from store.trees.walk import OpenDirectory, SkippingVisitor


class FileChanged(Exception):
    """A file has changed since it was last read."""


@attrs.frozen
class CachedVisitor(Visitor):
    """Makes *visitor* read only the files that *index* does not know, and adds them to the index."""

    visitor: SkippingVisitor
    index: Index
    until_change: bool = False
    _began: int = attrs.field(factory=time.time_ns, init=False)

    def enter(self, directory: OpenDirectory) -> None:
        """Enter *directory*."""
        self.visitor.enter(directory)

    def file(self, directory: OpenDirectory | None, name: Name, place: str, reader: FileReader) -> Read:
        """Read the file *name*."""
        return self.visitor.file(directory, name, place, reader)

    def files(self, directory: OpenDirectory, names: Sequence[str], reader: FileReader) -> Iterator[Read]:
        """Yield the files *names*, reading those that the index does not know.

        Raises:
            FileChanged: a file has changed, and *until_change* is set.
        """
        seen = self.index.look_up(directory.fd, names)
        if seen is None:
            yield from self.visitor.files(directory, names, reader)
            return
        known = self.visitor.skip(directory, seen.known)
        unknown = [name for name in names if name not in known] if known else names
        results = self.visitor.files(directory, unknown, reader)
        read = {}
        for name in names:
            result = known.get(name)
            if result is None:
                result = read[name] = next(results)
                if self.until_change and seen.former.get(name, result[1]) != result[1]:
                    raise FileChanged
            yield result
        if read:
            self.index.note(seen, read, self._began)

    def symlink(self, directory: OpenDirectory | None, name: Name, place: str) -> bytes:
        """Return the digest of the symbolic link *name*."""
        return self.visitor.symlink(directory, name, place)

    def leave(self, directory: OpenDirectory, digest: bytes) -> None:
        """Finish *directory*."""
        self.visitor.leave(directory, digest)
