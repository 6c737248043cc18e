"""What another version of Linux changes about a definition: its requests, and what it leaves open.

The requests of the definition are resolved by both versions' own Kconfig. Each that no longer holds gets an edit, if one
is known: the option that replaces it, or the further options that make it hold. An edit that renames an option can be
written to work for both versions (`when_older`).
"""

from __future__ import annotations

import enum
import functools

from typing import TYPE_CHECKING, Any

import attrs

from derivations.frozen_map import FrozenMap
from derivations.kconfig.comparison.cause import CauseKind, Causes
from derivations.kconfig.comparison.difference import change_of
from derivations.kconfig.diagnosis.outcome import Diagnosis, Outcome
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.to_python import to_python
from derivations.kconfig.language.values import Unset, Value, written
from derivations.kconfig.symbols.renames import changed


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from derivations.kconfig.comparison.difference import Difference, OptionChange
    from derivations.kconfig.comparison.side import Side
    from derivations.kconfig.language.fragment import Request
    from derivations.kconfig.symbols.model import Model, Symbol


class Fate(enum.StrEnum):
    """The effect of the other version on a request."""

    RENAMED = "renamed"
    VANISHED = "vanished"
    RETYPED = "retyped"
    CHOICE = "choice"
    BLOCKED = "blocked"


@attrs.frozen(kw_only=True)
class UpgradeStep:
    """A request that must change.

    Attributes:
        option: The option.
        request: The request, with its origin.
        fate: What happens to it.
        text: The same, for people.
        since: The version with the change, if known.
        drop: Whether to remove the request.
        add: The requests to add.
    """

    option: str
    request: Request
    fate: Fate
    text: str
    since: str = ""
    drop: bool = False
    add: FrozenMap[Value] = attrs.field(factory=FrozenMap)

    def edit(self) -> Iterator[tuple[str, str]]:
        """Yield the lines of Python to remove (`-`) and to add (`+`)."""
        if self.drop:
            yield from (("-", it) for it in rows({self.option: self.request}))
        yield from (("+", it) for it in rows(self.add))

    def to_json(self) -> dict[str, Any]:
        """Return the step as JSON data."""
        return {
            "option": self.option,
            "value": None if isinstance(self.request.value, Unset) else written(self.request.value),
            "optional": self.request.optional,
            "fragment": self.request.origin.fragment,
            "place": self.request.origin.place,
            "fate": self.fate.value,
            "text": self.text,
            "since": self.since or None,
            "edit": [f"{sign} {line}" for sign, line in self.edit()],
        }


def rows(options: Mapping[str, Any]) -> list[str]:
    """Return the rows of the Python mapping of *options*."""
    return [it.strip() for it in to_python(Fragment("edit", options)).splitlines()[1:-1]]


@attrs.frozen(kw_only=True)
class Redefined:
    """An option without a request whose meaning differs in the other version."""

    option: str
    what: str
    old: str
    new: str


@attrs.frozen(kw_only=True)
class Upgrade:
    """The effect of moving to the other version.

    Attributes:
        difference: All changed options.
        requests: The number of requested options.
        steps: The requests that must change.
        added: New options with a visible prompt, with their defaults.
        removed: Removed options that had a prompt and were set.
        redefined: Options with another type, or in another choice.
    """

    difference: Difference
    requests: int
    steps: tuple[UpgradeStep, ...]
    added: tuple[OptionChange, ...]
    removed: tuple[OptionChange, ...]
    redefined: tuple[Redefined, ...]

    @property
    def defaults(self) -> tuple[OptionChange, ...]:
        """Return the options that change on their own, because Kconfig or the base changed."""
        kinds = {CauseKind.DEFAULT, CauseKind.DEFINITION, CauseKind.BASE}
        return tuple(it for it in self.difference.changes.values() if it.cause.kind in kinds and not it.cause.options)

    def to_json(self) -> dict[str, Any]:
        """Return the upgrade as JSON data."""
        found = self.difference.to_json()
        return {
            "old": found["old"],
            "new": found["new"],
            "requests": self.requests,
            "steps": [it.to_json() for it in self.steps],
            "new_options": [attrs.asdict(it) for it in self.added],
            "gone_options": [it.option for it in self.removed],
            "redefined": [attrs.asdict(it) for it in self.redefined],
            "changes": found["changes"],
        }


