"""Objects of other kept trees: what a change made worthless here may have been compiled there.

An object is laid down, with its `.cmd`, if everything that it read is the same by content: sources, generated files,
options; and if no file of the base name of one of these has come into being, which might come earlier on a search path.
make still compares the command. Products that a list of files does not describe (`.incbin`) are never borrowed.
"""

from __future__ import annotations

import contextlib
import json
import posixpath
import re

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from derivations.kbuild.commands import PRODUCT, base_of
from derivations.kbuild.difference import Difference, options_of
from derivations.kbuild.index import Index, InvalidIndex
from derivations.kbuild.stale import is_program
from derivations.realise.kept.facts import Facts
from derivations.realise.kept.listing import InvalidListing
from derivations.realise.kept.start import generated, is_generated, target_of
from store.trees.manifest import Difference as Change


if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from derivations.kbuild.commands import Command
    from derivations.realise.kept.facts import Source
    from derivations.realise.kept.listing import Listing
    from derivations.realise.kept.shelf import KeptTree, Shelf
    from derivations.realise.kept.start import Started, Wanted
    from store.trees.manifest import Manifest


_NAMED = re.compile(r"\bCONFIG_(\w+)")

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
    build = _Borrower(begun, wanted)
    counts: dict[str, int] = {}
    for tree in [it for it in shelf.kept() if it.about.family == wanted.family and it.id != begun.near.tree.id][:MOST]:
        with shelf.holding(tree) as held, contextlib.suppress(OSError, InvalidIndex, InvalidListing, ValueError):
            if held and (taken := build.take_from(tree)):
                tree.touch()
                counts[tree.about.name] = counts.get(tree.about.name, 0) + taken
    return counts


class _Borrower:
    """The build that borrows: what it lacks, and what it has laid down."""

    def __init__(self, begun: Started, wanted: Wanted) -> None:
        self._begun, self._wanted = begun, wanted
        self._options = options_of(wanted.config)
        self._guarded = Guarded(wanted.source, begun.near.difference.options)
        # What the rules deleted, with the file that it is compiled from.
        self._missing = {
            target: command.source
            for target in begun.near.stale
            if (command := begun.near.index.commands.get(target)) is not None
            and command.source is not None
            and target.endswith(".o")
            and begun.workspace.digest(target) is None
        }

    def take_from(self, tree: KeptTree) -> int:
        """Lay down what *tree* has of what is missing; return how many objects."""
        targets = self._candidates(json.loads(tree.read("sources")))
        before = self._wanted.manifest_of(bytes.fromhex(tree.about.source)) if targets else None
        if before is None:
            return 0
        index, listing, facts = Index.decode(tree.read("index")), tree.listing(), Facts.decode(tree.read("facts"))
        donor = _Donor.make(before, self._wanted, facts, listing, self._begun)
        if not donor.has_same_tools():
            return 0
        options = options_of(tree.read("config").decode())
        taken = 0
        for target in targets:
            command = index.commands.get(target)
            if (
                command is not None
                and all(options.get(it) == self._options.get(it) for it in command.options)
                and donor.is_same(command)
                and self._lay_down(tree, listing, target)
            ):
                taken += 1
        return taken

    def _candidates(self, compiled: Mapping[str, str]) -> list[str]:
        """Return which of the objects that a tree *compiled*, each with the content of its source, may be of use."""
        found = []
        for target, digest in compiled.items():
            if (source := self._missing.get(target)) is not None:
                entry = self._wanted.source.manifest.entry(source)
                is_wanted = entry is not None and entry[1].hex() == digest
            else:
                is_wanted = (
                    target.endswith(".o")
                    and target not in self._begun.near.index.commands
                    and self._guarded(target)
                    and self._begun.workspace.digest(target) is None
                )
            if is_wanted:
                found.append(target)
        return found

    def _lay_down(self, tree: KeptTree, listing: Listing, target: str) -> bool:
        """Copy *target* of *tree*, and its `.cmd`, if both are undamaged."""
        above, name = posixpath.split(target)
        files = [(it, listing.items.get(it)) for it in (target, posixpath.join(above, f".{name}.cmd"))]
        for path, item in files:
            if item is None or blake3((tree.tree / path).read_bytes()).digest() != item.digest:
                return False
        for path, item in files:
            self._begun.workspace.put(path, tree.tree / path, executable=item is not None and item.kind == "x")
        self._missing.pop(target, None)
        return True


class Guarded:
    """Whether an object depends on one of some options, by the makefiles of its directory and of those above."""

    def __init__(self, source: Source, options: Collection[str]) -> None:
        self._source = source
        self._options = frozenset(options)
        self._lines: dict[str, list[str]] = {}

    def __call__(self, target: str) -> bool:
        """Return whether the object *target* does."""
        *directories, name = target.split("/")
        for depth, inner in enumerate([*directories, name]):
            lines = self._named("/".join(directories[:depth]))
            # In its own directory the object may be a part of another one, which the line names.
            if any(f"{inner}/" in line for line in lines) or (lines and inner == name):
                return True
        return False

    def _named(self, directory: str) -> list[str]:
        """Return the lines of the makefile of *directory* that name one of the options."""
        if directory not in self._lines:
            text = b""
            for name in ("Kbuild", "Makefile"):
                with contextlib.suppress(OSError):
                    text += self._source.read(posixpath.join(directory, name)) + b"\n"
            lines = text.decode(errors="replace").replace("\\\n", " ").splitlines()
            self._lines[directory] = [it for it in lines if not self._options.isdisjoint(_NAMED.findall(it))]
        return self._lines[directory]


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
    def make(cls, before: Manifest, wanted: Wanted, facts: Facts, listing: Listing, begun: Started) -> _Donor:
        now = wanted.source.manifest
        changes = before.difference(now) if before.digest != now.digest else {}
        links = {path: text for path in changes if (text := target_of(wanted.source, path)) is not None}
        seen = Difference(
            added=frozenset(it for it, change in changes.items() if change is Change.ADDED),
            removed=frozenset(it for it, change in changes.items() if change is Change.REMOVED),
            changed=frozenset(it for it, change in changes.items() if change is Change.CHANGED),
        ).through({**facts.links, **links})
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
        """Return whether the programs and scripts that take part in a compilation are the same."""
        return not any(it.startswith("scripts/") for it in self.differing) and all(
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

    def _is_same_product(self, path: str) -> bool:
        if path not in self._same:
            item = self.listing.items.get(path)
            now = self.begun.workspace.digest(path)
            # Words of a command may look like files. A header that is not kept, such as utsversion.h, is not known to be the same.
            self._same[path] = now == item.digest if item else now is None and not is_generated(path)
        return self._same[path]
