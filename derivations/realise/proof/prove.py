"""Prove that a result which was made in a fast way is what a clean build gives; quarantine it if it is not."""

from __future__ import annotations

import time

from typing import TYPE_CHECKING

import attrs

from derivations import drv
from derivations.proof.conditions import USUAL
from derivations.realise.instantiate import instantiate
from derivations.realise.proof.again import Round, again


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.derivation import Derivation
    from derivations.realise.events import Listener
    from derivations.realise.settings import Settings
    from store.local import Store
    from store.path import StorePath
    from store.records.verdicts import Verdict


@attrs.frozen(kw_only=True)
class Proof:
    """What came of a proof.

    Attributes:
        round: The clean build, and how it compares.
        withdrawn: The results that were refuted: they are results no more, and the clean ones took their place.
        spoilt: What was built from those, itself to be built again; nothing was done about it.
    """

    round: Round
    withdrawn: tuple[StorePath, ...] = ()
    spoilt: tuple[StorePath, ...] = ()

    @property
    def holds(self) -> bool:
        """Return whether the fast result is the clean one."""
        return self.round.equal


def prove(
    store: Store, derivation: Derivation, settings: Settings | None = None, listener: Listener | None = None
) -> Proof:
    """Build *derivation* cleanly, and compare its result with that; both outcomes are recorded.

    A refuted result is withdrawn: from then on the clean outputs are the results. This builds as `again` does, without
    kept trees or compile caches; whoever wants it in the background calls it in a process of its own.

    Raises:
        Error: the clean build failed, which proves nothing.
    """
    known = store.realised([derivation.key]).get(derivation.key, {})
    (round_,) = again(store, derivation, (USUAL,), settings, *([] if listener is None else [listener]))
    refuted = [it for it in round_.outputs if not it.equal and it.other is not None]
    if not refuted:
        return Proof(round=round_)
    judged = [it for it in store.verdicts([it.result for it in refuted]) if it.key == derivation.key]
    latest = {it.output: it for it in judged}
    text = instantiate(store, [derivation])[derivation]
    spoilt = tuple(sorted(built_from(store, [it.result for it in refuted], [text])))
    store.judge([_withdrawal(latest[it.output]) for it in refuted])
    # All outputs together: those of one build belong to each other, even where some are equal.
    keys = {derivation.key, *(it.action for it in judged)}
    results = {it.output: it.other or it.result for it in round_.outputs if it.output in known or it.other is not None}
    store.record([(key, output, path) for key in keys for output, path in results.items()])
    return Proof(round=round_, withdrawn=tuple(it.result for it in refuted), spoilt=spoilt)


def _withdrawal(verdict: Verdict) -> Verdict:
    return attrs.evolve(verdict, seen=int(time.time()), withdrawn=True)


def built_from(store: Store, paths: Iterable[StorePath], drvs: Iterable[StorePath] = ()) -> set[StorePath]:
    """Return the objects that were built from any of *paths*, directly or not, or that refer to one.

    What a build used follows from the derivation that each object names as its deriver. An object that several
    derivations gave names one of them: *drvs* are others that *paths* are results of.
    """
    infos = {it.path: it for it in store.database.all_infos()}
    users: dict[StorePath, set[StorePath]] = {}
    for info in infos.values():
        if info.path.name.endswith(drv.SUFFIX):
            for needed in info.references:
                users.setdefault(needed, set()).add(info.path)
    made: dict[StorePath, set[StorePath]] = {}
    for info in infos.values():
        if info.deriver is not None:
            made.setdefault(info.deriver, set()).add(info.path)
    paths = set(paths)
    found: set[StorePath] = {it for text in drvs for user in users.get(text, ()) for it in made.get(user, ())}
    stack = [*paths, *found]
    while stack:
        path = stack.pop()
        following = set(store.database.referrers(path))
        deriver = infos[path].deriver if path in infos else None
        if deriver is not None:
            for user in users.get(deriver, ()):
                following |= made.get(user, set())
        fresh = {it for it in following - found if not it.name.endswith(drv.SUFFIX)}
        found |= fresh
        stack += fresh
    return found - paths
