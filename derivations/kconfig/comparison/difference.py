"""How two configurations differ, and what each change comes from.

An option changes because somebody asks for something else, because the base says something else, because its
version of Linux defines it differently, or because another option changed: one that selects it, that it depends
on, that its default looks at, or that stands in the same choice. Followed from change to change, that leads to
a root, which a person can decide about.
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
    """An option that has another value.

    Attributes:
        option: Its name.
        old: Its value before, `absent` if it had none.
        new: Its value now.
        cause: What is nearest to the change.
        prompt: What a person is asked; empty if nobody is.
        menus: The menus that the prompt stands in, from the top.
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
        old: The one.
        new: The other.
        changes: The options that differ, in order of their names.
    """

    old: Side
    new: Side
    changes: FrozenMap[OptionChange]

    def chain(self, option: str) -> tuple[OptionChange, ...]:
        """Return the change of *option*, what brought it about, and so on to the root."""
        found = [self.changes[option]]
        seen = {option}
        while (parent := self._parent(found[-1])) is not None and parent.option not in seen:
            seen.add(parent.option)
            found.append(parent)
        return tuple(found)

    def followers(self) -> dict[str, list[OptionChange]]:
        """Return by option the changes that it brought about; those of no other option, by the empty name.

        Whatever leads in a circle is taken for a root where the circle is entered first.
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
        """Return all of it as data."""
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
    """Return what differs from *old* to *new*; an option that is n and one that is not there are the same."""
    causes = Causes(old, new)
    names = [it for it in old.values.changed(new.values) if not it.startswith("@") and old.value(it) != new.value(it)]
    return Difference(old=old, new=new, changes=FrozenMap({it: change_of(causes, it) for it in names}))


def change_of(causes: Causes, option: str) -> OptionChange:
    """Return how *option* changes, and what that comes from."""
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
