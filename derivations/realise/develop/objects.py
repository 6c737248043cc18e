"""The objects of a workplace: a kept tree, with what earlier sessions have compiled above it.

make sees edited files by their times. What it does not see (headers that came or went, files that were put back) is
looked for when a session begins, by the rules that builds have for kept trees (`derivations.kbuild.stale`).
"""

from __future__ import annotations

import contextlib
import os
import posixpath

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from derivations.kbuild import refusals
from derivations.kbuild.difference import Difference, options_of
from derivations.kbuild.index import Index, InvalidIndex
from derivations.kbuild.stale import Kept, stale
from derivations.realise.kept.facts import Facts, links_of
from derivations.realise.kept.keep import commands_in
from derivations.realise.kept.listing import MTIME_NS, InvalidListing, Listing, is_whole
from derivations.realise.kept.start import NEWER_NS, Near, is_code, nearest, review, start
from derivations.realise.kept.workspace import Copied, Layered, walk
from derivations.realise.sandbox.layers import Layers, is_whiteout
from store.trees.content import Kind
from store.trees.remove import remove_tree


if TYPE_CHECKING:
    from collections.abc import Collection

    from derivations.kbuild.commands import Command
    from derivations.realise.develop.source import WorkSource
    from derivations.realise.develop.workplace import Changes, State, Workplace
    from derivations.realise.kept.shelf import KeptTree, Shelf
    from derivations.realise.kept.start import Wanted
    from derivations.realise.kept.workspace import Workspace


_MAKEFILE = b"# Automatically generated: what make itself would write here\ninclude /src/Makefile\n"


@attrs.define(kw_only=True)
class Objects:
    """The objects of a session.

    Attributes:
        workspace: The directory that it sees as /build.
        newer: A directory of files that are shown above the source, newer than what was made of them.
        tree: The kept tree below; None if all has to be compiled.
        index: What the products of that tree read.
        listing: Its files.
        gone: The products that were deleted just now.
        again: Whether headers that are generated may change, so that `make prepare` and `review` must come first.
        refused: Why no kept tree served though there was one, or why the earlier objects were dropped.
    """

    workspace: Workspace
    newer: Path
    tree: KeptTree | None
    index: Index
    listing: Listing
    gone: frozenset[str] = frozenset()
    again: bool = False
    refused: str | None = None

    def review(self) -> int:
        """Delete what read headers that `make prepare` has added or removed; return how many products."""
        return review(self.workspace, self.index, self.listing, self.gone)

    def source(self, base: Path | Layers, source: WorkSource, work: Path) -> Path | Layers:
        """Return what to show as the source: *base* with the changes in *source*; *work* is for the kernel."""
        if source.copied:
            return source.directory
        below = base.lower if isinstance(base, Layers) else (base,)
        newer = (self.newer,) if any(self.newer.iterdir()) else ()
        return Layers(lower=(*newer, *below), upper=source.directory, work=work)


