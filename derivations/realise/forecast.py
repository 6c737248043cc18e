"""Forecast a plan without building anything: what is certain to be built, and what may turn out to be built already.

Results are found by the content of the inputs (`Derivation.action_key`), which is known of what is in the store, of texts
and of local files. So a derivation whose inputs are all of these is certain: there is a result for them, or it is
built. Everything that needs something which is built is open until then, unless the store has no result of its
name, since a result can only be reused under the same name.
"""

from __future__ import annotations

import enum

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from derivations.realise.layered import Realised, join, joined_manifest, twin
from derivations.union import is_patched
from store.trees.content import Kind, tree_digest


if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from derivations.derivation import Derivation, Output
    from derivations.realise.plan import Plan
    from store.local import Store
    from store.path import StorePath
    from store.trees.manifest import Manifest


class Fate(enum.StrEnum):
    """What becomes of a derivation of a plan."""

    BUILT = "built"
    REUSED = "reused"
    OPEN = "open"


@attrs.frozen
class Forecast:
    """What becomes of *derivation*.

    Attributes:
        derivation: The derivation.
        fate: What becomes of it.
        unknown: The derivations that are built first, since they make inputs whose content is not known yet.
        outputs: If it is reused, the results.
    """

    derivation: Derivation
    fate: Fate
    unknown: tuple[Derivation, ...] = ()
    outputs: Mapping[str, StorePath] = attrs.field(factory=dict)


@attrs.frozen
class Contents:
    """What is known of the contents of outputs.

    Attributes:
        store: The store; None if there is none.
        realised: The outputs that are in the store, or are layers of what is.
        digests: The digests of these, and of outputs whose content follows from their definition.
    """

    store: Store | None
    realised: dict[Output, Realised] = attrs.field(factory=dict)
    digests: dict[Output, bytes] = attrs.field(factory=dict)

    def add(self, found: Mapping[Output, StorePath]) -> None:
        """Add outputs that are in the store."""
        infos = self.store.infos(found.values()) if self.store is not None else {}
        for output, path in found.items():
            if path in infos:
                self._add(output, Realised(path, infos[path].digest))

    def learn(self, derivation: Derivation) -> None:
        """Add the outputs of *derivation* if their content follows from its definition, or from layers that are there."""
        if derivation.out in self.digests:
            return
        if is_patched(derivation) and self.store is not None and all(it in self.realised for it in derivation.inputs):
            if (found := join(self.store, derivation, self.realised)) is not None:
                self._add(derivation.out, found)
        elif (digest := digest_of(derivation)) is not None:
            self.digests[derivation.out] = digest

    def results(self, derivation: Derivation) -> Mapping[str, StorePath]:
        """Return the outputs of an earlier equal action if all are in the store, else nothing; its inputs are known."""
        if self.store is None:
            return {}
        key = derivation.action_key(self.digests.__getitem__)
        found = self.store.realised([key]).get(key, {})
        if not found and all(it in self.realised for it in derivation.inputs):
            other = twin(self.store, derivation, self.realised)
            part = self.store.realised([other.key]).get(other.key, {}) if other is not None else {}
            if other is not None and part and other.has(self.store.manifest(part[derivation.out.name])):
                found = part
        is_whole = found.keys() >= set(derivation.outputs)
        return found if is_whole and self.store.infos(found.values()).keys() >= {*found.values()} else {}

    def manifest(self, output: Output) -> Manifest | None:
        """Return the listing of the tree *output*; None if its content is not in the store."""
        found = self.realised.get(output)
        if found is None or self.store is None:
            return None
        if found.joined is not None:
            return joined_manifest(self.store, output.derivation, self.realised)
        return self.store.manifest(found.path)

    def _add(self, output: Output, realised: Realised) -> None:
        self.realised[output] = realised
        self.digests[output] = realised.digest


def forecast(plan: Plan, store: Store | None) -> tuple[Forecast, ...]:
    """Return what becomes of the derivations that *plan* builds, in its order, with what *store* has."""
    return _Forecaster(plan, store).forecast() if plan.build else ()


def digest_of(derivation: Derivation) -> bytes | None:
    """Return the digest of the only output of *derivation* if that follows from its definition; None if it does not."""
    if derivation.fixed is not None:
        return bytes.fromhex(derivation.fixed.digest) if derivation.fixed.method == "tree" else None
    if derivation.builder == "builtin:write-text":
        kind = Kind.EXECUTABLE if "executable" in derivation.env else Kind.FILE
        return tree_digest(kind, blake3(derivation.env["text"].encode()).digest())
    return None


class _Forecaster:
    """A forecast in the making: the plan, and the contents that are known so far."""

    def __init__(self, plan: Plan, store: Store | None) -> None:
        self._plan = plan
        self._layered = frozenset(plan.layered)
        self._contents = Contents(store)
        self._contents.add(plan.present)
        self._built_before: Collection[str] = ()
        if store is not None:
            self._built_before = {it.name for it in store.database.named(it.name for it in plan.build)}

    def forecast(self) -> tuple[Forecast, ...]:
        """Return the forecast of each derivation."""
        return tuple(self._of(it) for it in self._plan.build)

    def _of(self, derivation: Derivation) -> Forecast:
        unknown = tuple(dict.fromkeys(self._unknown(derivation.inputs)))
        outputs = {} if unknown else self._contents.results(derivation)
        if outputs:
            self._contents.add({derivation.output(name): path for name, path in outputs.items()})
            return Forecast(derivation, Fate.REUSED, outputs=outputs)
        self._contents.learn(derivation)
        is_open = unknown and derivation.name in self._built_before
        return Forecast(derivation, Fate.OPEN if is_open else Fate.BUILT, unknown)

    def _unknown(self, outputs: Iterable[Output]) -> Iterator[Derivation]:
        """Yield what makes those of *outputs* whose content is not known; of layers, what makes these."""
        for output in outputs:
            if output in self._contents.digests:
                continue
            if output.derivation in self._layered:
                inner = [*self._unknown(output.derivation.inputs)]
                yield from inner
                if not inner:
                    self._contents.learn(output.derivation)
                    if output not in self._contents.digests:  # a text that has still to be written, for example
                        yield from (it.derivation for it in output.derivation.inputs)
            else:
                yield output.derivation
