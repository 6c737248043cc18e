"""Progress of one long step as a line that is written over itself, on a terminal only."""

from __future__ import annotations

import contextlib
import sys
import time

from typing import TYPE_CHECKING

import attrs

from kernix.printable import below, one_line


if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO


INTERVAL = 0.1
_ERASE = "\r\x1b[K"


@attrs.define
class ProgressLine(contextlib.AbstractContextManager["ProgressLine"]):
    """A line on *stream*; elsewhere than on a terminal nothing is written."""

    stream: TextIO = attrs.field(factory=lambda: below(sys.stderr))
    _shown: float | None = attrs.field(default=None, init=False)

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that *done* of *total* have been gone through; *total* 1 or less stands for no count."""
        now = time.monotonic()
        if not self.stream.isatty() or (self._shown is not None and now - self._shown < INTERVAL and done < total):
            return
        self._shown = now
        count = f" {100 * done // total} %" if total > 1 else ""
        self.stream.write(f"{_ERASE}{one_line(what)}{count}")
        self.stream.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the line away."""
        if self._shown is not None:
            self.stream.write(_ERASE)
            self.stream.flush()