@attrs.frozen(kw_only=True)
class Laying:
    """Everything that decides which objects a session begins with."""

    workplace: Workplace
    shelf: Shelf
    wanted: Wanted
    config: Path
    source: WorkSource
    layered: bool

    def lay(self, state: State, now: Changes, held: contextlib.ExitStack, *, fresh: bool) -> Objects:
        """Return the objects for a session with the changes *now*, those of the last one unless *fresh*.

        The tree below them is held in *held*.
        """
        found = None if fresh else self._resumed(state, held)
        before: tuple[Changes, ...] = (state.before, state.after)
        if found is None:
            found, before = self._fresh(held), ({},)
        difference = self._difference(now, before)
        reason = self._apply(found, difference)
        if reason is not None:
            found = self._empty(reason)
        return found

    def _resumed(self, state: State, held: contextlib.ExitStack) -> Objects | None:
        """Return the objects of the last session; None if they cannot be used any more."""
        newer = self.workplace.objects / "newer"
        if not newer.is_dir():
            return None
        tree = next((it for it in self.shelf.kept() if it.id == state.tree), None)
        if tree is not None and held.enter_context(self.shelf.holding(tree)):
            with contextlib.suppress(OSError, InvalidIndex, InvalidListing, ValueError):
                return self._above(tree, newer, layered=state.layered)
        # A copy of a tree that is gone is as good as what was compiled here.
        return None if state.layered else self._bare(self.workplace.objects / "build", newer)

    def _above(self, tree: KeptTree, newer: Path, *, layered: bool) -> Objects | None:
        """Return the objects of the last session above *tree*; None if that is damaged or cannot be shown."""
        index, listing = Index.decode(tree.read("index")), tree.listing()
        if layered and not (self.layered and is_whole(tree.tree, listing) is None):
            return None
        workspace: Workspace = (
            Layered(tree, listing, self.workplace.objects)
            if layered
            else Copied(self.workplace.objects / "build", listing)
        )
        tree.touch()
        return Objects(workspace=workspace, newer=newer, tree=tree, index=index, listing=listing)

    def _fresh(self, held: contextlib.ExitStack) -> Objects:
        """Return the objects of the nearest kept tree."""
        found = nearest(self.shelf, self.wanted)
        if not isinstance(found, Near):
            return self._empty(None if found is None else found.reason)
        if not held.enter_context(self.shelf.holding(found.tree)):
            return self._empty(None)
        self._clear()
        begun = start(found, self.wanted, self.workplace.objects, layered=self.layered)
        if begun is None:
            return self._empty("the kept tree is damaged")
        self._configure(begun.workspace)
        self._make_newer(found.difference)
        return Objects(
            workspace=begun.workspace,
            newer=begun.newer,
            tree=found.tree,
            index=begun.near.index,
            listing=begun.listing,
            gone=frozenset(found.stale),
            again=found.again,
        )

    def _empty(self, reason: str | None) -> Objects:
        """Return no objects, with a configuration."""
        self._clear()
        build, newer = self.workplace.objects / "build", self.workplace.objects / "newer"
        for directory in (build, newer):
            directory.mkdir()
        (build / "Makefile").write_bytes(_MAKEFILE)
        found = self._bare(build, newer)
        self._configure(found.workspace)
        found.refused = reason
        return found

    @staticmethod
    def _bare(build: Path, newer: Path) -> Objects:
        listing = Listing.of({})
        return Objects(workspace=Copied(build, listing), newer=newer, tree=None, index=Index.of(()), listing=listing)

    def _clear(self) -> None:
        remove_tree(self.workplace.objects)
        self.workplace.objects.mkdir(mode=0o700)

    def _configure(self, workspace: Workspace) -> None:
        if workspace.digest(".config") != blake3(self.config.read_bytes()).digest():
            workspace.put(".config", self.config)

    def _make_newer(self, difference: Difference) -> None:
        """Give files of a copied source that differ from the kept tree's a time at which they look newer."""
        for path in difference.added | difference.changed if self.source.copied else ():
            with contextlib.suppress(FileNotFoundError):
                if (place := self.source.directory / path).lstat().st_mtime_ns == MTIME_NS:
                    os.utime(place, ns=(NEWER_NS, NEWER_NS), follow_symlinks=False)

    def _difference(self, now: Changes, before: tuple[Changes, ...]) -> Difference:
        """Return what differs between the source *now* and as it was at any time in *before*."""
        kinds: dict[str, set[str]] = {"added": set(), "removed": set(), "changed": set()}
        for then in before:
            for path in then.keys() | now.keys():
                old, new = self._at(path, then), self._at(path, now)
                if old != new:
                    kinds["added" if old is None else "removed" if new is None else "changed"].add(path)
        return Difference(**{kind: frozenset(paths) for kind, paths in kinds.items()})

    def _at(self, path: str, changes: Changes) -> tuple[Kind, bytes] | None:
        if path in changes:
            return changes[path]
        entry = self.wanted.source.manifest.entry(path)
        return None if entry is None or entry[0] is Kind.DIRECTORY else entry

    def _apply(self, objects: Objects, difference: Difference) -> str | None:
        """Delete from *objects* what *difference* and vanished files make worthless; return why that is not enough."""
        facts = None if objects.tree is None else Facts.decode(objects.tree.read("facts"))
        seen = difference
        if seen.files:
            links = facts.links if facts is not None else dict(links_of(self.wanted.source))
            seen = seen.through(links)
            options = options_of(self.wanted.config)
            reason = refusals.of_sources(seen, options, self.wanted.srcarch, same_makefile=False)
            if reason is not None:
                return reason
        commands, products = self._products(objects)
        gone = dict.fromkeys(self._readers_of_missing(commands.values(), difference.removed), "")
        if seen.files:
            searching = (facts.searching if facts is not None else frozenset()) | self._searching(seen.files)
            kept = Kept(index=Index(commands), products=products, searching=searching)
            gone |= stale(kept, seen)
        objects.workspace.delete(gone)
        objects.gone |= frozenset(gone)
        headers = {it for it in seen.added | seen.removed if not is_code(it) and not refusals.is_harmless(it)}
        objects.again |= bool(headers) and objects.tree is not None
        return None

    @staticmethod
    def _products(objects: Objects) -> tuple[dict[str, Command], frozenset[str]]:
        """Return what is in the workspace now: the commands, and all files."""
        directory = objects.workspace.upper if isinstance(objects.workspace, Layered) else objects.workspace.build
        assert isinstance(directory, Path)  # noqa: S101 -- a copy is one directory
        own = {path for path, status in walk(directory) if not is_whiteout(status)}
        commands = {**objects.index.commands, **dict(commands_in(directory, own))}
        products = (own | objects.listing.items.keys()) - objects.workspace.gone()
        return {target: it for target, it in commands.items() if target in products}, frozenset(products)

    def _readers_of_missing(self, commands: Collection[Command], removed: frozenset[str]) -> set[str]:
        """Return the products that read a file of the source which is not there: it came and went in a session."""
        known: dict[str, bool] = {}

        def is_missing(name: str) -> bool:
            if name not in known:
                node = self.wanted.source.manifest.entry(name)
                known[name] = name in removed or (node is None and not self._is_there(name))
            return known[name]

        return {
            it.target
            for it in commands
            if any(name[:1] != "/" and ":" not in name and is_missing(name) for name in it.files)
        }

    def _is_there(self, name: str) -> bool:
        """Return whether *name*, which the base has not by itself, leads somewhere in the source, also through links."""
        if os.path.lexists(self.source.directory / name):
            return True
        if not self.source.copied and self.source.base.view.find(name) is not None:
            return True
        parent = posixpath.dirname(name)
        return self.source.copied and (self.source.directory / parent).is_symlink()

    def _searching(self, paths: Collection[str]) -> frozenset[str]:
        found = set()
        for path in paths:
            with contextlib.suppress(OSError):
                if b"__has_include" in self.source.read(path):
                    found.add(path)
        return frozenset(found)
