"""The differences between two locks, for display."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from derivations.debian.lock import Lock, Package


@attrs.frozen(kw_only=True)
class Changes:
    """The differences between the packages of two locks.

    Attributes:
        added: Packages that were not pinned before.
        removed: Packages that are no longer pinned.
        upgraded: Packages whose pin has changed: the old one and the new one.
    """

    added: tuple[Package, ...]
    removed: tuple[Package, ...]
    upgraded: tuple[tuple[Package, Package], ...]

    def __bool__(self) -> bool:
        """Return whether there are any differences."""
        return bool(self.added or self.removed or self.upgraded)


def changes(old: Lock, new: Lock) -> Changes:
    """Return how *new* differs from *old*, in the order of the packages' names."""
    kept = set(old.packages) & set(new.packages)
    before, after = _by_name(old, kept), _by_name(new, kept)
    added: list[Package] = []
    removed: list[Package] = []
    upgraded: list[tuple[Package, Package]] = []
    for name in sorted(before.keys() | after.keys()):
        gone, come = before[name], after[name]
        pairs = min(len(gone), len(come))
        upgraded += zip(gone, come, strict=False)
        removed += gone[pairs:]
        added += come[pairs:]
    return Changes(added=tuple(added), removed=tuple(removed), upgraded=tuple(upgraded))


def _by_name(lock: Lock, kept: set[Package]) -> defaultdict[tuple[str, str], list[Package]]:
    found: defaultdict[tuple[str, str], list[Package]] = defaultdict(list)
    for package in lock.packages:
        if package not in kept:
            found[package.name, package.architecture].append(package)
    return found
