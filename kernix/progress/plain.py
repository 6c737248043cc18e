"""Progress as plain lines on stderr, for logs, pipes and simple terminals.

There is a line for each phase and, while nothing else is written, a summary once a minute: people read logs later, and
CI services take a build that is silent for long to be hanging.
"""

from __future__ import annotations

import contextlib
import threading
import time

from typing import TYPE_CHECKING, Self

import attrs

from derivations.fetch import is_fetch
from derivations.realise.events import Finished, Progress, Started, Warned
from kernix.output.messages import print_message, warn
from kernix.output.quantities import duration
from kernix.progress.state import State
from kernix.progress.words import activity_verb, amount, fetched, fetching, is_brief, sentence_of, to_fetch


if TYPE_CHECKING:
    from types import TracebackType

    from derivations.realise.events import Event


MINUTE = 60.0  # seconds between two summaries in a log, which should stay short
SOON = 10.0
"""Seconds of silence before the first summary: long enough to wonder what is going on."""

_SHOWN = 3  # builds: a summary is one line


@attrs.define
class PlainProgress(contextlib.AbstractContextManager["PlainProgress"]):
    """A listener that prints events; *every* is the longest silence, in seconds."""

    every: float = MINUTE
    _state: State = attrs.field(factory=lambda: State(time.monotonic()), init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _over: threading.Event = attrs.field(factory=threading.Event, init=False)
    _last: float = attrs.field(factory=time.monotonic, init=False)
    _reminder: threading.Thread = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._reminder = threading.Thread(target=self._remind, name="progress", daemon=True)

    def __enter__(self) -> Self:
        """Start the summaries."""
        self._reminder.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the summaries."""
        self._over.set()
        self._reminder.join()

    def __call__(self, event: Event) -> None:
        """Print *event*, or the phase that it begins or ends."""
        with self._lock:
            now = time.monotonic()
            begun = self._state.downloads.begun
            self._state.take(event, now)
            if isinstance(event, Warned):
                self._say(event.text, warning=True)
            elif isinstance(event, Progress):
                pass
            elif isinstance(event, Started) and begun != self._state.downloads.begun:
                self._say(to_fetch(self._state, event.derivation))
            elif isinstance(event, Finished) and is_fetch(event.derivation):
                if self._state.downloads.is_over:
                    self._say(fetched(self._state, now))
            elif not is_brief(event) and (text := sentence_of(event)) is not None:
                self._say(text)

    def _remind(self) -> None:
        """Print a summary after each silence, until the build is over."""
        patience = min(SOON, self.every)
        wait = patience
        while not self._over.wait(wait):
            with self._lock:
                now = time.monotonic()
                if now - self._last >= patience:
                    self._say(self._summary(now))
                    patience = self.every
                wait = max(self._last + patience - now, 0.0) or patience

    def _summary(self, now: float) -> str:
        """Return the current activities in one line."""
        state = self._state
        building = state.building
        parts = ["".join(fetching(state, now)[:-1])]
        for it in building[:_SHOWN]:
            count = f", {amount(it)}" if amount(it) else ""
            parts.append(f"{activity_verb(it)} {it.derivation.name}{count}, {duration(now - it.since)}")
        if len(building) > _SHOWN:
            parts.append(f"{len(building) - _SHOWN} more")
        of = f" of {state.planned:,}" if state.planned else ""
        return "; ".join([f"{state.done:,}{of} done after {duration(now - state.begun)}", *filter(None, parts)])

    def _say(self, text: str, *, warning: bool = False) -> None:
        self._last = time.monotonic()
        (warn if warning else print_message)(text)
