"""The values that can be requested of an option.

YES, MODULE, NO     y, m, and n, which an absent option satisfies
UNSET               no request: withdraws another fragment's request
17, "text"          an integer, a string (quoted when written)
Hex(0x10)           a hexadecimal number

optional(value)     requested, but not an error if it does not hold
force(value)        wins over other fragments
default(value)      gives way to other fragments
when_at_least("6.7", value), when_older("6.7", value), when_between("5.10", "6.7", value)
                    requested for these versions of the kernel
when_arch("arm64", value), when_arch(("arm64", "x86_64"), value)
                    requested on these architectures

These nest in any order; nested conditions must all hold, and of two priorities the outer one wins.
Each also takes a list of values, which are requested together: a value may be
`[when_older("6.7", YES), when_at_least("6.7", MODULE)]`.
"""

from __future__ import annotations

import enum
import re

from typing import TYPE_CHECKING, Any, Final

import attrs

from derivations.forms import Integer
from derivations.kconfig.language.condition import ALWAYS, Condition


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


_HEX = re.compile(r"0[xX][0-9a-fA-F]+")
_DECIMAL = re.compile(r"-?[0-9]+")
_NAME = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_LOWER_CASE = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)  # no option of any version has such a name
_NO_TEXT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_NUMBERS = range(-(1 << 63), 1 << 64)
_LENGTH = 80  # characters: with a sentence around it, a line or two of a terminal


class Tristate(enum.Enum):
    """A tristate or boolean value, with Kconfig's letter."""

    YES = "y"
    MODULE = "m"
    NO = "n"

    def __repr__(self) -> str:
        return self.name


