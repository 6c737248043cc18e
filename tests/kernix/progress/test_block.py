"""Lines that are redrawn in place: exactly the rows that they take by now are erased."""

from __future__ import annotations

import io
import os

import pytest

from kernix.progress.block import Block


WIDE = os.terminal_size((80, 24))


@pytest.mark.parametrize(
    ("columns", "size", "rows"),
    [
        pytest.param([10, 20], WIDE, 2, id="as-written"),
        pytest.param([79], WIDE, 1, id="full"),
        pytest.param([79, 79], os.terminal_size((40, 24)), 4, id="broken-in-two"),
        pytest.param([79, 10], os.terminal_size((39, 24)), 4, id="broken-in-three"),
        pytest.param([79, 79], os.terminal_size((200, 24)), 2, id="wider"),
        pytest.param([0], WIDE, 1, id="empty-line"),
        pytest.param([79] * 5, os.terminal_size((40, 6)), 6, id="no-more-than-the-screen"),
    ],
)
def test_as_many_rows_are_erased_as_the_lines_take(columns: list[int], size: os.terminal_size, rows: int) -> None:
    """A terminal that became narrower has wrapped the lines; a wider one has not changed them."""
    stream = io.StringIO()
    block = Block(stream)
    block.draw([("x" * it, it) for it in columns], WIDE)
    stream.truncate(0)
    block.clear(size)
    assert rows == stream.getvalue().count("\x1b[2K") == stream.getvalue().count("\x1b[1A") + 1


def test_lasting_lines_are_above() -> None:
    """Lines that stay replace the drawn ones, which follow."""
    stream = io.StringIO()
    block = Block(stream)
    block.draw([("one", 3)], WIDE)
    block.draw([("two", 3)], WIDE, "stays\n")
    assert "one\r\x1b[2Kstays\ntwo" == stream.getvalue()


def test_nothing_drawn_is_nothing_to_erase() -> None:
    """The line of the cursor at the start is not ours."""
    stream = io.StringIO()
    Block(stream).clear(WIDE)
    assert "" == stream.getvalue()
