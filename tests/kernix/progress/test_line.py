"""A progress line that is redrawn in place."""

from __future__ import annotations

import io
import itertools
import os
import re
import termios
import time

from typing import TYPE_CHECKING

import pytest

from kernix.progress.line import ProgressLine


if TYPE_CHECKING:
    from collections.abc import Iterator


class Terminal(io.StringIO):
    """A stream that says it is a terminal of unknown size."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@pytest.fixture
def narrow() -> Iterator[io.TextIOWrapper]:
    """Return a terminal of 20 columns."""
    keyboard, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (10, 20))
    with os.fdopen(terminal, "w") as stream:
        yield stream
    os.close(keyboard)


def test_a_terminal_sees_how_far_it_is() -> None:
    """The line is drawn, redrawn at the end, and erased."""
    stream = Terminal()
    with ProgressLine(stream) as line:
        line("marking", 0, 1)
        line("deleting", 500, 1000)
        line("deleting", 1000, 1000)
    drawn = [re.sub(r"  \d+:\d\d$", "", it) for it in stream.getvalue().split("\r\x1b[2K")]
    assert ["marking", "deleting 50 %", "deleting 100 %", ""] == [it for it, _ in itertools.groupby(drawn)]


def test_the_time_goes_on() -> None:
    """While a step reports nothing, the line shows the time."""
    stream = Terminal()
    with ProgressLine(stream) as line:
        line("sweeping", 0, 1)
        while "sweeping  0:0" not in stream.getvalue():
            time.sleep(0.01)


def test_a_narrow_terminal_sees_the_count(narrow: io.TextIOWrapper) -> None:
    """Text that does not fit is cut, but not the count: a wrapped line could not be erased."""
    with ProgressLine(narrow) as line:
        line("verifying a thing with a long name", 3, 4)
        assert (True, True) == (
            re.fullmatch(r"verifying.* 75 %(  \d+:\d\d)?", line.text) is not None,
            len(line.text) < 20,
        )


def test_elsewhere_a_line_comes_once_in_a_while() -> None:
    """A file or a pipe gets a line once enough time has passed, without escape sequences."""
    stream, eager = io.StringIO(), io.StringIO()
    for each, every in ((stream, 1e6), (eager, 0.0)):
        with ProgressLine(each, every) as line:
            line("deleting", 500, 1000)
    assert "" == stream.getvalue()
    assert re.match(r"deleting 50 %, \d+\.\d s\n", eager.getvalue())
