"""Stop an unpacking before it fills the disk."""

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
"""Bytes written between two checks of the disk: far fewer than stay free (`Bounds.free_space`)."""

_ALWAYS = 256 << 20  # bytes that every archive may unpack to
_RATIO = 100  # unpacked size / archive size; sources have 4 to 12


class WouldFillDisk(Error):
    """An unpacking would have filled the disk."""

    name: str
    written: int
    left: int

    def __str__(self) -> str:
        return f"cannot unpack {self.name}: after {amount(self.written)}, less than {amount(self.left)} of the disk was free"

    @property
    def hint(self) -> str:
        """Return how to free space."""
        return (
            "`kernix gc` deletes what nothing uses any more; `free_space` under [limits] in config.toml sets how much of "
            "the disk stays free; an archive this large may be hostile"
        )


class TooLarge(Error):
    """An archive unpacks to more than its limit."""

    name: str
    allowed: int

    def __str__(self) -> str:
        return f"cannot unpack {self.name}: it unpacks to more than {amount(self.allowed)}"

    @property
    def hint(self) -> str:
        """Return how to raise the limit."""
        return (
            "the archive may be hostile; if not, raise the limit with `max_size=BYTES` (0 means no limit), an argument of "
            "`unpack`, `fetch_git` and `fetch_deb`"
        )


def allowed_size(archive: int, wanted: int | None) -> int | None:
    """Return the bytes that *archive* bytes may unpack to, None for no limit; *wanted* is the definition's limit."""
    if wanted is None:
        return max(_ALWAYS, archive * _RATIO)
    return wanted or None


@attrs.define
class UnpackBudget:
    """The free space on the disk of *place* while *name* is unpacked; *bounds* set how much stays free.

    *each* is called before each check, and may raise to end the work. At most *limit* bytes are written.
    """

    name: str
    place: Path
    bounds: Bounds
    each: Callable[[], None] = lambda: None
    limit: int | None = None
    _written: int = attrs.field(default=0, init=False)
    _next: int = attrs.field(default=STEP, init=False)

    def count(self, size: int) -> None:
        """Count *size* bytes that are about to be written.

        Raises:
            WouldFillDisk: too little of the disk is left.
            TooLarge: the limit is exceeded.
        """
        self._written += size
        if self.limit is not None and self._written > self.limit:
            raise TooLarge(self.name, self.limit)
        if self._written >= self._next:
            self._next = self._written + STEP
            self.each()
            if (left := self.bounds.too_full(self.place)) is not None:
                raise WouldFillDisk(self.name, self._written, left)

    def counted(self, chunks: Iterable[memoryview]) -> Iterator[memoryview]:
        """Yield *chunks*, counting each."""
        for chunk in chunks:
            self.count(len(chunk))
            yield chunk
