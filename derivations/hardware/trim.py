"""Drop the modules that machines do not need, like `make localmodconfig`, but without losing any that they do need.

Modules are kept if a machine needs them, if the user requests or lists them, or if they are in
`derivations.hardware.keep`. With a module, everything that keeps it on is kept: its dependencies, as they hold
now, and, if it has no prompt, the options that select it. Built-in options are kept. All other modules are switched off.
"""

from __future__ import annotations

import fnmatch
import functools

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap
from derivations.hardware.c_source.buses import BUSES
from derivations.hardware.keep import KEEP_RULES, KEEP_TOGETHER
from derivations.kconfig.diagnosis.plan import LEVELS
from derivations.kconfig.diagnosis.planner import alternatives, selector
from derivations.kconfig.language.fragment import Origin, Request
from derivations.kconfig.language.text import line, split_line
from derivations.kconfig.language.values import NO, Priority
from derivations.kconfig.symbols.expression import And, Compare, Level, Not, Or, Ref, evaluate, refs
from derivations.kconfig.symbols.fits import SWITCHES


if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from derivations.hardware.drivers import DriverMap
    from derivations.kconfig.diagnosis.base import Missed
    from derivations.kconfig.symbols.expression import Expr
    from derivations.kconfig.symbols.model import Model
    from derivations.kconfig.symbols.values_table import Values


FRAGMENT = "only_hardware"
"""The name of the fragment of a trim."""

REASON = "dropped: neither the hardware nor a request nor keep_modules needs it"


@attrs.frozen
class Trim:
    """The modules to drop from a configuration, and those to keep.

    Attributes:
        dropped: The options to switch off, in order.
        kept: The modules to keep, in order.
    """

    dropped: tuple[str, ...]
    kept: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the fragment that switches them off."""
        head = f"# {len(self.dropped)} modules that nothing needs; {len(self.kept)} stay.\n"
        return head + "".join(f"{line(it, NO)}\n" for it in self.dropped)


def trim(needed: Iterable[str], keep: Iterable[str], drivers: DriverMap, model: Model, values: Values) -> Trim:
    """Return the modules to drop.

    Args:
        needed: The options that the machines need, and those that are requested.
        keep: Globs of further options, or of names of modules.
        drivers: The drivers of the tree.
        model: Its Kconfig.
        values: The values of all options beforehand.
    """
    modules = [name for name in values if values.level(name) is Level.M and name in model]
    named = _Names(drivers, [*keep])
    inside = [
        name for name in values if values.level(name) is Level.Y and name in model and model[name].type == "tristate"
    ]
    # A listed library is kept only if something needs it: without a prompt, it exists only for others.
    listed = [name for name in modules if named.has(name) or (model[name].prompts and _is_kept(name))]
    keeper = _Keeper(model, values, _options_of_devices(drivers))
    keeper.keep([*needed, *inside, *listed])
    for beside in KEEP_TOGETHER:
        if any(_matches(it, beside.globs) for it in keeper.kept if values.level(it) is Level.M):
            keeper.keep(it for it in modules if _matches(it, beside.companions))
    dropped = [name for name in modules if name not in keeper.kept and model[name].prompts and not model[name].choice]
    return Trim(tuple(sorted(dropped)), tuple(sorted(name for name in modules if name in keeper.kept)))


def requests(text: str, values: Values) -> FrozenMap[Request]:
    """Return the requests in the *text* of a trim that hold in *values*: kept options select the others."""
    names = [pair[0] for pair in map(split_line, text.split("\n")) if pair is not None]
    request = Request(NO, optional=True, priority=Priority.DEFAULT, origin=Origin(FRAGMENT, REASON))
    return FrozenMap({name: request for name in names if values.level(name) is Level.N})


def counts(text: str, values: Values) -> dict[str, int]:
    """Return the numbers of options that the *text* of a trim switches off in *values*, and of modules kept."""
    kept = sum(values.level(name) is Level.M for name in values)
    return {"dropped": len(requests(text, values)), "kept": kept}


def consequences(asked: Mapping[str, Level], dropped: Collection[str], model: Model, values: Values) -> set[str]:
    """Return the options that do not hold in *values* at the level *asked* for only because of the options *dropped*.

    Their dependencies or their prompts need modules that are dropped, or further such options.
    """
    before = _Before({**asked, **dict.fromkeys(dropped, Level.M)}, model, values)

    def is_lost(needed: Expr) -> bool:
        return evaluate(needed, values) is Level.N and evaluate(needed, before) is not Level.N

    needs = {
        name: (it.depends, *(prompt.condition for prompt in it.prompts)) for name in asked if (it := model.get(name))
    }
    return {name for name, conditions in needs.items() if any(map(is_lost, conditions))}


def without_dropped(found: Missed, trimmed: Collection[str], model: Model, values: Values) -> Missed:
    """Return the requests of a base that are missing, as *found*, without those that the options *trimmed* explain."""
    asked = {it.option: LEVELS.get(it.request.value, Level.N) for it in found.diagnoses}
    gone = consequences(asked, trimmed, model, values)
    diagnoses = tuple(it for it in found.diagnoses if it.option not in gone)
    return attrs.evolve(found, diagnoses=diagnoses, overridden=found.overridden + len(gone))


@attrs.frozen
class _Before:
    """The values with some options *on*, and the options without a prompt that follow from these."""

    on: Mapping[str, Level]
    model: Model
    values: Values
    known: dict[str, Level] = attrs.field(factory=dict)

    def level(self, name: str) -> Level:
        if name not in self.known:
            # In a cycle, its own level counts.
            now = self.known[name] = max(self.values.level(name), self.on.get(name, Level.N))
            symbol = self.model.get(name)
            if symbol is not None and not symbol.prompts and symbol.type in SWITCHES:
                reasons = [symbol.selected_by, *(And((it.condition, it.value)) for it in symbol.defaults)]
                self.known[name] = max(now, *(evaluate(it, self) for it in reasons))
        return self.known[name]

    def text(self, name: str) -> str:
        level = self.level(name)
        return "nmy"[level] if level > self.values.level(name) else self.values.text(name)


def _options_of_devices(drivers: DriverMap) -> set[str]:
    return {
        option
        for module in drivers.modules.values()
        if any(alias.partition(":")[0].rstrip("*") in BUSES for alias in module.aliases)
        for option in module.options
    }


def _is_kept(option: str) -> bool:
    return any(_matches(option, it.globs) and not _matches(option, it.without) for it in KEEP_RULES)


def _matches(name: str, globs: Collection[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)


class _Names:
    """The options that the user's globs match, by the name of the option or of its module."""

    def __init__(self, drivers: DriverMap, globs: Collection[str]) -> None:
        self._globs = [it.removeprefix("CONFIG_") for it in globs]
        modules = [it.replace("-", "_") for it in globs]
        named = (it for it in drivers.modules.values() if _matches(it.name, modules))
        self._options = {option for module in named for gate in module.gates for term in gate for option in term}

    def has(self, option: str) -> bool:
        return option in self._options or _matches(option, self._globs)