class Unset(enum.Enum):
    """The request that withdraws a request."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return self.name


YES: Final = Tristate.YES
MODULE: Final = Tristate.MODULE
NO: Final = Tristate.NO
UNSET: Final = Unset.UNSET


@attrs.frozen
class Hex:
    """A hexadecimal number, which Kconfig expects with `0x`."""

    number: int


Value = Tristate | int | str | Hex


class Priority(enum.IntEnum):
    """The priority of a request: the lowest number wins, as in NixOS, whose numbers these are."""

    FORCE = 50
    PLAIN = 100
    DEFAULT = 1000


@attrs.frozen
class Qualified:
    """A value, and how, when and where it is requested."""

    value: Value | Unset
    optional: bool = False
    priority: Priority = Priority.PLAIN
    condition: Condition = ALWAYS


Asked = Tristate | Integer | str | Hex | Unset | Qualified | list["Asked"] | tuple["Asked", ...]
"""Everything that can be written for an option."""


def optional(value: Asked) -> Asked:
    """Return a request for *value* that may fail to hold without an error."""
    return _each(value, lambda it: Qualified(it.value, True, it.priority, it.condition))


def force(value: Asked) -> Asked:
    """Return a request for *value* that wins over those of other fragments."""
    return _each(value, lambda it: Qualified(it.value, it.optional, Priority.FORCE, it.condition))


def default(value: Asked) -> Asked:
    """Return a request for *value* that gives way to those of other fragments."""
    return _each(value, lambda it: Qualified(it.value, it.optional, Priority.DEFAULT, it.condition))


def when_at_least(version: str, value: Asked) -> Asked:
    """Return a request for *value* in kernels of *version* or newer.

    Raises:
        InvalidVersion: *version* is not a version.
    """
    return _when(Condition.at_least(version), value)


def when_older(version: str, value: Asked) -> Asked:
    """Return a request for *value* in kernels older than *version*.

    Raises:
        InvalidVersion: *version* is not a version.
    """
    return _when(Condition.older(version), value)


def when_between(low: str, high: str, value: Asked) -> Asked:
    """Return a request for *value* in kernels of version *low* or newer that are older than *high*.

    Raises:
        InvalidVersion: *low* or *high* is not a version.
        EmptyRange: *high* is not newer than *low*.
    """
    return _when(Condition.between(low, high), value)


def when_arch(architectures: str | Iterable[str], value: Asked) -> Asked:
    """Return a request for *value* in kernels for *architectures*, one or several.

    Raises:
        UnknownArchitecture: Linux has no such architecture.
    """
    return _when(Condition.on(architectures), value)


def _when(condition: Condition, value: Asked) -> Asked:
    return _each(value, lambda it: Qualified(it.value, it.optional, it.priority, it.condition & condition))


def _each(value: Any, change: Callable[[Qualified], Qualified]) -> Asked:  # noqa: ANN401 -- `Asked`, whose numbers exclude bool
    if isinstance(value, list | tuple):
        return tuple(_each(it, change) for it in value)
    return change(value if isinstance(value, Qualified) else Qualified(value))


def written(value: Value | Unset) -> str:
    """Return *value* as a `.config` writes it after the equals sign; for UNSET, which no file contains, a word."""
    if isinstance(value, Tristate | Unset):
        return str(value.value)
    if isinstance(value, Hex):
        return hex(value.number)
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def read(text: str) -> Value:
    """Return the value of *text*, the part after the equals sign in a `.config`.

    Raises:
        ValueError: Kconfig does not write such a value.
    """
    if text in {"y", "m", "n"}:
        return Tristate(text)
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _unquote(text[1:-1])
    if _HEX.fullmatch(text):
        return Hex(int(text, 16))
    if _DECIMAL.fullmatch(text):
        return int(text)
    msg = "not y, m, n, a number or a quoted string"
    raise ValueError(msg)


def _unquote(text: str) -> str:
    plain, rest = [], iter(text)
    for character in rest:
        if character == '"':
            msg = "an unescaped quotation mark inside the string"
            raise ValueError(msg)
        if character == "\\" and (character := next(rest, "")) == "":
            msg = "a backslash that escapes the closing quotation mark"
            raise ValueError(msg)
        plain.append(character)
    return "".join(plain)


def option_name(key: object) -> str:
    """Return the option name in *key*, which may have the prefix CONFIG_.

    Raises:
        ValueError: *key* is not a valid name.
    """
    name = key.removeprefix("CONFIG_") if isinstance(key, str) else ""
    if name.startswith("CONFIG_"):
        msg = f"{shown(key)} has the prefix CONFIG_ twice; write {name}"
        raise ValueError(msg)
    if _LOWER_CASE.fullmatch(name):
        msg = f"{shown(key)} is not an option name; did you mean {name.removeprefix('config_').upper()}?"
        raise ValueError(msg)
    if not _NAME.fullmatch(name):
        parts = _NAME.findall(name.removeprefix("config_"))
        meant = f"; did you mean {'_'.join(parts).upper()}?" if parts else ""
        msg = f"{shown(key)} is not an option name{meant}"
        raise ValueError(msg)
    return name


def checked(value: object) -> Value:
    """Return *value* if a `.config` can hold it.

    Raises:
        ValueError: it cannot.
    """
    number: object = value.number if isinstance(value, Hex) else value
    if isinstance(number, bool) or not isinstance(value, Tristate | int | str | Hex):
        instead = {True: "YES", False: "NO"}.get(value) if isinstance(value, bool) else None
        msg = f"{shown(value)} is not a value; use {instead or 'YES, MODULE, NO, UNSET, a number, a string or Hex'}"
        raise ValueError(msg)  # noqa: TRY004 -- one exception for every invalid value
    if isinstance(value, Hex) and (not isinstance(number, int) or number < 0):
        msg = f"{shown(value)} is not a hexadecimal number"
        raise ValueError(msg)
    if isinstance(number, int) and number not in _NUMBERS:
        msg = "the number does not fit in 64 bits"
        raise ValueError(msg)
    if isinstance(value, str) and _NO_TEXT.search(value):
        msg = f"{shown(value)} does not fit in one line of text"
        raise ValueError(msg)
    return value


def shown(value: object) -> str:
    """Return the `repr` of *value*, short enough for a sentence."""
    text = repr(value[: _LENGTH + 1] if isinstance(value, str) else value)
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 3]}..."
