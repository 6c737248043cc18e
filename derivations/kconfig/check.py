"""What was asked for against what the kernel's Kconfig made of it.

Kconfig resolves a request that cannot hold by dropping it, and exits with success. So every
request is compared with the final `.config` by meaning: an absent option is `n`, numbers are
compared as numbers, texts without their quotation marks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.kconfig.text import line
from derivations.kconfig.values import NO, Hex, Tristate, Unset, Value, read


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.kconfig.fragment import Request


@attrs.frozen
class Mismatch:
    """An option that is not what was wanted; *got* is None where the configuration has no line for it."""

    option: str
    wanted: Value
    got: Value | None

    def __str__(self) -> str:
        got = "absent" if self.got is None else line(self.option, self.got)
        return f"wanted {line(self.option, self.wanted)}, got {got}"


def parse(dotconfig: str) -> dict[str, Value]:
    """Return the options that *dotconfig*, a `.config` as the kernel writes it, sets; those not set are NO.

    A number that Kconfig keeps as it was written, such as `ff`, or that has no value, is a text.
    """
    values: dict[str, Value] = {}
    for raw in dotconfig.split("\n"):
        if raw.startswith("CONFIG_"):
            name, _, value = raw.removeprefix("CONFIG_").partition("=")
            values[name] = _value(value)
        elif raw.startswith("# CONFIG_") and raw.endswith(" is not set"):
            values[raw[len("# CONFIG_") : -len(" is not set")]] = NO
    return values


def _value(written: str) -> Value:
    try:
        return read(written)
    except ValueError:
        return written


def mismatches(wanted: Mapping[str, Request], values: Mapping[str, Value]) -> list[Mismatch]:
    """Return the requests of *wanted* that do not hold among *values*, in order of the names."""
    return [
        Mismatch(name, value, values.get(name))
        for name, value in sorted(((name, it.value) for name, it in wanted.items()), key=lambda it: it[0])
        if not isinstance(value, Unset) and not _holds(value, values.get(name))
    ]


def _holds(wanted: Value, got: Value | None) -> bool:
    if got is None:
        return wanted in {NO, ""}
    if isinstance(wanted, Tristate) or isinstance(got, Tristate):
        return wanted == got
    return _number(wanted) == _number(got)


def _number(value: Value) -> object:
    return value.number if isinstance(value, Hex) else value
