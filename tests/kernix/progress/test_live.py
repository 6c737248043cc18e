"""The live display, drawn on an in-memory terminal."""

from __future__ import annotations

import io
import re

from typing import TYPE_CHECKING

import pytest

from rich.console import Console

from derivations.derivation import Derivation, Fixed
from derivations.realise.events import Failed, Finished, Progress, Started, Unit, Warned
from kernix.progress.live import LiveProgress
from store.errors import UsageError


if TYPE_CHECKING:
    from derivations.realise.events import Event


FETCH = Derivation(name="gcc-12", system="builtin", builder="builtin:fetch-deb", fixed=Fixed("deb", "0" * 64))
LINUX = Derivation(name="linux-6.12", system="x86_64-linux", builder="/bin/sh")
UNPACK = Derivation(name="tree", system="builtin", builder="builtin:unpack")


def printed(events: list[Event]) -> str:
    """Return the output that *events* leave behind."""
    file = io.StringIO()
    live = LiveProgress(Console(file=file, width=120))
    with live:
        for event in events:
            live(event)
    return screen(file.getvalue())


def screen(written: str) -> str:
    """Return the screen of a terminal after *written*, which uses only the display's few sequences."""
    rows, row = [""], 0
    for token in re.findall(r"\x1b\[[0-9?]*[a-zA-Z]|[^\x1b\r\n]+|[\r\n]", written):
        match token:
            case "\n":
                row += 1
                rows += [""] * (row + 1 - len(rows))
            case "\x1b[1A":
                row -= 1
            case "\x1b[2K":
                rows[row] = ""
            case "\r" | "\x1b[?25l" | "\x1b[?25h":
                pass
            case _:
                rows[row] += token
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([Started(LINUX), Finished(LINUX, {}, 160.0)], "built linux-6.12 in 2 min 40 s\n", id="built"),
        pytest.param(
            [Started(FETCH), Progress(FETCH, 9_000_000, 9_000_000, Unit.BYTES), Finished(FETCH, {}, 1.0)],
            "fetched 1 file, 9.0 MB in 0.0 s\n",
            id="fetched",
        ),
        pytest.param([Started(LINUX), Failed(LINUX, UsageError("no"))], "linux-6.12 failed after 0.0 s\n", id="failed"),
        pytest.param([Warned("look [here]")], "warning: look [here]\n", id="markup-is-text"),
        pytest.param([Started(UNPACK), Finished(UNPACK, {}, 0.1)], "", id="quick-builtin"),
    ],
)
def test_lines_above_the_display(events: list[Event], expected: str) -> None:
    """Builds, failures, warnings and the sum of the downloads stay; everything else vanishes with the display."""
    assert expected == printed(events)
