"""Objects of other kept trees: what a change made worthless here may have been compiled there.

An object is laid down, with its `.cmd`, if everything that it read is the same by content: sources, generated files,
options; and if no file of the base name of one of these has come into being, which might come earlier on a search path.
make still compares the command. Products that a list of files does not describe (`.incbin`) are never borrowed.
"""

from __future__ import annotations

import contextlib
import json
import posixpath

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from derivations.kbuild.commands import PRODUCT, base_of
from derivations.kbuild.difference import Difference, options_of
from derivations.kbuild.index import Index, InvalidIndex
from derivations.kbuild.stale import is_program
from derivations.realise.kept.facts import Facts
from derivations.realise.kept.listing import InvalidListing
from derivations.realise.kept.start import generated
from store.trees.manifest import Difference as Change


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.kbuild.commands import Command
    from derivations.realise.kept.listing import Listing
    from derivations.realise.kept.shelf import KeptTree, Shelf
    from derivations.realise.kept.start import Started, Wanted
    from store.trees.manifest import Manifest


MOST = 100
"""Trees that are looked at, the one used last first. One that has none of the sources as they are costs a few ms."""


def encode_sources(index: Index, manifest: Manifest) -> bytes:
    """Return which content each product was compiled from, to be kept with a tree: what others look at first."""
    found = {}
    for command in index:
        entry = None if command.source is None else manifest.entry(command.source)
        if entry is not None:
            found[command.target] = entry[1].hex()
    return json.dumps(found, separators=(",", ":")).encode()


def borrow(shelf: Shelf, begun: Started, wanted: Wanted) -> Mapping[str, int]:
    """Lay down what other trees have of what the build *begun* lacks; return how many objects each gave, by name."""
    missing = {
        target: command
        for target in begun.near.stale
        if (command := begun.near.index.commands.get(target)) is not None
        and target.endswith(".o")
        and command.source is not None
        and begun.workspace.digest(target) is None
    }
    counts: dict[str, int] = {}
    options = options_of(wanted.config)
    for tree in [it for it in shelf.kept() if it.about.family == wanted.family and it.id != begun.near.tree.id][:MOST]:
        if not missing:
            break
        with shelf.holding(tree) as held, contextlib.suppress(OSError, InvalidIndex, InvalidListing, ValueError):
            if held and _has_any(tree, missing, wanted.source.manifest):
                taken = _from(tree, missing, options, begun, wanted)
                if taken:
                    tree.touch()
                    counts[tree.about.name] = counts.get(tree.about.name, 0) + len(taken)
                missing = {it: command for it, command in missing.items() if it not in taken}
    return counts


def _has_any(tree: KeptTree, missing: Mapping[str, Command], manifest: Manifest) -> bool:
    """Return whether *tree* compiled any of *missing* from the same content."""
    compiled = json.loads(tree.read("sources"))
    for target, command in missing.items():
        entry = manifest.entry(command.source or "")
        if entry is not None and compiled.get(target) == entry[1].hex():
            return True
    return False


def _from(
    tree: KeptTree, missing: Mapping[str, Command], options: Mapping[str, str], begun: Started, wanted: Wanted
) -> set[str]:
    """Lay down what *tree* has of *missing*, and return it."""
    before = wanted.manifest_of(bytes.fromhex(tree.about.source))
    if before is None:
        return set()
    index, listing, facts = Index.decode(tree.read("index")), tree.listing(), Facts.decode(tree.read("facts"))
    donor = _Donor.make(before, wanted.source.manifest, facts, listing, begun)
    old = options_of(tree.read("config").decode())
    if not donor.has_same_tools():
        return set()
    taken = set()
    for target in missing:
        command = index.commands.get(target)
        if (
            command is not None
            and all(old.get(it) == options.get(it) for it in command.options)
            and donor.is_same(command)
        ):
            above, name = posixpath.split(target)
            files = (target, posixpath.join(above, f".{name}.cmd"))
            if all(donor.is_whole(tree, it) for it in files):
                for path in files:
                    begun.workspace.put(path, tree.tree / path, executable=listing.items[path].kind == "x")
                taken.add(target)
    return taken


@attrs.define
class _Donor:
    """What differs between a tree and the build that may borrow from it."""

    listing: Listing
    facts: Facts
    begun: Started
    differing: frozenset[str]
    bases: frozenset[str]  # of files that the tree's build did not have
    moved: bool  # whether files came or went
    _same: dict[str, bool] = attrs.field(factory=dict)

    @classmethod
    def make(cls, before: Manifest, now: Manifest, facts: Facts, listing: Listing, begun: Started) -> _Donor:
        changes = before.difference(now) if before.digest != now.digest else {}
        seen = Difference(
            added=frozenset(it for it, change in changes.items() if change is Change.ADDED),
            removed=frozenset(it for it, change in changes.items() if change is Change.REMOVED),
            changed=frozenset(it for it, change in changes.items() if change is Change.CHANGED),
        ).through(facts.links)
        headers = {*generated(begun.listing.items), *generated(begun.workspace.made())} - begun.workspace.gone()
        came = headers - listing.items.keys()
        went = set(generated(listing.items)) - headers
        return cls(
            listing,
            facts,
            begun,
            seen.files,
            frozenset(map(base_of, seen.added | came)),
            bool(seen.added or seen.removed or came or went),
        )

    def has_same_tools(self) -> bool:
        """Return whether the programs that take part in a compilation are the same."""
        return all(
            self._is_same_product(path)
            for path, item in self.listing.items.items()
            if item.kind == "x" and path.startswith(("scripts/", "tools/objtool/objtool")) and is_program(path)
        )

    def is_same(self, command: Command) -> bool:
        """Return whether all that *command* read is the same, and is still found."""
        return (
            command.is_listed
            and command.source is not None
            and self.differing.isdisjoint(command.files)
            and self.facts.including.isdisjoint(command.files)
            and not (self.moved and not self.facts.searching.isdisjoint(command.files))
            and all(self._is_same_product(it.removeprefix(PRODUCT)) for it in command.files if it.startswith(PRODUCT))
            and (not self.bases or self.bases.isdisjoint(map(base_of, command.files)))
        )

    def is_whole(self, tree: KeptTree, path: str) -> bool:
        """Return whether *tree* has the file *path*, undamaged."""
        item = self.listing.items.get(path)
        return item is not None and blake3((tree.tree / path).read_bytes()).digest() == item.digest

    def _is_same_product(self, path: str) -> bool:
        if path not in self._same:
            item = self.listing.items.get(path)
            self._same[path] = (item.digest if item else None) == self.begun.workspace.digest(path)
        return self._same[path]
