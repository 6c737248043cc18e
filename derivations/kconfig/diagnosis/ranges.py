"""The ranges of numbers: which one applies, and how to make another one apply."""

from __future__ import annotations

import functools

from typing import TYPE_CHECKING

from derivations.kconfig.diagnosis.plan import NOTHING, DeadEnd, best, every
from derivations.kconfig.language.values import written
from derivations.kconfig.symbols.expression import YES as ALWAYS
from derivations.kconfig.symbols.expression import Const, Level, Ref, evaluate
from derivations.kconfig.symbols.fits import number


if TYPE_CHECKING:
    from collections.abc import Callable

    from derivations.kconfig.diagnosis.plan import Found
    from derivations.kconfig.diagnosis.planner import Planner
    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.expression import Expr
    from derivations.kconfig.symbols.model import Symbol
    from derivations.kconfig.symbols.values_table import Values


def limits(symbol: Symbol, values: Values) -> tuple[str, str] | None:
    """Return the least and greatest value of *symbol* now; None if there are no limits."""
    for it in symbol.ranges:
        if evaluate(it.condition, values):
            return _text(it.low, values), _text(it.high, values)
    return None


def widened(planner: Planner, symbol: Symbol, wanted: Value, values: Values) -> Found:
    """Return how to make a range that contains *wanted* apply to *symbol*."""
    asked = number(written(wanted), symbol)
    if asked is None or not symbol.ranges:
        return DeadEnd(("Kconfig does not accept this value",))
    ways = []
    for place, it in enumerate(symbol.ranges):
        searches = [functools.partial(planner.lowered, earlier.condition, Level.N) for earlier in symbol.ranges[:place]]
        searches.append(functools.partial(planner.raised, it.condition, Level.M))
        searches.append(functools.partial(_reached, planner, symbol, it.low, values, asked.__ge__))
        searches.append(functools.partial(_reached, planner, symbol, it.high, values, asked.__le__))
        ways.append(every(searches))
    low, high = limits(symbol, values) or ("", "")
    found = best(ways)
    return DeadEnd((f"its range is {low} to {high}", *found.obstacles)) if isinstance(found, DeadEnd) else found


def computed(planner: Planner, symbol: Symbol, wanted: Value, values: Values) -> Found:
    """Return how a default that is *wanted* comes to count for *symbol*, which has no prompt."""
    ways = []
    for place, it in enumerate(symbol.defaults):
        if _text(it.value, values) == written(wanted):
            searches = [
                functools.partial(planner.lowered, earlier.condition, Level.N) for earlier in symbol.defaults[:place]
            ]
            ways.append(every([functools.partial(planner.raised, it.condition, Level.M), *searches]))
    return best(ways) if ways else DeadEnd(("it has no prompt, and none of its defaults is that",))


def never_in(symbol: Symbol, wanted: Value) -> bool:
    """Return whether *wanted* is outside all ranges of *symbol*, one of which always applies."""
    asked = number(written(wanted), symbol)
    bounds = [
        tuple(number(end.value, symbol) if isinstance(end, Const) else None for end in (it.low, it.high))
        for it in symbol.ranges
    ]
    if asked is None or not any(it.condition in {ALWAYS, symbol.depends} for it in symbol.ranges):
        return False
    return all(low is not None and high is not None and not low <= asked <= high for low, high in bounds)


def _reached(planner: Planner, symbol: Symbol, bound: Expr, values: Values, fits: Callable[[int], bool]) -> Found:
    """Return how to give *bound*, a number or a numeric option, a value that *fits*."""
    now = number(_text(bound, values), symbol)
    if now is not None and fits(now):
        return NOTHING
    computed = planner.model.get(bound.name) if isinstance(bound, Ref) else None
    ways = []
    for place, it in enumerate(computed.defaults if computed is not None else ()):
        then = number(_text(it.value, values), symbol)
        if computed is not None and then is not None and fits(then):
            searches = [
                functools.partial(planner.lowered, before.condition, Level.N) for before in computed.defaults[:place]
            ]
            ways.append(every([functools.partial(planner.raised, it.condition, Level.M), *searches]))
    return best(ways)


def _text(bound: Expr, values: Values) -> str:
    return bound.value if isinstance(bound, Const) else values.text(bound.name) if isinstance(bound, Ref) else ""
