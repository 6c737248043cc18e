"""Stop what fills the disk before it is full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.realise.sandbox.bounds import amount
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from derivations.realise.sandbox.bounds import Bounds


STEP = 16 << 20
"""How many bytes are written between two looks at the disk."""

_ALWAYS = 256 << 20  # bytes that any archive may unpack to
_RATIO = 100  # of what is unpacked to the archive: sources have 4 to 12


class NoRoom(Error):
    """Something was going to fill the disk."""

    name: str
    written: int
    left: int

    def __str__(self) -> str:
        return f"{self.name} was not unpacked: after {amount(self.written)} less than {amount(self.left)} of the disk was free"

    @property
    def hint(self) -> str:
        """Tell how to make room."""
        return (
            "`kernix gc` frees what nothing needs any more; `free_space` in the section [limits] of config.toml says "
            "how much stays free; an archive that becomes so large may be hostile"
        )


class TooLarge(Error):
    """An archive became larger than it may."""

    name: str
    allowed: int

    def __str__(self) -> str:
        return f"{self.name} was not unpacked: it unpacks to more than {amount(self.allowed)}"

    @property
    def hint(self) -> str:
        """Tell how to allow more."""
        return (
            "such an archive may be hostile; `max_size=BYTES` allows another size, 0 any: "
            "`unpack`, `fetch_git` and `fetch_deb` take it"
        )


def allowed_size(archive: int, wanted: int | None) -> int | None:
    """Return to how many bytes an *archive* of so many may unpack, None for any; *wanted* is what its definition says."""
    if wanted is None:
        return max(_ALWAYS, archive * _RATIO)
    return wanted or None


@attrs.define
class Room:
    """The room on the disk of *place*, of which *bounds* say how much stays free, for what is called *name*.

    *each* is called before each look at it, and may raise what ends the work. At most *limit* bytes are taken.
    """

    name: str
    place: Path
    bounds: Bounds
    each: Callable[[], None] = lambda: None
    limit: int | None = None
    _written: int = attrs.field(default=0, init=False)
    _next: int = attrs.field(default=STEP, init=False)

    def take(self, count: int) -> None:
        """Count bytes that are going to be written.

        Raises:
            NoRoom: too little would be left.
            TooLarge: it would be more than the limit.
        """
        self._written += count
        if self.limit is not None and self._written > self.limit:
            raise TooLarge(self.name, self.limit)
        if self._written >= self._next:
            self._next = self._written + STEP
            self.each()
            if (left := self.bounds.too_full(self.place)) is not None:
                raise NoRoom(self.name, self._written, left)

    def counted(self, chunks: Iterable[memoryview]) -> Iterator[memoryview]:
        """Yield *chunks*, each once it has been counted."""
        for chunk in chunks:
            self.take(len(chunk))
            yield chunk
