"""Progress as plain lines on stderr, for logs, pipes and terminals that cannot do more.

One line for each build that begins or ends; a download is told with its size when it is there.
"""

from __future__ import annotations

import threading

from typing import TYPE_CHECKING

import attrs

from derivations.realise.events import Finished, Progress, Unit, Warned
from kernix.messages import say, warn
from kernix.progress.words import told


if TYPE_CHECKING:
    from derivations.realise.events import Event


@attrs.define
class PlainProgress:
    """Says what happens, a line each."""

    _bytes: dict[bytes, int] = attrs.field(factory=dict, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def __call__(self, event: Event) -> None:
        """Say *event*, or remember what belongs into a later line."""
        with self._lock:
            if isinstance(event, Warned):
                warn(event.text)
            elif isinstance(event, Progress):
                if event.unit is Unit.BYTES:
                    self._bytes[event.derivation.key] = event.done
            elif (text := told(event, self._fetched(event))) is not None:
                say(text)

    def _fetched(self, event: Event) -> int | None:
        return self._bytes.pop(event.derivation.key, None) if isinstance(event, Finished) else None
