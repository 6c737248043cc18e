"""Text in columns."""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence


def rows(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return *cells* as lines with the columns below each other; the last one is as long as it is."""
    if not cells:
        return []
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]
