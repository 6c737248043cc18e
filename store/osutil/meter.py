"""The progress of a step that several threads work on."""

from __future__ import annotations

import threading

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Callable

    Progress = Callable[[str, int, int], None]


@attrs.define
class Meter:
    """Calls *progress* with the step's name *what*, how much is done and the *total*; one thread at a time."""

    progress: Progress
    what: str
    total: int
    done: int = attrs.field(default=0, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        self.add(0)

    def add(self, count: int = 1) -> None:
        """Add *count* to what is done, up to the total."""
        with self._lock:
            self._report(self.done + count)

    def reach(self, done: int) -> None:
        """Raise what is done to at least *done*: items that needed no work were not counted."""
        with self._lock:
            self._report(max(self.done, done))

    def _report(self, done: int) -> None:
        self.done = min(self.total, done)
        self.progress(self.what, self.done, self.total)
