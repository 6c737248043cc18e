"""`kernix check --requires`: compare a kernel's configuration with requirement sets."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import click

from derivations.kconfig.diagnosis.diagnose import diagnose
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.to_python import names_in, to_python
from derivations.kconfig.language.values import force
from derivations.kconfig.language.wording import joined
from derivations.kconfig.requirements.judged import judge
from derivations.kconfig.rules.fulfil import fulfilled
from derivations.kconfig.rules.report import RuleOutcome
from derivations.realise.kconfig_session import evaluator
from kernix.configs.repair import start
from kernix.output.quantities import number
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from derivations.kconfig.requirements.judged import Judged
    from derivations.kconfig.requirements.requirement_set import RequirementSet
    from kernix.configs.resolved import Resolved
    from kernix.options import Chosen
    from kernix.session import Session


class RequirementsUnmet(Error):
    """A kernel does not meet requirements."""

    attribute: str
    sets: tuple[str, ...]
    count: int

    def __str__(self) -> str:
        return f"`{self.attribute}` does not meet {number(self.count, 'requirement')} of {joined(self.sets)}"

    @property
    def hint(self) -> str:
        """Say how to get the missing options."""
        words = " ".join(f"--requires {it}" for it in self.sets)
        return f"`kernix check {self.attribute} {words} --fragment` prints the options that meet them"


def report(found: Resolved, sets: Sequence[RequirementSet], *, everything: bool, as_json: bool) -> None:
    """Print which rules of *sets* hold in the configuration *found*, and why not.

    Raises:
        RequirementsUnmet: some do not hold.
    """
    judged = judge(sets, found.merged_requests, found.model, found.values)
    if as_json:
        click.echo(json.dumps([it.to_json() for it in judged], indent=2))
    else:
        click.echo("\n".join(_lines(judged, sets, everything=everything)))
    if unmet := [it for it in judged if not it.holds]:
        raise RequirementsUnmet(found.name, tuple(dict.fromkeys(it.name for it in unmet)), len(unmet))


def _lines(judged: Sequence[Judged], sets: Sequence[RequirementSet], *, everything: bool) -> Iterator[str]:
    for each in sets:
        mine = [it for it in judged if it.name == each.name]
        counts = {outcome: sum(it.verdict.outcome is outcome for it in mine) for outcome in RuleOutcome}
        yield f"{each.name}: " + ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items() if count)
        yield from (f"  {line}" for it in mine if everything or not it.holds for line in it.lines())


def fragment(session: Session, found: Resolved, sets: Sequence[RequirementSet], chosen: Chosen) -> str:
    """Return the options that meet *sets*, with what these need, as Python, confirmed by the kernel's own Kconfig.

    Options for which the kernel requests something else are forced.
    """
    rules = [rule for it in sets for rule in it.rules]
    judged = judge(sets, found.merged_requests, found.model, found.values)
    unmet = {it.verdict.rule.option: it for it in judged if not it.holds}
    requests = {name: it for name, it in found.merged_requests.requests.items() if name not in unmet}
    base = start(session, found, diagnose(found.merged_requests, found.model, found.values), chosen)
    with evaluator(session.store, found.kernel.resolver) as resolver:
        made = fulfilled(
            rules, requests, base, found.model, resolver, settle=resolver.settled, strict=True, required=True
        )
    texts = {name: f"it takes {it.verdict.rule.needs}" for name, it in unmet.items() if it.verdict.rule.any_text}
    over = {
        name: it.verdict.rule.wanted
        for name, it in unmet.items()
        if it.is_refused and name not in {*made.left_out, *texts}
    }
    asked = {**over, **made.requests, **made.dependencies}
    notes = [f"# {name} is left out: {why}\n" for name, why in {**made.left_out, **texts}.items()]
    notes += [f"# {name}: over the request of {unmet[name].request_place}\n" for name in over]
    if made.dependencies:
        notes.append(f"# {', '.join(made.dependencies)}: needed by the others\n")
    source = to_python(
        Fragment("requirements", {name: force(it) if name in over else it for name, it in asked.items()})
    )
    names = names_in(source)
    imports = f"from derivations import {', '.join(names)}\n\n\n" if names else ""
    return f"{imports}{''.join(notes)}extra_config = {source}"
