"""The fewest further options that make requests hold, exact by the kernel's own resolution.

Plans are guesses (`planner`), so each is resolved and completed until the requests hold; then every option
that can be left out is left out, by resolving without it. What remains is minimal in the sense that no
single option of it is superfluous. Where another way costs about as much, it is an alternative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from derivations.kconfig.diagnosis.plan import LEVELS, DeadEnd, both
from derivations.kconfig.diagnosis.planner import Planner
from derivations.kconfig.diagnosis.ranges import computed, never_in, widened
from derivations.kconfig.diagnosis.reachable import Reach
from derivations.kconfig.language.values import MODULE, NO, YES, Priority, Tristate, written
from derivations.kconfig.symbols.dotconfig import compose
from derivations.kconfig.symbols.expression import Level
from derivations.kconfig.symbols.fits import SWITCHES, holds, misfit
from derivations.kconfig.symbols.missing import missing


if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from derivations.kconfig.diagnosis.outcome import Account
    from derivations.kconfig.diagnosis.plan import Found
    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.model import Model, Symbol
    from derivations.kconfig.symbols.values_table import Evaluate, Values


_ROUNDS = 8
"""How often a guess is completed: each round costs a resolution, and one that brings nothing new is the last."""

_ALTERNATIVES = 2
"""How many other ways are named: as many as a person compares."""

_FEW = 10
"""Beyond so many options to set nobody weighs them one by one, and each is a search of its own."""

_BUDGET = 12
"""After so many resolutions no further alternative is begun: each is a run of Kconfig over the whole tree."""

_DEARER = 10
"""How much more an alternative may cost than the best way, if that is cheap: the price of one uncommon option."""


@attrs.frozen
class Setting:
    """An option to set, and how many other options would be different without it."""

    option: str
    value: Tristate
    cost: int


@attrs.frozen(kw_only=True)
class Way:
    """Options that make requests hold.

    Attributes:
        assignments: In order of the options.
        changes: How many options, these left out, are different with them.
    """

    assignments: tuple[Setting, ...]
    changes: int

    @property
    def options(self) -> dict[str, Tristate]:
        """Return what to set, by option."""
        return {it.option: it.value for it in self.assignments}


@attrs.frozen
class Unsolved:
    """A request for which no way was found to make it hold.

    Attributes:
        option: What is asked for.
        value: To be what.
        reasons: What stands in the way, each a clause.
        proven: Whether the model was searched to its end (`reach`): then there is no way.
    """

    option: str
    value: Value
    reasons: tuple[str, ...]
    proven: bool = True

    def __str__(self) -> str:
        asked = f"{self.option}={written(self.value)}"
        why = f": {'; '.join(self.reasons)}" if self.reasons else ""
        if self.proven:
            return f"{asked} cannot hold here{why or ': nothing that decides about it can be changed'}"
        return f"no way was found to make {asked} hold, but the model was not searched to its end{why}"


@attrs.frozen(kw_only=True)
class Repair:
    """What makes requests hold.

    Attributes:
        best: What to set; empty if they hold already.
        alternatives: Other ways, the smallest first.
        unsolved: Requests that no way makes hold; the others hold with each way.
        evaluations: How often a configuration was resolved to find this.
    """

    best: Way
    alternatives: tuple[Way, ...] = ()
    unsolved: tuple[Unsolved, ...] = ()
    evaluations: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the repair as JSON has it."""
        ways = [
            {"assignments": {it.option: {"value": it.value.value, "changes": it.cost} for it in way.assignments},
             "changes": way.changes}
            for way in (self.best, *self.alternatives)
        ]  # fmt: skip
        unsolved = [
            {"option": it.option, "value": written(it.value), "reasons": list(it.reasons), "proven": it.proven}
            for it in self.unsolved
        ]
        return {"best": ways[0], "alternatives": ways[1:], "unsolved": unsolved}


def repair(
    requests: Mapping[str, Value],
    base: str,
    model: Model,
    resolve: Evaluate,
    *,
    settle: Evaluate | None = None,
    alternatives: int = _ALTERNATIVES,
) -> Repair:
    """Return what else to set, over the `.config` text *base*, so that all *requests* hold, as far as they can.

    *requests* are all that are to hold, those that hold already among them: no way breaks one of them. Where
    *resolve* goes over a configuration once and builds do so until nothing changes, *settle* does as they do.
    """
    search = _Search(requests, base, model, resolve)
    found = _searched(search, alternatives)
    if settle is None or all(search.holds(way, settle) for way in (found.best, *found.alternatives)):
        return found
    return _searched(_Search(requests, base, model, settle), alternatives)


