"""Lines at the bottom of a terminal that are redrawn in place.

A terminal that becomes narrower wraps lines that no longer fit, so that they take more rows than when they were
written. The rows are counted when they are erased, so that nothing stale stays above them.
"""

from __future__ import annotations

import contextlib
import os

from typing import IO, TYPE_CHECKING, TypeAlias

import attrs


if TYPE_CHECKING:
    from collections.abc import Sequence


Line: TypeAlias = tuple[str, int]
"""The text of a line, with its escape sequences, and how many columns it takes."""

DEFAULT = os.terminal_size((80, 24))
"""The assumed size of a terminal that does not report one."""

HIDE_CURSOR = "\x1b[?25l"
SHOW_CURSOR = "\x1b[?25h"

# Line by line: when everything from the top of the screen is erased at once, some terminals keep it as scrollback.
_ERASE = "\r\x1b[2K"
_ERASE_ABOVE = "\x1b[1A\x1b[2K"


def size_of(stream: IO[str]) -> os.terminal_size:
    """Return the size of the terminal *stream*, in columns and lines."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        size = os.get_terminal_size(stream.fileno())
        if size.columns > 0 and size.lines > 0:
            return size
    return DEFAULT


@attrs.define
class Block:
    """The lines that are currently drawn on *stream*, a terminal."""

    stream: IO[str]
    _columns: tuple[int, ...] = attrs.field(default=(), init=False)

    def draw(self, lines: Sequence[Line], size: os.terminal_size, above: str = "") -> None:
        """Replace the current lines with *lines*, none wider than a terminal of *size*; *above* stays above them."""
        text = self._erasing(size) + above + "\n".join(line for line, _ in lines)
        self._columns = tuple(columns for _, columns in lines)
        self.stream.write(text)
        self.stream.flush()

    def clear(self, size: os.terminal_size, above: str = "") -> None:
        """Erase the lines, and leave *above* in their place."""
        self.draw((), size, above)

    def _erasing(self, size: os.terminal_size) -> str:
        if not self._columns:
            return ""
        rows = sum(max(1, -(-columns // size.columns)) for columns in self._columns)
        return _ERASE + _ERASE_ABOVE * (min(rows, size.lines) - 1)
