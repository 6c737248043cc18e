"""The benchmarks' table: times and bounds."""

from __future__ import annotations

import pytest

from benchmarks.report import Bound, Result, as_json, notes, table


def result(*bounds: Bound, **times: tuple[float, ...]) -> Result:
    """Return a result with *times* by side."""
    return Result(name="it", what="work", times=times, bounds=bounds, notes=("a note",))


@pytest.mark.parametrize(
    ("bound", "limit"),
    [
        pytest.param(Bound(floor=0.35), 0.35, id="seconds"),
        pytest.param(Bound(peer="nix", factor=0.5), 1.5, id="part-of-a-peer"),
        pytest.param(Bound(peer="nix", factor=1, plus=0.1), 3.1, id="peer-and-more"),
        pytest.param(Bound(peer="nix", factor=0.01, plus=0.1, floor=0.15), 0.15, id="whichever-is-more"),
        pytest.param(Bound(peer="tar", factor=2), None, id="peer-not-there"),
    ],
)
def test_limit(bound: Bound, limit: float | None) -> None:
    """A bound is a number of seconds, or a fraction of a peer's time, or unknown without the peer."""
    assert bound.limit({"kernix": 1.0, "nix": 3.0}) == limit


@pytest.mark.parametrize(
    ("seconds", "met"),
    [pytest.param((9.0, 1.5, 0.1), True, id="met"), pytest.param((1.6, 1.6, 0.1), False, id="missed")],
)
def test_median_is_judged(seconds: tuple[float, ...], met: bool) -> None:
    """The median decides, whatever the best and the worst round are."""
    found = result(Bound(peer="nix", factor=0.5), kernix=seconds, nix=(3.0, 3.0, 3.0)).verdicts

    assert [verdict for _, _, verdict in found] == [met]


def test_without_peer() -> None:
    """Without its peer a bound is neither met nor missed, but its row is printed."""
    found = result(Bound(peer="nix", factor=0.5), kernix=(1.0, 2.0, 3.0))

    assert found.verdicts == [(Bound(peer="nix", factor=0.5), None, None)]
    assert table([found]).splitlines()[-1] == "| work | 3 | 2.00 s | nix |  | 0.5 of nix |  |"


def test_table() -> None:
    """The table has one line per bound, and then one for each peer without a bound."""
    found = result(Bound(peer="nix", factor=0.5), Bound(floor=0.35), kernix=(2.0,), nix=(3.0,), tar=(4.0,))

    assert table([found]).splitlines()[2:] == [
        "| work | 1 | 2.00 s | nix 3.00 s | 0.67 | 0.5 of nix = 1.50 s | **no** |",
        "|  |  |  |  |  | 0.35 s | **no** |",
        "|  |  |  | tar 4.00 s | 0.50 |  |  |",
    ]


def test_json_has_every_time() -> None:
    """The JSON has the machine and all times; the notes are the table's."""
    found = result(Bound(floor=0.35), kernix=(0.1, 0.2, 0.3))

    document = as_json({"processor": "one"}, [found])

    assert document["machine"] == {"processor": "one"}
    assert document["results"][0]["seconds"] == {"kernix": [0.1, 0.2, 0.3]}
    assert document["results"][0]["bounds"] == [{"bound": "0.35 s", "seconds": 0.35, "reached": True}]
    assert notes([found]) == "- it: a note"
