"""How two configurations differ, and the cause of each change.

An option changes because a request changed, because the base changed, because the version of Linux defines it
differently, or because another option changed: one that selects it, that it depends on, that its default refers to,
or that belongs to the same choice. Following the causes leads to a root, which a person can decide about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from derivations.frozen_map import FrozenMap
from derivations.kconfig.comparison.cause import Cause, Causes


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.kconfig.comparison.side import Side


@attrs.frozen(kw_only=True)
class OptionChange:
    """An option whose value differs.

    Attributes:
        option: Its name.
        old: Its value before, `absent` if it had none.
        new: Its value now.
        cause: The direct cause of the change.
        prompt: Its prompt; empty if it has none.
        menus: The menus of the prompt, from the top.
        defined: Where the option is defined.
    """

    option: str
    old: str
    new: str
    cause: Cause
    prompt: str = ""
    menus: tuple[str, ...] = ()
    defined: str = ""


@attrs.frozen(kw_only=True)
class Difference:
    """Every change from one configuration to another.

    Attributes:
        old: The first configuration.
        new: The second one.
        changes: The options that differ, in order of their names.
    """

    old: Side
    new: Side
    changes: FrozenMap[OptionChange]

    def chain(self, option: str) -> tuple[OptionChange, ...]:
        """Return the change of *option*, the change that caused it, and so on to the root."""
        found = [self.changes[option]]
        seen = {option}
        while (parent := self._parent(found[-1])) is not None and parent.option not in seen:
            seen.add(parent.option)
            found.append(parent)
        return tuple(found)

    def followers(self) -> dict[str, list[OptionChange]]:
        """Return the changes that each option caused, by option; root changes have the empty name.

        The first change of a cycle counts as a root.
        """
        found: dict[str, list[OptionChange]] = {"": []}
        placed: set[str] = set()
        for option in self.changes:
            path = []
            for change in self.chain(option):
                if change.option in placed:
                    break
                path.append(change)
            for change in reversed(path):
                parent = self._parent(change)
                above = parent.option if parent is not None and parent.option in placed else ""
                found.setdefault(above, []).append(change)
                placed.add(change.option)
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the difference as JSON data."""
        return {
            "old": _about(self.old),
            "new": _about(self.new),
            "changes": [
                {**attrs.asdict(change), "chain": [it.option for it in self.chain(change.option)[1:]]}
                for change in self.changes.values()
            ],
        }

    def _parent(self, change: OptionChange) -> OptionChange | None:
        return next((self.changes[it] for it in change.cause.options if it in self.changes), None)


def difference(old: Side, new: Side) -> Difference:
    """Return the difference from *old* to *new*; n and an absent option are the same."""
    causes = Causes(old, new)
    names = [it for it in old.values.changed(new.values) if not it.startswith("@") and old.value(it) != new.value(it)]
    return Difference(old=old, new=new, changes=FrozenMap({it: change_of(causes, it) for it in names}))


def change_of(causes: Causes, option: str) -> OptionChange:
    """Return the change of *option*, and its cause."""
    old, new = causes.old, causes.new
    symbol = new.symbol(option) or old.symbol(option)
    prompt = symbol.prompts[0] if symbol is not None and symbol.prompts else None
    place = symbol.definitions[0] if symbol is not None and symbol.definitions else None
    return OptionChange(
        option=option,
        old=old.shown(option),
        new=new.shown(option),
        cause=causes.find(option),
        prompt=prompt.text if prompt is not None else "",
        menus=prompt.menus if prompt is not None else (),
        defined=f"{place.file}:{place.line}" if place is not None else "",
    )


def _about(it: Side) -> Mapping[str, str]:
    return {"name": it.name, "version": it.version, "arch": it.arch, "base": it.base_name}
