"""What else to set so that an option can have a value, according to the model, cheapest first.

The search goes backwards from the goal, starting with the current values: `A && B` needs every part, `A || B` the
cheapest; an option is enabled by its prompt, or else through one that selects it. Only the kernel's own Kconfig
knows what a plan really does (see `repair`).

The prices below prefer what a person would do; an option is common if the kernel's own configurations enable it.
"""

from __future__ import annotations

import contextlib
import functools
import posixpath

from collections import Counter
from typing import TYPE_CHECKING

from derivations.kconfig.diagnosis.plan import (
    LEVELS,
    NOTHING,
    DeadEnd,
    Found,
    PlanStep,
    SettingPlan,
    around,
    best,
    both,
    cheapest,
    every,
)
from derivations.kconfig.language.values import YES
from derivations.kconfig.symbols.expression import NO as NEVER_HOLDS
from derivations.kconfig.symbols.expression import YES as ALWAYS
from derivations.kconfig.symbols.expression import (
    And,
    Compare,
    Const,
    Level,
    Not,
    Or,
    Ref,
    compare,
    evaluate,
    refs,
    show,
)
from derivations.kconfig.symbols.fits import SWITCHES


if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping

    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.expression import Expr
    from derivations.kconfig.symbols.model import Choice, Model, Symbol
    from derivations.kconfig.symbols.values_table import Values


NEVER = frozenset({"BROKEN", "COMPILE_TEST", "UML", "64BIT", "32BIT", "X86_32"})
"""Options that no plan changes: the kernel would be unusable, or for another machine (of another word size)."""

# Prices are only compared: the order that the notes below state is what matters.

# More than three or four ordinary steps: what depends on these is rarely wanted.
_LAST_RESORTS = {"EXPERT": 40, "EMBEDDED": 40, "STAGING": 30}
_CORNERSTONES = frozenset(
    {"ACPI", "BLOCK", "INET", "INPUT", "MODULES", "NET", "NETDEVICES", "PCI", "SMP", "TTY", "USB"}
)

# Two common options are better than one uncommon one, three are not. Disabling an option costs as much as two
# uncommon ones; disabling a cornerstone is worse than any last resort.
_COMMON, _UNCOMMON, _OFF, _OFF_CORNERSTONE = 4, 10, 20, 90

# A select of an option with a prompt costs more than a common option, and less than an uncommon one. A plan that costs
# no more than the cheapest last resort is taken without looking at selects.
_TRICK, _ENOUGH = 6, 30

# The extra cost of a selector, the less it has to do with what it selects: less than a step in the same folder, and
# elsewhere about as much as another uncommon option.
_SAME_FOLDER, _SAME_WORD, _UNRELATED = 2, 9, 12

# Disabling the dependency of an option that can be disabled itself: worse than a last resort, better than a
# cornerstone.
_WITHOUT_ALL = 60

# Bounds on the search, beyond the size of real plans: some options have hundreds of selectors, of which the nearest are
# tried, and each nested goal takes several frames of Python's stack.
_SELECTORS = 80
_DEPTH = 80


