"""The state of a running build, assembled from its events."""

from __future__ import annotations

import collections

from typing import TYPE_CHECKING

import attrs

from derivations.fetch import download_size, is_fetch
from derivations.realise.events import (
    Failed,
    Finished,
    Planned,
    Progress,
    Reused,
    Skipped,
    Started,
    Substituted,
    Unit,
    Waiting,
)


if TYPE_CHECKING:
    from derivations.derivation import Derivation
    from derivations.realise.events import Event, Phase


WINDOW = 10.0
"""Seconds over which the download rate is averaged: shorter, it would jump; longer, it would lag behind."""

SETTLED = 2.0
"""Seconds after which the rate is reliable enough to estimate the remaining time."""


MOST = 0.99
"""The largest share that is shown while something runs."""


@attrs.define
class Activity:
    """A derivation that is being built, here or by another process, *since* a time in seconds (`time.monotonic`)."""

    derivation: Derivation
    since: float
    waiting: bool = False
    done: int = 0
    expected: int | None = None
    unit: Unit | None = None
    phase: Phase | None = None
    _seconds: float | None = None  # that the rest was to take at the time of the last progress
    _at: float = 0.0

    def advance(self, event: Progress, now: float) -> None:
        """Record *event*."""
        self.done, self.expected, self.unit = event.done, event.expected, event.unit
        self.phase, self._seconds, self._at = event.phase, event.seconds, now

    def seconds_left(self, now: float) -> float | None:
        """Return how long the rest will take; None if that is unknown, or has passed."""
        left = None if self._seconds is None else self._seconds - (now - self._at)
        return None if left is None or left <= 0 else left

    def share(self, now: float) -> float | None:
        """Return what share of it is done, never all: it is not over. None if that is unknown."""
        if self.waiting or not self.expected:
            return None
        share = self.done / self.expected
        if (left := self.seconds_left(now)) is not None:
            share = min(share, (now - self.since) / (now - self.since + left))
        return min(share, MOST)


@attrs.define
class Downloads:
    """The downloads of a build, together.

    Attributes:
        sizes: The size of each download in bytes, by key: as known before, as the server reports it, as received.
        begun: When the first download began, in seconds (`time.monotonic`).
        fetched: How many downloads are complete.
        fetched_bytes: The sum of their sizes.
        received: How many bytes have been received.
    """

    sizes: dict[bytes, int | None] = attrs.field(factory=dict, init=False)
    begun: float | None = attrs.field(default=None, init=False)
    fetched: int = attrs.field(default=0, init=False)
    fetched_bytes: int = attrs.field(default=0, init=False)
    received: int = attrs.field(default=0, init=False)
    _lately: collections.deque[tuple[float, int]] = attrs.field(factory=collections.deque, init=False)

    @property
    def total(self) -> int | None:
        """Return the sum of all sizes, None if one is unknown."""
        sizes = [size for size in self.sizes.values() if size is not None]
        return sum(sizes) if len(sizes) == len(self.sizes) else None

    @property
    def is_over(self) -> bool:
        """Return whether all downloads are complete."""
        return self.fetched >= len(self.sizes)

    def rate(self, now: float) -> float:
        """Return the recent rate, in bytes per second."""
        if self.begun is None:
            return 0.0
        while self._lately and self._lately[0][0] < now - WINDOW:
            self._lately.popleft()
        return sum(count for _, count in self._lately) / max(1.0, min(WINDOW, now - self.begun))

    def seconds_left(self, now: float, here: int) -> float | None:
        """Return how long the rest will take, given that *here* bytes have been received; None if that is unknown."""
        rate, total = self.rate(now), self.total
        if self.begun is None or now - self.begun < SETTLED or not rate or total is None:
            return None
        return max(0, total - here) / rate

    def receive(self, count: int, now: float) -> None:
        """Record that *count* bytes have been received."""
        self.received += count
        self._lately.append((now, count))

    def finish(self, key: bytes, size: int) -> None:
        """Record that the download with *key* is complete, with *size* bytes; 0 if they were not counted."""
        self.sizes[key] = size or self.sizes.get(key) or 0
        self.fetched += 1
        self.fetched_bytes += self.sizes[key] or 0


@attrs.define
class State:
    """Everything that a display shows; *begun* is the start time, on the same clock as the times of events."""

    begun: float
    active: dict[bytes, Activity] = attrs.field(factory=dict, init=False)
    planned: int = attrs.field(default=0, init=False)
    done: int = attrs.field(default=0, init=False)
    downloads: Downloads = attrs.field(factory=Downloads, init=False)

    def take(self, event: Event, now: float) -> Activity | None:
        """Update the state with *event*; return the activity that it ends, if any."""
        match event:
            case Planned(build=build, fetches=fetches):
                self.planned = build
                self.downloads.sizes |= {it.key: download_size(it) for it in fetches}
            case Started(derivation=derivation):
                self._begin(Activity(derivation, now))
            case Waiting(derivation=derivation):
                self._begin(Activity(derivation, now, waiting=True))
            case Progress(derivation=derivation):
                self._progress(event, self.active.setdefault(derivation.key, Activity(derivation, now)), now)
            case Finished(derivation=derivation) | Reused(derivation=derivation) | Substituted(derivation=derivation):
                self.done += 1
                return self._end(derivation, fetched=isinstance(event, Finished))
            case Failed(derivation=derivation) | Skipped(derivation=derivation):
                return self._end(derivation, fetched=False)
        return None

    @property
    def downloading(self) -> list[Activity]:
        """Return the downloads in progress."""
        return [it for it in self.active.values() if is_fetch(it.derivation) and not it.waiting]

    @property
    def building(self) -> list[Activity]:
        """Return the other activities, the oldest first."""
        others = (it for it in self.active.values() if it.waiting or not is_fetch(it.derivation))
        return sorted(others, key=lambda it: it.since)

    @property
    def here(self) -> int:
        """Return how many bytes have been received, including those of complete downloads."""
        return self.downloads.fetched_bytes + sum(it.done for it in self.downloading)

    def _begin(self, activity: Activity) -> None:
        self.active[activity.derivation.key] = activity
        if is_fetch(activity.derivation) and not activity.waiting:
            self.downloads.sizes.setdefault(activity.derivation.key, download_size(activity.derivation))
            if self.downloads.begun is None:
                self.downloads.begun = activity.since

    def _progress(self, event: Progress, activity: Activity, now: float) -> None:
        if event.unit is Unit.BYTES and is_fetch(event.derivation):
            if event.done > activity.done:
                self.downloads.receive(event.done - activity.done, now)
            if event.expected is not None:
                self.downloads.sizes[event.derivation.key] = event.expected
        activity.advance(event, now)

    def _end(self, derivation: Derivation, *, fetched: bool) -> Activity | None:
        activity = self.active.pop(derivation.key, None)
        if is_fetch(derivation):
            if fetched:
                counted = activity.done if activity is not None and activity.unit is Unit.BYTES else 0
                self.downloads.finish(derivation.key, counted)
            else:
                self.downloads.sizes.pop(derivation.key, None)
        return activity
