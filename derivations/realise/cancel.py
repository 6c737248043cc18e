"""Stopping, and waiting for a turn: what the threads of one run agree on."""

from __future__ import annotations

import collections
import contextlib
import os
import threading

from typing import TYPE_CHECKING, Self

from derivations.realise.job import Cancelled


if TYPE_CHECKING:
    from collections.abc import Iterator


class Cancellation:
    """Two words to everybody: begin nothing new, and stop what runs. Once said they stay so.

    Attributes:
        descriptor: Can be read once what runs is to stop.
    """

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0)
        self._halted = False
        self._killed = False
        self._waiting: list[threading.Condition] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def wakes(self, condition: threading.Condition) -> None:
        """Have everybody woken who waits for *condition* when a word is said."""
        self._waiting.append(condition)

    def halt(self) -> None:
        """Tell everybody to begin nothing new."""
        self._halted = True
        for condition in self._waiting:
            with condition:
                condition.notify_all()

    def kill(self) -> None:
        """Tell everybody to stop."""
        self._killed = True
        os.eventfd_write(self.descriptor, 1)
        self.halt()

    def is_halted(self) -> bool:
        """Return whether nothing new is to begin."""
        return self._halted

    def is_killed(self) -> bool:
        """Return whether everybody is to stop."""
        return self._killed


class Slots:
    """A number of turns, given in the order in which they were asked for.

    To wait for one ends with `Cancelled` once nothing new is to begin.
    """

    def __init__(self, count: int, cancellation: Cancellation) -> None:
        self._free = count
        self._queue: collections.deque[Slot] = collections.deque()
        self._cancellation = cancellation
        self._condition = threading.Condition()
        cancellation.wakes(self._condition)

    def ask(self) -> Slot:
        """Ask for a turn, and return at once: it is had when the slot has been acquired."""
        slot = Slot(self)
        self.enter(slot)
        return slot

    @contextlib.contextmanager
    def slot(self, asked: Slot | None = None) -> Iterator[Slot]:
        """Give the body a turn, the one *asked* for before; it may be given back and taken again, and ends with the body."""
        slot = asked or self.ask()
        try:
            slot.acquire()
            yield slot
        finally:
            slot.release()

    def enter(self, slot: Slot) -> None:
        """Let *slot* wait behind all others."""
        with self._condition:
            self._queue.append(slot)

    def take(self, slot: Slot) -> None:
        """Wait until it is the turn of *slot*, which has entered.

        Raises:
            Cancelled: it will never be.
        """
        with self._condition:
            while not (self._free and self._queue[0] is slot) and not self._cancellation.is_halted():
                self._condition.wait()
            self._queue.remove(slot)
            self._condition.notify_all()  # there may be a turn for the next one, too
            if self._cancellation.is_halted():
                what = "waiting for a turn"
                raise Cancelled(what)
            self._free -= 1

    def leave(self, slot: Slot) -> None:
        """Let *slot* wait no longer, if it does."""
        with self._condition:
            if slot in self._queue:
                self._queue.remove(slot)
                self._condition.notify_all()

    def give(self) -> None:
        """Give a turn back."""
        with self._condition:
            self._free += 1
            self._condition.notify_all()


class Slot:
    """A turn, or the lack of one, of one thread."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._held = False
        self._entered = True

    def acquire(self) -> None:
        """Have a turn, waiting for it if necessary.

        Raises:
            Cancelled: there will be none.
        """
        if not self._held:
            if not self._entered:
                self._slots.enter(self)
            self._entered = False
            self._slots.take(self)
            self._held = True

    def release(self) -> None:
        """Have no turn, and wait for none."""
        if self._held:
            self._held = False
            self._slots.give()
        elif self._entered:
            self._entered = False
            self._slots.leave(self)