def proven(
    accounts: Iterable[Account], base: str, model: Model, resolve: Evaluate, *, settle: Evaluate | None = None
) -> tuple[Account, ...]:
    """Return *accounts*, each that fails with the further options that make it hold beside all that does.

    They are over the `.config` text *base*, which has the defaults in it. Where no options are known to do it, none
    are named.
    """
    known = tuple(accounts)
    plain = {it.option: it.wanted for it in known if it.request.priority is not Priority.DEFAULT}
    held = {it.option: it.wanted for it in known if it.holds and it.option in plain}

    def advised(it: Account) -> Account:
        if not it.fails or it.option not in model:
            return it
        asked = {**held, it.option: it.wanted}
        found = repair(asked, base, model, resolve, settle=settle, alternatives=0)
        change = found.best.options
        # What another request asks otherwise, though in vain, would contradict it.
        if found.unsolved or any(plain.get(name, value) != value for name, value in change.items()):
            return it
        return attrs.evolve(it, change=tuple(change.items()))

    return tuple(advised(it) for it in known)


def _searched(search: _Search, alternatives: int) -> Repair:
    best = search.minimal(search.solve())
    ways: list[Way] = []
    if len(best.assignments) <= _FEW:
        # What somebody would rather not have first.
        for name in sorted(best.options, key=search.reluctance, reverse=True):
            if len(ways) == alternatives or search.evaluations >= _BUDGET:
                break
            way = search.another(name, best)
            if way is not None and way.options not in [best.options, *(it.options for it in ways)]:
                ways.append(way)
    best, others = _ranked(best, ways, search)
    return Repair(best=best, alternatives=others, unsolved=tuple(search.unsolved), evaluations=search.evaluations)


def _ranked(best: Way, ways: list[Way], search: _Search) -> tuple[Way, tuple[Way, ...]]:
    """Return the best way and the others; of two that set as much at the same price, what changes less is better."""
    price = search.price(best.options)
    equal = [it for it in ways if len(it.options) == len(best.options) and search.price(it.options) <= price]
    first = min([best, *equal], key=lambda it: it.changes)
    others = [it for it in (best, *ways) if it is not first]
    return first, tuple(sorted(others, key=lambda it: (len(it.assignments), it.changes)))


@attrs.frozen
class _Solved:
    extra: dict[str, Tristate]
    values: Values


