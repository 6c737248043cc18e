"""What another version of Linux does to a definition: to what it asks for, and to what it leaves open.

The requests are those of the definition, resolved by both versions' own Kconfig. For each that does not come
through, the edit is given, as far as one is known: the option that replaces it, or the further options that let
it hold. An edit in which a name changes can be written so that it serves both versions (`when_older`).
"""

from __future__ import annotations

import enum
import functools

from typing import TYPE_CHECKING, Any

import attrs

from derivations.frozen_map import FrozenMap
from derivations.kconfig.comparison.cause import Causes, Kind
from derivations.kconfig.comparison.difference import change_of
from derivations.kconfig.diagnosis.outcome import Account, Outcome
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
    """What the other version does to a request."""

    RENAMED = "renamed"
    VANISHED = "vanished"
    RETYPED = "retyped"
    CHOICE = "choice"
    BLOCKED = "blocked"


@attrs.frozen(kw_only=True)
class UpgradeStep:
    """A request that does not come through as it is.

    Attributes:
        option: What is asked for.
        request: To be what, and by whom.
        fate: What happens to it.
        text: That, for people.
        since: The version that did it, where that is known.
        drop: Whether the request is to go.
        add: What to ask for, besides or instead.
    """

    option: str
    request: Request
    fate: Fate
    text: str
    since: str = ""
    drop: bool = False
    add: FrozenMap[Value] = attrs.field(factory=FrozenMap)

    def edit(self) -> Iterator[tuple[str, str]]:
        """Yield the lines of Python to take out (`-`) and to put in (`+`)."""
        if self.drop:
            yield from (("-", it) for it in rows({self.option: self.request}))
        yield from (("+", it) for it in rows(self.add))

    def to_json(self) -> dict[str, Any]:
        """Return it as data."""
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
    """An option that means something else in the other version, though nobody asks for it."""

    option: str
    what: str
    old: str
    new: str


@attrs.frozen(kw_only=True)
class Upgrade:
    """What the other version does.

    Attributes:
        difference: Everything that becomes different.
        requests: How many options are asked for.
        steps: The requests that do not come through.
        added: New options that a person is asked about, with their defaults.
        removed: Options that a person was asked about and that were set, and are gone.
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
        """Return the options that become something else by themselves, because Kconfig says otherwise."""
        kinds = {Kind.DEFAULT, Kind.DEFINITION, Kind.BASE}
        return tuple(it for it in self.difference.changes.values() if it.cause.kind in kinds and not it.cause.options)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as data."""
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


def upgrade(difference: Difference, accounts: Iterable[Account], repairs: Mapping[str, Mapping[str, Value]]) -> Upgrade:
    """Return what the way of *difference* does to a definition.

    Args:
        difference: From the definition in its own version to the same one in the other.
        accounts: What becomes of its requests in the other version.
        repairs: Further options that were found to let a request hold, by its option.

    The models of both versions must be known.
    """
    accounts = tuple(it for it in accounts if it.outcome is not Outcome.SHADOWED)
    old, new = _model(difference.old), _model(difference.new)
    steps = (_step(it, old, new, repairs.get(it.option, {})) for it in accounts)
    return Upgrade(
        difference=difference,
        requests=len(accounts),
        steps=tuple(it for it in steps if it is not None),
        added=tuple(_added(difference)),
        removed=tuple(it for it in difference.changes.values() if it.cause.kind is Kind.GONE and it.prompt),
        redefined=tuple(_redefined(difference)),
    )


def _model(side: Side) -> Model:
    if side.model is None:
        msg = f"the Kconfig of {side.name} is not known"
        raise ValueError(msg)
    return side.model


def _step(account: Account, old: Model, new: Model, repair: Mapping[str, Value]) -> UpgradeStep | None:
    """Return what happens to a request, None if nothing that matters does."""
    name, gone = account.option, account.option not in new
    if (not gone and account.holds) or (gone and name not in old and account.request.optional):
        return None
    step = functools.partial(UpgradeStep, option=name, request=account.request)
    if gone:
        return _without(account, new, step)
    text = account.reason or "does not hold"
    before, after = old.get(name), new[name]
    if before is not None and before.type != after.type and account.outcome is Outcome.INVALID:
        return step(fate=Fate.RETYPED, text=f"is now a {after.type}, was a {before.type}", drop=True)
    if account.outcome is Outcome.CHOICE:
        moved = before is not None and old.rivals(name) != new.rivals(name)
        return step(
            fate=Fate.CHOICE, text=f"the choice now has other members: {text}" if moved else text, add=FrozenMap(repair)
        )
    return step(fate=Fate.BLOCKED, text=text, add=FrozenMap(repair))


def _without(account: Account, new: Model, step: Callable[..., UpgradeStep]) -> UpgradeStep:
    """Return what happens to a request for an option that *new* does not have."""
    known = changed(account.option, new)
    since = known.since if known is not None else ""
    heirs = [it for it in (known.new if known is not None else ()) if it in new]
    if len(heirs) == 1:
        add = FrozenMap({heirs[0]: account.wanted})
        return step(
            fate=Fate.RENAMED, text=account.reason or f"is now named {heirs[0]}", since=since, drop=True, add=add
        )
    return step(fate=Fate.VANISHED, text=account.reason or "there is no such option", since=since, drop=True)


def _added(difference: Difference) -> Iterator[OptionChange]:
    """Yield the options that the old version does not know and that a person can set now."""
    old, new = _model(difference.old), _model(difference.new)
    causes = Causes(difference.old, difference.new)
    for name in new.names:
        if name not in old and name not in difference.new.requests and difference.new.values[name].visible:
            yield change_of(causes, name)


def _redefined(difference: Difference) -> Iterator[Redefined]:
    """Yield the options that a person could set, in either version, whose type, prompt or choice is another one."""
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
