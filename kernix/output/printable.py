r"""Text that a terminal can only show: nothing in it controls the terminal.

File names, servers' answers and builders' output come from outside, and a terminal takes some characters as commands:
to set the title, the clipboard or colours, to move the cursor back and overwrite earlier output, to show a line from
right to left. So every character that Python does not consider printable, except for newline and tab, is written as an
escape such as `\u001b`, as in JSON. `guarded` puts this in front of stdout and stderr, whatever writes to them
and whether or not they are a terminal: output to a pipe ends up on a terminal, too. Only code that makes its own escape
sequences, from printable text, writes to the underlying stream.

A repeated build with nothing to do never loads this module (`kernix.answers.cache`): its answer was made printable
when it was recorded.
"""

from __future__ import annotations

import contextlib
import sys

from typing import IO, TYPE_CHECKING, Any, cast


if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO


_LAID_OUT = frozenset("\n\t")
_BASIC = 0xFFFF
_BYTES = range(0xDC80, 0xDD00)
"""How Python represents bytes that are not UTF-8 (PEP 383)."""


def printable(text: str) -> str:
    """Return *text* with every character that could control a terminal replaced by an escape."""
    if text.isprintable():
        return text
    return "\n".join(it if it.isprintable() else "".join(map(_shown, it)) for it in text.split("\n"))


def one_line(text: object) -> str:
    """Return *text* printable and on one line."""
    return printable(str(text)).replace("\n", r"\n")


class Printable:
    """A text stream that writes to *stream*, and makes text and bytes printable on the way."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write *text*, made printable, and return its length."""
        shown = printable(text)
        try:
            self.stream.write(shown)
        except UnicodeEncodeError:  # a locale with few characters, such as C
            self.stream.write(shown.encode(self.stream.encoding, "backslashreplace").decode(self.stream.encoding))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write *lines*."""
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> PrintableBytes:
        """Return a binary stream that writes to this one."""
        return PrintableBytes(self)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- any attribute of a stream
        return getattr(self.stream, name)


class PrintableBytes:
    """A binary stream that writes to *text*."""

    def __init__(self, text: Printable) -> None:
        self.text = text

    def write(self, data: bytes) -> int:
        """Write *data*; bytes that are not UTF-8 are escaped."""
        self.text.write(data.decode(errors="backslashreplace"))
        return len(data)

    def flush(self) -> None:
        """Flush the text stream."""
        self.text.flush()


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Make everything printable that is written to stdout and stderr in the body."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        cast("TextIO", Printable(it)) if it is not None and not isinstance(it, Printable) else it for it in before
    )
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def below(stream: IO[str]) -> TextIO:
    """Return the stream behind *stream*, for code that makes its own escape sequences."""
    return stream.stream if isinstance(stream, Printable) else cast("TextIO", stream)


def _shown(character: str) -> str:
    if character.isprintable() or character in _LAID_OUT:
        return character
    code = ord(character)
    if code in _BYTES:
        return f"\\x{code - _BYTES.start + 0x80:02x}"
    return f"\\u{code:04x}" if code <= _BASIC else f"\\U{code:08x}"