class Planner:
    """Finds plans for one model with one set of values."""

    def __init__(
        self,
        model: Model,
        values: Values,
        *,
        fixed: Mapping[str, Value] | None = None,
        avoid: Collection[str] = (),
        free: Collection[str] = (),
        selectors_not: Container[str] = (),
        modules: bool = False,
        tricks: bool = True,
    ) -> None:
        """Take the options *fixed* to a value, those to *avoid* setting, and those *free* because they are set already.

        *selectors_not* are not set for the sake of what they select. With *modules*, MODULES will be on even if it is
        off now. Without *tricks*, an option with a prompt is not enabled through a select.
        """
        self.model = model
        self._values = values
        self._fixed = fixed or {}
        self._avoid = avoid
        self._free = free
        self._selectors_not = selectors_not
        self._tricks = tricks
        self._modules = modules or values.level("MODULES") is Level.Y
        self._found: dict[tuple[str, str, Level], Found] = {}
        self._open: dict[tuple[str, str, Level], int] = {}
        self._reached = _DEPTH  # the outermost open goal that the last search reached
        self._kept: Counter[tuple[str, bool]] = Counter()  # what must stay on, or off

    def raised(self, expression: Expr, level: Level) -> Found:  # noqa: PLR0911 -- one per kind
        """Return how to raise *expression* to at least *level*."""
        if evaluate(expression, self._values) >= level:
            return NOTHING
        match expression:
            case Ref(name):
                return self.option(name, level)
            case Not(term):
                return self.lowered(term, Level(Level.Y - level))
            case And(terms):
                with self._keeping(terms, level):
                    return every(functools.partial(self.raised, it, level) for it in _by_size(terms))
            case Or(terms):
                return cheapest(functools.partial(self.raised, it, level) for it in _by_size(terms))
            case Compare():
                return self._compared(expression, wanted=True)
        return DeadEnd((f"it is never more than {show(expression)}",))

    def lowered(self, expression: Expr, level: Level) -> Found:  # noqa: PLR0911 -- one per kind
        """Return how to lower *expression* to at most *level*."""
        if evaluate(expression, self._values) <= level:
            return NOTHING
        match expression:
            case Ref(name):
                return self.option_off(name, level)
            case Not(term):
                return self.raised(term, Level(Level.Y - level))
            case And(terms):
                return cheapest(functools.partial(self.lowered, it, level) for it in _by_size(terms))
            case Or(terms):
                return every(functools.partial(self.lowered, it, level) for it in _by_size(terms))
            case Compare():
                return self._compared(expression, wanted=False)
        return DeadEnd()

    def option(self, name: str, level: Level) -> Found:
        """Return how to raise the option or choice *name* to at least *level*."""
        if self._values.level(name) >= level:
            return NOTHING
        if name in self.model.choices:
            choice = self.model.choices[name]
            return self.raised(offered(choice), level if choice.type == "tristate" else Level.M)
        if (symbol := self.model.get(name)) is None:
            return DeadEnd((f"{self.model.arch} has no {name}",))
        if name in NEVER or symbol.type not in SWITCHES:
            return DeadEnd((f"{name} must not be enabled" if name in NEVER else f"{name} is not a bool or tristate",))
        goal = Level.Y if symbol.type == "bool" or not self._modules else level
        if (fixed := LEVELS.get(self._fixed.get(name))) is not None and fixed < goal:
            return DeadEnd((f"{name} is requested as {fixed}",))
        return self._once("on", name, goal, functools.partial(self._switch_on, symbol, goal))

    def option_off(self, name: str, level: Level) -> Found:
        """Return how to lower the option or choice *name* to at most *level*."""
        if self._values.level(name) <= level:
            return NOTHING
        if name in self.model.choices:
            return self.lowered(offered(self.model.choices[name]), level)
        if name in NEVER or name not in self.model:
            return DeadEnd((f"{name} is fixed by the architecture",))
        if self.model[name].type == "bool" or not self._modules:
            level = Level.N  # m is not available
        if (fixed := LEVELS.get(self._fixed.get(name))) is not None and fixed > level:
            return DeadEnd((f"{name} is requested as {fixed}",))
        return self._once("off", name, level, functools.partial(self._switch_off, self.model[name], level))

    def prompted(self, symbol: Symbol, level: Level) -> Found:
        """Return how to make the prompt of *symbol* visible, with *level* among the answers."""
        needed = level if symbol.type == "tristate" and self._modules else min(level, Level.M)
        return cheapest(functools.partial(self.raised, it.condition, needed) for it in symbol.prompts)

    def selected(self, symbol: Symbol, level: Level) -> list[tuple[str, SettingPlan]]:
        """Return the options that can select *symbol*, each with the plan for it, cheapest first."""
        needed = min(level, Level.M) if symbol.type == "bool" else level
        found = []
        terms = [it for it in alternatives(symbol.selected_by) if (selector(it) or "") not in self._selectors_not]
        for term in sorted(terms, key=lambda it: self._distance(it, symbol))[:_SELECTORS]:
            plan, by = self.raised(term, needed), selector(term)
            if isinstance(plan, SettingPlan) and by is not None:
                more = self._distance(term, symbol) + (_TRICK if symbol.prompts else 0)
                found.append((by, plan.with_surcharge(by, more)))
        return sorted(found, key=lambda it: it[1].price)

    def rivals(self, name: str) -> tuple[str, ...]:
        """Return the options, *name* among them, of which only one can be y."""
        choice = self.model.choice_of(name)
        return choice.members if choice is not None and choice.type == "bool" else ()

    def price(self, name: str, level: Level = Level.Y) -> int:
        """Return the price of setting the option *name*."""
        if name in self._free or name in self._fixed:
            return 0
        if level is Level.N:
            return _OFF_CORNERSTONE if name in _CORNERSTONES else _OFF
        return _LAST_RESORTS.get(name, 0) + (_COMMON if self._is_common(self.model[name]) else _UNCOMMON)

    def _is_common(self, symbol: Symbol) -> bool:
        return symbol.name in self.model.common or any(_is_free(it.value, it.condition) for it in symbol.defaults)

    def _once(self, way: str, name: str, level: Level, search: Callable[[], Found]) -> Found:
        """Return what *search* finds, and remember it unless it depends on a goal that is still open."""
        key = way, name, level
        if key in self._found and not self._undoes(self._found[key]):
            return self._found[key]
        if key in self._open or len(self._open) >= _DEPTH:
            self._reached = min(self._reached, self._open.get(key, 0))
            return DeadEnd()
        outer, self._reached = self._reached, _DEPTH
        depth = self._open[key] = len(self._open)
        found = search()
        del self._open[key]
        if self._reached >= depth or isinstance(found, SettingPlan):
            self._found[key] = found
        self._reached = min(outer, self._reached if self._reached < depth else _DEPTH)
        return found

    def _switch_on(self, symbol: Symbol, level: Level) -> Found:
        ways = []
        if symbol.prompts and symbol.name not in self._avoid:
            ways.append(both(self.prompted(symbol, level), self._step(symbol.name, level)))
        if not self._values[symbol.name].visible:  # not set, so a default applies once its condition holds
            ways += [self._by_default(symbol, it.value, it.condition, level) for it in symbol.defaults]
        found = best(ways)
        if isinstance(found, SettingPlan) and found.price <= _ENOUGH:
            return found
        if self._tricks or not symbol.prompts:
            ways += [plan for _, plan in self.selected(symbol, level)]
        if not symbol.prompts and not any(refs(it) for it in _reasons(symbol)):
            return DeadEnd((f"{symbol.name} cannot be enabled: the toolchain or the architecture determines it",))
        return best(ways)

    def _by_default(self, symbol: Symbol, value: Expr, condition: Expr, level: Level) -> Found:
        needed = min(level, Level.M) if symbol.type == "bool" else level
        return every(functools.partial(self.raised, it, needed) for it in (symbol.depends, condition, value))

    def _switch_off(self, symbol: Symbol, level: Level) -> Found:
        unselected = self.lowered(symbol.selected_by, level)
        if isinstance(unselected, DeadEnd):
            return unselected
        others = [it for it in self.rivals(symbol.name) if it != symbol.name]
        if others:
            return both(unselected, cheapest(functools.partial(self.option, it, Level.Y) for it in others))
        ways = []
        if symbol.prompts:
            ways.append(both(self.prompted(symbol, Level.M), self._step(symbol.name, level)))
        if not self._values[symbol.name].visible:  # its default applies
            implied = And((symbol.implied_by, symbol.depends))
            own = Or((*(And((it.value, it.condition)) for it in symbol.defaults), implied))
            if not symbol.prompts and evaluate(own, self._values) > level and not refs(And((own, symbol.depends))):
                return DeadEnd((f"{symbol.name} is always on",))
            without = best([self.lowered(own, level), self.lowered(symbol.depends, level)])
            ways.append(around(without, _WITHOUT_ALL) if symbol.prompts else without)
        return both(unselected, best(ways))

    def _step(self, name: str, level: Level) -> Found:
        asked = [it for it in self.rivals(name) if it != name and self._fixed.get(it) is YES]
        if asked and level is Level.Y:
            return DeadEnd((f"{asked[0]}, of the same choice as {name}, is requested",))
        plan = SettingPlan({name: PlanStep(level, self.price(name, level))})
        if self._undoes(plan):
            self._reached = 0  # in another context it may be set
            return DeadEnd()
        return DeadEnd() if name in self._avoid else plan

    @contextlib.contextmanager
    def _keeping(self, terms: Iterable[Expr], level: Level) -> Iterator[None]:
        """Forbid steps that undo those of *terms*, all of which are needed, that hold already."""
        held = [
            (leaf.name, leaf is it)
            for it in terms
            if isinstance(leaf := it.term if isinstance(it, Not) else it, Ref) and evaluate(it, self._values) >= level
        ]
        self._kept.update(held)
        try:
            yield
        finally:
            self._kept.subtract(held)

    def _undoes(self, found: Found) -> bool:
        """Return whether *found* changes an option that must stay as it is."""
        steps = found.steps.items() if isinstance(found, SettingPlan) else ()
        return any(self._kept[name, step.level is Level.N] > 0 for name, step in steps)

    def _distance(self, term: Expr, symbol: Symbol) -> int:
        """Return how unrelated the selector in *term* is to *symbol*, as a price."""
        by = self.model.get(selector(term) or "")
        if by is None:
            return _UNRELATED
        files, others = ({it.file for it in both.definitions} for both in (by, symbol))
        if files & others:
            return 0
        if {posixpath.dirname(it) for it in files} & {posixpath.dirname(it) for it in others}:
            return _SAME_FOLDER
        return _SAME_WORD if set(by.name.split("_")) & set(symbol.name.split("_")) else _UNRELATED

    def _compared(self, expression: Compare, *, wanted: bool) -> Found:
        """Return how to make a comparison *wanted*, by bools and tristates only: strings and numbers are not changed."""
        ways = [
            functools.partial(every, (search, other))
            for left, search in self._ends(expression.left)
            for right, other in self._ends(expression.right)
            if compare(expression.operator, left, right) is wanted
        ]
        return (
            cheapest(ways)
            if ways
            else DeadEnd((f"{show(expression, self._values)} cannot be changed by a bool or tristate",))
        )

    def _ends(self, operand: Const | Ref) -> list[tuple[str, Callable[[], Found]]]:
        """Return the values that *operand* can have, each with the search for it."""
        symbol = self.model.get(operand.name) if isinstance(operand, Ref) else None
        if symbol is not None and symbol.type in SWITCHES:
            return [(str(it), functools.partial(self._exactly, symbol.name, it)) for it in Level]
        text = operand.value if isinstance(operand, Const) else self._values.text(operand.name)
        return [(text, lambda: NOTHING)]

    def _exactly(self, name: str, level: Level) -> Found:
        return self.option(name, level) if self._values.level(name) < level else self.option_off(name, level)


