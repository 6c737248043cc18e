"""What a kernel's build would compile, and how long that would take here: asked before it begins.

The nearest kept tree says it, from what each of its objects read, and the kept trees' builds say how long objects take. For
that the configuration and the patches must be there; both are made first, which takes seconds, but nothing is compiled
and nothing fetched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.kbuild.difference import options_of
from derivations.kbuild.refusals import of_configuration
from derivations.realise.kept.build import CONFIG, SOURCE, family_of
from derivations.realise.kept.shelf import Shelf, ShelfRefused
from derivations.realise.kept.source import source_of
from derivations.realise.kept.start import Near, Refusal, Wanted, nearest
from derivations.realise.kept.times import Times
from derivations.realise.layered import Realised, join
from derivations.realise.plan import plan
from derivations.union import is_patched
from kernix.building import realise
from kernix.output.quantities import duration
from kernix.rebuild.known import CHEAP
from store.errors import Error


if TYPE_CHECKING:
    from derivations.derivation import Derivation, Output
    from kernix.session import Session
    from store.local import Store


@attrs.frozen(kw_only=True)
class Outlook:
    """What a build would compile.

    Attributes:
        name: The kernel's name.
        objects: How many objects, about.
        total: How many objects the kernel has, about.
        tree: The name of the tree that it would start from; None for a clean build.
        refused: Why it would be a clean build.
        seconds: About how long it would take; None if no build has shown that yet.
    """

    name: str
    objects: int
    total: int
    tree: str | None
    refused: str | None
    seconds: float | None

    def __str__(self) -> str:
        time = "" if self.seconds is None else f" in about {duration(self.seconds)}"
        if self.tree is None:
            return f"{self.name}: would compile all of about {self.total:,} objects{time}: {self.refused}"
        return f"{self.name}: would compile about {self.objects:,} of {self.total:,} objects{time}, from the kept tree of {self.tree}"


def outlook(session: Session, derivation: Derivation) -> Outlook | None:
    """Return what the build of the kernel *derivation* would compile, None if nothing is known of that."""
    store = session.store
    policy = session.settings().kept
    srcarch, source = derivation.hints.object_tree, derivation.mounts.get(SOURCE)
    shelf = Shelf(store.layout.kept)
    try:
        trees = [it.about for it in shelf.kept()] if policy.enabled else []
    except ShelfRefused:
        return None
    if srcarch is None or source is None or not trees:
        return None
    found = _inputs(session, derivation)
    if found is None:
        return None
    config = store.path(found[derivation.mounts[CONFIG]].path).read_text(encoding="utf-8")
    family = family_of(derivation, lambda output: found[output].digest)
    wanted = Wanted(
        family=family,
        source=source_of(store, found[source]),
        digest=found[source].digest,
        config=config,
        srcarch=srcarch,
        manifest_of=store.manifests.get,
    )
    near = nearest(shelf, wanted)
    times = Times.of(trees, family)
    if isinstance(near, Near):
        about, objects, reason = near.tree.about, near.objects, None
    else:
        about = near.tree.about if isinstance(near, Refusal) else trees[0]
        reason = of_configuration(options_of(config), srcarch) or (
            near.reason if isinstance(near, Refusal) else "no kept tree has the same toolchain and the same arguments"
        )
        objects = about.objects
    return Outlook(
        name=derivation.name,
        objects=objects,
        total=about.objects,
        tree=None if reason else about.name,
        refused=reason,
        seconds=None if times is None else times.seconds(objects),
    )


def _inputs(session: Session, derivation: Derivation) -> dict[Output, Realised] | None:
    """Return the inputs of *derivation*, after making what is cheap; None if one of them is not."""
    store = session.store
    needed = [output for it in derivation.inputs for output in (it.derivation.inputs if _is_join(it) else (it,))]
    todo = plan(needed, store.realised)
    if any(it.builder not in CHEAP for it in todo.build):
        return None
    try:
        paths = realise(session, needed, offline=True)
    except Error:
        return None  # the build reports it
    infos = store.infos(paths.values())
    found = {output: Realised(path, infos[path].digest) for output, path in paths.items()}
    for output in derivation.inputs:
        if output not in found:
            joined = _joined(store, output, found)
            if joined is None:
                return None
            found[output] = joined
    return found


def _is_join(output: Output) -> bool:
    return is_patched(output.derivation)


def _joined(store: Store, output: Output, found: dict[Output, Realised]) -> Realised | None:
    return join(store, output.derivation, {it: found[it] for it in output.derivation.inputs})
