"""The live display, drawn on a terminal of memory."""

from __future__ import annotations

import io

from typing import TYPE_CHECKING

import pytest

from rich.console import Console

from derivations.derivation import Derivation, Fixed
from derivations.realise.events import Failed, Finished, Planned, Progress, Started, Unit, Waiting, Warned
from kernix.progress.live import ROWS, LiveProgress
from store.errors import UsageError


if TYPE_CHECKING:
    from derivations.realise.events import Event


FETCH = Derivation(name="gcc-12", system="builtin", builder="builtin:fetch-deb", fixed=Fixed("deb", "0" * 64))
LINUX = Derivation(name="linux-6.12", system="x86_64-linux", builder="/bin/sh")
UNPACK = Derivation(name="tree", system="builtin", builder="builtin:unpack")
MANY = [Derivation(name=f"d{i}", system="x86_64-linux", builder="/bin/sh") for i in range(ROWS + 3)]


def drawn(events: list[Event]) -> str:
    """Return the display after *events*."""
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    live = LiveProgress(console)
    for event in events:
        live(event)
    with console.capture() as capture:
        console.print(live.render())
    return capture.get()


def printed(events: list[Event]) -> str:
    """Return what stays of *events*."""
    file = io.StringIO()
    live = LiveProgress(Console(file=file, width=120))
    with live:
        for event in events:
            live(event)
    return file.getvalue()


@pytest.mark.parametrize(
    ("events", "words"),
    [
        pytest.param(
            [Started(LINUX), Progress(LINUX, 812, 1530, Unit.OBJECTS)],
            ["linux-6.12", "compiling", "812 of 1,530 objects"],
            id="compiling",
        ),
        pytest.param(
            [Started(LINUX), Progress(LINUX, 9, None, Unit.OBJECTS)], ["compiling", "9 objects"], id="unknown"
        ),
        pytest.param(
            [Started(LINUX), Progress(LINUX, 9, 5, Unit.OBJECTS)], ["9 of 5 objects"], id="more-than-expected"
        ),
        pytest.param(
            [Started(UNPACK), Progress(UNPACK, 12345, None, Unit.FILES)], ["unpacking", "12,345 files"], id="files"
        ),
        pytest.param(
            [Started(FETCH), Progress(FETCH, 2_000_000, 8_000_000, Unit.BYTES)],
            ["fetching 2.0 MB of 8.0 MB, 2.0 MB/s", "gcc-12"],
            id="fetching",
        ),
        pytest.param([Waiting(LINUX)], ["linux-6.12", "waiting for another process"], id="waiting"),
        pytest.param([Planned(7, 1), Started(LINUX), Finished(LINUX, {}, 1.0)], ["1 of 7 done"], id="done"),
        pytest.param([Started(it) for it in MANY], ["d0", "and 3 more"], id="many"),
    ],
)
def test_the_display_shows_what_goes_on(events: list[Event], words: list[str]) -> None:
    """Downloads with bytes and rate, builds with how far they are, and the sum of it."""
    display = drawn(events)
    assert words == [word for word in words if word in display]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([Started(LINUX), Finished(LINUX, {}, 160.0)], "built linux-6.12 in 2 min 40 s\n", id="built"),
        pytest.param(
            [Started(FETCH), Progress(FETCH, 9_000_000, 9_000_000, Unit.BYTES), Finished(FETCH, {}, 1.0)],
            "fetched 1 file, 9.0 MB\n",
            id="fetched",
        ),
        pytest.param([Started(LINUX), Failed(LINUX, UsageError("no"))], "linux-6.12 failed after 0.0 s\n", id="failed"),
        pytest.param([Warned("look [here]")], "warning: look [here]\n", id="markup-is-text"),
        pytest.param([Started(UNPACK), Finished(UNPACK, {}, 0.1)], "", id="quick-builtin"),
    ],
)
def test_what_stays_above_the_display(events: list[Event], expected: str) -> None:
    """Builds, failures, warnings and the sum of the downloads stay; all else goes with the display."""
    assert expected == printed(events)
