"""Building a kernel from the nearest kept tree, and keeping its own.

    nearest ─▶ start ─▶ make prepare, if generated headers may change ─▶ review ─▶ borrow ─▶ make ─▶ keep

The builder is the derivation's own script; its variable KERNIX_PHASE asks it for the first step alone.
"""

from __future__ import annotations

import contextlib
import time

from typing import TYPE_CHECKING, Self

import attrs

from blake3 import blake3

from derivations.derivation import canonical_json
from derivations.kbuild import refusals
from derivations.kbuild.difference import options_of
from derivations.kbuild.stale import RULES
from derivations.realise.kept.borrow import borrow, encode_sources
from derivations.realise.kept.facts import Facts
from derivations.realise.kept.keep import Left, keep
from derivations.realise.kept.reuse import Reuse
from derivations.realise.kept.shelf import About, ShelfRefused
from derivations.realise.kept.start import Near, Refusal, Wanted, nearest, start
from derivations.realise.kept.times import Times, objects_of
from derivations.realise.kept.workspace import Layered
from store.errors import reason_of
from store.osutil.interrupt import check


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from derivations.derivation import Derivation, Output
    from derivations.kbuild.index import Index
    from derivations.kbuild.stale import Rule
    from derivations.realise.counted import Counted
    from derivations.realise.kept.facts import Source
    from derivations.realise.kept.policy import KeepPolicy
    from derivations.realise.kept.shelf import Shelf
    from derivations.realise.kept.start import Started
    from derivations.realise.sandbox.layers import Layers
    from store.manifests import Manifests


SOURCE, CONFIG = "/src", "/config"
PHASE = "KERNIX_PHASE"
_RELEASE = 3  # the place of the release among the builder's arguments: `script` names it first


def family_of(derivation: Derivation, content: Callable[[Output], bytes]) -> str:
    """Return the digest of what a tree and a build that starts from it must have in common.

    That is everything but source, configuration, release and name: the toolchain, the script, all arguments of make.
    """
    facts = {
        "system": derivation.system,
        "builder": derivation.builder,
        "args": [it for i, it in enumerate(derivation.args) if i != _RELEASE],
        "env": dict(derivation.env),
        "mounts": {
            place: content(output).hex() for place, output in derivation.mounts.items() if place not in {SOURCE, CONFIG}
        },
    }
    return blake3(canonical_json(facts), derive_key_context="kernix 1 kept family").hexdigest()


