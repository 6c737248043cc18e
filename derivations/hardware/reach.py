"""How the options that a machine asks for get to be on, without drivers of other machines.

An option with a prompt is set, with what it depends on. One without is on because another option selects it: a codec by
the driver of the sound card, a library by whatever uses it. Where something that the machine asks for
selects it, nothing else is needed. Otherwise any option will do that is not a driver of some device: that
one would belong to another machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.hardware.buses import BUSES
from derivations.kconfig.expression import And, Level, evaluate, refs
from derivations.kconfig.plan import NOTHING, DeadEnd, Plan
from derivations.kconfig.planner import Planner
from derivations.kconfig.wording import joined


if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from derivations.hardware.drivers import DriverMap
    from derivations.kconfig.expression import Expr
    from derivations.kconfig.model import Model, Symbol
    from derivations.kconfig.plan import Found
    from derivations.kconfig.resolved import Values


_LETTERS = {Level.N: "n", Level.M: "m", Level.Y: "y"}
_SHOWN = 3


def reach(asked: Collection[str], drivers: DriverMap, model: Model, values: Values) -> dict[str, Found]:
    """Return for each of the *asked* options the plan to have it, in the same order.

    Args:
        asked: Options of *model*.
        drivers: The drivers of the tree.
        model: The tree's Kconfig.
        values: What every option is without them.
    """
    strangers = options_of_devices(drivers) - set(asked)
    own, any_way = Planner(model, values, selectors_not=strangers), Planner(model, values)
    plans: dict[str, Found] = {}
    outlook = _Outlook(model, values)
    for option in [it for it in asked if model[it].prompts]:
        plan = own.option(option, Level.M)
        plans[option] = any_way.option(option, Level.M) if isinstance(plan, DeadEnd) else plan
        outlook.expect(option, plans[option])
    hidden = [it for it in asked if it not in plans]
    for option in hidden:
        plans[option] = NOTHING if outlook.level(option) >= Level.M else own.option(option, Level.M)
        outlook.expect(option, plans[option])
    for option in hidden:
        if not isinstance(plans[option], DeadEnd):
            continue
        if outlook.selected(option) >= Level.M:  # by what came later in the list
            plans[option] = NOTHING
        elif clause := _only_selected(model[option], model):
            plans[option] = DeadEnd((clause,))
    return {option: plans[option] for option in asked}


def options_of_devices(drivers: DriverMap) -> set[str]:
    """Return the options of all modules that drive devices."""
    return {
        option
        for module in drivers.modules.values()
        if any(alias.partition(":")[0].rstrip("*") in BUSES for alias in module.aliases)
        for option in module.options
    }


def _only_selected(symbol: Symbol, model: Model) -> str:
    """Return the clause that nothing but a driver of another device switches *symbol* on, if that is so."""
    names = sorted(
        it for it in refs(symbol.selected_by) if it in model and any(s.target == symbol.name for s in model[it].selects)
    )
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"it has no prompt and none of what the machine has selects it; {joined(names[:_SHOWN], 'or')}{more} would"


class _Outlook:
    """What options will be at the least, with some raised and with what these select."""

    def __init__(self, model: Model, values: Values) -> None:
        self._model, self._values = model, values
        self._raised: dict[str, Level] = {}
        self._followed = True

    def expect(self, option: str, plan: Found) -> None:
        """Take in that *option* will be on by *plan*, if that is one."""
        if isinstance(plan, Plan):
            for name, level in {option: Level.M, **{name: step.level for name, step in plan.steps.items()}}.items():
                self._raise(name, level)

    def level(self, name: str) -> Level:
        """Return what *name* will be."""
        self._follow()
        return self._level(name)

    def selected(self, name: str) -> Level:
        """Return what the options that select *name* make of it."""
        self._follow()
        by = (it for it in refs(self._model[name].selected_by) if it in self._model and self._level(it))
        return max((self._selects(it).get(name, Level.N) for it in by), default=Level.N)

    def _level(self, name: str) -> Level:
        return max(self._raised.get(name, Level.N), self._values.level(name))

    def _raise(self, name: str, level: Level) -> None:
        symbol = self._model.get(name)
        if symbol is not None and level > self._level(name):
            self._raised[name] = Level.Y if symbol.type == "bool" else level
            self._followed = False

    def _follow(self) -> None:
        """Raise what is selected by what was raised."""
        while not self._followed:
            self._followed = True
            for name in list(self._raised):
                for target, level in self._selects(name).items():
                    self._raise(target, level)

    def _selects(self, name: str) -> dict[str, Level]:
        """Return what the option *name* selects. That what it depends on holds is taken for granted: it will be on."""
        symbol = self._model[name]
        granted = _terms(symbol.depends)
        values = _Seen(self._level, self._values)
        found: dict[str, Level] = {}
        for it in symbol.selects:
            more = [term for term in _terms(it.condition) if term not in granted]
            level = min([self._level(name), *(evaluate(term, values) for term in more)])
            found[it.target] = max(found.get(it.target, Level.N), level)
        return found


@attrs.frozen
class _Seen:
    """Values as an expression reads them."""

    level: Callable[[str], Level]
    values: Values

    def text(self, name: str) -> str:
        level = self.level(name)
        return _LETTERS[level] if level > self.values.level(name) else self.values.text(name)


def _terms(expression: Expr) -> tuple[Expr, ...]:
    return expression.terms if isinstance(expression, And) else (expression,)
