"""One side of a comparison: a configuration, and what is known about its origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap
from derivations.kconfig.language.values import Hex, Tristate, Unset
from derivations.kconfig.symbols.expression import Level, evaluate


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.kconfig.language.fragment import Request
    from derivations.kconfig.symbols.model import Model, Symbol
    from derivations.kconfig.symbols.values_table import Values


@attrs.frozen(kw_only=True)
class Side:
    """A configuration, and what is known about its origin.

    Attributes:
        name: The user's name for it.
        values: The value of every option.
        version: Its version of Linux; empty if unknown.
        arch: Its directory below `arch/`; empty if unknown.
        model: That version's Kconfig.
        requests: The requests.
        base_name: Its base, such as `tinyconfig`.
        base: The options that the base sets.
    """

    name: str
    values: Values
    version: str = ""
    arch: str = ""
    model: Model | None = None
    requests: Mapping[str, Request] = attrs.field(factory=FrozenMap)
    base_name: str = ""
    base: Mapping[str, object] = attrs.field(factory=FrozenMap)

    def value(self, option: str) -> str | None:
        """Return the value of *option*; None if it is n or has no line in the `.config`."""
        state = self.values.get(option)
        if state is None or state.value == "n" or not state.written:
            return None
        return state.value

    def shown(self, option: str) -> str:
        """Return the value of *option* as text for people."""
        value = self.value(option)
        if value is not None:
            return value or '""'
        state = self.values.get(option)
        return "n" if state is not None and state.value == "n" else "absent"

    def symbol(self, option: str) -> Symbol | None:
        """Return the symbol of *option*; None if there is none or the model is unknown."""
        return self.model.get(option) if self.model is not None else None

    def lacks(self, option: str) -> bool:
        """Return whether this version is known to lack *option*."""
        return self.model is not None and option not in self.model

    def level(self, option: str) -> Level:
        """Return the value of *option* as a level; strings and numbers count as n."""
        return _level(self.value(option))

    def needed(self, option: str) -> Level:
        """Return the level that the dependencies of *option* need for it to have its value."""
        value = self.value(option)
        return Level.N if value is None else _level(value) or Level.M  # for a number or a string, anything but n

    def allowed(self, symbol: Symbol) -> Level:
        """Return the level that the dependencies of *symbol* allow: y or n, unless it is a tristate."""
        found = evaluate(symbol.depends, self.values)
        return Level.Y if found > Level.N and symbol.type != "tristate" else found

    def has(self, option: str, wanted: object) -> bool:
        """Return whether the value of *option* is what was *wanted*."""
        value = self.value(option)
        if wanted is None or isinstance(wanted, Unset):
            return value is None
        if isinstance(wanted, Tristate):
            return wanted.value == (value or "n")
        if value is None:
            return wanted == ""
        if isinstance(wanted, Hex):
            return _number(value) == wanted.number
        return value == str(wanted)


def _level(value: str | None) -> Level:
    return {"y": Level.Y, "m": Level.M}.get(value or "n", Level.N)


def _number(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None
