"""Whether requests for values that options already have leave a configuration as it is.

A request is one more value that is set by the user. The argument that it changes nothing, from how Kconfig computes a value
(`sym_calc_value`, `conf_read` in Linux 4.18 to 6.19):

- The value of an option is a function of its user value and of the values of others. If it comes out the same, so do
  all others, since nothing but a choice looks at whether there is a user value.
- An option without a visible prompt ignores its user value. A visible one takes it, for a tristate not above the visibility
  and not below what selects it. Its present value is not below the latter; whether it is above the former is
  compared, because a default may be.
- What a member of a choice has been set to counts for the other members. A transitional option passes its user value
  on. Both are left to Kconfig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.language.text import split_line
from derivations.kconfig.symbols.expression import Level


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from derivations.kconfig.symbols.model import Model
    from derivations.kconfig.symbols.values_table import Values


_LEVELS = {None: Level.N, "n": Level.N, "m": Level.M, "y": Level.Y}


def change_nothing(
    added: Mapping[str, str | None], config: Mapping[str, str | None], model: Model, values: Values
) -> bool:
    """Return whether requests for *added* surely lead to the same `.config`.

    Both are options with their values as `assignments` returns them: as they are written, because Kconfig keeps how a
    number is written. *config* is the resolved one, and *values* are its values. They must be what Kconfig computed
    at once: see `SETTLED`.
    """
    return all(_changes_nothing(*it, config, model, values) for it in added.items())


def assignments(lines: Iterable[str]) -> dict[str, str | None]:
    """Return the options that *lines* of a `.config` set, with their values as written; None for off."""
    return dict(filter(None, map(split_line, lines)))


def _changes_nothing(name: str, value: str | None, now: Mapping[str, str | None], model: Model, values: Values) -> bool:
    symbol = model.get(name)
    if symbol is None or symbol.choice is not None or symbol.transitional or name not in values:
        return False
    state, is_switch = values[name], symbol.type in {"bool", "tristate"}
    # An option that is off, and has no visible prompt, has no line.
    is_same = now[name] == value if name in now else is_switch and value is None and state.value == "n"
    if not is_same or not is_switch:
        return is_same
    return state.visible is Level.N or _LEVELS.get(value, Level.Y) <= state.visible
