"""Lines at the bottom of a terminal that are written over again and again.

A terminal that becomes narrower breaks lines that no longer fit, and so the lines take more rows than they took
when they were written. They are taken away by the rows that they have now, so that nothing stale stays above them.
"""

from __future__ import annotations

import contextlib
import os

from typing import IO, TYPE_CHECKING, TypeAlias

import attrs


if TYPE_CHECKING:
    from collections.abc import Sequence


Line: TypeAlias = tuple[str, int]
"""A line as it is written, and how many columns it takes."""

DEFAULT = os.terminal_size((80, 24))
"""The size of a terminal that does not say."""

HIDE_CURSOR = "\x1b[?25l"
SHOW_CURSOR = "\x1b[?25h"

# Line by line: some terminals keep what is erased from the top of the screen on, all at once, as if it had scrolled away.
_ERASE = "\r\x1b[2K"
_ERASE_ABOVE = "\x1b[1A\x1b[2K"


def size_of(stream: IO[str]) -> os.terminal_size:
    """Return columns and lines of the terminal that *stream* is."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        size = os.get_terminal_size(stream.fileno())
        if size.columns > 0 and size.lines > 0:
            return size
    return DEFAULT


@attrs.define
class Block:
    """What was drawn on *stream*, a terminal, and is still there."""

    stream: IO[str]
    _columns: tuple[int, ...] = attrs.field(default=(), init=False)

    def draw(self, lines: Sequence[Line], size: os.terminal_size, above: str = "") -> None:
        """Write *lines*, none wider than a terminal of *size*, over those before; *above* stays above them for good."""
        text = self._erasing(size) + above + "\n".join(line for line, _ in lines)
        self._columns = tuple(columns for _, columns in lines)
        self.stream.write(text)
        self.stream.flush()

    def clear(self, size: os.terminal_size, above: str = "") -> None:
        """Take the lines away, and leave *above* in their place."""
        self.draw((), size, above)

    def _erasing(self, size: os.terminal_size) -> str:
        if not self._columns:
            return ""
        rows = sum(max(1, -(-columns // size.columns)) for columns in self._columns)
        return _ERASE + _ERASE_ABOVE * (min(rows, size.lines) - 1)
