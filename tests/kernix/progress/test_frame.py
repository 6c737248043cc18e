"""The live display at every width."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.derivation import Derivation, Fixed
from derivations.realise.events import Finished, Planned, Progress, Reused, Started, Unit, Waiting
from kernix.progress.frame import ROWS, frame
from kernix.progress.state import State


if TYPE_CHECKING:
    from derivations.realise.events import Event


def download(name: str, size: int) -> Derivation:
    """Return the derivation of a package that is fetched."""
    fixed = Fixed("deb", f"{size:064}")
    return Derivation(name=name, system="builtin", builder="builtin:fetch-deb", env={"size": str(size)}, fixed=fixed)


GCC, LIBC = download("gcc-12", 8_000_000), download("libc6", 2_000_000)
LINUX = Derivation(name="linux-debian-6.12.117-config-resolved", system="x86_64-linux", builder="/bin/sh")
UNPACK = Derivation(name="tree", system="builtin", builder="builtin:unpack")
MANY = [Derivation(name=f"d{i}", system="x86_64-linux", builder="/bin/sh") for i in range(ROWS + 3)]
COMPILES: list[Event] = [Started(LINUX), Progress(LINUX, 812, 1530, Unit.OBJECTS)]
FETCHES: list[Event] = [
    Planned(7, 1, (GCC, LIBC)), Started(LIBC), Progress(LIBC, 2_000_000, 2_000_000, Unit.BYTES), Finished(LIBC, {}, 1.0),
    Started(GCC), Progress(GCC, 500_000, 8_000_000, Unit.BYTES),
]  # fmt: skip


def drawn(events: list[Event], width: int = 120, height: int = 40, after: float = 5.0) -> list[str]:
    """Return the display *after* seconds, with all *events* at the start."""
    state = State(0.0)
    for event in events:
        state.take(event, 0.0)
    return [line.plain for line in frame(state, after, width, height)]


@pytest.mark.parametrize(
    ("events", "words"),
    [
        pytest.param(COMPILES, ["linux-debian", "compiling", "812 of 1,530 objects", "0:05"], id="compiling"),
        pytest.param([Started(LINUX), Progress(LINUX, 9, None, Unit.OBJECTS)], ["compiling", "9 objects"], id="unknown"),
        pytest.param([Started(LINUX), Progress(LINUX, 9, 5, Unit.OBJECTS)], ["compiling", "  9 objects"], id="more-than-expected"),
        pytest.param([Started(UNPACK), Progress(UNPACK, 12345, None, Unit.FILES)], ["unpacking", "12,345 files"], id="files"),
        pytest.param(
            [Started(UNPACK), Progress(UNPACK, 12345, 86000, Unit.FILES)], ["12,345 of 86,000 files"], id="expected-files"
        ),
        pytest.param(
            FETCHES, ["fetching 2.5 of 10.0 MB, 15 s left, 500.0 kB/s, 1 of 2 files: gcc-12", "1 of 7 done"], id="fetching"
        ),
        pytest.param([Waiting(LINUX)], ["linux-debian", "waiting"], id="waiting"),
        pytest.param([Started(it) for it in MANY], ["d0", "and 3 more"], id="many"),
    ],
)  # fmt: skip
def test_the_display_shows_all_activities(events: list[Event], words: list[str]) -> None:
    """The display shows downloads with their bytes and remaining time, builds with their progress, and a summary."""
    display = "\n".join(drawn(events))
    assert words == [word for word in words if word in display]


@pytest.mark.parametrize("width", [30, 40, 55, 60, 80, 200])
def test_names_counts_and_times_fit(width: int) -> None:
    """On a narrow terminal no line is too long, and names, counts and times are shown."""
    lines = drawn([*FETCHES, *COMPILES, Started(UNPACK)], width)
    text = "\n".join(lines)
    assert max(map(len, lines)) < width
    words = ["fetching 2.5 of 10.0 MB", "linux-deb", "resolved", "812 of 1,530", "0:05", "tree", "1 of 7 done"]
    assert words == [word for word in words if word in text]


@pytest.mark.parametrize("width", [1, 2, 5, 10])
def test_no_terminal_is_too_narrow(width: int) -> None:
    """On a few columns nothing is readable, and nothing breaks."""
    assert max(map(len, drawn([*FETCHES, *COMPILES], width))) <= max(1, width - 1)


@pytest.mark.parametrize("width", [30, 120])
@pytest.mark.parametrize("height", [1, 3, 6, 10])
def test_the_display_is_not_higher_than_the_terminal(width: int, height: int) -> None:
    """Builds that do not fit are omitted."""
    assert len(drawn([*FETCHES, *(Started(it) for it in MANY)], width, height)) <= max(1, height - 1)


def test_a_download_that_is_found_is_not_waited_for() -> None:
    """A reused download is no longer part of the total."""
    line = drawn([Planned(2, 0, (GCC, LIBC)), Reused(LIBC, {}), *FETCHES[-2:]])[0]
    assert line.startswith("fetching 500.0 kB of 8.0 MB")


def test_without_all_sizes_there_is_no_total() -> None:
    """A sum with an unknown part is not shown."""
    unknown = Derivation(name="file", system="builtin", builder="builtin:fetch-url", fixed=Fixed("flat", "1" * 64))
    line = drawn([Planned(2, 0, (GCC, unknown)), Started(GCC), Progress(GCC, 4_000_000, 8_000_000, Unit.BYTES)])[0]
    assert line.startswith("fetching 4.0 MB, 800.0 kB/s, 0 of 2 files")
