"""Progress of one long step as a line that is written over itself, on a terminal; elsewhere, a line a minute."""

from __future__ import annotations

import contextlib
import sys
import time

from typing import TYPE_CHECKING

import attrs

from kernix.progress.block import Block, size_of
from kernix.quantities import duration


if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO


INTERVAL = 0.1
MINUTE = 60.0


@attrs.define
class ProgressLine(contextlib.AbstractContextManager["ProgressLine"]):
    """A line on *stream*, which may be no terminal; *every* is how many seconds are between two lines then.

    Attributes:
        text: What is on the line.
    """

    stream: TextIO = attrs.field(factory=lambda: sys.stderr)
    every: float = MINUTE
    text: str = attrs.field(default="", init=False)
    _begun: float = attrs.field(factory=time.monotonic, init=False)
    _shown: float | None = attrs.field(default=None, init=False)
    _what: str = attrs.field(default="", init=False)
    _block: Block = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._block = Block(self.stream)

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that *done* of *total* have been gone through; *total* 1 or less stands for no count."""
        now = time.monotonic()
        count = f" {100 * done // total} %" if total > 1 else ""
        if not self.stream.isatty():
            if now - (self._shown or self._begun) >= self.every:
                self._shown = now
                self.stream.write(f"{what}{count}, {duration(now - self._begun)}\n")
                self.stream.flush()
            return
        if what == self._what and self._shown is not None and now - self._shown < INTERVAL and done < total:
            return
        self._shown, self._what = now, what
        size = size_of(self.stream)
        self.text = f"{what[: max(0, size.columns - 1 - len(count))]}{count}"
        self._block.draw([(self.text, len(self.text))], size)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the line away."""
        if self._shown is not None and self.stream.isatty():
            self._block.clear(size_of(self.stream))