class _Search:
    """One search: what is asked, what has turned out to be impossible, and what has been resolved."""

    def __init__(self, requests: Mapping[str, Value], base: str, model: Model, resolve: Evaluate) -> None:
        self._base = base
        self._model = model
        self._resolve = resolve
        self._resolutions: dict[frozenset[tuple[str, Tristate]], Values] = {}
        self._given_up: set[str] = set()
        self.unsolved: list[Unsolved] = []
        self._requests: dict[str, Value] = {}
        for name, value in requests.items():
            if (why := self._impossible(name, value)) is None:
                self._requests[name] = value
            elif why:
                self.unsolved.append(Unsolved(name, value, (why,)))

    @property
    def evaluations(self) -> int:
        """Return how many configurations have been resolved."""
        return len(self._resolutions)

    def holds(self, way: Way, resolve: Evaluate) -> bool:
        """Return whether, as *resolve* has it, *way* makes all hold that can."""
        return not self._wrong(resolve(self._composed(way.options)))

    def solve(self) -> _Solved:
        """Return options that make as many requests hold as can."""
        extra: dict[str, Tristate] = {}
        values = self._resolved(extra)
        return self._completed(extra, values, ())

    def _completed(self, extra: dict[str, Tristate], values: Values, avoid: Collection[str]) -> _Solved:
        """Return *extra*, resolved to *values*, and what else plans say, until all holds or no plan says more."""
        for _ in range(_ROUNDS):
            more = self._planned(values, avoid, extra)
            if not more.items() - extra.items():
                break
            extra = extra | more
            values = self._resolved(extra)
        for name in self._wrong(values):
            self._give_up(name, ())
        return _Solved(extra, values)

    def minimal(self, solved: _Solved) -> Way:
        """Return *solved* without what is superfluous, and what each option costs."""
        extra, values = dict(solved.extra), solved.values
        costs: dict[str, int] = {}
        while costs.keys() != extra.keys():
            costs = {}
            for name in sorted(extra, key=self.reluctance, reverse=True):
                less = {it: value for it, value in extra.items() if it != name}
                without = self._resolved(less)
                if self._wrong(without):
                    costs[name] = self._differing(values, without, {name})
                else:
                    extra, values, costs = less, without, {}
        assignments = tuple(Setting(name, extra[name], costs[name]) for name in sorted(extra))
        return Way(assignments=assignments, changes=self._differing(values, self._resolved({}), extra))

    def another(self, name: str, best: Way) -> Way | None:
        """Return a way that does not set the option *name*, None if there is none that is about as good as *best*."""
        before = set(self._given_up), list(self.unsolved)
        values = self._resolved({})
        first = self._planned(values, {name}, {})
        price = self.price(best.options)
        if self._given_up == before[0] and self.price(first) <= price + max(price // 2, _DEARER):
            solved = self._completed(first, self._resolved(first), {name})
            if self._given_up == before[0]:
                return self.minimal(solved)
        self._given_up, self.unsolved = before
        return None

    def reluctance(self, name: str) -> tuple[int, str]:
        """Return how much somebody would rather not set the option *name*."""
        return self.price([name]), name

    def price(self, names: Iterable[str]) -> int:
        """Return what it costs to set the options *names*."""
        planner = Planner(self._model, self._resolved({}))
        return sum(planner.price(name) for name in names)

    def _impossible(self, name: str, value: Value) -> str | None:
        """Return why nothing makes a request hold; no reason if it holds anyway, None if it is worth a try."""
        symbol = self._model.get(name)
        if symbol is None:
            why = missing(name, self._model)
            return "" if value is NO else "; ".join(filter(None, (why.reason, why.suggestion)))
        wrong = misfit(value, symbol)
        return None if wrong is None else f"{wrong.reason}; {wrong.suggestion}"

    def _resolved(self, extra: Mapping[str, Tristate]) -> Values:
        key = frozenset(extra.items())
        if key not in self._resolutions:
            self._resolutions[key] = self._resolve(self._composed(extra))
        return self._resolutions[key]

    def _composed(self, extra: Mapping[str, Tristate]) -> str:
        return compose(self._base, {**extra, **self._requests}, self._model)

    def _wrong(self, values: Values) -> list[str]:
        return [
            name
            for name, value in self._requests.items()
            if name not in self._given_up and not holds(value, self._model[name], values[name])
        ]

    def _differing(self, values: Values, others: Values, left_out: Collection[str]) -> int:
        return sum(name not in left_out and not name.startswith("@") for name in values.changed(others))

    def _give_up(self, name: str, reasons: tuple[str, ...]) -> None:
        self._given_up.add(name)
        self.unsolved.append(Unsolved(name, self._requests[name], reasons, proven=not self._may_hold(name)))

    def _may_hold(self, name: str) -> bool:
        """Return whether the request for *name* may hold together with the others that are not given up."""
        symbol, wanted = self._model[name], self._requests[name]
        others = {it: value for it, value in self._requests.items() if it not in self._given_up}
        reach = Reach(self._model, self._resolved({}), others)
        if symbol.type in SWITCHES:
            return reach.can_be(name, LEVELS[wanted])
        return reach.can_be_set(symbol) and not never_in(symbol, wanted)

    def _planned(self, values: Values, avoid: Collection[str], extra: Mapping[str, Tristate]) -> dict[str, Tristate]:
        """Return what plans for all that does not hold set together; each plan has what those before it set for nothing.

        What is set already, *extra*, is taken back only where there is no other way.
        """
        more: dict[str, Tristate] = {}
        for name in self._wrong(values):
            found = self._plan(name, values, avoid, {**extra, **more}, {**extra, **self._requests})
            if isinstance(found, DeadEnd) and extra:
                found = self._plan(name, values, avoid, more, self._requests)
            if isinstance(found, DeadEnd):
                self._give_up(name, found.obstacles)
            else:
                more |= {it: value for it, value in found.assignments.items() if it not in self._requests}
        return more

    def _plan(
        self, name: str, values: Values, avoid: Collection[str], free: Collection[str], fixed: Mapping[str, Value]
    ) -> Found:
        symbol, wanted = self._model[name], self._requests[name]
        modules = wanted is MODULE and symbol.type == "tristate"
        planner = Planner(self._model, values, fixed=fixed, avoid=avoid, free=free, modules=modules, tricks=not avoid)
        if not isinstance(wanted, Tristate) or symbol.type not in SWITCHES:
            if not symbol.prompts:
                return computed(planner, symbol, wanted, values)
            visible = values[name].visible
            return widened(planner, symbol, wanted, values) if visible else planner.prompted(symbol, Level.M)
        level = LEVELS[wanted]
        higher = values.level(name) < level
        found = self._raised(planner, symbol, level) if higher else planner.option_off(name, level)
        return both(planner.option("MODULES", Level.Y), found) if modules else found

    def _raised(self, planner: Planner, symbol: Symbol, level: Level) -> Found:
        """Return how *symbol*, which is asked to be *level*, gets to be so."""
        asked = [it for it in planner.rivals(symbol.name) if it != symbol.name and self._requests.get(it) is YES]
        if asked:
            return DeadEnd((f"{asked[0]}, of the same choice, is asked for too",))
        return planner.option(symbol.name, level)
