"""Names that a kernel does not have: of another architecture or version, or misspelled."""

from __future__ import annotations

import difflib

from typing import TYPE_CHECKING

import attrs

from derivations.kconfig.language.wording import joined
from derivations.kconfig.symbols.renames import changed, formerly, known


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.kconfig.symbols.model import Model
    from derivations.kconfig.symbols.renames import Replacement


_NEAR = 3
"""The most names to suggest: more would hide the right one."""

_PLACES = 2
"""The most files to name, so that the sentence fits on a line."""

_ALIKE = 0.4
"""The share of letter pairs that names must have in common to be compared in full, which takes far longer."""

_LIKELY = 0.75
"""The least similarity of spellings, from 0 to 1: one or two of eight letters may be wrong."""

_WORDS = 0.5
"""The share of words that names must have in common otherwise: one word of two or three may differ."""


@attrs.frozen(kw_only=True)
class Missing:
    """Why a kernel has no option of this name.

    Attributes:
        known: Whether another Linux has the option.
        reason: A clause.
        suggestion: What to do, a clause; None if nothing is known.
        instead: The options that replace it.
    """

    known: bool
    reason: str
    suggestion: str | None = None
    instead: tuple[str, ...] = ()


def missing(name: str, model: Model) -> Missing:
    """Return why *model* does not have the option *name*."""
    if (change := changed(name, model)) is not None:
        instead = tuple(it for it in change.new if it in model)
        suggestion = f"use {joined(instead, 'or')}" if instead else change.note or None
        return Missing(known=True, reason=_became(change, model.version), suggestion=suggestion, instead=instead)
    if (change := formerly(name, model)) is not None:
        later = f"was added in {change.since}" + ("" if change.commit else " at the latest")
        reason = f"Linux {model.version} still calls it {change.old}; {name} {later}"
        return Missing(known=True, reason=reason, suggestion=f"use {change.old}", instead=(change.old,))
    if places := model.elsewhere(name):
        more = f" and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
        reason = f"not available on {model.arch}; it is defined in {', '.join(places[:_PLACES])}{more}"
        return Missing(known=True, reason=reason)
    if (change := known(name)) is not None and change.commit:
        # Stable series backport some removals of later versions, vendors' branches others.
        reason = f"Linux {model.version} does not have it: {_became(change, change.since)}"
        return Missing(known=True, reason=reason, suggestion=change.note or None)
    names = near(name, model.names)
    meant = f"did you mean {joined(names, 'or')}?" if names else None
    return Missing(known=False, reason=f"Linux {model.version} has no such option", suggestion=meant)


def outdated(name: str) -> str | None:
    """Return what became of the option *name* in any version of Linux, a clause; None if nothing is known."""
    change = known(name)
    return None if change is None else _became(change, change.since)


def _became(change: Replacement, version: str) -> str:
    what = f"renamed to {joined(change.new, 'or')}" if change.new else "removed"
    return f"{what} {change.when(version)}"


def near(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the *known* names most like *name*, nearest first: by spelling, or by common words."""
    pairs, words = _pairs(name), set(name.split("_"))
    found = []
    for other in known:
        theirs = _pairs(other)
        # Letter pairs are cheap to compare; the few names that pass are compared in full.
        if 2 * len(pairs & theirs) < _ALIKE * (len(pairs) + len(theirs)):
            continue
        spelling = difflib.SequenceMatcher(None, name, other).ratio()
        shared = len(words & (its := set(other.split("_")))) / len(words | its)
        if spelling >= _LIKELY or shared >= _WORDS:
            found.append((-spelling - _WORDS * shared, other))
    return tuple(other for _, other in sorted(found)[:_NEAR])


def _pairs(name: str) -> set[str]:
    return {name[place : place + 2] for place in range(len(name) - 1)}
