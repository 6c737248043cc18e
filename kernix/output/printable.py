r"""What a terminal only shows: text in which nothing is left that it would obey.

Names of files, answers of servers, words of builders come from outside, and a terminal takes some characters
for commands: it sets the title, the clipboard and the colours, moves back and writes over what was said, shows
a line from right to left. So every character that Python does not call printable, but for the newline and the tab,
is written as `\u001b`, as in JSON, where that is what it means. `guarded` lays this over stdout
and stderr, whoever writes to them and whether or not they are a terminal: what is written to a pipe is shown
on a terminal in the end. Only what makes its own escape sequences, of text that is printable, gets at the stream below.

The first build that finds nothing to do never loads this (`kernix.answers.cache`): what it repeats was made printable before.
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
"""What Python makes of bytes that are not UTF-8 (PEP 383)."""


def printable(text: str) -> str:
    """Return *text* with every character that a terminal might obey written as its number."""
    if text.isprintable():
        return text
    return "\n".join(it if it.isprintable() else "".join(map(_shown, it)) for it in text.split("\n"))


def one_line(text: object) -> str:
    """Return *text* printable and in one line, whatever names it is made of."""
    return printable(str(text)).replace("\n", r"\n")


class Printable:
    """A text stream that writes to *stream* what is printable of each text, and of bytes given to its buffer."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write *text*, printable, and return its length."""
        shown = printable(text)
        try:
            self.stream.write(shown)
        except UnicodeEncodeError:  # in a locale whose characters are few
            self.stream.write(shown.encode(self.stream.encoding, "backslashreplace").decode(self.stream.encoding))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write *lines*."""
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> PrintableBytes:
        """Return a stream of bytes that come out here."""
        return PrintableBytes(self)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever a stream has
        return getattr(self.stream, name)


class PrintableBytes:
    """A stream of bytes that are written to *text*."""

    def __init__(self, text: Printable) -> None:
        self.text = text

    def write(self, data: bytes) -> int:
        """Write *data*, of which what is not UTF-8 is written as numbers."""
        self.text.write(data.decode(errors="backslashreplace"))
        return len(data)

    def flush(self) -> None:
        """Have all written that was given."""
        self.text.flush()


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Let nothing but what is printable get to stdout and stderr in the body."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        cast("TextIO", Printable(it)) if it is not None and not isinstance(it, Printable) else it for it in before
    )
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def below(stream: IO[str]) -> TextIO:
    """Return the stream that *stream* guards, for what makes escape sequences itself."""
    return stream.stream if isinstance(stream, Printable) else cast("TextIO", stream)


def _shown(character: str) -> str:
    if character.isprintable() or character in _LAID_OUT:
        return character
    code = ord(character)
    if code in _BYTES:
        return f"\\x{code - _BYTES.start + 0x80:02x}"
    return f"\\u{code:04x}" if code <= _BASIC else f"\\U{code:08x}"
