"""What differs between the build that left a tree and the build that is to start from it."""

from __future__ import annotations

import posixpath

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@attrs.frozen(kw_only=True)
class Difference:
    """The inputs that differ.

    Attributes:
        added: Files of the source that the earlier one did not have.
        removed: Files that it had, and the source has not.
        changed: Files of another content or kind, or with another executable bit.
        options: Options with another value, `n` and absent being the same.
    """

    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()

    @property
    def files(self) -> frozenset[str]:
        """Return all files of the source that differ."""
        return self.added | self.removed | self.changed

    def __bool__(self) -> bool:
        return bool(self.files or self.options)

    def through(self, links: Mapping[str, str]) -> Difference:
        """Return this difference with the names under which symbolic *links* (place -> target) show what differs.

        make and the compiler look through links, so a product names what it read by the name that it used.
        """
        changed, added, removed = set(self.changed), set(self.added), set(self.removed)
        goals = {link: posixpath.normpath(posixpath.join(posixpath.dirname(link), it)) for link, it in links.items()}
        for _ in range(_LINKS_DEEP):
            for kind in (changed, added, removed):
                kind.update([seen for link, goal in goals.items() for seen in _seen(link, goal, kind)])
        return attrs.evolve(self, changed=frozenset(changed), added=frozenset(added), removed=frozenset(removed))


_LINKS_DEEP = 4
"""Links to links that are followed: Linux' sources have chains of two."""


def _seen(link: str, goal: str, files: Iterable[str]) -> Iterable[str]:
    """Return the names under *link* of those of *files* at or below *goal*."""
    below = f"{goal}/"
    return [link if it == goal else f"{link}/{it[len(below) :]}" for it in files if it == goal or it.startswith(below)]


def options_of(config: str) -> dict[str, str]:
    """Return the options that the text of a `.config` sets, without `CONFIG_`; an option that is off is left out."""
    return dict(line[7:].split("=", 1) for line in config.split("\n") if line.startswith("CONFIG_") and "=" in line)


def differing(old: Mapping[str, str], new: Mapping[str, str]) -> frozenset[str]:
    """Return the options whose values differ."""
    return frozenset(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
