"""Why an option cannot have a value: the chain from the option down to what can be changed.

`diagnose` decides which requests are blocked, and asks here why.

A `Blocker` is one obstacle: its current value, the reason for it, and what to write to change it if it can be
set directly; otherwise `below` holds the obstacles to *that*. Of alternatives (`A || B`, several options that
select one), only the cheapest to bring about is followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from derivations.kconfig.diagnosis.plan import TRISTATES, DeadEnd, SettingPlan
from derivations.kconfig.diagnosis.planner import NEVER, Planner, alternatives, offered, selector
from derivations.kconfig.language.values import MODULE, UNSET, Priority, Tristate, written
from derivations.kconfig.language.wording import joined, place, selecting
from derivations.kconfig.symbols.expression import YES as ALWAYS
from derivations.kconfig.symbols.expression import And, Const, Level, Not, Or, Ref, evaluate, refs, show
from derivations.kconfig.symbols.fits import SWITCHES


if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from derivations.kconfig.language.fragment import Request
    from derivations.kconfig.symbols.expression import Expr
    from derivations.kconfig.symbols.model import Model, Symbol
    from derivations.kconfig.symbols.values_table import Values


_TERMS = 4
"""The most alternatives to show, each with what is below it: with every level, the diagnosis grows by this factor."""

_CHAIN = 48
"""The most options in one diagnosis: a longer one is unreadable."""
_SEEN = "see above"
_NONE = "none of these is met"


@attrs.frozen(kw_only=True)
class Blocker:
    """One obstacle.

    Attributes:
        needs: The unmet condition, with the current values of its options: `TTY [=n]`.
        because: Why it is not met, a clause.
        option: The option to change, if it can be set now.
        value: What to set it to.
        forced: Whether this needs `force`, because a request asks for another value.
        below: The obstacles to meeting it.
    """

    needs: str
    because: str
    option: str | None = None
    value: Tristate | None = None
    forced: bool = False
    below: tuple[Blocker, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the blocker as JSON data."""
        change = None if self.option is None or self.value is None else {self.option: self.value.value}
        below = [it.to_json() for it in self.below]
        return {"needs": self.needs, "because": self.because, "change": change, "below": below}

    def lines(self, indent: str = "") -> Iterator[str]:
        """Yield the chain as text, each level indented by two more spaces."""
        value = f"force({self.value!r})" if self.forced else repr(self.value)
        change = "" if self.option is None else f' → "{self.option}": {value}'
        yield f"{indent}needs {self.needs}: {self.because}{change}"
        for blocker in self.below:
            yield from blocker.lines(f"{indent}  ")


