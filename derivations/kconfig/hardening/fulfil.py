"""What to ask of a kernel so that every rule of hardening holds that can: found by its own Kconfig, to the end.

What is asked for lets other rules apply, and needs further options. So it is resolved, completed by what it needs
(`repair`), and compared with the rules again, until no rule is left that is not held and could be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.kconfig.comparison.minimal_edit import asked as value_of
from derivations.kconfig.diagnosis.outcome import asked as wanted_by
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


@attrs.frozen
class Hardened:
    """What to ask for.

    Attributes:
        asked: What the rules want, by option.
        besides: What that needs.
        left_out: The options that rules want and that cannot be asked for, each with the reason, a clause.
    """

    asked: Mapping[str, Value]
    besides: Mapping[str, Tristate]
    left_out: Mapping[str, str]


def verdicts(model: Model, values: Values) -> tuple[Verdict, ...]:
    """Return how *values* stand to every rule; what no configuration of the *model* can hold does not apply."""
    known = {name: value_of(symbol, values) for name, symbol in model.items() if _is_set(name, values)}
    reach = Reach(model, values, {})
    return report(known, Version.parse(model.version), model.arch, options=model, reach=reach)


def hardened(
    requests: Mapping[str, Request], base: str, model: Model, resolve: Evaluate, settle: Evaluate, *, strict: bool
) -> Hardened:
    """Return what to ask for above the `.config` text *base* and the *requests* that count, so that all rules hold.

    With *strict* also what takes something away from users.
    """
    fixed = {
        name: wanted_by(it)
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
    """Return the values that *missed* asks for, but for what is *asked* already."""
    found = {name: clauses[-1].request.value for name, clauses in missed.options.items() if name not in asked}
    return {name: value for name, value in found.items() if not isinstance(value, Unset)}


def _held(fixed: Mapping[str, Value], values: Values, model: Model) -> dict[str, Value]:
    """Return those of the requests *fixed* that hold: no other can be kept."""
    return {name: it for name, it in fixed.items() if name in model and holds(it, model[name], values[name])}


def _is_set(name: str, values: Values) -> bool:
    state = values[name]
    return state.written or state.value not in {"n", ""}
