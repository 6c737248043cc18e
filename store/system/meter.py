"""How far a step is that several threads work on: counted together, and told as it goes."""

from __future__ import annotations

import threading

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Callable

    Progress = Callable[[str, int, int], None]


@attrs.define
class Meter:
    """Tells *progress* of the step called *what* how much of *total* is done; one thread at a time."""

    progress: Progress
    what: str
    total: int
    done: int = attrs.field(default=0, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        self.add(0)

    def add(self, count: int = 1) -> None:
        """Add *count* to what is done; more than there was expected does not count."""
        with self._lock:
            self._tell(self.done + count)

    def reach(self, done: int) -> None:
        """Take *done* to be done at least: what needed no work was not counted."""
        with self._lock:
            self._tell(max(self.done, done))

    def _tell(self, done: int) -> None:
        self.done = min(self.total, done)
        self.progress(self.what, self.done, self.total)
