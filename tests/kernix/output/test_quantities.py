"""Sizes and times, written and read."""

from __future__ import annotations

import pytest

from kernix.output.quantities import duration, number, parse_size, parse_time, size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0", 0, id="zero"),
        pytest.param("1024", 1024, id="bytes"),
        pytest.param("5G", 5 * 2**30, id="gigabytes"),
        pytest.param("500 MiB", 500 * 2**20, id="spelled-out"),
        pytest.param("1.5k", 1536, id="fraction"),
    ],
)
def test_sizes_are_read(text: str, expected: int) -> None:
    """A size is a number and a power of 1024."""
    assert expected == parse_size(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("90", 90, id="seconds"),
        pytest.param("30m", 1800, id="minutes"),
        pytest.param("2h", 7200, id="hours"),
        pytest.param("14d", 14 * 86_400, id="days"),
        pytest.param("2 w", 14 * 86_400, id="weeks"),
        pytest.param("0.5h", 1800, id="fraction"),
    ],
)
def test_times_are_read(text: str, expected: float) -> None:
    """A length of time is a number and a unit."""
    assert expected == parse_time(text)


@pytest.mark.parametrize("text", ["", "5X", "-1G", "G", "1 2", "\u0661"])
def test_invalid_sizes_are_refused(text: str) -> None:
    """Anything else is an error that shows how a size is written."""
    with pytest.raises(ValueError, match="write it as 500M"):
        parse_size(text)


@pytest.mark.parametrize("text", ["", "14x", "-1d", "d", "1h30", "soon"])
def test_invalid_times_are_refused(text: str) -> None:
    """Anything else is an error that shows how a time is written."""
    with pytest.raises(ValueError, match="write it as 30m"):
        parse_time(text)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (93_400_000, "93.4 MB"), (999_960, "1.0 MB"), (5e12, "5.0 TB")],
)
def test_sizes_are_written(count: float, expected: str) -> None:
    """A size has one decimal, in the largest unit that fits."""
    assert expected == size(count)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (160, "2 min 40 s"), (3900, "1 h 5 min")],
)
def test_times_are_written(seconds: float, expected: str) -> None:
    """A time has its two largest units."""
    assert expected == duration(seconds)


def test_numbers_have_nouns() -> None:
    """One is singular, everything else plural; thousands are separated."""
    assert [
        number(1, "object"),
        number(0, "object"),
        number(1000, "entry", "entries"),
    ] == ["1 object", "0 objects", "1,000 entries"]
