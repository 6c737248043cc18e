"""Pulling: objects with everything that they refer to, from the first of several caches that has each.

Everything is looked up first. Then the largest objects are fetched first, some at once, and each is registered once
everything that it refers to is. What fails with one cache is tried with the next.
"""

from __future__ import annotations

import contextlib
import threading

from typing import TYPE_CHECKING

import attrs

from store.caches.download import ignore
from store.caches.errors import CacheError, CacheUnreachable
from store.caches.fetch import Fetching
from store.errors import Error
from store.osutil.locks import locked
from store.osutil.parallel import in_parallel
from store.osutil.space import disk_full_reported
from store.signing.trusted import Untrusted


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from store.caches.cache import Cache
    from store.caches.info import Info
    from store.caches.result import Result
    from store.local import Store
    from store.path import StorePath
    from store.registration import Entry


LOOK_UPS = 16
"""How many infos are requested at once: they are small, and mostly wait for the line."""

FETCHES = 4
"""How many objects are fetched at once."""


class NotPulled(Error):
    """No cache provides an object.

    Attributes:
        path: The object.
        reasons: What each cache answered, if it was not just that it lacks the object.
        caches: The names of the caches.
        advice: What to do, if one of the reasons says that.
    """

    path: StorePath
    reasons: tuple[str, ...]
    caches: tuple[str, ...]
    advice: str | None = None

    def __str__(self) -> str:
        if not self.caches:
            return f"{self.path} cannot be pulled: no cache is known"
        why = "; ".join(self.reasons) or f"it is not in {', '.join(self.caches)}"
        return f"{self.path} cannot be pulled: {why}"

    @property
    def hint(self) -> str | None:
        """Name the command that adds a cache, or say what to do."""
        return self.advice if self.caches else "`kernix cache add NAME URL` adds a cache"


@attrs.frozen
class Found:
    """An object to pull: its info, and the caches that have it, best first, each with its own info."""

    sources: tuple[tuple[Cache, Info], ...]
    reasons: tuple[Error, ...] = ()

    @property
    def info(self) -> Info:
        """Return the first info."""
        return self.sources[0][1]


@attrs.define(kw_only=True)
class Caches:
    """The caches of a run, in the order in which they are asked, and the store that they serve.

    Attributes:
        store: Where objects go.
        caches: The caches.
        heard: Called with each number of bytes that arrive.
        warn: Called once with each thing that went wrong.
    """

    store: Store
    caches: Sequence[Cache]
    heard: Callable[[int], None] = ignore
    warn: Callable[[str], None] = lambda _: None
    _warned: set[str] = attrs.field(factory=set, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def result(self, key: bytes, output: str) -> Result | None:
        """Return what the first cache that knows has as the *output* of *key*, or None."""
        for cache in self.caches:
            try:
                found = cache.result(key, output)
            except (CacheError, Untrusted) as error:
                self._say(str(error))
                continue
            if found is not None:
                return found
        return None

    def find(self, path: StorePath) -> Found:
        """Return where the object *path* can be had; there may be no source."""
        sources = []
        reasons: list[Error] = []
        for cache in self.caches:
            try:
                info = cache.info(path)
            except (CacheError, Untrusted) as error:
                reasons.append(error)
                continue
            if info is not None:
                sources.append((cache, info))
        for reason in reasons if sources else ():  # without a source, they become part of an error
            self._say(str(reason))
        return Found(tuple(sources), tuple(reasons))

    def missing(self, paths: Iterable[StorePath]) -> dict[StorePath, Found]:
        """Return those of *paths*, and of what they refer to, that are not in the store, with where they can be had.

        Raises:
            NotPulled: one of them cannot be had.
        """
        found: dict[StorePath, Found] = {}
        generation = {*paths}
        while generation := {*generation} - self.store.hold(generation) - found.keys():
            wanted = sorted(generation)
            for path, it in zip(wanted, in_parallel(self.find, wanted, LOOK_UPS), strict=True):
                if not it.sources:
                    advice = next((reason.hint for reason in it.reasons if reason.hint), None)
                    reasons = tuple(map(str, it.reasons))
                    raise NotPulled(path, reasons, tuple(cache.name for cache in self.caches), advice)
                found[path] = it
            generation = {reference for path in wanted for reference in found[path].info.references}
        return found

    def pull(self, paths: Iterable[StorePath]) -> dict[StorePath, Info]:
        """Put *paths*, and what they refer to, into the store, and return the infos of those that were not there.

        Raises:
            NotPulled: one of them cannot be had.
            DiskFull: there is no room.
        """
        found = self.missing(paths)
        order = sorted(found, key=lambda path: found[path].info.archive.size, reverse=True)
        with contextlib.ExitStack() as scratches:
            arrived = _Arrived(self.store, {*found})

            def get(path: StorePath) -> None:
                with disk_full_reported(self.store.layout.home):
                    arrived.add(path, self._get(path, found[path], scratches.enter_context(self.store.scratch())))

            in_parallel(get, order, FETCHES)
        return {path: it.info for path, it in found.items()}

    def _get(self, path: StorePath, found: Found, scratch: Path) -> Entry | None:
        """Fetch the object *path* from the first cache that really has it; None if another process was quicker."""
        reasons = [*map(str, found.reasons)]
        with locked(self.store.layout.locks / f"{path.digest}.pull.lock"):
            if self.store.hold([path]):
                return None
            for number, (cache, info) in enumerate(found.sources):
                place = scratch / str(number)
                place.mkdir()
                try:
                    return Fetching(self.store, self.heard, self._say).fetch(cache, info, place)
                except CacheError as error:
                    if isinstance(error, CacheUnreachable):
                        cache.give_up(error)
                    self._say(str(error))
                    reasons.append(str(error))
        raise NotPulled(path, tuple(reasons), tuple(cache.name for cache, _ in found.sources))

    def _say(self, text: str) -> None:
        with self._lock:
            if text in self._warned:
                return
            self._warned.add(text)
        self.warn(text)


@attrs.define
class _Arrived:
    """Objects that were fetched: each is registered as soon as everything that it refers to is."""

    store: Store
    missing: set[StorePath]
    waiting: dict[StorePath, Entry] = attrs.field(factory=dict)
    lock: threading.Lock = attrs.field(factory=threading.Lock)

    def add(self, path: StorePath, entry: Entry | None) -> None:
        """Register what can be registered now that *path* is here."""
        with self.lock:
            if entry is None:
                self.missing.discard(path)
            else:
                self.waiting[path] = entry
            while ready := [it for it in self.waiting.values() if not it.references & self.missing]:
                self.store.commit(ready)
                for each in ready:
                    self.missing.discard(each.path)
                    del self.waiting[each.path]