class _Keeper:
    """Collects the options to keep, and those that they need."""

    def __init__(self, model: Model, values: Values, devices: Collection[str]) -> None:
        self.kept: set[str] = set()
        self._model, self._values, self._devices = model, values, devices

    def keep(self, names: Iterable[str]) -> None:
        """Keep those of the options *names* that are on, and the options that keep them on."""
        pending = [*names]
        later: list[Callable[[], set[str]]] = []
        while pending or later:
            if not pending:  # alternatives come last: by then, one of them may already be kept
                pending += later.pop(0)()
                continue
            name = pending.pop()
            if name in self.kept or name not in self._model or not self._values.level(name):
                continue
            self.kept.add(name)
            symbol = self._model[name]
            for term in symbol.depends.terms if isinstance(symbol.depends, And) else (symbol.depends,):
                if isinstance(term, Or):
                    later.append(functools.partial(self._support, term, self._limit(name)))
                else:
                    pending += self._support(term, self._limit(name))
            pending += (it.target for it in symbol.implies)
            if not symbol.prompts:
                later.append(functools.partial(self._cause, name))

    def _limit(self, name: str) -> Level:
        """Return the level that an expression needs for *name* to keep its value: for a bool, m is enough."""
        return Level.M if self._model[name].type == "bool" else self._values.level(name)

    def _support(self, expression: Expr, level: Level) -> set[str]:
        """Return options that are on and raise *expression* to *level*: of alternatives, the one that adds least."""
        match expression:
            case Ref(name):
                return {name} if name in self._model and self._values.level(name) else set()
            case And(terms):
                return {name for it in terms for name in self._support(it, level)}
            case Or(terms):
                ways = [self._support(it, level) for it in terms if evaluate(it, self._values) >= level]
                return min(ways, key=self._price, default=set())
            case Compare() | Not():
                # `X=m` and `X!=n` hold as long as X keeps its value; `!X` also holds when X is dropped.
                return (
                    {it for it in refs(expression) if self._values.level(it)}
                    if isinstance(expression, Compare)
                    else set()
                )
        return set()

    def _price(self, names: Collection[str]) -> tuple[int, list[str]]:
        modules = [it for it in names if it not in self.kept and self._values.level(it) is Level.M]
        return len(modules), sorted(names)

    def _cause(self, name: str) -> set[str]:
        """Return what turns on *name*, which has no prompt: the condition of a default, or else options that select it."""
        symbol, level = self._model[name], self._limit(name)
        for default in symbol.defaults:
            both = And((default.condition, default.value))
            if evaluate(both, self._values) >= level:
                return self._support(both, level)
        terms = [it for it in alternatives(symbol.selected_by) if evaluate(it, self._values) >= level]
        kept = [it for it in terms if selector(it) in self.kept]
        ways = [self._support(it, level) for it in kept or terms]
        if name in self._devices and not kept:
            # Nothing shows which of the cards with this chip the machine has.
            return {option for way in ways for option in way}
        return min(ways, key=self._price, default=set())
