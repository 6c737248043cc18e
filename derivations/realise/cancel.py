"""Stopping, and waiting for a turn: what the threads of one run agree on."""

from __future__ import annotations

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
    """A number of turns; to wait for one ends with `Cancelled` once nothing new is to begin."""

    def __init__(self, count: int, cancellation: Cancellation) -> None:
        self._free = count
        self._cancellation = cancellation
        self._condition = threading.Condition()
        cancellation.wakes(self._condition)

    @contextlib.contextmanager
    def slot(self) -> Iterator[Slot]:
        """Give the body a turn, which it may give back and take again; in the end it is given back."""
        slot = Slot(self)
        slot.acquire()
        try:
            yield slot
        finally:
            slot.release()

    def take(self) -> None:
        """Wait for a turn.

        Raises:
            Cancelled: there will be none.
        """
        with self._condition:
            while not self._free and not self._cancellation.is_halted():
                self._condition.wait()
            if self._cancellation.is_halted():
                what = "waiting for a turn"
                raise Cancelled(what)
            self._free -= 1

    def give(self) -> None:
        """Give a turn back."""
        with self._condition:
            self._free += 1
            self._condition.notify()


class Slot:
    """A turn, or the lack of one, of one thread."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._held = False

    def acquire(self) -> None:
        """Have a turn, waiting for it if necessary.

        Raises:
            Cancelled: there will be none.
        """
        if not self._held:
            self._slots.take()
            self._held = True

    def release(self) -> None:
        """Have no turn."""
        if self._held:
            self._held = False
            self._slots.give()