@attrs.define(kw_only=True)
class KernelBuild:
    """One build of a kernel in a sandbox; a context manager, which holds the tree that the build started from.

    Attributes:
        shelf: The kept trees.
        policy: What the shelf may hold.
        manifests: The store's manifests.
        name: The derivation's name.
        action: The key of the action.
        family: The build's family.
        source: The source.
        mount: What shows the source in the sandbox.
        digest: The digest of the source's tree.
        config: The .config.
        srcarch: The directory below `arch/` of its architecture.
        scratch: An empty directory of ours on the store's file system.
        layered: Whether overlays work there.
        run: Runs the builder once: with its /build, its source, and further variables.
        counted: Counts what is compiled.
        rules: What makes products stale.
    """

    shelf: Shelf
    policy: KeepPolicy
    manifests: Manifests
    name: str
    action: bytes
    family: str
    source: Source
    mount: Path | Layers
    digest: bytes
    config: str
    srcarch: str
    scratch: Path
    layered: bool
    run: Callable[[Path | Layers, Path | Layers, Mapping[str, str]], None]
    counted: Counted
    rules: Sequence[Rule] = RULES

    _held: contextlib.ExitStack = attrs.field(factory=contextlib.ExitStack, init=False)
    _left: Left | None = attrs.field(default=None, init=False)
    _begun: Started | None = attrs.field(default=None, init=False)
    _refused: str | None = attrs.field(default=None, init=False)
    _borrowed: Mapping[str, int] = attrs.field(factory=dict, init=False)
    _seconds: float = attrs.field(default=0.0, init=False)
    _began_at: float = attrs.field(default=0.0, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def build(self) -> None:
        """Build, from the nearest kept tree if there is one.

        Raises:
            BuildFailed: the builder failed.
        """
        began, self._began_at = time.monotonic(), time.time()
        near, self._refused = self._choose()
        self._begun = None if near is None else start(near, self._wanted, self.scratch, layered=self.layered)
        if near is not None and self._begun is None:
            self._held.close()
            self.shelf.remove(near.tree)
            self._refused = "the nearest kept tree is damaged, and has been removed"
        if self._begun is None:
            directory = self.scratch / "build"
            directory.mkdir()
            self.run(directory, self.mount, {})
            self._left = Left(directory=directory)
        else:
            self._borrowed = self._continue(self._begun)
            self._left = _left(self._begun)
        self._seconds = time.monotonic() - began

    def keep(self) -> Reuse:
        """Keep what the builder left, as far as it can be kept, and return what the build took from other trees."""
        kept, lost = (None, None) if self._left is None else self._keep(self._left, self._begun)
        tree = None if self._begun is None else self._begun.near.tree.about
        return Reuse(
            compiled=self.counted.done,
            total=0 if kept is None else kept.objects,
            tree=None if tree is None else tree.name,
            age=None if tree is None else max(0.0, self._began_at - tree.made),
            borrowed=self._borrowed,
            refused=self._refused,
            kept=kept is not None and lost is None,
            lost=lost,
        )

    @property
    def _wanted(self) -> Wanted:
        return Wanted(
            family=self.family,
            source=self.source,
            digest=self.digest,
            config=self.config,
            srcarch=self.srcarch,
            manifest_of=self.manifests.get,
        )

    def _choose(self) -> tuple[Near | None, str | None]:
        """Return the tree to start from, held until this is closed, and why there is none."""
        if (reason := refusals.of_configuration(options_of(self.config), self.srcarch)) is not None:
            return None, reason
        try:
            found = nearest(self.shelf, self._wanted, self.rules)
        except ShelfRefused as error:
            return None, str(error)
        trees = [it.about for it in self.shelf.kept()]
        self._forecast(trees, found)
        if isinstance(found, Refusal):
            return None, found.reason
        if found is None and any(it.name == self.name for it in trees):
            return None, "the kept trees of it have another toolchain, or other arguments of make"
        if found is not None and not self._held.enter_context(self.shelf.holding(found.tree)):
            return None, None
        return found, None

    def _forecast(self, trees: Sequence[About], found: Near | Refusal | None) -> None:
        """Say how many objects will be compiled, and how long such builds took."""
        self.counted.times = Times.of(trees, self.family)
        if isinstance(found, Near):
            self.counted.expected = found.objects
        elif isinstance(found, Refusal):
            self.counted.expected = found.tree.about.objects
        elif self.counted.expected is None:
            self.counted.expected = objects_of(trees, self.name)

    def _continue(self, begun: Started) -> Mapping[str, int]:
        """Build from the tree that *begun* has laid out."""
        workspace, source = begun.workspace, begun.source(self.mount)
        if begun.near.again:
            self.run(workspace.build, source, {PHASE: "prepare"})
            begun.review()
        borrowed = borrow(self.shelf, begun, self._wanted)
        self.run(workspace.build, source, {})
        return borrowed

    def _keep(self, left: Left, begun: Started | None) -> tuple[About | None, str | None]:
        """Keep what the builder *left*, as far as there is room; return what it is, and why it could not be kept."""
        if refusals.of_configuration(options_of(self.config), self.srcarch) is not None:
            return None, None

        def about(size: int, objects: int) -> About:
            return About(
                name=self.name,
                family=self.family,
                source=self.digest.hex(),
                action=self.action.hex(),
                made=time.time(),
                seconds=self._seconds,
                compiled=self.counted.done,
                objects=objects,
                size=size,
            )

        def notes(index: Index) -> dict[str, bytes]:
            facts = (
                Facts.of(self.source, self.srcarch, index)
                if begun is None
                else Facts.of(self.source, self.srcarch, index, begun.near.facts, begun.near.difference.files)
            )
            return {"facts": facts.encode(), "sources": encode_sources(index, self.source.manifest)}

        try:  # to no avail most likely for lack of room: the result is not affected
            self.manifests.put(self.source.manifest)
            tree = keep(self.shelf, left, about, notes, check)
            removed = self.shelf.shrink(self.policy.max_size, self.policy.max_age, spare=tree.id)
        except OSError as error:
            return None, reason_of(error)
        except ShelfRefused as error:
            return None, error.reason
        is_lost = any(it.tree.id == tree.id for it in removed)
        return tree.about, "it takes more than `max_size` allows" if is_lost else None


def _left(begun: Started) -> Left:
    workspace = begun.workspace
    layered = isinstance(workspace, Layered)
    return Left(
        directory=workspace.upper if isinstance(workspace, Layered) else workspace.build,  # type: ignore[arg-type]
        below=begun.near.tree,
        listing=begun.listing,
        index=begun.near.index,
        gone=frozenset(workspace.gone()),
        layered=layered,
    )
