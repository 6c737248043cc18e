"""Progress as a display that is drawn anew while it changes: rich, on a terminal's stderr.

Above it, lines that stay: what was built, what was fetched altogether, warnings. In it, what is
going on: downloads together with their rate, then each build with how far it is and its time.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time

from typing import TYPE_CHECKING, Self

import attrs

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from derivations.realise.events import Failed, Finished, Planned, Progress, Reused, Started, Unit, Waiting, Warned
from kernix.printable import below, printable
from kernix.progress.state import Activity, State
from kernix.progress.words import doing, is_fetch, told
from kernix.quantities import duration, number, size


if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import RenderableType

    from derivations.realise.events import Event


ROWS = 8
"""How many builds are shown at most; the others are counted."""

REFRESH = 8
"""How often a second the display is drawn."""

BAR = 24
QUICK = 1.0
"""Seconds below which a builtin's end is not worth a line."""


@attrs.define
class LiveProgress(contextlib.AbstractContextManager["LiveProgress"]):
    """A listener that shows what happens on *console*."""

    console: Console = attrs.field(factory=lambda: Console(file=below(sys.stderr), highlight=False))
    _state: State = attrs.field(factory=lambda: State(time.monotonic()), init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _live: Live = attrs.field(init=False)
    _spinner: Spinner = attrs.field(factory=lambda: Spinner("dots"), init=False)

    def __attrs_post_init__(self) -> None:
        self._live = Live(
            console=self.console, get_renderable=self.render, refresh_per_second=REFRESH, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the display away and leave a line about all the downloads."""
        self._live.stop()
        if self._state.fetched:
            fetched = number(self._state.fetched, "file")
            self.console.print(f"fetched {fetched}, {size(self._state.fetched_bytes)}", style="dim", soft_wrap=True)

    def __call__(self, event: Event) -> None:
        """Take *event* into the display; print what should stay."""
        with self._lock:
            ended = self._state.take(event, time.monotonic())
        if isinstance(event, Progress):
            return
        if (line := _lasting(event, ended, time.monotonic())) is not None:
            self.console.print(line, soft_wrap=True)

    def render(self) -> RenderableType:
        """Return what is going on now."""
        now = time.monotonic()
        with self._lock:
            return Group(*self._downloads(now), self._builds(now), self._footer(now))

    def _downloads(self, now: float) -> list[RenderableType]:
        downloads = self._state.downloading
        if not downloads:
            return []
        here = sum(it.done for it in downloads)
        expected = [it.expected for it in downloads if it.done]
        of = f" of {size(sum(it or 0 for it in expected))}" if expected and all(expected) else ""
        names = ", ".join(it.derivation.name for it in downloads[:2])
        more = f" and {len(downloads) - 2} more" if len(downloads) > 2 else ""  # noqa: PLR2004 -- as many as are named
        return [
            Text.assemble(
("fetching ", "bold"), (f"{size(here)}{of}", "cyan"),
                f", {size(self._state.rate(now))}/s, {size(self._state.received)} so far: {names}{more}",
                no_wrap=True, overflow="ellipsis",
            )
        ]  # fmt: skip

    def _builds(self, now: float) -> RenderableType:
        shown = sorted(
            (it for it in self._state.active.values() if it.waiting or not is_fetch(it.derivation)),
            key=lambda it: it.since,
        )
        table = Table.grid(padding=(0, 1))
        for column in range(5):
            table.add_column(no_wrap=True, overflow="ellipsis" if column == 1 else "fold")
        for it in shown[:ROWS]:
            verb, bar, count = _how_far(it)
            table.add_row(self._spinner, it.derivation.name, verb, bar, Text(f"{count}  {_clock(now - it.since)}"))
        if len(shown) > ROWS:
            table.add_row("", Text(f"and {len(shown) - ROWS} more", style="dim"))
        return table

    def _footer(self, now: float) -> Text:
        of = f" of {self._state.planned:,}" if self._state.planned else ""
        return Text(f"{self._state.done:,}{of} done, {_clock(now - self._state.begun)}", style="dim")


def _lasting(event: Event, ended: Activity | None, now: float) -> Text | None:
    """Return the line that stays of *event*, which ended the activity *ended*, if it is worth one."""
    if isinstance(event, Warned):
        return Text.assemble(("warning:", "bold yellow"), " ", printable(event.text))
    text = told(event)
    if text is None or isinstance(event, (Planned, Started, Waiting, Reused)):
        return None
    if isinstance(event, Finished):
        quick = event.derivation.is_builtin and event.seconds < QUICK
        if is_fetch(event.derivation) or quick:
            return None
        return Text(text, style="dim" if event.derivation.is_builtin else "green")
    if isinstance(event, Failed) and ended is not None:
        return Text(f"{text} after {duration(now - ended.since)}", style="bold red")
    return Text(text, style="bold red" if isinstance(event, Failed) else "")


def _how_far(activity: Activity) -> tuple[str, RenderableType, str]:
    """Return what is being done, a bar if the end is known, and the count."""
    if activity.waiting:
        return "waiting for another process", "", ""
    verb = doing(activity.derivation)
    if activity.unit is None:
        return verb, "", ""
    if activity.unit is Unit.BYTES:
        done, noun = size(activity.done), ""
        expected = size(activity.expected) if activity.expected else None
    else:
        done, noun = f"{activity.done:,}", f" {activity.unit.value}"
        expected = f"{activity.expected:,}" if activity.expected else None
        verb = "compiling" if activity.unit is Unit.OBJECTS else verb
    if expected is None or activity.expected is None:
        return verb, "", f"{done}{noun}"
    # An estimate may be too low; the bar then stays full while the count goes on.
    bar = ProgressBar(total=activity.expected, completed=min(activity.done, activity.expected), width=BAR)
    return verb, bar, f"{done} of {expected}{noun}"


def _clock(seconds: float) -> str:
    """Return *seconds* as 1:02 or 1:02:03: of one width while it runs."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
