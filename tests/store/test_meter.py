"""What several threads have done, together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from store.meter import Meter


def test_what_all_have_done_is_told() -> None:
    """The step is told at its start, then with each part, in order, and never beyond its end."""
    told: list[tuple[str, int, int]] = []
    meter = Meter(lambda *it: told.append(it), "hashing", 1000)
    with ThreadPoolExecutor(8) as executor:
        list(executor.map(meter.add, [3] * 400))
    assert [("hashing", min(1000, 3 * number), 1000) for number in range(401)] == told
