"""A line that is written over itself."""

from __future__ import annotations

import io

from kernix.progress.line import ProgressLine


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def test_a_terminal_sees_how_far_it_is() -> None:
    """The line is drawn, drawn over at the end, and taken away."""
    stream = Terminal()
    with ProgressLine(stream) as line:
        line("marking", 0, 1)
        line("deleting", 500, 1000)
        line("deleting", 1000, 1000)
    assert ["", "marking", "deleting 100 %", ""] == stream.getvalue().split("\r\x1b[K")


def test_elsewhere_nothing_is_written() -> None:
    """A file or a pipe gets nothing."""
    stream = io.StringIO()
    with ProgressLine(stream) as line:
        line("deleting", 500, 1000)
    assert "" == stream.getvalue()
