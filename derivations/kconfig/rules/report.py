"""The report on a configuration: the rules that it satisfies, and requests for the others.

Everything here is a function of a configuration's values. A recommendation that a kernel cannot follow does not apply
to it; a requirement that it cannot meet is not held.
"""

from __future__ import annotations

import enum

from typing import TYPE_CHECKING, Any

import attrs

from derivations.kconfig.diagnosis.plan import LEVELS
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.text import line
from derivations.kconfig.language.values import MODULE, NO, Hex, Qualified, optional, written
from derivations.kconfig.rules.rule import needed


if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from derivations.kconfig.diagnosis.reachable import Reach
    from derivations.kconfig.language.values import Asked, Value
    from derivations.kconfig.rules.rule import Rule
    from derivations.version import Version


class RuleOutcome(enum.StrEnum):
    """The result of a rule."""

    HELD = "held"
    NOT_HELD = "not held"
    NOT_APPLICABLE = "not applicable"


@attrs.frozen(kw_only=True)
class Verdict:
    """A rule and its result; *got* is None if the configuration has no line for the option."""

    rule: Rule
    outcome: RuleOutcome
    got: Value | None
    why: str = ""

    def __str__(self) -> str:
        wanted = str(self.rule)
        if self.outcome is RuleOutcome.HELD:
            return f"{wanted}: {self.rule.reason}" + (f" ({self.why})" if self.why else "")
        if self.outcome is RuleOutcome.NOT_APPLICABLE:
            return f"{wanted}: not applicable, {self.why}"
        got = "absent" if self.got is None else written(self.got)
        notes = [self.why] if self.why else []
        notes += [f"needs {self.rule.needs}"] if self.rule.needs else []
        notes += [f"takes away {self.rule.takes}"] if self.rule.takes else []
        return f"{wanted}, got {got}: {self.rule.reason}" + (f" ({'; '.join(notes)})" if notes else "")

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON data."""
        return {
            "option": self.rule.option,
            "wanted": "not empty" if self.rule.any_text else written(self.rule.wanted),
            "got": None if self.got is None else written(self.got),
            "outcome": self.outcome.value,
            "why": self.why,
            "reason": self.rule.reason,
            "takes": self.rule.takes,
            "needs": self.rule.needs,
            "source": self.rule.source,
        }


def report(
    rules: Iterable[Rule],
    values: Mapping[str, Value],
    version: Version,
    arch: str,
    *,
    options: Container[str] | None = None,
    reach: Reach | None = None,
    required: bool = False,
) -> tuple[Verdict, ...]:
    """Return the verdict of each of *rules* on the configuration *values* of a kernel of *version* for *arch*.

    *options* are the names that the kernel's Kconfig files define; without them, the rules' versions decide alone.
    With *reach*, a rule that no configuration can satisfy does not apply. If the rules are *required*, one that this
    kernel cannot satisfy is not held instead.
    """
    found = []
    for rule in rules:
        if _is_of(rule, arch):
            unknown = options is not None and rule.option not in options
            lacks = f"this {version.series} kernel does not have it" if unknown else ""
            why = _why_not(rule, values, version, arch) or ("" if required else lacks)
            found.append(_verdict(rule, values, why, lacks))
    return tuple(found if reach is None else (_within(it, reach, required) for it in found))


def _is_of(rule: Rule, arch: str) -> bool:
    return rule.condition.architectures is None or arch in rule.condition.architectures


def _verdict(rule: Rule, values: Mapping[str, Value], not_applicable: str, lacks: str) -> Verdict:
    """Return the verdict of *rule* on *values*; the reasons why it does not apply, and why it cannot hold, may be empty."""
    got = values.get(rule.option)
    if not_applicable:
        return Verdict(rule=rule, outcome=RuleOutcome.NOT_APPLICABLE, got=got, why=not_applicable)
    if _satisfies(got, rule):
        return Verdict(rule=rule, outcome=RuleOutcome.HELD, got=got)
    for option, value in rule.instead:
        if _is(value, values.get(option)):
            return Verdict(rule=rule, outcome=RuleOutcome.HELD, got=got, why=f"{line(option, value)} is as good")
    return Verdict(rule=rule, outcome=RuleOutcome.NOT_HELD, got=got, why=lacks)


def _satisfies(got: Value | None, rule: Rule) -> bool:
    if rule.any_text:
        return got not in {None, ""}
    return any(_is(it, got) for it in (rule.wanted, *rule.also)) or (rule.or_more and _is_more(got, rule.wanted))


def _within(verdict: Verdict, reach: Reach, required: bool) -> Verdict:
    """Return *verdict* with the reason if the rule does not hold and cannot; then it does not apply unless *required*."""
    rule = verdict.rule
    levels = [level for it in (rule.wanted, *rule.also) if (level := LEVELS.get(it)) is not None]
    if verdict.outcome is not RuleOutcome.NOT_HELD or verdict.why or not levels:
        return verdict
    if any(reach.can_be(rule.option, it) for it in levels):
        return verdict
    why = f"no setting switches it {'on' if levels[0] else 'off'} here"
    if required:
        return attrs.evolve(verdict, why=why)
    needs = f", which needs {rule.needs}" if rule.needs else ""
    return attrs.evolve(verdict, outcome=RuleOutcome.NOT_APPLICABLE, why=f"{why}{needs}")


def _why_not(rule: Rule, values: Mapping[str, Value], version: Version, arch: str) -> str:
    """Return why *rule* does not apply; empty if it does."""
    if not rule.condition.holds(version, arch):
        return f"Linux {version.series} does not have it"
    if rule.unless is not None and _is(rule.unless[1], values.get(rule.unless[0])):
        return f"because of {line(*rule.unless)}"
    if missing := [it for it in rule.given if values.get(it, NO) is NO]:
        return f"because of {line(missing[0], NO)}"
    if rule.any_of and all(values.get(it, NO) is NO for it in rule.any_of):
        return f"without {' or '.join(rule.any_of)}"
    return ""


def _is(wanted: Value, got: Value | None) -> bool:
    if got is None:
        return wanted is NO
    if isinstance(wanted, int | Hex) and isinstance(got, int | Hex):
        return _number(wanted) == _number(got)
    return wanted == got


def _is_more(got: Value | None, than: Value) -> bool:
    return isinstance(got, int | Hex) and isinstance(than, int | Hex) and _number(got) > _number(than)


def _number(value: int | Hex) -> int:
    return value.number if isinstance(value, Hex) else value


def completed(verdicts_of: Callable[[Mapping[str, Value]], Sequence[Verdict]], *, strict: bool = False) -> Fragment:
    """Return the requests after which every rule holds that can.

    Requests make other rules apply. So *verdicts_of* gets all requests so far, and returns the verdicts on a configuration
    with them, until nothing is left.
    """
    asked: dict[str, Asked] = {}
    values: dict[str, Value] = {}
    while new := {name: it for name, it in _asked(verdicts_of(values), strict=strict).items() if name not in asked}:
        asked |= new
        values |= {name: it for name, value in new.items() for it in [_plain(value)]}
    return Fragment("rules", dict(sorted(asked.items())), description="rules that did not hold")


def fragment(
    verdicts: Iterable[Verdict], *, strict: bool = False, without: Container[str] = (), modular: bool = False
) -> Fragment:
    """Return requests for the rules of *verdicts* that do not hold, except the options in *without*.

    Rules that take features away from users are included only if *strict*; what a compiler or machine may lack is
    optional. If *modular*, a module is requested where it is as good.
    """
    asked = _asked(verdicts, strict=strict, without=without, modular=modular)
    return Fragment("rules", asked, description="rules that did not hold")


def _asked(
    verdicts: Iterable[Verdict], *, strict: bool, without: Container[str] = (), modular: bool = False
) -> dict[str, Asked]:
    missed = [it.rule for it in verdicts if it.outcome is RuleOutcome.NOT_HELD and it.rule.option not in without]
    rules = needed(it for it in missed if (strict or not it.takes) and not it.any_text)
    along = {name: asked for it in rules for name, asked in it.along}
    return {**along, **{it.option: _request(it, modular=modular) for it in rules}}


def _request(rule: Rule, *, modular: bool) -> Asked:
    wanted = MODULE if modular and MODULE in rule.also else rule.wanted
    return optional(wanted) if rule.needs or rule.unless else wanted


def _plain(value: Asked) -> Value:
    """Return the plain value of *value*."""
    plain: Value = value.value if isinstance(value, Qualified) else value  # type: ignore[assignment]
    return plain
