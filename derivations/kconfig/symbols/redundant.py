"""Whether requests for values that options already have leave a configuration as it is.

A request is one more value that is set by the user. The argument that it changes nothing, from how Kconfig computes a value
(`sym_calc_value`, `conf_read` in Linux 4.18 to 6.19):

- The value of an option is a function of its user value and of the values of others. If it comes out the same, so do
  all others, since nothing but a choice looks at whether there is a user value.
- An option without a visible prompt ignores its user value. A visible one takes it, for a tristate not above the visibility
  and not below what selects it. Its present value is not below the latter; whether it is above the former is
  compared, because a default may be.
- What a member of a choice has been set to counts for the other members. A transitional option, which is never
  written, passes its user value on. Both are left to Kconfig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.language.values import NO, Tristate
from derivations.kconfig.symbols.expression import Level


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.model import Model
    from derivations.kconfig.symbols.values_table import Values


_LEVELS = {"n": Level.N, "m": Level.M, "y": Level.Y}


def change_nothing(added: Mapping[str, Value], config: Mapping[str, Value], model: Model, values: Values) -> bool:
    """Return whether the requests *added* surely lead to the same configuration.

    *config* is the resolved one, and *values* are its values. They must be what Kconfig computed at once: see `SETTLED`.
    """
    return all(_changes_nothing(name, value, config, model, values) for name, value in added.items())


def _changes_nothing(name: str, value: Value, config: Mapping[str, Value], model: Model, values: Values) -> bool:
    symbol = model.get(name)
    if symbol is None or symbol.choice is not None or symbol.transitional or name not in config or name not in values:
        return False
    state = values[name]
    if config[name] != value or not state.written:
        return False
    if not isinstance(value, Tristate) or value is NO or state.visible is Level.N:
        return True
    return _LEVELS[str(value.value)] <= state.visible
