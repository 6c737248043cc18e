"""Visit a tree without reading what the index knows of it."""

from __future__ import annotations

import time

from typing import TYPE_CHECKING

import attrs

from store.trees.walk import Visitor


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from store.trees.reading import FileReader, Name, Read
    from store.trees.stat_cache import Index
    from store.trees.walk import Directory, Taker


class Differs(Exception):
    """A file has other contents than the last time."""


@attrs.frozen
class Remembering(Visitor):
    """Has *visitor* read those files that *index* does not know, and lets that know of them."""

    visitor: Taker
    index: Index
    until_change: bool = False
    _began: int = attrs.field(factory=time.time_ns, init=False)

    def enter(self, directory: Directory) -> None:
        """Take up *directory*."""
        self.visitor.enter(directory)

    def file(self, directory: Directory | None, name: Name, place: str, reader: FileReader) -> Read:
        """Return what the file *name* is, which is read."""
        return self.visitor.file(directory, name, place, reader)

    def files(self, directory: Directory, names: Sequence[str], reader: FileReader) -> Iterator[Read]:
        """Yield what the files *names* are.

        Raises:
            Differs: one has changed, and it is to be told.
        """
        seen = self.index.look(directory.fd, names)
        if seen is None:
            yield from self.visitor.files(directory, names, reader)
            return
        known = self.visitor.take(directory, seen.known)
        unknown = [name for name in names if name not in known] if known else names
        results = self.visitor.files(directory, unknown, reader)
        read = {}
        for name in names:
            result = known.get(name)
            if result is None:
                result = read[name] = next(results)
                if self.until_change and seen.former.get(name, result[1]) != result[1]:
                    raise Differs
            yield result
        if read:
            self.index.note(seen, read, self._began)

    def symlink(self, directory: Directory | None, name: Name, place: str) -> bytes:
        """Return the digest of the symbolic link *name*."""
        return self.visitor.symlink(directory, name, place)

    def leave(self, directory: Directory, digest: bytes) -> None:
        """Finish *directory*."""
        self.visitor.leave(directory, digest)
