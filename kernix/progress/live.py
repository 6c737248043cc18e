"""Progress as a live display on stderr, if that is a terminal.

Above the display, lines that stay: what was built, the sum of what was fetched, warnings. In the display, the current
activities: the downloads with their rate, then each build with its progress and time.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time

from typing import TYPE_CHECKING, Self

import attrs

from rich.console import Console
from rich.text import Text

from derivations.realise.events import Failed, Finished, Planned, Progress, Started, Waiting, Warned
from kernix.evaluation.selection import completed
from kernix.output.printable import below, printable
from kernix.output.quantities import duration
from kernix.progress.block import HIDE_CURSOR, SHOW_CURSOR, Block
from kernix.progress.frame import frame
from kernix.progress.state import Activity, State
from kernix.progress.words import fetched, is_brief, sentence_of


if TYPE_CHECKING:
    from types import TracebackType

    from derivations.realise.events import Event


REFRESH = 0.125
"""Seconds between two frames: one step of the spinner (`frame.TURNS`)."""


@attrs.define
class LiveProgress(contextlib.AbstractContextManager["LiveProgress"]):
    """A listener that shows events on *console*."""

    console: Console = attrs.field(factory=lambda: Console(file=below(sys.stderr), highlight=False))
    _state: State = attrs.field(factory=lambda: State(time.monotonic()), init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _over: threading.Event = attrs.field(factory=threading.Event, init=False)
    _block: Block = attrs.field(init=False)
    _painter: threading.Thread = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._block = Block(self.console.file)
        self._painter = threading.Thread(target=self._paint, name="progress", daemon=True)

    def __enter__(self) -> Self:
        """Start drawing."""
        self._write(HIDE_CURSOR)
        self._painter.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Erase the display and leave a line about all downloads."""
        self._over.set()
        self._painter.join()
        with self._lock:
            self._block.clear(self._size)
        self._write(SHOW_CURSOR)
        if self._state.downloads.fetched:
            self.console.print(fetched(self._state, time.monotonic()), style="dim", soft_wrap=True)

    def __call__(self, event: Event) -> None:
        """Update the display with *event*; print lines that stay."""
        with self._lock:
            ended = self._state.take(event, time.monotonic())
            if isinstance(event, Progress):
                return
            if (line := _lasting(event, ended, time.monotonic())) is not None:
                self._draw(above=line)

    def render(self) -> list[Text]:
        """Return the current frame as lines."""
        size = self._size
        ascii_only = not self.console.encoding.startswith("utf")
        return frame(self._state, time.monotonic(), size.columns, size.lines, ascii_only=ascii_only)

    @property
    def _size(self) -> os.terminal_size:
        return os.terminal_size((self.console.width, self.console.height))

    def _paint(self) -> None:
        """Draw until the build is over or the terminal is gone."""
        with contextlib.suppress(OSError):
            while not self._over.wait(REFRESH):
                with self._lock:
                    self._draw()

    def _draw(self, above: Text | None = None) -> None:
        """Draw the display with *above* over it; without a display, print *above* alone."""
        stays = f"{self._encoded(above)}\n" if above is not None else ""
        if self._painter.is_alive():
            lines = [(self._encoded(line), line.cell_len) for line in self.render()]
            self._block.draw(lines, self._size, stays)
        else:
            self._write(stays)

    def _encoded(self, text: Text) -> str:
        """Return *text* with the escape sequences for its colours."""
        with self.console.capture() as capture:
            self.console.print(text, end="", soft_wrap=True)
        return capture.get()

    def _write(self, text: str) -> None:
        self.console.file.write(text)
        self.console.file.flush()


def _lasting(event: Event, ended: Activity | None, now: float) -> Text | None:
    """Return the line that *event*, which ended the activity *ended*, leaves behind; None if it leaves none."""
    if isinstance(event, Warned):
        return Text.assemble(("warning:", "bold yellow"), " ", printable(completed(event.text)))
    text = sentence_of(event)
    if text is None or is_brief(event) or isinstance(event, (Planned, Started, Waiting)):
        return None
    if isinstance(event, Finished):
        return Text(text, style="dim" if event.derivation.is_builtin else "green")
    if isinstance(event, Failed) and ended is not None:
        return Text(f"{text} after {duration(now - ended.since)}", style="bold red")
    return Text(text, style="bold red" if isinstance(event, Failed) else "")
