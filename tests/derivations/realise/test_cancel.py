"""Tests for derivations.realise.cancel."""

from __future__ import annotations

import threading

from typing import TYPE_CHECKING

import pytest

from derivations.realise.cancel import Cancellation, Slots
from derivations.realise.job import Cancelled


if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def cancellation() -> Iterator[Cancellation]:
    with Cancellation() as it:
        yield it


def test_slots_are_granted_in_the_order_of_the_requests(cancellation: Cancellation) -> None:
    """The first request gets the first slot, even if another thread is already waiting."""
    slots = Slots(1, cancellation)
    first, second = slots.request(), slots.request()
    order = []

    def late() -> None:
        with slots.slot(second):
            order.append("second")

    thread = threading.Thread(target=late)
    thread.start()
    with slots.slot(first):
        order.append("first")
    thread.join()

    assert ["first", "second"] == order


def test_a_dropped_request_blocks_nobody(cancellation: Cancellation) -> None:
    """A request given up before it is granted passes its turn on."""
    slots = Slots(1, cancellation)
    gone, next_ = slots.request(), slots.request()
    gone.release()

    with slots.slot(next_) as slot:
        slot.release()
        slot.acquire()


def test_nobody_waits_after_a_halt(cancellation: Cancellation) -> None:
    """After a halt, waiting for a slot is an error, and other slots are not lost."""
    slots = Slots(1, cancellation)
    slot = slots.request()
    cancellation.halt()

    with pytest.raises(Cancelled):
        slot.acquire()
