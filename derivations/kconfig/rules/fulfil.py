"""The requests that satisfy every rule that can hold, confirmed by the kernel's own Kconfig.

Requests make other rules apply, and need further options. So they are resolved, completed with what they need
(`repair`), and compared with the rules again, until every rule that can hold does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.kconfig.comparison.minimal_edit import value_of
from derivations.kconfig.diagnosis.outcome import requested_value
from derivations.kconfig.diagnosis.reachable import Reach
from derivations.kconfig.diagnosis.repair import repair
from derivations.kconfig.language.values import MODULE, YES, Priority, Unset, written
from derivations.kconfig.language.wording import place
from derivations.kconfig.rules.report import RuleOutcome, fragment, report
from derivations.kconfig.symbols.dotconfig import compose
from derivations.kconfig.symbols.expression import Level
from derivations.kconfig.symbols.fits import holds
from derivations.version import Version


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from derivations.kconfig.language.fragment import Fragment, Request
    from derivations.kconfig.language.values import Tristate, Value
    from derivations.kconfig.rules.report import Verdict
    from derivations.kconfig.rules.rule import Rule
    from derivations.kconfig.symbols.model import Model, Symbol
    from derivations.kconfig.symbols.values_table import Evaluate, Values


_ROUNDS = 8
"""The most rounds: what is enabled may make further rules apply. A round that adds nothing is the last."""


@attrs.frozen
class Fulfilled:
    """The requests that satisfy the rules.

    Attributes:
        requests: The values that the rules want, by option.
        dependencies: The options that these need.
        left_out: The options that rules want but cannot have, each with the reason, a clause.
    """

    requests: Mapping[str, Value]
    dependencies: Mapping[str, Tristate]
    left_out: Mapping[str, str]


def verdicts(rules: Iterable[Rule], model: Model, values: Values, *, required: bool = False) -> tuple[Verdict, ...]:
    """Return the verdicts of *rules* on *values*.

    A rule that no configuration of *model* can satisfy does not apply, or is not held if the rules are *required*.
    """
    known = {name: value_of(symbol, values) for name, symbol in model.items() if _is_set(name, values)}
    reach = Reach(model, values, {})
    version = Version.parse(model.version)
    return report(rules, known, version, model.arch, options=model, reach=reach, required=required)


def fulfilled(
    rules: Sequence[Rule],
    requests: Mapping[str, Request],
    base: str,
    model: Model,
    resolve: Evaluate,
    *,
    settle: Evaluate,
    strict: bool,
    required: bool = False,
) -> Fulfilled:
    """Return what to request on top of the `.config` text *base* and the winning *requests*, so that all *rules* hold.

    With *strict*, rules that take features away from users are included. The rules may be *required*, as in `report`.
    """
    fixed = {
        name: requested_value(it)
        for name, it in requests.items()
        if not isinstance(it.value, Unset) and it.priority is not Priority.DEFAULT
    }
    asked: dict[str, Value] = {}
    left_out: dict[str, str] = {}
    besides: dict[str, Tristate] = {}
    for _ in range(_ROUNDS):
        values = settle(compose(base, {**besides, **fixed, **asked}, model))
        judged = verdicts(rules, model, values, required=required)
        left_out |= {it.rule.option: it.why for it in judged if it.outcome is RuleOutcome.NOT_HELD and it.why}
        modular = values.level("MODULES") is not Level.N if "MODULES" in values else False
        missed = fragment(judged, strict=strict, without=left_out, modular=modular)
        new = {name: _fitting(it, model[name]) for name, it in _values(missed, asked).items() if name in model}
        for name in [it for it in new if fixed.get(it, new[it]) != new[it]]:
            left_out[name] = f"requested as {written(fixed[name])}{place(requests[name])}"
            del new[name]
        if not new:
            break
        asked |= new
        found = repair({**_held(fixed, values, model), **asked}, base, model, resolve, settle=settle, alternatives=0)
        for it in found.unsolved:
            if asked.pop(it.option, None) is not None:
                left_out[it.option] = "; ".join(it.reasons) or "found no way to make it hold"
        besides = found.best.options
    return Fulfilled(asked, besides, left_out)


def _values(missed: Fragment, asked: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values that *missed* requests, except those *asked* already."""
    found = {name: clauses[-1].request.value for name, clauses in missed.options.items() if name not in asked}
    return {name: value for name, value in found.items() if not isinstance(value, Unset)}


def _fitting(value: Value, symbol: Symbol) -> Value:
    """Return *value*, or YES where it is a module that *symbol* cannot be: in some versions it is a bool."""
    return YES if value is MODULE and symbol.type == "bool" else value


def _held(fixed: Mapping[str, Value], values: Values, model: Model) -> dict[str, Value]:
    """Return the requests in *fixed* that hold: no others can be kept."""
    return {name: it for name, it in fixed.items() if name in model and holds(it, model[name], values[name])}


def _is_set(name: str, values: Values) -> bool:
    state = values[name]
    return state.written or state.value not in {"n", ""}
