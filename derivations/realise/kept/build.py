"""Building a kernel from the nearest kept tree, and keeping its own.

    nearest ─▶ start ─▶ make prepare, if generated headers may change ─▶ review, borrow ─▶ make ─▶ keep

The builder is the derivation's own script; its variable KERNIX_PHASE asks it for the first step alone.
"""

from __future__ import annotations

import contextlib
import time

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from derivations.derivation import canonical_json
from derivations.kbuild import refusals
from derivations.kbuild.difference import options_of
from derivations.realise.kept.borrow import borrow
from derivations.realise.kept.facts import Facts
from derivations.realise.kept.keep import Left, keep
from derivations.realise.kept.reuse import Reuse
from derivations.realise.kept.shelf import About, Shelf, ShelfRefused
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
    from derivations.realise.counted import Counted
    from derivations.realise.kept.facts import Source
    from derivations.realise.kept.policy import KeepPolicy
    from derivations.realise.kept.start import Started
    from derivations.realise.sandbox.layers import Layers
    from store.local import Store


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
    """One build of a kernel in a sandbox.

    Attributes:
        store: The store.
        policy: What the shelf may hold.
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
    """

    store: Store
    policy: KeepPolicy
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

    def perform(self) -> Reuse:
        """Build, and keep what can be kept.

        Raises:
            BuildFailed: the builder failed.
        """
        shelf = Shelf(self.store.layout.kept)
        began, began_at = time.monotonic(), time.time()
        with contextlib.ExitStack() as held:
            near, refused = self._choose(shelf, held)
            begun = None if near is None else start(near, self._wanted, self.scratch, layered=self.layered)
            if near is not None and begun is None:
                held.close()
                shelf.remove(near.tree)
                refused = "the nearest kept tree is damaged, and has been removed"
            borrowed: Mapping[str, int] = {}
            if begun is None:
                build = self.scratch / "build"
                build.mkdir()
                self.run(build, self.mount, {})
                left = Left(directory=build)
            else:
                borrowed = self._continue(shelf, begun)
                left = _left(begun)
            seconds = time.monotonic() - began
            kept, lost = self._keep(shelf, left, begun, seconds)
        return Reuse(
            compiled=self.counted.done,
            total=0 if kept is None else kept.objects,
            tree=None if begun is None else begun.near.tree.about.name,
            age=None if begun is None else max(0.0, began_at - begun.near.tree.about.made),
            borrowed=borrowed,
            refused=refused,
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
            manifest_of=self.store.manifests.get,
        )

    def _choose(self, shelf: Shelf, held: contextlib.ExitStack) -> tuple[Near | None, str | None]:
        """Return the tree to start from, held until the end, and why there is none."""
        if (reason := refusals.of_configuration(options_of(self.config))) is not None:
            return None, reason
        try:
            found = nearest(shelf, self._wanted)
        except ShelfRefused as error:
            return None, str(error)
        trees = [it.about for it in shelf.kept()]
        self._forecast(trees, found)
        if isinstance(found, Refusal):
            return None, found.reason
        if found is None and any(it.name == self.name for it in trees):
            return None, "the kept trees of it have another toolchain, or other arguments of make"
        if found is not None and not held.enter_context(shelf.holding(found.tree)):
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

    def _continue(self, shelf: Shelf, begun: Started) -> Mapping[str, int]:
        """Build from the tree that *begun* has laid out."""
        workspace, source = begun.workspace, begun.source(self.mount)
        borrowed: Mapping[str, int] = {}
        if begun.near.again:
            self.run(workspace.build, source, {PHASE: "prepare"})
            begun.review()
            borrowed = borrow(shelf, begun, self._wanted)
        self.run(workspace.build, source, {})
        return borrowed

    def _keep(self, shelf: Shelf, left: Left, begun: Started | None, seconds: float) -> tuple[About | None, str | None]:
        """Keep what the builder *left*, as far as there is room; return what it is, and why it could not be kept."""
        if refusals.of_configuration(options_of(self.config)) is not None:
            return None, None

        def about(size: int, objects: int) -> About:
            return About(
                name=self.name,
                family=self.family,
                source=self.digest.hex(),
                action=self.action.hex(),
                made=time.time(),
                seconds=seconds,
                compiled=self.counted.done,
                objects=objects,
                size=size,
            )

        def facts(index: Index) -> bytes:
            if begun is None:
                return Facts.of(self.source, self.srcarch, index).encode()
            return Facts.of(self.source, self.srcarch, index, begun.near.facts, begun.near.difference.files).encode()

        try:  # to no avail most likely for lack of room: the result is not affected
            self.store.manifests.put(self.source.manifest)
            tree = keep(shelf, left, about, facts, check)
            removed = shelf.shrink(self.policy.max_size, self.policy.max_age, spare=tree.id)
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
