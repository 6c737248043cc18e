"""The libraries that change what a build finds: realised where that is possible, else left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.proof.other_order import other_order
from derivations.proof.rounds import round_of
from derivations.realise.realise import realise
from derivations.realise.sandbox.run_builder import BuildFailed
from derivations.realise.settings import Settings


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.derivation import Derivation, Output
    from derivations.proof.conditions import Conditions
    from derivations.realise.events import Listener
    from store.local import Store


NO_ORDER = "the order of directories is not changed: the toolchain of this build has no C compiler"
NO_CLOCK = "the clock is not changed: the lock has no package set `faketime`"
HOW_TO_ADD_CLOCK = "`kernix lock --add faketime` adds it, and changes no toolchain"


@attrs.frozen
class Variations:
    """The conditions of several rounds, and what could not be varied in them."""

    rounds: tuple[Conditions, ...]
    missing: tuple[str, ...] = ()


def variations(
    store: Store,
    derivation: Derivation,
    count: int,
    *,
    clock: Output | None = None,
    settings: Settings | None = None,
    listener: Listener | None = None,
) -> Variations:
    """Return *count* rounds for *derivation*; *clock* is a root file system that has libfaketime."""
    settings = settings or Settings()
    missing = []
    order = _order(store, derivation, settings, listener)
    if order is None:
        missing.append(NO_ORDER)
    library = None if clock is None else _clock(store, clock, settings, listener)
    if library is None:
        missing.append(f"{NO_CLOCK}; {HOW_TO_ADD_CLOCK}")
    processors = settings.builder_cores
    rounds = tuple(round_of(number, processors, order=order, clock=library) for number in range(1, count + 1))
    return Variations(rounds, tuple(missing))


def _order(store: Store, derivation: Derivation, settings: Settings, listener: Listener | None) -> Path | None:
    library = other_order(derivation)
    if (
        library is None
        or not (store.path(realise(store, library.mounts["/"], settings, listener)["out"]) / "usr/bin/cc").exists()
    ):
        return None
    try:
        return store.path(realise(store, library, settings, listener)["out"])
    except BuildFailed:
        return None


def _clock(store: Store, root: Output, settings: Settings, listener: Listener | None) -> tuple[Path, str] | None:
    top = store.path(realise(store, root, settings, listener)[root.name])
    found = sorted(top.glob("usr/lib/*/faketime/libfaketime.so.1"))
    return (top, str(found[0].relative_to(top))) if found else None
