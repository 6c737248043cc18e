"""Cancellation and job slots, shared by the threads of one run."""

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
    """Two flags for all threads: *halt* (start nothing new) and *kill* (stop what runs). Neither can be undone.

    Attributes:
        descriptor: Becomes readable on a kill.
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

    def notify(self, condition: threading.Condition) -> None:
        """Notify *condition* on a halt or a kill."""
        self._waiting.append(condition)

    def halt(self) -> None:
        """Start nothing new."""
        self._halted = True
        for condition in self._waiting:
            with condition:
                condition.notify_all()

    def kill(self) -> None:
        """Start nothing new, and stop what runs."""
        self._killed = True
        os.eventfd_write(self.descriptor, 1)
        self.halt()

    def is_halted(self) -> bool:
        """Return whether nothing new may start."""
        return self._halted

    def is_killed(self) -> bool:
        """Return whether running work must stop."""
        return self._killed


class Slots:
    """A fair semaphore: a number of slots, granted in the order of the requests.

    Waiting ends with `Cancelled` after a halt.
    """

    def __init__(self, count: int, cancellation: Cancellation) -> None:
        self._free = count
        self._queue: collections.deque[Slot] = collections.deque()
        self._cancellation = cancellation
        self._condition = threading.Condition()
        cancellation.notify(self._condition)

    def request(self) -> Slot:
        """Queue a request for a slot and return at once; `Slot.acquire` waits for it."""
        slot = Slot(self)
        self.enqueue(slot)
        return slot

    @contextlib.contextmanager
    def slot(self, requested: Slot | None = None) -> Iterator[Slot]:
        """Hold a slot in the body, the one *requested* for before if given; the body may release and reacquire it."""
        slot = requested or self.request()
        try:
            slot.acquire()
            yield slot
        finally:
            slot.release()

    def enqueue(self, slot: Slot) -> None:
        """Queue *slot* behind all others."""
        with self._condition:
            self._queue.append(slot)

    def wait_for_turn(self, slot: Slot) -> None:
        """Wait until it is the turn of *slot*, which is in the queue.

        Raises:
            Cancelled: the run was halted.
        """
        with self._condition:
            while not (self._free and self._queue[0] is slot) and not self._cancellation.is_halted():
                self._condition.wait()
            self._queue.remove(slot)
            self._condition.notify_all()  # there may be a free slot for the next one, too
            if self._cancellation.is_halted():
                what = "waiting for a slot"
                raise Cancelled(what)
            self._free -= 1

    def dequeue(self, slot: Slot) -> None:
        """Remove *slot* from the queue, if it waits there."""
        with self._condition:
            if slot in self._queue:
                self._queue.remove(slot)
                self._condition.notify_all()

    def free(self) -> None:
        """Free one slot."""
        with self._condition:
            self._free += 1
            self._condition.notify_all()


class Slot:
    """One thread's request for a slot, waiting or granted."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._held = False
        self._entered = True

    def acquire(self) -> None:
        """Hold the slot, waiting for it if necessary.

        Raises:
            Cancelled: the run was halted.
        """
        if not self._held:
            if not self._entered:
                self._slots.enqueue(self)
            self._entered = False
            self._slots.wait_for_turn(self)
            self._held = True

    def release(self) -> None:
        """Give back the slot, or stop waiting for it."""
        if self._held:
            self._held = False
            self._slots.free()
        elif self._entered:
            self._entered = False
            self._slots.dequeue(self)
