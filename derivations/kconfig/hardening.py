"""The hardening report: which recommended settings a configuration holds, and what to ask for where it does not.

All here is a function of a configuration's values; the rules are data in `derivations.kconfig.kspp`.
"""

from __future__ import annotations

import enum

from typing import TYPE_CHECKING, Any

import attrs

from derivations.kconfig.fragment import Fragment
from derivations.kconfig.kspp import BESIDE, RULES, Rule, needed
from derivations.kconfig.plan import LEVELS, DeadEnd
from derivations.kconfig.planner import Planner
from derivations.kconfig.text import line
from derivations.kconfig.values import NO, Hex, optional, written
from derivations.kconfig.wording import place


if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from derivations.kconfig.fragment import Request
    from derivations.kconfig.model import Model
    from derivations.kconfig.resolved import Values
    from derivations.kconfig.values import Asked, Value
    from derivations.linux.version import Version


class Outcome(enum.StrEnum):
    """What became of a rule."""

    HELD = "held"
    NOT_HELD = "not held"
    NOT_APPLICABLE = "not applicable"


@attrs.frozen(kw_only=True)
class Verdict:
    """A rule, and how a configuration stands to it; *got* is None where the configuration has no line for it."""

    rule: Rule
    outcome: Outcome
    got: Value | None
    why: str = ""

    def __str__(self) -> str:
        wanted = line(self.rule.option, self.rule.wanted)
        if self.outcome is Outcome.HELD:
            return f"{wanted}: {self.rule.reason}"
        if self.outcome is Outcome.NOT_APPLICABLE:
            return f"{wanted}: not applicable, {self.why}"
        got = "absent" if self.got is None else written(self.got)
        notes = [f"needs {self.rule.needs}"] if self.rule.needs else []
        notes += [f"takes away {self.rule.takes}"] if self.rule.takes else []
        return f"{wanted}, got {got}: {self.rule.reason}" + (f" ({'; '.join(notes)})" if notes else "")

    def to_json(self) -> dict[str, Any]:
        """Return this verdict as a JSON document."""
        return {
            "option": self.rule.option,
            "wanted": written(self.rule.wanted),
            "got": None if self.got is None else written(self.got),
            "outcome": self.outcome.value,
            "why": self.why,
            "reason": self.rule.reason,
            "takes": self.rule.takes,
            "needs": self.rule.needs,
            "source": self.rule.source,
        }


def report(
    values: Mapping[str, Value], version: Version, arch: str, *, options: Container[str] | None = None
) -> tuple[Verdict, ...]:
    """Return how the configuration *values* of a kernel of *version* for *arch* stands to every rule.

    *options* are the names that the kernel's Kconfig files define; without them the rules'
    versions alone decide what a kernel has.
    """
    return tuple(_verdict(rule, values, version, arch, options) for rule in RULES if _is_of(rule, arch))


def _is_of(rule: Rule, arch: str) -> bool:
    return rule.condition.architectures is None or arch in rule.condition.architectures


def _verdict(
    rule: Rule, values: Mapping[str, Value], version: Version, arch: str, options: Container[str] | None
) -> Verdict:
    got = values.get(rule.option)
    why = _why_not(rule, values, version, arch, options)
    if why:
        return Verdict(rule=rule, outcome=Outcome.NOT_APPLICABLE, got=got, why=why)
    held = _is(rule.wanted, got)
    return Verdict(rule=rule, outcome=Outcome.HELD if held else Outcome.NOT_HELD, got=got)


def _why_not(
    rule: Rule, values: Mapping[str, Value], version: Version, arch: str, options: Container[str] | None
) -> str:
    """Return why *rule* does not apply; empty where it does."""
    if not rule.condition.holds(version, arch):
        return f"it is not in {version.series}"
    if options is not None and rule.option not in options:
        return f"this {version.series} does not have it"
    if rule.unless is not None and _is(rule.unless[1], values.get(rule.unless[0])):
        return f"since {line(*rule.unless)}"
    return ""


def _is(wanted: Value, got: Value | None) -> bool:
    if got is None:
        return wanted is NO
    if isinstance(wanted, int | Hex) and isinstance(got, int | Hex):
        return _number(wanted) == _number(got)
    return wanted == got


def _number(value: int | Hex) -> int:
    return value.number if isinstance(value, Hex) else value


def fragment(verdicts: Iterable[Verdict], *, strict: bool = False, without: Container[str] = ()) -> Fragment:
    """Return what to ask for so that the rules of *verdicts* that are not held do, but for the options of *without*.

    What takes something away from users is left out, unless *strict*; what a compiler or a
    machine may be without is optional.
    """
    missed = [it.rule for it in verdicts if it.outcome is Outcome.NOT_HELD and it.rule.option not in without]
    asked: dict[str, Asked] = {
        it.option: optional(it.wanted) if it.needs or it.unless else it.wanted
        for it in needed(it for it in missed if strict or not it.takes)
    }
    for option in asked.keys() & BESIDE.keys():
        asked = {**BESIDE[option], **asked}
    return Fragment("hardening", asked, description="recommended settings that did not hold")


def futile(
    verdicts: Iterable[Verdict], requests: Mapping[str, Request], model: Model, values: Values
) -> dict[str, str]:
    """Return the options of *verdicts* that to ask for changes nothing, each with the reason, a clause."""
    planner = Planner(model, values)
    missed = [it.rule for it in verdicts if it.outcome is Outcome.NOT_HELD]
    return {it.option: why for it in missed if (why := _why_futile(it, requests, model, planner))}


def _why_futile(rule: Rule, requests: Mapping[str, Request], model: Model, planner: Planner) -> str:
    request = requests.get(rule.option)
    if request is not None and request.value == rule.wanted:
        return f"asked for already{place(request)}, and it did not hold"
    symbol = model.get(rule.option)
    if symbol is not None and not symbol.prompts:
        return "it has no prompt"
    if symbol is None or rule.wanted not in LEVELS:
        return ""
    level = LEVELS[rule.wanted]
    found = planner.option(symbol.name, level) if level else planner.option_off(symbol.name, level)
    return f"nothing that can be set switches it {'on' if level else 'off'} here" if isinstance(found, DeadEnd) else ""
