"""The requests that satisfy every hardening rule that can hold, confirmed by the kernel's own Kconfig.

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
from derivations.kconfig.hardening.report import fragment, report
from derivations.kconfig.language.values import Priority, Unset, written
from derivations.kconfig.language.wording import place
from derivations.kconfig.symbols.dotconfig import compose
from derivations.kconfig.symbols.fits import holds
from derivations.version import Version


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.kconfig.hardening.report import Verdict
    from derivations.kconfig.language.fragment import Fragment, Request
    from derivations.kconfig.language.values import Tristate, Value
    from derivations.kconfig.symbols.model import Model
    from derivations.kconfig.symbols.values_table import Evaluate, Values


_ROUNDS = 8
"""The most rounds: what is enabled may make further rules apply. A round that adds nothing is the last."""


@attrs.frozen
class Hardened:
    """The requests that satisfy the rules.

    Attributes:
        requests: The values that the rules want, by option.
        dependencies: The options that these need.
        left_out: The options that rules want but cannot have, each with the reason, a clause.
    """

    requests: Mapping[str, Value]
    dependencies: Mapping[str, Tristate]
    left_out: Mapping[str, str]


def verdicts(model: Model, values: Values) -> tuple[Verdict, ...]:
    """Return the verdicts of all rules on *values*; a rule that no configuration of *model* can satisfy does not apply."""
    known = {name: value_of(symbol, values) for name, symbol in model.items() if _is_set(name, values)}
    reach = Reach(model, values, {})
    return report(known, Version.parse(model.version), model.arch, options=model, reach=reach)


def hardened(
    requests: Mapping[str, Request], base: str, model: Model, resolve: Evaluate, settle: Evaluate, *, strict: bool
) -> Hardened:
    """Return what to request on top of the `.config` text *base* and the winning *requests*, so that all rules hold.

    With *strict*, rules that take features away from users are included.
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
        missed = fragment(verdicts(model, values), strict=strict, without=left_out)
        new = _values(missed, asked)
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
    return Hardened(asked, besides, left_out)


def _values(missed: Fragment, asked: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values that *missed* requests, except those *asked* already."""
    found = {name: clauses[-1].request.value for name, clauses in missed.options.items() if name not in asked}
    return {name: value for name, value in found.items() if not isinstance(value, Unset)}


def _held(fixed: Mapping[str, Value], values: Values, model: Model) -> dict[str, Value]:
    """Return the requests in *fixed* that hold: no others can be kept."""
    return {name: it for name, it in fixed.items() if name in model and holds(it, model[name], values[name])}


def _is_set(name: str, values: Values) -> bool:
    state = values[name]
    return state.written or state.value not in {"n", ""}
