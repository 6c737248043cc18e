"""The fewest further options that make requests hold, confirmed by the kernel's own Kconfig.

Plans are guesses (`planner`), so each is resolved and completed until the requests hold. Then every option that
the result does not need is removed, by resolving without it. The result is minimal in the sense that no single
option in it is superfluous. Another way that costs about as much becomes an alternative.
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

    from derivations.kconfig.diagnosis.outcome import Diagnosis
    from derivations.kconfig.diagnosis.plan import Found
    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.model import Model, Symbol
    from derivations.kconfig.symbols.values_table import Evaluate, Values


_ROUNDS = 8
"""The most rounds of completing a guess: each costs a resolution, and one that adds nothing is the last."""

_ALTERNATIVES = 2
"""The most alternatives to offer: as many as a person compares."""

_FEW = 10
"""The most options for which alternatives are searched: nobody weighs more one by one, and each is a search."""

_BUDGET = 12
"""The resolutions after which no further alternative is tried: each runs Kconfig over the whole tree."""

_DEARER = 10
"""How much more than a cheap best way an alternative may cost: the price of one uncommon option."""


@attrs.frozen
class Setting:
    """An option to set, and how many other options would differ without it."""

    option: str
    value: Tristate
    cost: int


@attrs.frozen(kw_only=True)
class Solution:
    """Options that make the requests hold.

    Attributes:
        assignments: In order of the options.
        changes: How many other options they change.
    """

    assignments: tuple[Setting, ...]
    changes: int

    @property
    def options(self) -> dict[str, Tristate]:
        """Return the values to set, by option."""
        return {it.option: it.value for it in self.assignments}


@attrs.frozen
class Unsolved:
    """A request that could not be made to hold.

    Attributes:
        option: The option.
        value: The requested value.
        reasons: The obstacles, each a clause.
        proven: Whether the search was exhaustive (`reachable`), which proves that no way exists.
    """

    option: str
    value: Value
    reasons: tuple[str, ...]
    proven: bool = True

    def __str__(self) -> str:
        asked = f"{self.option}={written(self.value)}"
        why = f": {'; '.join(self.reasons)}" if self.reasons else ""
        if self.proven:
            return f"{asked} cannot hold here{why or ': nothing that determines it can be changed'}"
        return f"found no way to make {asked} hold, but the search was not exhaustive{why}"


@attrs.frozen(kw_only=True)
class Repair:
    """The ways to make requests hold.

    Attributes:
        best: The best way; empty if they hold already.
        alternatives: Other ways, the smallest first.
        unsolved: Requests that no way satisfies; the others hold with each way.
        evaluations: How many configurations were resolved.
    """

    best: Solution
    alternatives: tuple[Solution, ...] = ()
    unsolved: tuple[Unsolved, ...] = ()
    evaluations: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the repair as JSON data."""
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
    """Return what else to set, on top of the `.config` text *base*, so that as many *requests* as possible hold.

    *requests* include those that hold already: no way breaks one of them. *resolve* runs Kconfig once; builds
    repeat it until nothing changes, and *settle*, if given, does the same.
    """
    search = _Search(requests, base, model, resolve)
    found = _searched(search, alternatives)
    if settle is None or all(search.holds(way, settle) for way in (found.best, *found.alternatives)):
        return found
    return _searched(_Search(requests, base, model, settle), alternatives)


def proven(
    diagnoses: Iterable[Diagnosis], base: str, model: Model, resolve: Evaluate, *, settle: Evaluate | None = None
) -> tuple[Diagnosis, ...]:
    """Return *diagnoses*, each failing one with the further options that make it hold along with all that holds.

    The options are on top of the `.config` text *base*, which includes the defaults. If none are known to work,
    none are named.
    """
    known = tuple(diagnoses)
    plain = {it.option: it.wanted for it in known if it.request.priority is not Priority.DEFAULT}
    held = {it.option: it.wanted for it in known if it.holds and it.option in plain}

    def advised(it: Diagnosis) -> Diagnosis:
        if not it.fails or it.option not in model:
            return it
        asked = {**held, it.option: it.wanted}
        found = repair(asked, base, model, resolve, settle=settle, alternatives=0)
        change = found.best.options
        # A request for another value, even one that does not hold, would conflict with it.
        if found.unsolved or any(plain.get(name, value) != value for name, value in change.items()):
            return it
        return attrs.evolve(it, change=tuple(change.items()))

    return tuple(advised(it) for it in known)


