"""Progress of one long step: a line that is redrawn in place on a terminal; elsewhere, a line a minute.

The line keeps showing the time while the step itself reports nothing.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time

from typing import TYPE_CHECKING

import attrs

from kernix.output.printable import below, one_line
from kernix.output.quantities import clock, duration
from kernix.progress.block import Block, size_of


if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO


INTERVAL = 0.1  # seconds between two changes of the line: faster ones cannot be read
TICK = 1.0  # seconds: the clock on the line shows whole ones
MINUTE = 60.0  # seconds between two lines in a log, which should stay short
LONG = 2.0
"""Seconds after which the time is shown: a shorter wait needs none."""


@attrs.define
class ProgressLine(contextlib.AbstractContextManager["ProgressLine"]):
    """A line on *stream*; if that is not a terminal, *every* is the number of seconds between two lines.

    Attributes:
        text: The text of the line.
    """

    stream: TextIO = attrs.field(factory=lambda: below(sys.stderr))
    every: float = MINUTE
    text: str = attrs.field(default="", init=False)
    _what: str = attrs.field(default="", init=False)
    _count: str = attrs.field(default="", init=False)
    _begun: float = attrs.field(factory=time.monotonic, init=False)
    _shown: float | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _over: threading.Event = attrs.field(factory=threading.Event, init=False)
    _ticker: threading.Thread | None = attrs.field(default=None, init=False)
    _block: Block = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._block = Block(self.stream)

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that *done* of *total* items are done; a *total* of 1 or less means that there is no count."""
        with self._lock:
            news = one_line(what) != self._what or done >= total
            self._what, self._count = one_line(what), f" {100 * done // total} %" if total > 1 else ""
            if self._ticker is None:
                self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
                self._ticker.start()
            self._show(time.monotonic(), INTERVAL if not news else 0.0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Erase the line."""
        self._over.set()
        if self._ticker is not None:
            self._ticker.join()
        if self._shown is not None and self.stream.isatty():
            self._block.clear(size_of(self.stream))

    def _tick(self) -> None:
        """Show the time while nothing else is reported."""
        with contextlib.suppress(OSError):  # the terminal is gone
            while not self._over.wait(TICK):
                with self._lock:
                    self._show(time.monotonic(), INTERVAL)

    def _show(self, now: float, interval: float) -> None:
        """Show the progress, unless that was done less than *interval* seconds ago."""
        if not self.stream.isatty():
            if now - (self._begun if self._shown is None else self._shown) >= self.every:
                self._shown = now
                self.stream.write(f"{self._what}{self._count}, {duration(now - self._begun)}\n")
                self.stream.flush()
            return
        if self._shown is not None and now - self._shown < interval:
            return
        self._shown = now
        size = size_of(self.stream)
        tail = self._count + (f"  {clock(now - self._begun)}" if now - self._begun >= LONG else "")
        self.text = f"{self._what[: max(0, size.columns - 1 - len(tail))]}{tail}"[: max(1, size.columns - 1)]
        self._block.draw([(self.text, len(self.text))], size)
