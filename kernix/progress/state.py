"""What is going on during a build, put together from its events."""

from __future__ import annotations

import collections

from typing import TYPE_CHECKING

import attrs

from derivations.realise.events import Failed, Finished, Planned, Progress, Reused, Skipped, Started, Unit, Waiting
from kernix.progress.words import is_fetch


if TYPE_CHECKING:
    from derivations.derivation import Derivation
    from derivations.realise.events import Event


WINDOW = 3.0
"""Seconds over which the rate of downloads is taken."""


@attrs.define
class Activity:
    """One derivation that is being built, or that another process builds."""

    derivation: Derivation
    since: float
    waiting: bool = False
    done: int = 0
    expected: int | None = None
    unit: Unit | None = None


@attrs.define
class State:
    """Everything that a display shows; *begun* is the time, on the clock of the events' times."""

    begun: float
    active: dict[bytes, Activity] = attrs.field(factory=dict, init=False)
    planned: int = attrs.field(default=0, init=False)
    done: int = attrs.field(default=0, init=False)
    fetched: int = attrs.field(default=0, init=False)
    fetched_bytes: int = attrs.field(default=0, init=False)
    _received: collections.deque[tuple[float, int]] = attrs.field(factory=collections.deque, init=False)
    _total: int = attrs.field(default=0, init=False)

    def take(self, event: Event, now: float) -> Activity | None:
        """Take *event* into account; return the activity that it ends, if it ends one."""
        match event:
            case Planned(build=build):
                self.planned = build
            case Started(derivation=derivation):
                self.active[derivation.key] = Activity(derivation, now)
            case Waiting(derivation=derivation):
                self.active[derivation.key] = Activity(derivation, now, waiting=True)
            case Progress(derivation=derivation):
                self._progress(event, self.active.setdefault(derivation.key, Activity(derivation, now)), now)
            case Finished(derivation=derivation) | Reused(derivation=derivation):
                self.done += 1
                return self._end(derivation)
            case Failed(derivation=derivation) | Skipped(derivation=derivation):
                return self._end(derivation)
        return None

    def rate(self, now: float) -> float:
        """Return how many bytes a second have been downloaded lately."""
        while self._received and self._received[0][0] < now - WINDOW:
            self._received.popleft()
        span = max(1.0, min(WINDOW, now - self.begun))
        return sum(count for _, count in self._received) / span

    @property
    def downloading(self) -> list[Activity]:
        """Return the downloads that are under way."""
        return [it for it in self.active.values() if is_fetch(it.derivation) and not it.waiting]

    @property
    def received(self) -> int:
        """Return how many bytes have been downloaded."""
        return self._total

    def _progress(self, event: Progress, activity: Activity, now: float) -> None:
        if event.unit is Unit.BYTES and is_fetch(event.derivation):
            new = event.done - activity.done
            if new > 0:
                self._received.append((now, new))
                self._total += new
        activity.done, activity.expected, activity.unit = event.done, event.expected, event.unit

    def _end(self, derivation: Derivation) -> Activity | None:
        activity = self.active.pop(derivation.key, None)
        if activity is not None and is_fetch(derivation) and not activity.waiting:
            self.fetched += 1
            if activity.unit is Unit.BYTES:
                self.fetched_bytes += activity.done
        return activity
