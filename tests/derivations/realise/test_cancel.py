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


def test_turns_are_had_in_the_order_in_which_they_were_asked_for(cancellation: Cancellation) -> None:
    """Whoever asked first has the first turn, even if another one waits for his already."""
    slots = Slots(1, cancellation)
    first, second = slots.ask(), slots.ask()
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


def test_who_asked_and_does_not_come_keeps_nobody_waiting(cancellation: Cancellation) -> None:
    """A turn that is given up before it is had passes to the next."""
    slots = Slots(1, cancellation)
    gone, next_ = slots.ask(), slots.ask()
    gone.release()

    with slots.slot(next_) as slot:
        slot.release()
        slot.acquire()


def test_nobody_waits_once_nothing_is_to_begin(cancellation: Cancellation) -> None:
    """After a halt to wait for a turn is an error, and the turns of others are not lost."""
    slots = Slots(1, cancellation)
    slot = slots.ask()
    cancellation.halt()

    with pytest.raises(Cancelled):
        slot.acquire()
