"""Finding further requests with the kernel's own Kconfig: for `kernix config fix`, and the suggestions of `check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.diagnosis.diagnose import diagnose
from derivations.kconfig.diagnosis.outcome import Outcome
from derivations.kconfig.diagnosis.repair import proven, repair
from derivations.kconfig.language.values import Priority
from derivations.kconfig.symbols.dotconfig import compose
from derivations.realise.kconfig_session import evaluator


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from derivations.kconfig.diagnosis.outcome import Diagnosis
    from derivations.kconfig.diagnosis.repair import Repair
    from derivations.kconfig.language.values import Value
    from kernix.configs.resolved import Resolved
    from kernix.options import Chosen
    from kernix.session import Session


def solve(session: Session, found: Resolved, given: Mapping[str, Value], chosen: Chosen) -> Repair:
    """Return the options that make *given* hold together with everything that held, or had to hold, before.

    Defaults are below the requests, as in a build, and give way to them; defaults that fail are requested, too.
    """
    diagnoses = [
        it for it in diagnose(found.merged_requests, found.model, found.values) if it.outcome is not Outcome.SHADOWED
    ]
    asked = {
        it.option: it.wanted
        for it in diagnoses
        if it.fails or (it.holds and it.request.priority is not Priority.DEFAULT)
    }
    base = start(session, found, diagnoses, chosen)
    with evaluator(session.store, found.kernel.resolver) as resolver:
        return repair({**asked, **given}, base, found.model, resolver, settle=resolver.settled)


def advised(session: Session, found: Resolved, diagnoses: Sequence[Diagnosis], chosen: Chosen) -> tuple[Diagnosis, ...]:
    """Return *diagnoses*, the failed ones with edits that make them hold, if any are known: resolved, not guessed."""
    if not any(it.fails and it.option in found.model for it in diagnoses):
        return tuple(diagnoses)
    base = start(session, found, diagnoses, chosen)
    with evaluator(session.store, found.kernel.resolver) as resolver:
        return proven(diagnoses, base, found.model, resolver, settle=resolver.settled)


def start(session: Session, found: Resolved, diagnoses: Sequence[Diagnosis], chosen: Chosen) -> str:
    """Return the `.config` that *found* starts from, with the defaults of *diagnoses* over it."""
    defaults = {
        it.option: it.wanted
        for it in diagnoses
        if it.request.priority is Priority.DEFAULT and it.outcome is not Outcome.SHADOWED
    }
    return compose(found.start(session, chosen), defaults, found.model)
