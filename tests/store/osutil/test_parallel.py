"""Applying a function to many items."""

from __future__ import annotations

import threading

import pytest

from store.osutil.parallel import in_parallel


@pytest.mark.parametrize("workers", [1, 3, 50])
def test_results_keep_their_order(workers: int) -> None:
    """The results are in the order of the items, whichever thread made them."""
    assert [number * number for number in range(20)] == in_parallel(lambda number: number**2, range(20), workers)


def test_nothing() -> None:
    """No items give no results."""
    assert in_parallel(str, [], 4) == []


def test_items_run_in_parallel() -> None:
    """As many items are processed at the same time as there are workers."""
    barrier = threading.Barrier(4, timeout=60)
    assert sorted(in_parallel(lambda _: barrier.wait(), range(4), 4)) == [0, 1, 2, 3]


@pytest.mark.parametrize("workers", [1, 4])
def test_error(workers: int) -> None:
    """An error is raised in the caller, and no further item is begun."""
    begun: list[int] = []

    def fail(number: int) -> None:
        begun.append(number)
        raise ValueError(number)

    with pytest.raises(ValueError, match=r"^[0-3]$"):
        in_parallel(fail, range(100), workers)
    assert len(begun) <= workers
