"""What is going on during a build, put together from its events."""

from __future__ import annotations

import collections

from typing import TYPE_CHECKING

import attrs

from derivations.fetch import download_size, is_fetch
from derivations.realise.events import Failed, Finished, Planned, Progress, Reused, Skipped, Started, Unit, Waiting


if TYPE_CHECKING:
    from derivations.derivation import Derivation
    from derivations.realise.events import Event


WINDOW = 10.0
"""Seconds over which the rate of downloads is taken."""

SETTLED = 2.0
"""Seconds after which a rate says how long the rest will take."""


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
class Downloads:
    """The downloads of a build, together.

    Attributes:
        sizes: The bytes of each that is wanted, by key: what is known before, what the server says, what came.
        begun: When the first one began.
        fetched: How many are there.
        fetched_bytes: How many bytes these had.
        received: How many bytes came in.
    """

    sizes: dict[bytes, int | None] = attrs.field(factory=dict, init=False)
    begun: float | None = attrs.field(default=None, init=False)
    fetched: int = attrs.field(default=0, init=False)
    fetched_bytes: int = attrs.field(default=0, init=False)
    received: int = attrs.field(default=0, init=False)
    _lately: collections.deque[tuple[float, int]] = attrs.field(factory=collections.deque, init=False)

    @property
    def total(self) -> int | None:
        """Return how many bytes all have, None if that is not known."""
        sizes = [size for size in self.sizes.values() if size is not None]
        return sum(sizes) if len(sizes) == len(self.sizes) else None

    @property
    def is_over(self) -> bool:
        """Return whether all that was wanted is there."""
        return self.fetched >= len(self.sizes)

    def rate(self, now: float) -> float:
        """Return how many bytes a second have come in lately."""
        if self.begun is None:
            return 0.0
        while self._lately and self._lately[0][0] < now - WINDOW:
            self._lately.popleft()
        return sum(count for _, count in self._lately) / max(1.0, min(WINDOW, now - self.begun))

    def seconds_left(self, now: float, here: int) -> float | None:
        """Return how long the rest will take if *here* bytes are there; None if that cannot be said."""
        rate, total = self.rate(now), self.total
        if self.begun is None or now - self.begun < SETTLED or not rate or total is None:
            return None
        return max(0, total - here) / rate

    def receive(self, count: int, now: float) -> None:
        """Note that *count* bytes came in."""
        self.received += count
        self._lately.append((now, count))

    def finish(self, key: bytes, size: int) -> None:
        """Note that the download with *key* is there, with *size* bytes; 0 if nobody counted them."""
        self.sizes[key] = size or self.sizes.get(key) or 0
        self.fetched += 1
        self.fetched_bytes += self.sizes[key] or 0


@attrs.define
class State:
    """Everything that a display shows; *begun* is the time, on the clock of the events' times."""

    begun: float
    active: dict[bytes, Activity] = attrs.field(factory=dict, init=False)
    planned: int = attrs.field(default=0, init=False)
    done: int = attrs.field(default=0, init=False)
    downloads: Downloads = attrs.field(factory=Downloads, init=False)

    def take(self, event: Event, now: float) -> Activity | None:
        """Take *event* into account; return the activity that it ends, if it ends one."""
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
            case Finished(derivation=derivation) | Reused(derivation=derivation):
                self.done += 1
                return self._end(derivation, fetched=isinstance(event, Finished))
            case Failed(derivation=derivation) | Skipped(derivation=derivation):
                return self._end(derivation, fetched=False)
        return None

    @property
    def downloading(self) -> list[Activity]:
        """Return the downloads that are under way."""
        return [it for it in self.active.values() if is_fetch(it.derivation) and not it.waiting]

    @property
    def building(self) -> list[Activity]:
        """Return what else is under way, what began first at the top."""
        others = (it for it in self.active.values() if it.waiting or not is_fetch(it.derivation))
        return sorted(others, key=lambda it: it.since)

    @property
    def here(self) -> int:
        """Return how many bytes of the downloads are there, those of finished ones among them."""
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
        activity.done, activity.expected, activity.unit = event.done, event.expected, event.unit

    def _end(self, derivation: Derivation, *, fetched: bool) -> Activity | None:
        activity = self.active.pop(derivation.key, None)
        if is_fetch(derivation):
            if fetched:
                counted = activity.done if activity is not None and activity.unit is Unit.BYTES else 0
                self.downloads.finish(derivation.key, counted)
            else:
                self.downloads.sizes.pop(derivation.key, None)
        return activity
