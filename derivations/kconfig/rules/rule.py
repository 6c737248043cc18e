"""One rule about an option's value: plain data, so that lists of rules can be read, cited and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from derivations.kconfig.language.condition import ALWAYS, Condition
from derivations.kconfig.language.text import line
from derivations.kconfig.language.values import MODULE, YES


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.kconfig.language.values import Asked, Value


@attrs.frozen(kw_only=True)
class Rule:
    """A value that an option should have, and what is as good.

    Attributes:
        option: Its name.
        wanted: The value.
        reason: What it achieves, or what needs it: a clause.
        takes: What users lose; empty if only some speed.
        needs: What it needs that a kernel, compiler or machine may lack.
        unless: Another option, with the value that makes this one pointless.
        given: Options that must all be on, or there is nothing to protect.
        any_of: Options of which at least one must be on, likewise.
        instead: Other options, with values that are as good.
        also: Other values that are as good.
        or_more: Whether a greater number is as good.
        any_text: Whether *wanted* stands for every text but the empty one, which no fragment can request.
        condition: The versions and architectures that have the option.
        along: Further requests that go with it, unless another rule has them.
        source: Who says so.
    """

    option: str
    wanted: Value
    reason: str
    takes: str = ""
    needs: str = ""
    unless: tuple[str, Value] | None = None
    given: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    instead: tuple[tuple[str, Value], ...] = ()
    also: tuple[Value, ...] = ()
    or_more: bool = False
    any_text: bool = False
    condition: Condition = ALWAYS
    along: tuple[tuple[str, Asked], ...] = ()
    source: str = ""

    def __str__(self) -> str:
        if self.any_text:
            return f"CONFIG_{self.option}, not empty"
        return line(self.option, self.wanted) + (" or m" if self.wanted is YES and MODULE in self.also else "")


def rule(
    option: str,
    wanted: Value,
    reason: str,
    *,
    takes: str = "",
    needs: str = "",
    unless: tuple[str, Value] | None = None,
    since: str | None = None,
    before: str | None = None,
    source: str,
    **more: Any,  # noqa: ANN401 -- rarely used fields of a rule
) -> Rule:
    """Return the rule of *source* that *option* be *wanted*, in versions at least *since* and older than *before*."""
    condition = ALWAYS
    if since is not None:
        condition &= Condition.at_least(since)
    if before is not None:
        condition &= Condition.older(before)
    return Rule(
        option=option, wanted=wanted, reason=reason, takes=takes, needs=needs,
        unless=unless, condition=condition, source=source, **more,
    )  # fmt: skip


def on(arch: str, *rules: Rule) -> tuple[Rule, ...]:
    """Return *rules*, restricted to *arch*."""
    return tuple(attrs.evolve(it, condition=it.condition & Condition.on(arch)) for it in rules)


def needed(rules: Iterable[Rule]) -> list[Rule]:
    """Return *rules* without those that another one makes pointless."""
    kept = list(rules)
    asked = {(it.option, it.wanted) for it in kept}
    return [it for it in kept if it.unless not in asked]
