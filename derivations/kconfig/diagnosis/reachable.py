"""The values that options can have at all, whatever else is requested: the proof that a request cannot hold.

Not finding a plan proves nothing: the planner follows the cheapest way, not all of them (`planner`). The proof comes
from an interval analysis of the model: for each option that the request depends on, directly or not, the interval
from least to greatest level is widened until nothing changes, as if options were independent of each other. No
configuration has a value outside the interval. A value inside may still be impossible, since options do depend on
each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.diagnosis.plan import LEVELS
from derivations.kconfig.diagnosis.planner import NEVER, offered
from derivations.kconfig.symbols.expression import And, Compare, Const, Level, Not, Or, Ref, compare, evaluate, refs
from derivations.kconfig.symbols.fits import SWITCHES


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.expression import Expr
    from derivations.kconfig.symbols.model import Model, Symbol
    from derivations.kconfig.symbols.values_table import Values


Interval = tuple[Level, Level]
"""The least and the greatest level."""

_ANY = (Level.N, Level.Y)


class Reach:
    """The possible values of the options of one model, starting from one set of values."""

    def __init__(self, model: Model, values: Values, fixed: Mapping[str, Value]) -> None:
        """Take the options *fixed* to a value; those that must not be changed keep theirs."""
        self._model = model
        self._values = values
        self._fixed = fixed
        self._known: dict[str, Interval] = {}

    def can_be(self, name: str, level: Level) -> bool:
        """Return whether the option *name* may be *level*; False is certain."""
        self._widen(name)
        return level in self._levels(name, *self._computed(name))

    def can_be_set(self, symbol: Symbol) -> bool:
        """Return whether the prompt of *symbol* may become visible; False is certain."""
        self._widen(symbol.name)
        return any(self._of(it.condition)[1] for it in symbol.prompts)

    def _widen(self, target: str) -> None:
        """Find the intervals of all options that *target* depends on."""
        if self._fixed:
            self._known = {}  # the target stays open even if it is fixed
        users: dict[str, set[str]] = {}
        pending, changed = [target], set()
        while pending:
            option = pending.pop()
            if option in self._known:
                continue
            if option != target and (pinned := self._pinned(option)) is not None:
                self._known[option] = (pinned, pinned)
                continue
            now = self._values.level(option)
            self._known[option] = (now, now)
            changed.add(option)
            for needed in self._needed(option):
                users.setdefault(needed, set()).add(option)
                pending.append(needed)
        while changed:
            option = changed.pop()
            low, high = self._computed(option)
            before = self._known[option]
            wider = min(low, before[0]), max(high, before[1])
            if wider != before:
                self._known[option] = wider
                changed |= users.get(option, set())

    def _needed(self, name: str) -> Iterable[str]:
        """Return the options and choices that determine *name*."""
        if name in self._model.choices:
            return refs(offered(self._model.choices[name]))
        symbol = self._model[name]
        parts = [
            *_parts(symbol),
            *(it.condition for other in self._model.rivals(symbol.name) for it in self._model[other].prompts),
        ]
        return {"MODULES", *refs(Or(tuple(parts)))} - {name}

    def _pinned(self, name: str) -> Level | None:
        """Return the level that *name* keeps or must have; None if it is open."""
        if name in NEVER or (name not in self._model and name not in self._model.choices):
            return self._values.level(name)
        return LEVELS.get(self._fixed.get(name))

    def _computed(self, name: str) -> Interval:
        """Return the interval of the option or choice *name*, given those known for the others."""
        if name in NEVER or name not in self._model:
            choice = self._model.choices.get(name)
            level = self._values.level(name)
            return self._of(offered(choice)) if choice is not None else (level, level)
        symbol = self._model[name]
        if symbol.type not in SWITCHES:
            return Level.N, Level.N
        low, high = self._member(symbol) if self._model.rivals(symbol.name) else self._alone(symbol)
        least, most = self._of(symbol.selected_by)
        low, high = max(low, least), max(high, most)
        if symbol.type == "bool":
            return Level.Y if low is Level.M else low, Level.Y if high is Level.M else high
        without = self._known.get("MODULES", _ANY)[0] is Level.N
        return low, Level.Y if high is Level.M and without else high

    def _alone(self, symbol: Symbol) -> Interval:
        """Return the interval of an option by its prompt or default."""
        shown = max((self._of(it.condition)[1] for it in symbol.prompts), default=Level.N)
        low, high = self._default(symbol)
        return (Level.N, max(high, shown)) if shown else (low, high)

    def _default(self, symbol: Symbol) -> Interval:
        low, high, certain = Level.Y, Level.N, False
        for it in symbol.defaults:
            applies, value = self._of(it.condition), self._of(it.value)
            if applies[1] is Level.N:
                continue
            high = max(high, min(applies[1], value[1]))
            low = min(low, max(applies[0], Level.M), value[0])
            if applies[0]:
                certain = True
                break
        implied = self._of(And((symbol.implied_by, symbol.depends)))
        return (max(low, implied[0]) if certain else implied[0]), max(high, implied[1])

    def _member(self, symbol: Symbol) -> Interval:
        """Return the interval of a choice member: off if another one can be chosen, or the choice is not available."""
        shown = self._of(Or(tuple(it.condition for it in symbol.prompts)))
        others = [it for it in self._model.rivals(symbol.name) if it != symbol.name]
        able = any(self._of(it.condition)[1] for other in others for it in self._model[other].prompts)
        return (Level.N if able else shown[0]), shown[1]

    def _of(self, expression: Expr) -> Interval:
        """Return the interval of *expression*."""
        match expression:
            case Const():
                now = evaluate(expression, self._values)
                return now, now
            case Ref(name):
                return self._known.get(name, _ANY)
            case Not(term):
                low, high = self._of(term)
                return Level(Level.Y - high), Level(Level.Y - low)
            case And(terms) | Or(terms):
                both = [self._of(it) for it in terms]
                of = min if isinstance(expression, And) else max
                return of(low for low, _ in both), of(high for _, high in both)
            case Compare(operator, left, right):
                found = {compare(operator, one, other) for one in self._texts(left) for other in self._texts(right)}
                least, most = (Level.Y if all(found) else Level.N), (Level.Y if any(found) else Level.N)
                return _ANY if self._is_open(left) or self._is_open(right) else (least, most)

    def _texts(self, operand: Const | Ref) -> list[str]:
        """Return the possible values of *operand* in a comparison."""
        if isinstance(operand, Const):
            return [operand.value]
        if operand.name not in self._known or self._type(operand.name) not in SWITCHES:
            return [self._values.text(operand.name)]
        return [str(it) for it in self._levels(operand.name, *self._known[operand.name])]

    def _levels(self, name: str, low: Level, high: Level) -> list[Level]:
        """Return the levels of *name* from *low* to *high*; m only for a tristate, and if MODULES can be on."""
        can_be_m = self._type(name) != "bool" and self._known.get("MODULES", _ANY)[1] is not Level.N
        return [it for it in Level if low <= it <= high and (it is not Level.M or can_be_m)]

    def _is_open(self, operand: Const | Ref) -> bool:
        """Return whether *operand* is a string or number that may change."""
        symbol = self._model.get(operand.name) if isinstance(operand, Ref) else None
        if symbol is None or symbol.type in SWITCHES:
            return False
        return bool(symbol.prompts or refs(Or(tuple(_parts(symbol)))))

    def _type(self, name: str) -> str:
        symbol = self._model.get(name)
        return "" if symbol is None else symbol.type


def _parts(symbol: Symbol) -> Iterable[Expr]:
    yield from (it.condition for it in symbol.prompts)
    yield from (part for it in symbol.defaults for part in (it.condition, it.value))
    yield from (symbol.selected_by, symbol.implied_by, symbol.depends)
