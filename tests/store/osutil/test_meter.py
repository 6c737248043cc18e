"""The common progress of several threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from store.osutil.meter import Meter


def test_progress_is_reported() -> None:
    """Progress is reported at the start, then with each part, in order, and never beyond the total."""
    reported: list[tuple[str, int, int]] = []
    meter = Meter(lambda *it: reported.append(it), "hashing", 1000)
    with ThreadPoolExecutor(8) as executor:
        list(executor.map(meter.add, [3] * 400))
    assert [("hashing", min(1000, 3 * number), 1000) for number in range(401)] == reported


def test_skipped_items() -> None:
    """Progress can jump forward over skipped items, but never back."""
    reported: list[int] = []
    meter = Meter(lambda _what, done, _total: reported.append(done), "deleting", 10)
    meter.reach(5)
    meter.add()
    meter.reach(2)
    meter.reach(10)
    assert [0, 5, 6, 6, 10] == reported