def upgrade(
    difference: Difference, diagnoses: Iterable[Diagnosis], repairs: Mapping[str, Mapping[str, Value]]
) -> Upgrade:
    """Return the effect of another version on a definition.

    Args:
        difference: From the definition in its own version to the same one in the other.
        diagnoses: The diagnoses of its requests in the other version.
        repairs: Further options that make a request hold, by its option.

    The models of both versions must be known.
    """
    diagnoses = tuple(it for it in diagnoses if it.outcome is not Outcome.SHADOWED)
    old, new = _model(difference.old), _model(difference.new)
    steps = (_step(it, old, new, repairs.get(it.option, {})) for it in diagnoses)
    return Upgrade(
        difference=difference,
        requests=len(diagnoses),
        steps=tuple(it for it in steps if it is not None),
        added=tuple(_added(difference)),
        removed=tuple(it for it in difference.changes.values() if it.cause.kind is CauseKind.GONE and it.prompt),
        redefined=tuple(_redefined(difference)),
    )


def _model(side: Side) -> Model:
    if side.model is None:
        msg = f"the Kconfig of {side.name} is not known"
        raise ValueError(msg)
    return side.model


def _step(diagnosis: Diagnosis, old: Model, new: Model, repair: Mapping[str, Value]) -> UpgradeStep | None:
    """Return the step for a request; None if it needs none."""
    name, gone = diagnosis.option, diagnosis.option not in new
    if (not gone and diagnosis.holds) or (gone and name not in old and diagnosis.request.optional):
        return None
    step = functools.partial(UpgradeStep, option=name, request=diagnosis.request)
    if gone:
        return _without(diagnosis, new, step)
    text = diagnosis.reason or "does not hold"
    before, after = old.get(name), new[name]
    if before is not None and before.type != after.type and diagnosis.outcome is Outcome.INVALID:
        return step(fate=Fate.RETYPED, text=f"is now a {after.type}, was a {before.type}", drop=True)
    if diagnosis.outcome is Outcome.CHOICE:
        moved = before is not None and old.rivals(name) != new.rivals(name)
        return step(
            fate=Fate.CHOICE, text=f"the choice now has other members: {text}" if moved else text, add=FrozenMap(repair)
        )
    return step(fate=Fate.BLOCKED, text=text, add=FrozenMap(repair))


def _without(diagnosis: Diagnosis, new: Model, step: Callable[..., UpgradeStep]) -> UpgradeStep:
    """Return the step for a request for an option that *new* does not have."""
    known = changed(diagnosis.option, new)
    since = known.since if known is not None else ""
    heirs = [it for it in (known.new if known is not None else ()) if it in new]
    if len(heirs) == 1:
        add = FrozenMap({heirs[0]: diagnosis.wanted})
        return step(
            fate=Fate.RENAMED, text=diagnosis.reason or f"is now named {heirs[0]}", since=since, drop=True, add=add
        )
    return step(fate=Fate.VANISHED, text=diagnosis.reason or "there is no such option", since=since, drop=True)


def _added(difference: Difference) -> Iterator[OptionChange]:
    """Yield the options that the old version lacks and that can be set now."""
    old, new = _model(difference.old), _model(difference.new)
    causes = Causes(difference.old, difference.new)
    for name in new.names:
        if name not in old and name not in difference.new.requests and difference.new.values[name].visible:
            yield change_of(causes, name)


def _redefined(difference: Difference) -> Iterator[Redefined]:
    """Yield the options that can be set in either version and whose type, prompt or choice differs."""
    old, new = _model(difference.old), _model(difference.new)
    for name in new.names:
        if name not in old or not (difference.old.values[name].visible or difference.new.values[name].visible):
            continue
        before, after = old[name], new[name]
        if not after.prompts:
            if before.prompts:
                yield Redefined(option=name, what="prompt", old=before.prompts[0].text, new="no prompt")
        elif before.type != after.type:
            yield Redefined(option=name, what="type", old=before.type, new=after.type)
        elif (before.choice is None) is not (after.choice is None):
            titles = [_title(it, model) for it, model in ((before, old), (after, new))]
            yield Redefined(option=name, what="choice", old=titles[0], new=titles[1])


def _title(symbol: Symbol, model: Model) -> str:
    choice = model.choice_of(symbol.name)
    return "no choice" if choice is None else f"“{choice.prompt}”" if choice.prompt else "unnamed choice"
