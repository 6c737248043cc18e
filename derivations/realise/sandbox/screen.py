r"""What a command in the sandbox may send to the user's terminal: text, and sequences that draw on the screen.

An editor or a shell needs escape sequences to draw. Others reach beyond the screen: they set the title, the clipboard or
the palette, send notifications and files, or make the terminal type an answer. Nearly all of these are strings
that begin with `ESC ]`, `ESC P`, `ESC X`, `ESC ^` or `ESC _` and end with `ESC \` or BEL, and the rest are `CSI … t`
(ECMA-48; “XTerm Control Sequences”). What a fetched tree prints, such as a prompt of its Kconfig files, must not use them, so they are
left out. No program that draws depends on one.
"""

from __future__ import annotations

import enum
import re

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable


_ESCAPE, _BELL, _TWO_BYTES = 0x1B, 0x07, 0xC2
_CANCEL = (0x18, 0x1A)
_BEGIN = re.compile(rb"[\x1b\xc2]")
_STRINGS = b"P]X^_k"
"""What begins a string after ESC; `k` sets the title in screen, tmux and others."""

_STRINGS_OF_8_BITS = b"\x90\x98\x9d\x9e\x9f"
"""The same controls as one character, which UTF-8 encodes with 0xC2 in front."""

_CONTROL, _END = 0x9B, 0x9C
_FINAL = range(0x40, 0x7F)
_ASCII = range(0x20, 0x7F)
_REST_OF_LETTER = range(0x80, 0xC0)
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()
_WINDOW = ord("t")
_LONGEST = 256  # bytes of parameters: far more than any program sends

_PALETTE_RESET, _PALETTE = ord("R"), ord("P")
_COLOUR = 7  # digits
"""The Linux console's own sequences after `ESC ]`, which have no end."""


class _State(enum.Enum):
    TEXT = enum.auto()
    ESCAPE = enum.auto()  # after ESC
    TWO_BYTES = enum.auto()  # after 0xC2, which begins a control character or a letter
    CONTROL = enum.auto()  # in `CSI …`, which is kept until its last byte says what it is
    COMMAND = enum.auto()  # after `ESC ]`
    COLOUR = enum.auto()
    STRING = enum.auto()
    STRING_TWO_BYTES = enum.auto()


class Filter:
    """Leaves out what reaches beyond the screen, from output that comes in pieces."""

    def __init__(self) -> None:
        self._state = _State.TEXT
        self._kept = bytearray()
        self._digits = 0
        self._steps: dict[_State, Callable[[int, bytearray], None]] = {
            _State.TEXT: self._text,
            _State.ESCAPE: self._escape,
            _State.TWO_BYTES: self._two_bytes,
            _State.CONTROL: self._control,
            _State.COMMAND: self._command,
            _State.COLOUR: self._colour,
            _State.STRING: self._string,
            _State.STRING_TWO_BYTES: self._string_two_bytes,
        }

    def __call__(self, data: bytes) -> bytes:
        """Return what to show of *data*, which continues the output so far."""
        shown, place = bytearray(), 0
        while place < len(data):
            if self._state is _State.TEXT:
                found = _BEGIN.search(data, place)
                end = found.start() if found else len(data)
                shown += data[place:end]
                place = end
                if found is None:
                    break
            self._steps[self._state](data[place], shown)
            place += 1
        return bytes(shown)

    def _text(self, byte: int, shown: bytearray) -> None:
        self._kept[:] = (byte,)
        if byte == _ESCAPE:
            self._state = _State.ESCAPE
        elif byte == _TWO_BYTES:
            self._state = _State.TWO_BYTES
        else:
            self._state = _State.TEXT
            shown.append(byte)

    def _escape(self, byte: int, shown: bytearray) -> None:
        if byte == _ESCAPE:
            return
        if byte == ord("["):
            self._kept.append(byte)
            self._state = _State.CONTROL
        elif byte == ord("]"):
            self._state = _State.COMMAND
        elif byte in _STRINGS:
            self._state = _State.STRING
        elif byte in _ASCII:
            self._show(byte, shown)
        else:  # no sequence at all
            self._text(byte, shown)

    def _two_bytes(self, byte: int, shown: bytearray) -> None:
        if byte == _CONTROL:
            self._kept.append(byte)
            self._state = _State.CONTROL
        elif byte in _STRINGS_OF_8_BITS:
            self._state = _State.STRING
        elif byte not in _REST_OF_LETTER:  # what follows could complete it otherwise
            shown += _REPLACEMENT
            self._text(byte, shown)
        else:
            self._show(byte, shown)

    def _control(self, byte: int, shown: bytearray) -> None:
        if byte == _ESCAPE or byte in _CANCEL or byte >= _REST_OF_LETTER.start:
            self._text(byte, shown)
        elif byte not in _FINAL:
            self._kept.append(byte)
            if len(self._kept) > _LONGEST:
                self._state = _State.TEXT
        elif byte == _WINDOW:
            self._state = _State.TEXT
        else:
            self._show(byte, shown)

    def _command(self, byte: int, shown: bytearray) -> None:
        if byte == _PALETTE:
            self._state, self._digits = _State.COLOUR, 0
        elif byte == _PALETTE_RESET:
            self._state = _State.TEXT
        else:
            self._state = _State.STRING
            self._string(byte, shown)

    def _colour(self, byte: int, shown: bytearray) -> None:
        self._digits += 1
        if byte not in b"0123456789abcdefABCDEF":  # elsewhere it is a string as all others
            self._state = _State.STRING
            self._string(byte, shown)
        elif self._digits == _COLOUR:
            self._state = _State.TEXT

    def _string(self, byte: int, shown: bytearray) -> None:
        if byte == _ESCAPE:  # of `ESC \`, or of another sequence, which ends the string, too
            self._text(byte, shown)
        elif byte == _BELL or byte in _CANCEL:
            self._state = _State.TEXT
        elif byte == _TWO_BYTES:
            self._state = _State.STRING_TWO_BYTES

    def _string_two_bytes(self, byte: int, shown: bytearray) -> None:
        self._state = _State.TEXT if byte == _END else _State.STRING
        if byte != _END:
            self._string(byte, shown)

    def _show(self, byte: int, shown: bytearray) -> None:
        """Show the sequence that *byte* ends."""
        self._kept.append(byte)
        shown += self._kept
        self._state = _State.TEXT