def offered(choice: Choice) -> Expr:
    """Return the condition under which *choice* is available."""
    places = tuple(it.depends for it in choice.definitions)
    depends = choice.depends if not places else places[0] if len(places) == 1 else Or(places)
    if choice.condition in {ALWAYS, depends}:
        return depends
    return choice.condition if depends == ALWAYS else And((depends, choice.condition))


def alternatives(expression: Expr) -> tuple[Expr, ...]:
    """Return the terms of *expression*, any of which is enough."""
    return expression.terms if isinstance(expression, Or) else (expression,)


def selector(term: Expr) -> str | None:
    """Return the selecting option in *term*, a part of `selected_by`: Kconfig puts it first."""
    first = term.terms[0] if isinstance(term, And) else term
    return first.name if isinstance(first, Ref) else None


def _reasons(symbol: Symbol) -> tuple[Expr, ...]:
    """Return everything that can enable *symbol*, which has no prompt."""
    return (symbol.selected_by, *(And((it.value, it.condition)) for it in symbol.defaults if it.value != NEVER_HOLDS))


def _is_free(value: Expr, condition: Expr) -> bool:
    return value == ALWAYS == condition


def _by_size(terms: Iterable[Expr]) -> list[Expr]:
    return sorted(terms, key=lambda it: len(refs(it)))
