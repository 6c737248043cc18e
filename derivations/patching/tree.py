"""The tree that patches change: its entries, and the changes so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs


if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping


@attrs.frozen
class TreeEntry:
    """A file, or a symbolic link with its target as *data*."""

    data: bytes
    executable: bool = False
    link: bool = False


class Tree(Protocol):
    """The tree before all patches. Paths are relative, and links are not followed."""

    def entry(self, path: str) -> TreeEntry | None:
        """Return the file or link at *path*, None if there is none."""
        ...

    def is_directory(self, path: str) -> bool:
        """Return whether *path* is a directory."""
        ...


@attrs.frozen
class PatchedTree:
    """A tree with changes.

    Attributes:
        tree: The tree before.
        changed: The new entries by path, None if removed.
        applied: The commits that changed it, as `Commit.identity` has them.
    """

    tree: Tree
    changed: Mapping[str, TreeEntry | None] = attrs.field(factory=dict)
    applied: frozenset[Hashable] = frozenset()

    def entry(self, path: str) -> TreeEntry | None:
        """Return the file or link at *path*, None if there is none."""
        if path in self.changed:
            return self.changed[path]
        return None if self.above(path) is not None else self.tree.entry(path)

    def above(self, path: str) -> str | None:
        """Return the file or link in place of one of the directories of *path*, if there is one."""
        return next((it for it in parents(path) if self._own(it) is not None), None)

    def is_directory(self, path: str) -> bool:
        """Return whether *path* is a non-empty directory."""
        inside = f"{path}/"
        if any(entry is not None and it.startswith(inside) for it, entry in self.changed.items()):
            return True
        return path not in self.changed and self.above(path) is None and self.tree.is_directory(path)

    def having(self, changes: Mapping[str, TreeEntry | None]) -> PatchedTree:
        """Return this tree with *changes*."""
        return attrs.evolve(self, changed={**self.changed, **changes})

    def _own(self, path: str) -> TreeEntry | None:
        return self.changed[path] if path in self.changed else self.tree.entry(path)


def parents(path: str) -> Iterator[str]:
    """Yield the directories above *path*, the top one first."""
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))