def _searched(search: _Search, alternatives: int) -> Repair:
    best = search.minimal(search.solve())
    ways: list[Solution] = []
    if len(best.assignments) <= _FEW:
        # The least welcome option first.
        for name in sorted(best.options, key=search.reluctance, reverse=True):
            if len(ways) == alternatives or search.evaluations >= _BUDGET:
                break
            way = search.another(name, best)
            if way is not None and way.options not in [best.options, *(it.options for it in ways)]:
                ways.append(way)
    best, others = _ranked(best, ways, search)
    return Repair(best=best, alternatives=others, unsolved=tuple(search.unsolved), evaluations=search.evaluations)


def _ranked(best: Solution, ways: list[Solution], search: _Search) -> tuple[Solution, tuple[Solution, ...]]:
    """Return the best way and the others; of two with equal size and price, the one that changes less wins."""
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
    """One search: the requests, those found impossible, and the configurations resolved so far."""

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

    def holds(self, way: Solution, resolve: Evaluate) -> bool:
        """Return whether, according to *resolve*, *way* makes all possible requests hold."""
        return not self._wrong(resolve(self._composed(way.options)))

    def solve(self) -> _Solved:
        """Return options that make as many requests hold as possible."""
        extra: dict[str, Tristate] = {}
        values = self._resolved(extra)
        return self._completed(extra, values, ())

    def _completed(self, extra: dict[str, Tristate], values: Values, avoid: Collection[str]) -> _Solved:
        """Extend *extra*, resolved to *values*, by plans until all requests hold or no plan adds anything."""
        for _ in range(_ROUNDS):
            more = self._planned(values, avoid, extra)
            if not more.items() - extra.items():
                break
            extra = extra | more
            values = self._resolved(extra)
        for name in self._wrong(values):
            self._give_up(name, ())
        return _Solved(extra, values)

    def minimal(self, solved: _Solved) -> Solution:
        """Return *solved* without superfluous options, and the cost of each remaining one."""
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
        return Solution(assignments=assignments, changes=self._differing(values, self._resolved({}), extra))

    def another(self, name: str, best: Solution) -> Solution | None:
        """Return a way that does not set the option *name* and is about as good as *best*; None if there is none."""
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
        """Return a sort key: how unwelcome setting the option *name* is."""
        return self.price([name]), name

    def price(self, names: Iterable[str]) -> int:
        """Return the price of setting the options *names*."""
        planner = Planner(self._model, self._resolved({}))
        return sum(planner.price(name) for name in names)

    def _impossible(self, name: str, value: Value) -> str | None:
        """Return why a request can never hold; an empty reason if it always holds, None if it is worth a try."""
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
        """Return whether the request for *name* may hold together with the others not given up."""
        symbol, wanted = self._model[name], self._requests[name]
        others = {it: value for it, value in self._requests.items() if it not in self._given_up}
        reach = Reach(self._model, self._resolved({}), others)
        if symbol.type in SWITCHES:
            return reach.can_be(name, LEVELS[wanted])
        return reach.can_be_set(symbol) and not never_in(symbol, wanted)

    def _planned(self, values: Values, avoid: Collection[str], extra: Mapping[str, Tristate]) -> dict[str, Tristate]:
        """Return the combined plans for all failing requests; steps of earlier plans are free for later ones.

        What is set already, *extra*, is undone only if there is no other way.
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
        """Return how to raise *symbol* to the requested *level*."""
        asked = [it for it in planner.rivals(symbol.name) if it != symbol.name and self._requests.get(it) is YES]
        if asked:
            return DeadEnd((f"{asked[0]}, of the same choice, is requested too",))
        return planner.option(symbol.name, level)
