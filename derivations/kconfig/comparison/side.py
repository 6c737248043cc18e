"""A configuration, and what is known of how it came to be: one side of a comparison."""

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
    """A configuration, and what is known of how it came to be.

    Attributes:
        name: What the user calls it.
        values: The value of every option.
        version: The version of Linux that it is for, empty if that is not known.
        arch: The directory below `arch/` of what it is for, empty if that is not known.
        model: That version's Kconfig.
        requests: What is asked for.
        base_name: What it begins with, such as `tinyconfig`.
        base: The options that this sets.
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
        """Return the value of *option*; None where the `.config` has no line for it that says more than n."""
        state = self.values.get(option)
        if state is None or state.value == "n" or not state.written:
            return None
        return state.value

    def shown(self, option: str) -> str:
        """Return the value of *option* for people."""
        value = self.value(option)
        if value is not None:
            return value or '""'
        state = self.values.get(option)
        return "n" if state is not None and state.value == "n" else "absent"

    def symbol(self, option: str) -> Symbol | None:
        """Return what Kconfig says about *option*, if it is known and there is such an option."""
        return self.model.get(option) if self.model is not None else None

    def lacks(self, option: str) -> bool:
        """Return whether this version is known to have no *option*."""
        return self.model is not None and option not in self.model

    def level(self, option: str) -> Level:
        """Return the value of *option* as a level; what is no tristate counts as n."""
        return _level(self.value(option))

    def needed(self, option: str) -> Level:
        """Return what its dependencies must be worth for *option* to have its value."""
        value = self.value(option)
        return Level.N if value is None else _level(value) or Level.M  # for a number or a text, anything but n

    def allowed(self, symbol: Symbol) -> Level:
        """Return how much the dependencies of *symbol* allow: what is no tristate is either allowed or not."""
        found = evaluate(symbol.depends, self.values)
        return Level.Y if found > Level.N and symbol.type != "tristate" else found

    def has(self, option: str, wanted: object) -> bool:
        """Return whether the value of *option*, as Kconfig has it, is what was *wanted*."""
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
