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


@attrs.define
class Room:
    """The room on the disk of *place*, of which *bounds* say how much stays free, for what is called *name*.

    *each* is called before each look at it, and may raise what ends the work.
    """

    name: str
    place: Path
    bounds: Bounds
    each: Callable[[], None] = lambda: None
    _written: int = attrs.field(default=0, init=False)
    _next: int = attrs.field(default=STEP, init=False)

    def take(self, count: int) -> None:
        """Count bytes that are going to be written.

        Raises:
            NoRoom: too little would be left.
        """
        self._written += count
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
