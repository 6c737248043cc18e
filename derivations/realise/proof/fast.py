"""Prove a kernel that was built from kept trees, and clear up if it is refuted.

one proof of a derivation at a time ─▶ one proof at all at a time ─▶ `prove`
    ─▶ refuted: leave word for the next build, remove the trees that may be wrong
"""

from __future__ import annotations

import contextlib
import time

from typing import TYPE_CHECKING

import attrs

from derivations.realise.events import Warned, ignore
from derivations.realise.kept.policy import KeepPolicy
from derivations.realise.kept.shelf import Shelf, ShelfRefused
from derivations.realise.plan import known_outputs
from derivations.realise.proof.prove import prove
from derivations.realise.proof.refuted import Refutation, leave
from derivations.realise.settings import Settings
from store.errors import Error, reason_of
from store.osutil.interrupt import check
from store.osutil.locks import WaitCancelled, locked, permanent_lock


if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from derivations.derivation import Derivation
    from derivations.realise.events import Listener
    from derivations.realise.proof.prove import Proof
    from store.layout import Layout
    from store.local import Store


PATIENCE = 6 * 60 * 60.0
"""Seconds to wait for builds that use a tree which is to be removed: longer than they take."""

_PAUSE = 0.5  # seconds between two attempts: such builds take minutes
_GRACE = 1.0  # seconds: `is_running` may have the lock for a moment


class AlreadyRunning(Error):
    """Another process is proving the same result."""

    name: str

    def __str__(self) -> str:
        return f"{self.name} is being proved by another process"


class NothingToProve(Error):
    """The result that was to be proved has been deleted."""

    name: str

    def __str__(self) -> str:
        return f"{self.name} has no result any more that could be proved"


def prove_fast(
    store: Store,
    derivation: Derivation,
    trees: Collection[str],
    settings: Settings | None = None,
    listener: Listener = ignore,
    *,
    report: Callable[[Proof], None] = lambda _: None,
    patience: float = PATIENCE,
) -> Proof:
    """Prove the result of *derivation*, which was built from kept trees with the names *trees*, and call *report*.

    If it is refuted, this is left for the next build (`refuted`), and all trees that may be wrong are removed; for those
    that a build uses, it waits up to *patience* seconds.

    Raises:
        AlreadyRunning: another process does this.
        NothingToProve: there is no result.
        Error: the clean build failed, which proves nothing.
    """
    settings = attrs.evolve(settings or Settings(), kept=KeepPolicy(enabled=False))
    with _alone(store.layout, derivation):
        results = known_outputs([derivation.output(it) for it in derivation.outputs], store.realised)
        held = store.hold_if_possible(results.values())  # from now on, no collector takes them
        if len(results) < len(derivation.outputs) or not set(results.values()) <= set(held):
            raise NothingToProve(derivation.name)
        with permanent_lock(store.layout.locks / "proofs"):
            proof = prove(store, derivation, settings, listener)
        if not proof.holds:
            try:
                leave(store.layout, _refutation(derivation, proof))
            except OSError as error:  # the verdict is recorded all the same
                listener(Warned(f"the next build will not report this: {reason_of(error)}"))
        report(proof)
    if not proof.holds:
        actions = {it.action.hex() for it in store.verdicts(proof.withdrawn) if it.key == derivation.key}
        try:
            left = remove_suspects(Shelf(store.layout.kept), actions, trees, patience)
        except ShelfRefused as error:
            listener(Warned(str(error)))
            return proof
        for name in left:
            listener(Warned(f"the kept tree {name} may be wrong and is in use: `kernix kept remove {name}` removes it"))
    return proof


def is_running(layout: Layout, derivation: Derivation) -> bool:
    """Return whether a proof of *derivation* is running, or waiting for its turn."""
    place = _lock(layout, derivation)
    if not place.exists():
        return False
    try:
        with locked(place, shared=True, cancelled=lambda: True):
            return False
    except WaitCancelled:
        return True


@contextlib.contextmanager
def _alone(layout: Layout, derivation: Derivation) -> Iterator[None]:
    end = time.monotonic() + _GRACE
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(_lock(layout, derivation), cancelled=lambda: time.monotonic() > end))
        except WaitCancelled:
            raise AlreadyRunning(derivation.name) from None
        yield


def _lock(layout: Layout, derivation: Derivation) -> Path:
    return layout.locks / f"proof-{derivation.key.hex()}"


def _refutation(derivation: Derivation, proof: Proof) -> Refutation:
    return Refutation(
        name=derivation.name,
        key=derivation.key.hex(),
        seen=int(time.time()),
        withdrawn=proof.withdrawn,
        instead=tuple(it.other for it in proof.round.outputs if it.other is not None),
        spoilt=proof.spoilt,
    )


def remove_suspects(shelf: Shelf, actions: Collection[str], names: Collection[str], patience: float) -> list[str]:
    """Remove the trees that a refuted build left or came from; return those that were in use all the time.

    *actions* are the keys of its action, *names* those of the trees that it came from. A tree that was made later may have
    come from one of these, so the whole family goes from the oldest of them on: that only costs time.

    Raises:
        ShelfRefused: somebody else can change what is kept.
    """
    kept = [it.about for it in shelf.kept()]
    families = {it.family for it in kept if it.action in actions} or {it.family for it in kept if it.name in names}
    since: dict[str, float] = {}
    for it in kept:
        if it.family in families and (it.action in actions or it.name in names):
            since[it.family] = min(it.made, since.get(it.family, it.made))
    end = time.monotonic() + patience
    while True:
        # A build that uses one leaves its own before it lets go: each turn looks again.
        doomed = [it for it in shelf.kept() if it.about.made >= since.get(it.about.family, float("inf"))]
        used = [it.id for it in doomed if shelf.remove(it) is None]
        if not used or time.monotonic() > end:
            return used
        check()
        time.sleep(_PAUSE)