class BlockerFinder:
    """Follows chains of obstacles in one resolved configuration."""

    def __init__(
        self, model: Model, values: Values, requests: Mapping[str, Request], in_file: Collection[str] = ()
    ) -> None:
        """Take the winning *requests*, to report who set what; those *in_file* come from a file and are changed there."""
        self._model = model
        self._values = values
        self._requests = requests
        self._in_file = in_file
        self._modules = any(it.value is MODULE for it in requests.values())
        self.planner = Planner(model, values, modules=self._modules)
        self._seen: set[tuple[str, bool]] = set()

    def unmet(self, expression: Expr, level: Level) -> tuple[Blocker, ...]:
        """Return what keeps *expression* from being at least *level*; each option is followed once."""
        self._seen = set()
        return self._low(expression, level)

    def forced(self, expression: Expr, level: Level) -> tuple[Blocker, ...]:
        """Return what keeps *expression* from being at most *level*; each option is followed once."""
        self._seen = set()
        return self._high(expression, level)

    def hidden(self, symbol: Symbol) -> tuple[Blocker, ...]:
        """Return what hides the prompt of *symbol*; nothing if that cannot be changed."""
        self._seen = set()
        return self._hidden(symbol)

    def nearest(self, symbol: Symbol, level: Level) -> Expr:
        """Return the cheapest condition under which *symbol* would be *level*."""
        if not symbol.prompts:
            return Ref(symbol.name)
        ways = [it.condition for it in symbol.prompts]
        if symbol.type in SWITCHES and not self._values[symbol.name].visible:
            ways += _by_default(symbol)
        return self._nearest(tuple(ways), level)[0]

    def origin(self, name: str) -> str | None:
        """Return who requests the option *name* and where; None if nobody does."""
        request = self._requests.get(name)
        return (
            None if request is None or request.value is UNSET else f"requested {written(request.value)}{place(request)}"
        )

    def _low(self, expression: Expr, level: Level) -> tuple[Blocker, ...]:
        if evaluate(expression, self._values) >= level:
            return ()
        match expression:
            case And(terms):
                return _listed(blocker for term in terms for blocker in self._low(term, level))
            case Or(terms):
                best, able = self._nearest(terms, level)
                followed = (best,) if able else terms[:_TERMS]
                below = _listed(blocker for term in followed for blocker in self._low(term, level))
                return (Blocker(needs=self._some(terms, best), because=_NONE, below=below),)
            case Not(term):
                return self._high(term, Level(Level.Y - level))
            case Ref(name):
                return (self._option_low(name, level),)
        return (Blocker(needs=show(expression, self._values), because=self._fixed(expression)),)

    def _high(self, expression: Expr, level: Level) -> tuple[Blocker, ...]:
        if evaluate(expression, self._values) <= level:
            return ()
        match expression:
            case And(terms):
                plans = [(it, self.planner.lowered(it, level)) for it in terms]
                prices = {it: plan.price for it, plan in plans if isinstance(plan, SettingPlan)}
                return self._high(min(prices, key=prices.__getitem__) if prices else terms[0], level)
            case Or(terms):
                return _listed(blocker for term in terms for blocker in self._high(term, level))
            case Not(term):
                return self._low(term, Level(Level.Y - level))
            case Ref(name):
                return (self._option_high(name, level),)
        return (Blocker(needs=show(Not(expression), self._values), because=self._fixed(expression)),)

    def _option_low(self, name: str, level: Level) -> Blocker:  # noqa: PLR0911 -- one per kind
        needs = self._named(name)
        if (name, True) in self._seen or len(self._seen) > _CHAIN:
            return Blocker(needs=needs, because=_SEEN)
        self._seen.add((name, True))
        if name in self._model.choices:
            below = self._low(offered(self._model.choices[name]), Level.M)
            return Blocker(needs=needs, because="the choice is not available", below=below)
        symbol = self._model.get(name)
        if symbol is None:
            return Blocker(needs=needs, because=self._nowhere(name))
        if symbol.type not in SWITCHES:
            return Blocker(needs=needs, because="it is not a bool or tristate")
        if symbol.type == "bool":
            level = Level.Y
        if name in NEVER:
            return Blocker(needs=needs, because=self._decided(symbol))
        if symbol.prompts:
            return self._prompted_low(symbol, level, needs)
        return self._promptless_low(symbol, level, needs)

    def _prompted_low(self, symbol: Symbol, level: Level, needs: str) -> Blocker:
        if self._values[symbol.name].visible >= level:
            because = self._sibling(symbol) or self.origin(symbol.name) or "nothing requests it"
            return self._to_change(symbol.name, level, needs=needs, because=because)
        needed = level if symbol.type == "tristate" and (self._modules or self._values.level("MODULES")) else Level.M
        condition = self.nearest(symbol, needed)
        because = self.origin(symbol.name) or "nothing requests it, and it cannot be set yet"
        return Blocker(needs=needs, because=because, below=self._low(condition, needed))

    def _to_change(self, name: str, level: Level, *, needs: str, because: str) -> Blocker:
        """Return a blocker that the user can remove, by setting the option *name* to *level*."""
        request, value = self._requests.get(name), TRISTATES[level]
        is_plain = request is not None and name not in self._in_file and request.priority is Priority.PLAIN
        forced = is_plain and request is not None and request.value not in {value, UNSET}
        return Blocker(needs=needs, because=because, option=name, value=value, forced=forced)

    def _promptless_low(self, symbol: Symbol, level: Level, needs: str) -> Blocker:
        needed = min(level, Level.M) if symbol.type == "bool" else level
        selectors = self.planner.selected(symbol, level)
        if selectors:
            by = selectors[0][0]
            names = list(dict.fromkeys(it for it, _ in selectors))
            because = f"it has no prompt; {selecting(names)}"
            term = next(it for it in alternatives(symbol.selected_by) if selector(it) == by)
            return Blocker(needs=needs, because=because, below=self._low(term, needed))
        changing = [it for it in _by_default(symbol) if refs(it)]
        if changing and symbol.selected_by == Const("n"):
            below = self._low(self._nearest(tuple(changing), Level.M)[0], Level.M)
            return Blocker(needs=needs, because="it has no prompt; it is computed from other options", below=below)
        return Blocker(needs=needs, because=self._decided(symbol))

    def _option_high(self, name: str, level: Level) -> Blocker:
        symbol = self._model.get(name)
        if symbol is None:
            return Blocker(needs=f"!{self._named(name)}", because="the choice is available")
        if symbol.type == "bool":
            level = Level.N
        needs = f"!{self._named(name)}" if level is Level.N else f"{self._named(name)} at most {level}"
        if (name, False) in self._seen:
            return Blocker(needs=needs, because=_SEEN)
        self._seen.add((name, False))
        if evaluate(symbol.selected_by, self._values) > level:
            return self._selected_high(symbol, level, needs)
        if symbol.prompts and self._values[name].visible:
            others = [it for it in self._model.rivals(symbol.name) if it != name]
            if others:
                return Blocker(
                    needs=needs, because=f"it is the chosen member of its choice; choose {joined(others, 'or')} instead"
                )
            because = self.origin(name) or "it is on by default or in the base configuration"
            return self._to_change(name, level, needs=needs, because=because)
        return self._follows(symbol, level, needs)

    def _follows(self, symbol: Symbol, level: Level, needs: str) -> Blocker:
        """Return what keeps *symbol*, which cannot be set now, from being at most *level*."""
        if symbol.prompts and (below := self._hidden(symbol)):
            return Blocker(needs=needs, because="it is on by default, and its prompt is not visible", below=below)
        below = self._high(symbol.depends, level) if symbol.depends != ALWAYS else ()
        prompt = "its prompt is never visible here" if symbol.prompts else "it has no prompt"
        because = f"{prompt}, and it is computed from other options" if below else self._decided(symbol)
        return Blocker(needs=needs, because=because, below=below)

    def _hidden(self, symbol: Symbol) -> tuple[Blocker, ...]:
        """Return what hides the prompt of *symbol*; nothing if that cannot be changed."""
        if isinstance(self.planner.prompted(symbol, Level.M), DeadEnd):
            return ()
        return self._low(self._nearest(tuple(it.condition for it in symbol.prompts), Level.M)[0], Level.M)

    def _selected_high(self, symbol: Symbol, level: Level, needs: str) -> Blocker:
        active = [it for it in alternatives(symbol.selected_by) if evaluate(it, self._values) > level]
        names = list(dict.fromkeys(name for it in active if (name := selector(it)) is not None))
        below = _listed(blocker for it in active[:_TERMS] for blocker in self._high(it, level))
        return Blocker(needs=needs, because=selecting(names), below=below)

    def _nearest(self, terms: tuple[Expr, ...], level: Level) -> tuple[Expr, bool]:
        """Return the cheapest term and True; if none can come about, the term with the fewest options and False."""
        plans = [(it, self.planner.raised(it, level)) for it in terms]
        prices = {it: plan.price for it, plan in plans if isinstance(plan, SettingPlan)}
        return (min(prices, key=prices.__getitem__), True) if prices else (min(terms, key=_size), False)

    def _some(self, terms: tuple[Expr, ...], best: Expr) -> str:
        """Return alternatives as text, *best* first, abbreviated if there are many."""
        ordered = [best, *(it for it in terms if it is not best)]
        texts = [show(it, self._values) if not isinstance(it, And) else f"({show(it, self._values)})" for it in ordered]
        more = len(texts) - _TERMS
        return " || ".join(texts[:_TERMS]) + (f" || … ({more} more)" if more > 0 else "")

    def _named(self, name: str) -> str:
        if name in self._model.choices:
            choice = self._model.choices[name]
            title = choice.prompt or f"{choice.definitions[0].file}:{choice.definitions[0].line}"
            return f"the choice “{title}” [={self._values.level(name)}]"
        return show(Ref(name), self._values)

    def _sibling(self, symbol: Symbol) -> str | None:
        """Return the clause that the choice of *symbol* has another member chosen; None if it has not."""
        chosen = [
            it for it in self._model.rivals(symbol.name) if it != symbol.name and self._values.level(it) is Level.Y
        ]
        if not chosen:
            return None
        who = self.origin(chosen[0])
        return f"its choice is set to {chosen[0]}" + (f", {who}" if who else ", which nothing requests")

    def _nowhere(self, name: str) -> str:
        places = self._model.elsewhere(name)
        if places:
            return f"it is not defined for {self._model.arch}, only in {joined(list(places[:2]))}"
        return "this version does not define it"

    def _fixed(self, expression: Expr) -> str:
        """Return why a constant or a comparison has its value."""
        for name in refs(expression):
            symbol = self._model.get(name)
            if symbol is not None and symbol.prompts:
                return self.origin(name) or f"{name} has this value by default"
        if refs(expression):
            return "the compiler or the architecture determines it"
        return "the tree or a toolchain test sets it"

    def _decided(self, symbol: Symbol) -> str:
        """Return what determines an option that has no prompt and that nothing reachable selects."""
        if symbol.name in NEVER:
            return "it must not be changed"
        if symbol.prompts:
            return "its prompt is never visible here"
        if symbol.selected_by != Const("n"):
            return f"it has no prompt, and nothing that {self._model.arch} can have selects it"
        if symbol.defaults:
            return "it has no prompt: the toolchain or the architecture determines it"
        return f"it has no prompt, and nothing selects it on {self._model.arch}"


def _size(expression: Expr) -> int:
    return len(refs(expression))


def _by_default(symbol: Symbol) -> list[Expr]:
    return [And((symbol.depends, it.condition, it.value)) for it in symbol.defaults if it.value != Const("n")]


def _listed(blockers: Iterable[Blocker]) -> tuple[Blocker, ...]:
    """Return *blockers*, each need once, without those already listed unless there are no others."""
    found = {it.needs: it for it in reversed(tuple(blockers))}
    ordered = tuple(reversed(found.values()))
    return tuple(it for it in ordered if it.because != _SEEN) or ordered[:1]
