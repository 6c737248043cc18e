"""Substituting: results that a trusted cache has are fetched instead of built.

Before a run, from what was requested downwards, by the keys of derivations: what is found needs none of its inputs. During
the run, by the keys of actions, which are known once the inputs are there: so whatever resolves to the same bytes
is found, too. What cannot be fetched after all is built, and that is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.realise.events import Substituted, Warned
from derivations.realise.plan import known_outputs
from store.caches.pull import LOOK_UPS, Caches, NotPulled
from store.osutil.parallel import in_parallel


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from derivations.derivation import Derivation, Output
    from derivations.realise.events import Listener
    from store.caches.cache import Cache
    from store.local import Store
    from store.path import StorePath


_AT_ONCE = frozenset({"builtin:local", "builtin:write-text"})
"""Builders that are done sooner than anybody is asked."""


@attrs.frozen
class Offer:
    """What a cache has of an output: its object, the cache's name, and the most bytes that fetching it takes."""

    path: StorePath
    cache: str
    size: int


@attrs.frozen
class Substituter:
    """Fetches results for *store* from *caches*; the *listener* hears what was fetched, and why something was not."""

    store: Store
    caches: Sequence[Cache]
    listener: Listener
    _pulling: Caches = attrs.field(init=False)

    @_pulling.default
    def _make_pulling(self) -> Caches:
        return Caches(store=self.store, caches=self.caches, warn=lambda text: self.listener(Warned(text)))

    def substitute(self, targets: Iterable[Output]) -> None:
        """Fetch what there is of *targets*, and of what is needed to build the others."""
        targets = tuple(targets)
        failed: set[Output] = set()
        while offers := self.offers(targets, failed):
            failed |= offers.keys() - self._fetch(offers)

    def offers(self, targets: Iterable[Output], failed: set[Output] = frozenset()) -> dict[Output, Offer]:  # type: ignore[assignment]
        """Return what would be fetched for *targets*, none of *failed*."""
        found: dict[Output, Offer] = {}
        generation = dict.fromkeys(targets)
        seen = set(generation)
        while generation:
            here = known_outputs(generation, self.store.realised)
            valid = self.store.valid(here.values())
            missing = [it for it in generation if here.get(it) not in valid]
            asked = [it for it in missing if it not in failed and it.derivation.builder not in _AT_ONCE]
            offers = in_parallel(lambda it: self._offer(it.derivation.key, it.name), asked, LOOK_UPS)
            found |= {output: offer for output, offer in zip(asked, offers, strict=True) if offer is not None}
            inputs = (needed for it in missing if it not in found for needed in it.derivation.inputs)
            generation = dict.fromkeys(it for it in inputs if it not in seen)
            seen.update(generation)
        return found

    def find(self, derivation: Derivation, key: bytes) -> Mapping[str, StorePath] | None:
        """Fetch all outputs of the action *key*, which *derivation* leads to, and record them; None if that fails."""
        if derivation.builder in _AT_ONCE:
            return None
        offers: dict[str, Offer] = {}
        for name in derivation.outputs:
            offer = self._offer(key, name)
            if offer is None:
                return None
            offers[name] = offer
        paths = {name: offer.path for name, offer in offers.items()}
        if not self._pull(set(paths.values())):
            return None
        self.store.record([(it, name, path) for it in (derivation.key, key) for name, path in paths.items()])
        self.listener(Substituted(derivation, paths, min(it.cache for it in offers.values())))
        return paths

    def _offer(self, key: bytes, output: str) -> Offer | None:
        result = self._pulling.result(key, output)
        if result is None:
            return None
        try:
            missing = self._pulling.missing([result.path])
        except NotPulled as error:
            self.listener(Warned(f"a cache has the result {result.path} of an action, but {error}"))
            return None
        size = sum(it.info.archive.cost for it in missing.values())
        names = [it.sources[0][0].name for it in missing.values()]
        return Offer(result.path, names[0] if names else "the store", size)

    def _fetch(self, offers: Mapping[Output, Offer]) -> set[Output]:
        """Fetch *offers*, record them as results, and return those that arrived."""
        arrived = {*offers}
        if not self._pull({it.path for it in offers.values()}, warn=len(offers) == 1):
            arrived = {output for output, offer in offers.items() if self._pull({offer.path})}
        self.store.record([(it.derivation.key, it.name, offers[it].path) for it in arrived])
        for output in offers:
            if output in arrived:
                offer = offers[output]
                self.listener(Substituted(output.derivation, {output.name: offer.path}, offer.cache))
        return arrived

    def _pull(self, paths: set[StorePath], *, warn: bool = True) -> bool:
        try:
            self._pulling.pull(paths)
        except NotPulled as error:
            if warn:
                self.listener(Warned(f"{error}; it is built instead"))
            return False
        return True
