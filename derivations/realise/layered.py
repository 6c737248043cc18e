"""Joins of trees that are not built: the layers are enough for all who see the tree.

A patched kernel tree is a union of 86,000 hard links, of which a build reads a few thousand. Its content follows from the
manifest of the source and from what the patches changed, so the keys of what is built from it are known without it. A
builder sees the layers as one directory, by overlayfs; a builtin reads them as a `View`.
"""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import attrs

from derivations.realise.builtins.registry import TAKE_PARTS
from derivations.realise.sandbox.layers import Layers
from derivations.realise.sandbox.overlay import overlay_works, whiteout
from derivations.realise.view import View
from derivations.union import BASE, CHANGES, REMOVED
from store.errors import Error
from store.path import StorePath
from store.trees.content import Kind
from store.trees.seal import DIRECTORY_MODE, MTIME_NS


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from derivations.derivation import Derivation, Output
    from derivations.realise.plan import Plan
    from store.local import Store
    from store.trees.manifest import Change, Manifest


@attrs.frozen
class Joined:
    """A tree that is not on the disk: a tree with another one above it.

    Attributes:
        base: The tree below, a store object.
        changes: The one above, likewise.
        hidden: The paths of the tree below that are hidden, with everything below them.
        altered: The paths of the files that differ from those below, if both trees have the same paths and links.
        manifest: What is in it.
    """

    base: Realised
    changes: Realised
    hidden: tuple[str, ...]
    altered: frozenset[str] | None
    manifest: Manifest

    def view(self, store: Store) -> View:
        """Return it for a reader."""
        return View((store.path(self.changes.path), store.path(self.base.path)), frozenset(self.hidden))

    def layers(self, store: Store, scratch: Path) -> Layers:
        """Return it for a sandbox; what hides paths is made in *scratch*, a directory that does not exist yet."""
        hiding: tuple[Path, ...] = ()
        if self.hidden:
            _hide(scratch, self.hidden)
            hiding = (scratch,)
        return Layers(lower=(store.path(self.changes.path), *hiding, store.path(self.base.path)))


@attrs.frozen
class Realised:
    """An output in the store: its path and the digest of its content.

    If it is *joined*, it is not in the store: it is what these layers show, and *path* is where it would be.
    """

    path: StorePath
    digest: bytes
    joined: Joined | None = None

    @property
    def paths(self) -> tuple[StorePath, ...]:
        """Return the objects that it consists of."""
        return (self.path,) if self.joined is None else (self.joined.changes.path, self.joined.base.path)


@attrs.frozen
class Twin:
    """The action that takes a part of the base of a joined tree, like another one of the whole.

    Attributes:
        key: Its action key.
        tree: The joined tree.
        base: The manifest of the tree's base.
        view: The tree for a reader.
    """

    key: bytes
    tree: Joined
    base: Manifest
    view: View

    def has(self, part: Manifest) -> bool:
        """Return whether *part*, taken from either tree, is also what would be taken from the other one."""
        altered = self.tree.altered or frozenset[str]()
        return not any(path in altered or self._behind_link(path) in altered for path, _, _ in part.paths())

    def _behind_link(self, path: str) -> str | None:
        """Return the path that *path* leads to, if there is a link on the way."""
        node = self.base.entry(path)
        if node is not None and node[0] is not Kind.SYMLINK:
            return None
        found = self.view.find(path)
        return None if found is None else found.path


def twin(store: Store, derivation: Derivation, inputs: Mapping[Output, Realised]) -> Twin | None:
    """Return the twin of *derivation*, if that only takes a part of a joined tree with the paths of its base."""
    if derivation.builder not in TAKE_PARTS or len(derivation.mounts) != 1:
        return None
    ((place, output),) = derivation.mounts.items()
    tree = inputs[output].joined
    if tree is None or tree.altered is None:
        return None
    of_base = attrs.evolve(derivation, mounts={place: output.derivation.mounts[BASE]})
    key = of_base.action_key(lambda _: tree.base.digest)
    return Twin(key, tree, store.manifest(tree.base.path), tree.view(store))


def join(store: Store, derivation: Derivation, inputs: Mapping[Output, Realised]) -> Realised | None:
    """Return the tree that *derivation* joins from its *inputs*, or None if it has to be built.

    It is the join of a patched tree (`derivations.union.is_patched`).

    Raises:
        ObjectDamaged: an input is damaged.
        OSError: an input cannot be read.
    """
    base, changes, _ = (inputs[derivation.mounts[place]] for place in (BASE, CHANGES, REMOVED))
    if (tree := joined_manifest(store, derivation, inputs)) is None:
        return None
    below = store.manifest(base.path)
    store.touch([base.path, changes.path])
    joined = Joined(base, changes, tuple(below.missing(tree)), _altered(below, tree), tree)
    return Realised(StorePath.make(tree.digest, derivation.name), tree.digest, joined)


def joined_manifest(store: Store, derivation: Derivation, inputs: Mapping[Output, Realised]) -> Manifest | None:
    """Return the listing of the tree that `join` returns, or None if that has to be built.

    Raises:
        ObjectDamaged: an input is damaged.
        OSError: an input cannot be read.
    """
    base, changes, removed = (inputs[derivation.mounts[place]] for place in (BASE, CHANGES, REMOVED))
    if base.joined is not None or any(store.references([base.path, changes.path]).values()):
        return None
    below = store.manifest(base.path)
    if below.kind is not Kind.DIRECTORY:
        return None
    gone = store.path(removed.path).read_bytes().split(b"\n")
    found: dict[str, Change] = {os.fsdecode(path): None for path in gone if path and not path.endswith(b"/")}
    found |= {path: (kind, digest) for path, kind, digest in store.manifest(changes.path).paths()}
    return below.with_changes(found)


def _altered(old: Manifest, new: Manifest) -> frozenset[str] | None:
    """Return the paths of the files that differ between two trees with the same paths and links, or else None."""
    found = old.difference(new)
    nodes = [tree.entry(path) for path in found for tree in (old, new)]
    return None if any(it is None or it[0] is Kind.SYMLINK for it in nodes) else frozenset(found)


def supported(store: Store | None, plan: Plan) -> bool:
    """Return whether the builders of *plan* can see layers as one tree; without a store that is assumed."""
    if store is None or store.read_only or not _has_layers_in_sandbox(plan):
        return True
    try:
        return overlay_works(store.layout.builds, store.layout.cache)
    except (Error, OSError):  # building reports what is wrong with the sandbox
        return False


def _has_layers_in_sandbox(plan: Plan) -> bool:
    layered = set(plan.layered)
    return any(
        output.derivation in layered for user in plan.build if not user.is_builtin for output in user.mounts.values()
    )


def _hide(directory: Path, paths: Iterable[str]) -> None:
    """Make *directory*, which hides *paths* of the directories below it, and looks like a store object otherwise."""
    directory.mkdir()
    made = {directory}
    for path in paths:
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        made.update(it for it in place.parents if it.is_relative_to(directory))
        whiteout(place)
    for place in sorted(made, reverse=True):
        os.utime(place, ns=(MTIME_NS, MTIME_NS))
        place.chmod(DIRECTORY_MODE)
