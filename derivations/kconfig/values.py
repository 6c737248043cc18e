"""What an option can be asked to be.

YES, MODULE, NO     y, m, and n, which an absent option satisfies
UNSET               no request: takes back what a layer below asked for
17, "text"          an integer, a string (quoted when written)
Hex(0x10)           a hexadecimal number
optional(value)     asked for, but no error when the kernel says otherwise
"""

from __future__ import annotations

import enum
import re

from typing import Final

import attrs


_HEX = re.compile(r"0[xX][0-9a-fA-F]+")
_DECIMAL = re.compile(r"-?[0-9]+")


class Tristate(enum.Enum):
    """A tristate or boolean value; the letter is Kconfig's."""

    YES = "y"
    MODULE = "m"
    NO = "n"

    def __repr__(self) -> str:
        return self.name


class Unset(enum.Enum):
    """The request that takes a request back."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return self.name


YES: Final = Tristate.YES
MODULE: Final = Tristate.MODULE
NO: Final = Tristate.NO
UNSET: Final = Unset.UNSET


@attrs.frozen
class Hex:
    """A hexadecimal number, which Kconfig wants with its `0x`."""

    number: int


Value = Tristate | int | str | Hex


@attrs.frozen
class Optional:
    """A value that may fail to hold."""

    value: Value


def optional(value: Value) -> Optional:
    """Return a request for *value* that may fail to hold without an error."""
    return Optional(value)


def written(value: Value) -> str:
    """Return *value* as a `.config` writes it after the equals sign."""
    if isinstance(value, Tristate):
        return value.value
    if isinstance(value, Hex):
        return hex(value.number)
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def read(text: str) -> Value:
    """Return the value that *text*, what follows the equals sign in a `.config`, stands for.

    Raises:
        ValueError: *text* is none that Kconfig writes.
    """
    if text in {"y", "m", "n"}:
        return Tristate(text)
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _unquote(text[1:-1])
    if _HEX.fullmatch(text):
        return Hex(int(text, 16))
    if _DECIMAL.fullmatch(text):
        return int(text)
    msg = "neither y, m, n, a number nor a text in quotation marks"
    raise ValueError(msg)


def _unquote(text: str) -> str:
    plain, rest = [], iter(text)
    for character in rest:
        if character == '"':
            msg = "a quotation mark inside the text"
            raise ValueError(msg)
        if character == "\\" and (character := next(rest, "")) == "":
            msg = "a backslash before the last quotation mark, which is then part of the text"
            raise ValueError(msg)
        plain.append(character)
    return "".join(plain)
