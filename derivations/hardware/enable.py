"""Turn on the options that a machine needs, without drivers for other machines.

An option with a prompt is set, together with its dependencies. An option without a prompt is on by default, or is
selected by another option: a codec by the driver of the sound card, a library by its users. If one of the machine's own
options does that, nothing else is needed. Otherwise only a feature may turn it on that is not a module and needs no
module: modules that the machine does not request belong to other machines.
"""

from __future__ import annotations

import functools

from typing import TYPE_CHECKING

import attrs

from derivations.kconfig.diagnosis.plan import NOTHING, DeadEnd, SettingPlan
from derivations.kconfig.diagnosis.planner import Planner
from derivations.kconfig.language.wording import joined
from derivations.kconfig.symbols.expression import And, Level, evaluate, refs


if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from derivations.kconfig.diagnosis.plan import Found
    from derivations.kconfig.symbols.expression import Expr
    from derivations.kconfig.symbols.model import Model, Symbol
    from derivations.kconfig.symbols.values_table import Values


_LETTERS = {Level.N: "n", Level.M: "m", Level.Y: "y"}
_SHOWN = 3  # names: some options are selected by hundreds
_DEPTH = 12
"""How many defaults may follow from each other: there are circles of them, which would not end otherwise."""


def plan_options(options: Collection[str], model: Model, values: Values) -> dict[str, Found]:
    """Return the plan to turn on each of the *options* options, in the same order.

    Args:
        options: Options of *model*.
        model: The tree's Kconfig.
        values: The values of all options without them.
    """
    strangers = _Strangers(options, model)
    own, any_way = Planner(model, values, selectors_not=strangers), Planner(model, values)
    unselected = Planner(model, values, selectors_not=model)
    plans: dict[str, Found] = {}
    outlook = _Outlook(model, values)
    for option in [it for it in options if model[it].prompts]:
        plan = own.option(option, Level.M)
        plans[option] = any_way.option(option, Level.M) if isinstance(plan, DeadEnd) else plan
        outlook.expect(option, plans[option])
    hidden = [it for it in options if it not in plans]
    for option in hidden:
        plans[option] = NOTHING if outlook.level(option) >= Level.M else unselected.option(option, Level.M)
        if isinstance(plans[option], DeadEnd):
            feature = own.option(option, Level.M)
            if isinstance(feature, SettingPlan) and not any(it in strangers for it in feature.steps):
                plans[option] = feature
        outlook.expect(option, plans[option])
    for option in hidden:
        if not isinstance(plans[option], DeadEnd):
            continue
        if outlook.selected(option) >= Level.M:  # by what came later in the list
            plans[option] = NOTHING
        elif clause := _only_selected(model[option], model):
            plans[option] = DeadEnd((clause,))
    return {option: plans[option] for option in options}


@attrs.frozen
class _Strangers:
    """The options of modules that are not *asked* for."""

    asked: Collection[str]
    model: Model

    def __contains__(self, name: object) -> bool:
        return name not in self.asked and isinstance(name, str) and self._is_module(name)

    def _is_module(self, name: str) -> bool:
        return name in self.model and self.model[name].type == "tristate"


def _only_selected(symbol: Symbol, model: Model) -> str:
    """Return the clause that only drivers of other devices select *symbol*, if that is so, or else an empty string."""
    names = sorted(
        it for it in refs(symbol.selected_by) if it in model and any(s.target == symbol.name for s in model[it].selects)
    )
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (
        f"it has no prompt, and nothing that the machine needs selects it; {joined(names[:_SHOWN], 'or')}{more} would"
    )


class _Outlook:
    """Lower bounds of options, after some are raised, with what these select, and what is then on by default."""

    def __init__(self, model: Model, values: Values) -> None:
        self._model, self._values = model, values
        self._raised: dict[str, Level] = {}
        self._defaults: dict[str, Level] = {}
        self._followed = True

    def expect(self, option: str, plan: Found) -> None:
        """Record that *plan* turns *option* on, unless it is a dead end."""
        if isinstance(plan, SettingPlan):
            for name, level in {option: Level.M, **{name: step.level for name, step in plan.steps.items()}}.items():
                self._raise(name, level)

    def level(self, name: str) -> Level:
        """Return the expected level of *name*."""
        self._follow()
        return self._level(name)

    def selected(self, name: str) -> Level:
        """Return the level that selects give *name*."""
        self._follow()
        by = (it for it in refs(self._model[name].selected_by) if it in self._model and self._level(it))
        return max((self._selects(it).get(name, Level.N) for it in by), default=Level.N)

    def _level(self, name: str, depth: int = 0) -> Level:
        known = max(self._raised.get(name, Level.N), self._values.level(name))
        return known if known or depth > _DEPTH else self._by_default(name, depth)

    def _by_default(self, name: str, depth: int) -> Level:
        """Return the default of *name*, which could not be set before, given the raised options."""
        symbol = self._model.get(name)
        if symbol is None or not symbol.defaults or symbol.choice or self._values[name].visible:
            return Level.N
        if name not in self._defaults:
            self._defaults[name] = Level.N  # in case of a cycle
            seen = _Seen(functools.partial(self._level, depth=depth + 1), self._values)
            terms = [And((symbol.depends, it.condition, it.value)) for it in symbol.defaults]
            level = max(evaluate(it, seen) for it in terms)
            self._defaults[name] = Level.Y if level and symbol.type == "bool" else level
        return self._defaults[name]

    def _raise(self, name: str, level: Level) -> None:
        symbol = self._model.get(name)
        if symbol is not None and level > self._level(name):
            self._raised[name] = Level.Y if symbol.type == "bool" else level
            self._followed = False
            self._defaults.clear()

    def _follow(self) -> None:
        """Raise the options that raised options select."""
        while not self._followed:
            self._followed = True
            for name in list(self._raised):
                for target, level in self._selects(name).items():
                    self._raise(target, level)

    def _selects(self, name: str) -> dict[str, Level]:
        """Return what the option *name* selects, assuming that its dependencies hold, because it will be on."""
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
    """The values that an expression is evaluated with."""

    level: Callable[[str], Level]
    values: Values

    def text(self, name: str) -> str:
        level = self.level(name)
        return _LETTERS[level] if level > self.values.level(name) else self.values.text(name)


def _terms(expression: Expr) -> tuple[Expr, ...]:
    return expression.terms if isinstance(expression, And) else (expression,)
