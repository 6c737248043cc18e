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

from store.trees.content import Kind, tree_digest


if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from derivations.derivation import Derivation, Output
    from derivations.realise.plan import Plan
    from store.local import Store
    from store.path import StorePath


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
        unknown: The inputs whose content is not known yet.
        outputs: If it is reused, the results.
    """

    derivation: Derivation
    fate: Fate
    unknown: tuple[Derivation, ...] = ()
    outputs: Mapping[str, StorePath] = attrs.field(factory=dict)


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
    """A forecast in the making: the plan, and the digests that are known so far."""

    def __init__(self, plan: Plan, store: Store | None) -> None:
        self._plan = plan
        self._store = store
        self._digests: dict[Output, bytes] = {}
        if store is not None:
            infos = store.infos(plan.present.values())
            self._digests = {it: infos[path].digest for it, path in plan.present.items() if path in infos}
        names = {it.name for it in plan.build}
        self._built_before: Collection[str] = (
            {it.name for it in store.database.named(names)} if store is not None else ()
        )

    def forecast(self) -> tuple[Forecast, ...]:
        return tuple(self._of(it) for it in self._plan.build)

    def _of(self, derivation: Derivation) -> Forecast:
        unknown = tuple(dict.fromkeys(it.derivation for it in derivation.inputs if it not in self._digests))
        outputs = {} if unknown else self._results(derivation)
        if outputs and self._store is not None:
            infos = self._store.infos(outputs.values())
            self._digests |= {derivation.output(name): infos[path].digest for name, path in outputs.items()}
            return Forecast(derivation, Fate.REUSED, outputs=outputs)
        if (digest := digest_of(derivation)) is not None:
            self._digests[derivation.out] = digest
        if unknown and derivation.name in self._built_before:
            return Forecast(derivation, Fate.OPEN, unknown)
        return Forecast(derivation, Fate.BUILT, unknown)

    def _results(self, derivation: Derivation) -> Mapping[str, StorePath]:
        """Return the outputs of an earlier equal action if all of them are in the store, else nothing."""
        if self._store is None:
            return {}
        key = derivation.action_key(self._digests.__getitem__)
        found = self._store.realised([key]).get(key, {})
        is_whole = found.keys() >= set(derivation.outputs) and self._store.infos(found.values()).keys() >= {
            *found.values()
        }
        return found if is_whole else {}
