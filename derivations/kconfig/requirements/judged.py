"""Which rules of requirement sets hold in a configuration, and what keeps the others from holding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from derivations.kconfig.diagnosis.diagnose import outcomes
from derivations.kconfig.language.fragment import Origin, Request
from derivations.kconfig.language.values import Unset, written
from derivations.kconfig.language.wording import place
from derivations.kconfig.rules.fulfil import verdicts
from derivations.kconfig.rules.report import RuleOutcome


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from derivations.kconfig.diagnosis.outcome import Diagnosis
    from derivations.kconfig.language.merge import Merged
    from derivations.kconfig.requirements.requirement_set import RequirementSet
    from derivations.kconfig.rules.report import Verdict
    from derivations.kconfig.symbols.model import Model
    from derivations.kconfig.symbols.values_table import Values


@attrs.frozen
class Judged:
    """The verdict on one rule of a set.

    Attributes:
        name: The name of the set.
        verdict: The verdict.
        request: What the kernel requests for the option; None if nothing.
        diagnosis: If the rule does not hold, what keeps the option from its value.
    """

    name: str
    verdict: Verdict
    request: Request | None = None
    diagnosis: Diagnosis | None = None

    @property
    def holds(self) -> bool:
        """Return whether the rule holds or does not apply."""
        return self.verdict.outcome is not RuleOutcome.NOT_HELD

    @property
    def is_refused(self) -> bool:
        """Return whether the rule does not hold because the kernel requests something else."""
        return not self.holds and self.request is not None and not isinstance(self.request.value, Unset)

    @property
    def request_place(self) -> str:
        """Return where the kernel requests a value for the option; empty if it does not, or if that is not known."""
        return "" if self.request is None else str(self.request.origin)

    def lines(self) -> Iterator[str]:
        """Yield the verdict, and below it what keeps the option from its value."""
        applies = self.verdict.outcome is not RuleOutcome.NOT_APPLICABLE
        yield f"{self.verdict.outcome.value}: {self.verdict}" if applies else str(self.verdict)
        if not self.holds and self.request is not None and not isinstance(self.request.value, Unset):
            yield f"  requested {written(self.request.value)}{place(self.request)}"
        elif self.diagnosis is not None and not self.diagnosis.holds:
            yield from (f"  {it}" for it in (self.diagnosis.reason,) if it)
            yield from (line for it in self.diagnosis.witness for line in it.lines("  "))
            yield from (f"  {it}" for it in (self.diagnosis.suggestion,) if it)

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON data."""
        diagnosis = None if self.diagnosis is None else self.diagnosis.to_json()
        return {"set": self.name, **self.verdict.to_json(), "diagnosis": diagnosis}


def judge(sets: Iterable[RequirementSet], merged: Merged, model: Model, values: Values) -> tuple[Judged, ...]:
    """Return the verdicts on all rules of *sets* for the *values* of a kernel with the requests *merged*."""
    found = [(it.name, verdict) for it in sets for verdict in verdicts(it.rules, model, values, required=True)]
    missed = {
        verdict.rule.option: Request(verdict.rule.wanted, origin=Origin(name, ""))
        for name, verdict in found
        if verdict.outcome is RuleOutcome.NOT_HELD and not verdict.rule.any_text
    }
    why = outcomes(missed, merged, model, values)
    return tuple(
        Judged(
            name,
            it,
            merged.requests.get(it.rule.option),
            why.get(it.rule.option) if it.outcome is RuleOutcome.NOT_HELD else None,
        )
        for name, it in found
    )
