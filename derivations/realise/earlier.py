"""Results of earlier actions that serve a derivation, so that nothing is built.

    the same action ─▶ the same action on the base of a joined tree ─▶ a configuration with fewer requests

What is found is recorded as the derivation's own result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.realise import redundant
from derivations.realise.layered import twin


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.derivation import Derivation, Output
    from derivations.realise.layered import Realised
    from store.local import Store
    from store.path import StorePath


def earlier_outputs(
    store: Store, derivation: Derivation, key: bytes, inputs: Mapping[Output, Realised]
) -> Mapping[str, StorePath] | None:
    """Return the outputs of an earlier action that are those of *derivation*, whose action key is *key*; None if there are none.

    The garbage collector keeps them for as long as the store is open.
    """
    known = store.realised([key, derivation.key])
    found = known.get(key, {})
    if found.keys() >= set(derivation.outputs) and store.hold(found.values()) == set(found.values()):
        if known.get(derivation.key) != found:
            store.record([(derivation.key, name, found[name]) for name in derivation.outputs])
        return found
    other = _of_twin(store, derivation, inputs) or redundant.find(store, derivation, inputs)
    if other is None:
        return None
    store.record([(it, name, other[name]) for it in (derivation.key, key) for name in derivation.outputs])
    return other


def _of_twin(store: Store, derivation: Derivation, inputs: Mapping[Output, Realised]) -> Mapping[str, StorePath] | None:
    """Return what an earlier action took from the base of a joined tree, if the changes do not concern that."""
    other = twin(store, derivation, inputs)
    found = store.realised([other.key]).get(other.key, {}) if other is not None else {}
    if other is None or not found or store.hold(found.values()) != set(found.values()):
        return None
    return found if other.has(store.manifest(found[derivation.out.name])) else None
