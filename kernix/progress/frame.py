"""One frame of the live display, as lines that fit the terminal.

Names, counts and times take precedence: a narrow terminal first loses bars and verbs; then each build gets two lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from rich.text import Text

from kernix.output.quantities import clock
from kernix.progress.words import activity_verb, amount, fetching, time_left


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kernix.progress.state import Activity, State


ROWS = 8
"""The largest number of builds that are shown; the others are counted. They take a third of the smallest screen."""

BAR = 24  # columns: less than a third of the narrowest usual terminal
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
SPINNER_ASCII = "|/-\\"
TURNS = 8
"""Steps of the spinner per second: it seems to turn, and takes little to draw."""

_NAME = 24
"""Columns that a name gets if it needs them, before the bar and the other columns: most names fit."""

_GAP = "  "


@attrs.frozen
class _Row:
    """One build: its name, its verb, its progress as text and as a share, its time, and what is left of that."""

    name: str
    verb: str
    count: str
    share: float | None
    clock: str
    left: str

    @classmethod
    def of(cls, activity: Activity, now: float) -> _Row:
        """Return the row of *activity*."""
        name, verb, count = activity.derivation.name, activity_verb(activity), amount(activity)
        return cls(name, verb, count, activity.share(now), clock(now - activity.since), time_left(activity, now))


def frame(state: State, now: float, width: int, height: int, *, ascii_only: bool = False) -> list[Text]:
    """Return the lines that show *state* on a terminal of *width* columns and *height* lines."""
    room = max(1, width - 1)  # after a full line, some terminals put the cursor on the next one
    spinner = SPINNER_ASCII if ascii_only else SPINNER
    turn = spinner[int(now * TURNS) % len(spinner)]
    of = f" of {state.planned:,}" if state.planned else ""
    footer = Text(f"{state.done:,}{of} done, {clock(now - state.begun)}", style="dim")
    above = _downloads(fetching(state, now), room)
    below = _builds([_Row.of(it, now) for it in state.building], turn, room, height - len(above) - 2, ascii_only)
    lines = [*above, *below, footer]
    for line in lines:
        line.truncate(room, overflow="ellipsis" if not ascii_only else "crop")
    return lines[: max(1, height - 1)]


def _downloads(parts: Sequence[str], room: int) -> list[Text]:
    if not parts:
        return []
    line = parts[0]
    for part in parts[1:]:
        if len(line) + len(part) > room:
            break
        line += part
    first = len("fetching")
    return [Text.assemble((line[:first], "bold"), (line[first : len(parts[0])], "cyan"), line[len(parts[0]) :])]


def _builds(rows: Sequence[_Row], turn: str, room: int, height: int, ascii_only: bool) -> list[Text]:
    if not rows:
        return []
    layout = _Layout.of(rows[:ROWS], room)
    shown = rows[: max(1, min(ROWS, height // layout.lines))]
    lines = [line for row in shown for line in layout.draw(row, turn, ascii_only)]
    if len(rows) > len(shown):
        lines.append(Text(f"  and {len(rows) - len(shown)} more", style="dim"))
    return lines


@attrs.frozen
class _Layout:
    """The widths of the columns: 0 for one that is omitted; a *name* of 0 means that names get a line of their own."""

    name: int
    verb: int
    bar: int
    count: int
    left: int
    room: int

    @classmethod
    def of(cls, rows: Sequence[_Row], room: int) -> _Layout:
        """Return the layout that shows most of *rows* and leaves enough of the names to recognise them."""
        name, verb, count, time, left = (
            _widest(getattr(it, field) for it in rows) for field in ("name", "verb", "count", "clock", "left")
        )
        bar = BAR if any(it.share is not None for it in rows) else 0
        for columns in ((verb, bar, count, left), (verb, bar, count, 0), (verb, 0, count, 0), (0, 0, count, 0)):
            rest = room - len(_GAP) - time - sum(it + len(_GAP) for it in columns if it) - len(_GAP)
            if rest >= min(name, _NAME):
                return cls(min(name, rest), *columns, room)
        return cls(0, verb, 0, count, 0, room)

    @property
    def lines(self) -> int:
        """Return how many lines a row takes."""
        return 1 if self.name else 2

    def draw(self, row: _Row, turn: str, ascii_only: bool) -> list[Text]:
        """Return *row* as lines."""
        if not self.name:
            verb = f" {row.verb}" if not row.count else ""
            return [
                Text(f"{turn} {_shortened(row.name, self.room - len(_GAP), ascii_only)}"),
                Text(f"{_GAP}{row.clock}{_GAP}{row.count}{verb.lstrip() if not row.count else verb}"),
            ]
        line = Text(f"{turn} {_shortened(row.name, self.name, ascii_only).ljust(self.name)}")
        if self.verb:
            line.append(f"{_GAP}{row.verb.ljust(self.verb)}")
        if self.bar:
            line.append(_GAP).append_text(_bar(row.share, ascii_only))
        if self.count:
            line.append(f"{_GAP}{row.count.ljust(self.count)}")
        line.append(f"{_GAP}{row.clock}")
        if self.left and row.left:
            line.append(f"{_GAP}{row.left}")
        return [line]


def _bar(share: float | None, ascii_only: bool) -> Text:
    if share is None:
        return Text(" " * BAR)
    full = int(share * BAR)
    stroke = "-" if ascii_only else "━"
    rest = Text(" " * (BAR - full)) if ascii_only else Text(stroke * (BAR - full), style="bar.back")
    return Text(stroke * full, style="bar.complete").append_text(rest)


def _shortened(name: str, columns: int, ascii_only: bool) -> str:
    """Return *name* shortened to *columns* in the middle, because names differ at their ends, too."""
    mark = "~" if ascii_only else "…"
    if len(name) <= columns:
        return name
    tail = (columns - 1) // 2
    return f"{name[: columns - 1 - tail]}{mark}{name[len(name) - tail :]}"


def _widest(texts: Iterable[str]) -> int:
    return max(map(len, texts), default=0)
