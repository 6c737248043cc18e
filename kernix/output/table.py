"""Text in columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernix.output.printable import one_line


if TYPE_CHECKING:
    from collections.abc import Sequence


def rows(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return *cells*, each on one line, as lines of aligned columns; the last column is not padded."""
    if not cells:
        return []
    shown = [[one_line(text) for text in row] for row in cells]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in shown]
