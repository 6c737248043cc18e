"""The outcome of every request: exactly one each, with what it takes to change it.

Kconfig silently drops a request that cannot hold, and exits with success. So every request is compared with
the resolved values by meaning. For one that does not hold, the reason is looked up in the tree's own Kconfig.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING, Any

import attrs

from derivations.frozen_map import FrozenMap
from derivations.kconfig.diagnosis.blockers import Blocker, BlockerFinder
from derivations.kconfig.diagnosis.outcome import Diagnosis, Outcome, requested_value
from derivations.kconfig.diagnosis.plan import LEVELS, SettingPlan
from derivations.kconfig.diagnosis.planner import NEVER, alternatives, selector
from derivations.kconfig.diagnosis.ranges import limits, widened
from derivations.kconfig.language.text import line
from derivations.kconfig.language.values import MODULE, NO, Priority, Tristate, Unset, written
from derivations.kconfig.language.wording import joined, place, selecting
from derivations.kconfig.symbols.expression import And, Level, Ref, evaluate, show
from derivations.kconfig.symbols.fits import SWITCHES, holds, misfit
from derivations.kconfig.symbols.missing import missing
from derivations.kconfig.symbols.renames import changed


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from derivations.kconfig.diagnosis.plan import Found
    from derivations.kconfig.language.fragment import Request
    from derivations.kconfig.language.merge import Merged
    from derivations.kconfig.symbols.expression import Expr
    from derivations.kconfig.symbols.model import Model, Symbol
    from derivations.kconfig.symbols.values_table import Values


def diagnose(
    merged: Merged, model: Model, values: Values, *, base: Mapping[str, Request] = FrozenMap()
) -> tuple[Diagnosis, ...]:
    """Return the diagnosis of every request in *merged*, in order of the options, overridden ones last.

    *base* holds the requests of a whole `.config`, of which *merged* has those that may not hold; it says who set what.
    """
    diagnosis = _Diagnosis(merged, model, values, base)
    won = [diagnosis.giving_way(diagnosis.outcome_of(name, merged.requests[name])) for name in sorted(merged.requests)]
    return (*won, *(diagnosis.shadowed(it.name, it.request, it.by) for it in merged.shadowed))


def outcomes(more: Mapping[str, Request], merged: Merged, model: Model, values: Values) -> dict[str, Diagnosis]:
    """Return what keeps each of *more*, requests that nobody made, from holding in the *values* that *merged* led to."""
    diagnosis = _Diagnosis(merged, model, values, FrozenMap())
    return {name: diagnosis.outcome_of(name, request) for name, request in more.items()}


def _options(blockers: Iterable[Blocker]) -> Iterator[str]:
    """Yield the options that *blockers*, and those below them, suggest changing."""
    for it in blockers:
        if it.option is not None:
            yield it.option
        yield from _options(it.below)


class _Diagnosis:
    """Finds the outcomes of requests."""

    def __init__(self, merged: Merged, model: Model, values: Values, base: Mapping[str, Request]) -> None:
        self._model = model
        self._values = values
        self._requests = merged.requests
        written_out = {name: it for name, it in base.items() if it.origin.place}
        self._left_out = frozenset(
            name for name in base.keys() - written_out if merged.requests.get(name) is base[name]
        )
        in_file = frozenset(name for name in base if merged.requests.get(name, base[name]) is base[name])
        self._finder = BlockerFinder(model, values, {**written_out, **merged.requests}, in_file)
        self._planner = self._finder.planner
        self._asked = {name: it.value for name, it in merged.requests.items()}

    def outcome_of(self, name: str, request: Request) -> Diagnosis:
        """Return the diagnosis of *request*, the winning one for the option *name*."""
        wanted = requested_value(request)
        symbol = self._model.get(name)
        if symbol is None:
            return self._missing(name, request)
        if self._is_by_default(symbol):
            return self._by_default(symbol, request)
        if (wrong := misfit(wanted, symbol)) is not None:
            return self._made(symbol, request, Outcome.INVALID, wrong.reason, suggestion=wrong.suggestion)
        if holds(wanted, symbol, self._values[name]):
            return self._held(symbol, request)
        if symbol.transitional:
            return self._transitional(symbol, request)
        return self._switch(symbol, request) if symbol.type in SWITCHES else self._entry(symbol, request)

    def giving_way(self, it: Diagnosis) -> Diagnosis:
        """Return *it* as shadowed if it is a default that fails because of a request of higher priority."""
        if not it.fails or it.request.priority is not Priority.DEFAULT:
            return it
        for name in (*(name for name, _ in it.likely), *_options(it.witness), *self._model.rivals(it.option)):
            other = self._requests.get(name)
            if other is not None and other.priority < it.request.priority:
                reason = f"a default, overridden by {name}{place(other)}"
                return attrs.evolve(it, outcome=Outcome.SHADOWED, reason=reason)
        return it

    def shadowed(self, name: str, request: Request, by: Request) -> Diagnosis:
        """Return the diagnosis of a *request* for the option *name* that was overridden *by* another one."""
        got = self._values[name].value if name in self._model else None
        instead = "withdrawn" if isinstance(by.value, Unset) else f"overridden by {written(by.value)}"
        return Diagnosis(
            option=name, request=request, got=got, outcome=Outcome.SHADOWED, reason=f"{instead}{place(by)}"
        )

    def _made(self, symbol: Symbol, request: Request, outcome: Outcome, reason: str = "", **more: Any) -> Diagnosis:  # noqa: ANN401 -- fields
        got = self._values[symbol.name].value
        return Diagnosis(option=symbol.name, request=request, got=got, outcome=outcome, reason=reason, **more)

    def _missing(self, name: str, request: Request) -> Diagnosis:
        why = missing(name, self._model)
        outcome = Outcome.ABSENT if why.known else Outcome.UNKNOWN
        if request.value is NO and not any(self._values.level(it) for it in why.instead):
            outcome = Outcome.HELD  # a missing option is off, but the reason is still reported
        return Diagnosis(
            option=name, request=request, got=None, outcome=outcome, reason=why.reason, suggestion=why.suggestion
        )

    def _held(self, symbol: Symbol, request: Request) -> Diagnosis:
        level = LEVELS.get(request.value, Level.N)
        if request.value is NO and (choice := self._model.choice_of(symbol.name)) is not None:
            chosen = next((it for it in choice.members if self._values.level(it) is Level.Y), None)
            reason = f"the choice “{choice.prompt}” is {chosen}" if chosen else ""
            return self._made(symbol, request, Outcome.HELD, reason)
        if level is Level.N or evaluate(symbol.selected_by, self._values) < level:
            return self._made(symbol, request, Outcome.HELD)
        return self._made(symbol, request, Outcome.SELECTED, f"{self._selecting(symbol, level)} anyway")

    def _is_by_default(self, symbol: Symbol) -> bool:
        """Return whether a whole file leaves out *symbol*, which could be set and is not selected."""
        could = symbol.name in self._left_out and symbol.choice is None and self._values[symbol.name].visible
        return bool(could) and evaluate(symbol.selected_by, self._values) is Level.N

    def _by_default(self, symbol: Symbol, request: Request) -> Diagnosis:
        """Return the diagnosis of an option that a file leaves out and that has its default."""
        one = "the value it should have"
        if symbol.type in SWITCHES:
            one = f"`{line(symbol.name, NO)}`, or `CONFIG_{symbol.name}={self._values[symbol.name].value}` to keep it"
        reason = f"{request.origin.fragment} has no line for it, so it has its default"
        return self._made(symbol, request, Outcome.BLOCKED, reason, suggestion=f"add a line with {one}")

    def _switch(self, symbol: Symbol, request: Request) -> Diagnosis:
        """Return why a bool or tristate does not have the requested value."""
        wanted, got = LEVELS[request.value], self._values.level(symbol.name)
        if request.value is MODULE and self._values.level("MODULES") is Level.N:
            needed: Expr = And((Ref("MODULES"), *(it.condition for it in symbol.prompts[:1])))
            reason = "m needs MODULES, which is off" + (", so it became y" if got else "")
            return self._blocked(symbol, request, needed, Level.M, reason=reason)
        if (otherwise := self._chosen(symbol, request)) is not None:
            return otherwise
        if got > wanted:
            return self._too_high(symbol, request, wanted)
        if not symbol.prompts:
            return self._promptless(symbol, request, wanted)
        needed = self._finder.nearest(symbol, wanted if symbol.type == "tristate" else Level.M)
        reason = "its dependencies limit it to m" if got else ""
        return self._blocked(symbol, request, needed, wanted if symbol.type == "tristate" else Level.M, reason=reason)

    def _entry(self, symbol: Symbol, request: Request) -> Diagnosis:
        """Return why a string or number does not have the requested value."""
        if not symbol.prompts:
            value = written(request.value)
            conditions = [show(it.condition) for it in symbol.defaults if show(it.value) == value]
            suggestion = f"it is {value} if {joined(conditions, 'or')}" if conditions else None
            reason = "it has no prompt; its value is computed"
            return self._made(symbol, request, Outcome.BLOCKED, reason, suggestion=suggestion)
        if not self._values[symbol.name].visible:
            needed = self._finder.nearest(symbol, Level.M)
            return self._blocked(symbol, request, needed, Level.M, reason="it is unavailable in this configuration")
        if (bounds := limits(symbol, self._values)) is None:
            return self._made(symbol, request, Outcome.INVALID, "Kconfig does not accept this value")
        likely = self._likely(widened(self._planner, symbol, requested_value(request), self._values))
        reason = f"its range is {bounds[0]} to {bounds[1]}"
        return self._made(symbol, request, Outcome.CLAMPED, reason, likely=likely)

    def _blocked(self, symbol: Symbol, request: Request, needed: Expr, level: Level, *, reason: str) -> Diagnosis:
        witness, likely = self._finder.unmet(needed, level), self._likely(self._planner.raised(needed, level))
        return self._made(symbol, request, Outcome.BLOCKED, reason, witness=witness, likely=likely)

    def _transitional(self, symbol: Symbol, request: Request) -> Diagnosis:
        reason = "it is transitional: Kconfig only reads it, to migrate old configurations"
        # Only the help text names the replacement: “Transitional config for migration to …”.
        named = dict.fromkeys(re.findall(r"[A-Z0-9_]+", symbol.help))
        instead = [it for it in named if it != symbol.name and it in self._model]
        suggestion = f"use {joined(instead, 'or')}" if instead else None
        return self._made(symbol, request, Outcome.ABSENT, reason, suggestion=suggestion)

    def _promptless(self, symbol: Symbol, request: Request, wanted: Level) -> Diagnosis:
        became = changed(symbol.name, self._model)
        instead = [] if became is None else [it for it in became.new if it in self._model]
        witness = self._finder.unmet(Ref(symbol.name), wanted)
        likely = self._likely(self._planner.option(symbol.name, wanted))
        suggestion = f"use {joined(instead, 'or')} instead" if instead else None
        reason = f"it cannot be set directly (it has no prompt{f' since {became.since}' if became else ''})"
        return self._made(
            symbol, request, Outcome.BLOCKED, reason, witness=witness, likely=likely, suggestion=suggestion
        )

    def _too_high(self, symbol: Symbol, request: Request, wanted: Level) -> Diagnosis:
        selected = evaluate(symbol.selected_by, self._values) > wanted
        shown = bool(symbol.prompts) and bool(self._values[symbol.name].visible)
        hidden = self._finder.hidden(symbol) if symbol.prompts and not shown else ()
        if selected:
            reason = self._selecting(symbol, Level(wanted + 1))
            witness = (*self._finder.forced(symbol.selected_by, wanted), *hidden)
        elif hidden:
            reason, witness = "this is its default, and its prompt is not visible", hidden
        elif symbol.prompts and not shown and symbol.name not in NEVER:
            reason = "its prompt is never visible here"
            others = [below for it in self._finder.forced(Ref(symbol.name), wanted) for below in it.below]
            witness = tuple(others) or self._finder.unmet(symbol.prompts[0].condition, Level.M)
        else:
            reason, witness = "it is computed from other options", self._finder.forced(Ref(symbol.name), wanted)
        likely = self._likely(self._planner.option_off(symbol.name, wanted))
        without_itself = tuple(it for it in likely if it[0] != symbol.name)
        return self._made(symbol, request, Outcome.BLOCKED, reason, witness=witness, likely=without_itself)

    def _chosen(self, symbol: Symbol, request: Request) -> Diagnosis | None:
        """Return the diagnosis if another member of the choice of *symbol* was chosen; None if that is not the reason."""
        choice = self._model.choice_of(symbol.name)
        if choice is None or not self._values[symbol.name].visible:
            return None
        others = [it for it in choice.members if it != symbol.name]
        if request.value is NO:
            able = [it for it in others if self._values[it].visible]
            reason = f"one member of the choice “{choice.prompt}” must be y"
            suggestion = f"request another member: {joined(able, 'or')}" if able else None
            return self._made(symbol, request, Outcome.CHOICE, reason, suggestion=suggestion)
        winner = next((it for it in others if self._values.level(it) is Level.Y), None)
        if winner is None:
            return None
        who = self._finder.origin(winner) or "which nothing requests"
        return self._made(symbol, request, Outcome.CHOICE, f"the choice “{choice.prompt}” is {winner}, {who}")

    def _likely(self, found: Found) -> tuple[tuple[str, Tristate], ...]:
        """Return what a plan sets, except what is requested already."""
        steps = found.assignments.items() if isinstance(found, SettingPlan) else ()
        return tuple((name, value) for name, value in steps if self._asked.get(name) is not value)

    def _selecting(self, symbol: Symbol, level: Level) -> str:
        active = [it for it in alternatives(symbol.selected_by) if evaluate(it, self._values) >= level]
        names = list(dict.fromkeys(name for it in active if (name := selector(it)) is not None))
        return selecting(names)
