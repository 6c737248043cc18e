"""Requirement sets: lists of rules under a name, each with the source that says so.

Bundled sets are found by name (`requires`). A set of one's own is a `RequirementSet` of `Rule` values.
"""

from __future__ import annotations

import importlib
import json

from typing import TYPE_CHECKING, Any

import attrs

from derivations.kconfig.language.condition import ALWAYS
from derivations.kconfig.language.values import MODULE, YES, read, written
from derivations.kconfig.rules.rule import Rule
from derivations.kconfig.rules.rule import rule as _rule
from derivations.suggest import suggestion
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.kconfig.language.values import Value
    from derivations.version import Version


_MODULES = {
    "android-gki": "android_gki",
    "docker": "docker",
    "docker-recommended": "docker",
    "kvm-guest": "kvm_guest",
    "nftables": "nftables",
    "stalix": "stalix",
    "systemd": "systemd",
    "systemd-recommended": "systemd",
}

NAMES = tuple(_MODULES)
"""The names of the bundled sets."""


class UnknownRequirementSet(Error):
    """No bundled requirement set has this name."""

    exit_code = 2

    name: str

    def __str__(self) -> str:
        return f"unknown requirement set {self.name!r}"

    @property
    def hint(self) -> str:
        """Suggest sets with a similar name, or list all of them."""
        return suggestion(self.name, NAMES) or f"the sets are {', '.join(NAMES)}"


class InvalidRequirementSet(Error):
    """A requirement set is described incorrectly."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"requirement set {self.name!r}: {self.reason}"


def _rules(given: Any) -> tuple[Rule, ...]:  # noqa: ANN401 -- a converter takes what the user wrote
    return tuple(given) if isinstance(given, list | tuple) else (given,)


@attrs.frozen
class RequirementSet:
    """What something needs of a kernel's configuration.

    Attributes:
        name: Its name.
        rules: The rules; all that apply to a kernel's version and architecture must hold.
        description: What needs them.

    Raises:
        InvalidRequirementSet: the name is empty, or *rules* is not a list of rules.
    """

    name: str
    rules: tuple[Rule, ...] = attrs.field(converter=_rules)
    description: str = ""

    def __attrs_post_init__(self) -> None:
        name: object = self.name
        if not isinstance(name, str) or not name.isprintable() or not name:
            raise InvalidRequirementSet(str(name), "its name must be a printable text")
        given: tuple[object, ...] = self.rules
        if wrong := [it for it in given if not isinstance(it, Rule)]:
            message = f"{wrong[0]!r} is not a rule; write Rule(option=…, wanted=…, reason=…)"
            raise InvalidRequirementSet(name, message)

    def __repr__(self) -> str:
        return f"<RequirementSet {self.name}: {len(self.rules)} rules>"

    def applying(self, version: Version, arch: str) -> RequirementSet:
        """Return the set with only the rules for a kernel of *version* on *arch*, and these without their conditions."""
        found = [attrs.evolve(it, condition=ALWAYS) for it in self.rules if it.condition.holds(version, arch)]
        return attrs.evolve(self, rules=tuple(found))


def requires(name: str) -> RequirementSet:
    """Return the bundled requirement set called *name*.

    Raises:
        UnknownRequirementSet: there is none.
    """
    if name not in _MODULES:
        raise UnknownRequirementSet(str(name))
    module = importlib.import_module(f"derivations.kconfig.requirements.sets.{_MODULES[name]}")
    sets: tuple[RequirementSet, ...] = module.SETS
    return next(it for it in sets if it.name == name)


def needs(source: str, reason: str, options: str, *, modular: bool = False, **more: Any) -> tuple[Rule, ...]:  # noqa: ANN401 -- fields of a rule
    """Return rules of *source* that all *options*, names separated by white space, be on; if *modular*, m is as good."""
    wanted: Value = more.pop("wanted", YES)
    also = (MODULE,) if modular else ()
    return tuple(_rule(it, wanted, reason, source=source, also=also, **more) for it in options.split())


def dumped(sets: Iterable[RequirementSet]) -> str:
    """Return *sets*, whose rules have no conditions any more, as JSON, for a derivation."""
    found = [{"name": it.name, "rules": [_dumped(rule) for rule in it.rules]} for it in sets]
    return json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def loaded(text: str) -> tuple[RequirementSet, ...]:
    """Return the sets that `dumped` wrote as *text*."""
    return tuple(RequirementSet(it["name"], [_loaded(rule) for rule in it["rules"]]) for it in json.loads(text))


_TEXTS = ("option", "reason", "takes", "needs", "source")
_FLAGS = ("or_more", "any_text")


def _dumped(rule: Rule) -> dict[str, Any]:
    facts: dict[str, Any] = {it: getattr(rule, it) for it in (*_TEXTS, *_FLAGS)}
    facts |= {it: list(getattr(rule, it)) for it in ("given", "any_of")}
    facts["also"] = [written(it) for it in rule.also]
    facts["instead"] = [[name, written(value)] for name, value in rule.instead]
    facts["unless"] = [] if rule.unless is None else [rule.unless[0], written(rule.unless[1])]
    return {"wanted": written(rule.wanted), **{name: it for name, it in facts.items() if it}}


def _loaded(facts: dict[str, Any]) -> Rule:
    unless = facts.get("unless")
    return Rule(
        wanted=read(facts["wanted"]),
        also=tuple(read(it) for it in facts.get("also", ())),
        instead=tuple((name, read(value)) for name, value in facts.get("instead", ())),
        unless=(unless[0], read(unless[1])) if unless else None,
        given=tuple(facts.get("given", ())),
        any_of=tuple(facts.get("any_of", ())),
        **{it: facts[it] for it in (*_TEXTS, *_FLAGS) if it in facts},
    )
