"""Realise: have what a derivation describes in the store, and be told where it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.derivation import Derivation, Output
from derivations.realise.plan import plan
from derivations.realise.settings import Settings
from store.records.connection import StoreCorrupt


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.realise.events import Listener
    from derivations.realise.plan import Plan
    from store.local import Store
    from store.path import StorePath


_TRIES = 10  # a collector may take something between the two questions; not as often as that


def realise(
    store: Store, target: Derivation | Output, settings: Settings | None = None, listener: Listener | None = None
) -> dict[str, StorePath]:
    """Return where each output of *target* lies in *store*, or the one output, having built what was missing.

    Raises:
        Error: what `realise_all` raises.
    """
    targets = [target] if isinstance(target, Output) else [target.output(name) for name in target.outputs]
    return {output.name: path for output, path in realise_all(store, targets, settings, listener).items()}


def realise_all(
    store: Store, targets: Iterable[Output], settings: Settings | None = None, listener: Listener | None = None
) -> dict[Output, StorePath]:
    """Return where each of *targets* lies in *store*, having built what was missing.

    The collector spares what is returned for as long as the store is open. If there is nothing to build the
    *listener* hears nothing.

    Raises:
        BuildFailed: a builder failed.
        BuildTimedOut: a builder took too long.
        SeveralFailed: more than one thing went wrong.
        Error: what else a builtin, the sandbox or the store reports.
    """
    targets = tuple(dict.fromkeys(targets))
    todo = held_plan(store, targets)
    found = dict(todo.present)
    if todo.build:
        # What it takes to run builders takes long to load, and mostly there is nothing to build.
        from derivations.realise.events import ignore  # noqa: PLC0415
        from derivations.realise.execute import execute  # noqa: PLC0415

        found = execute(store, todo, settings or Settings(), listener or ignore)
    paths = {target: found[target] for target in targets}
    store.touch(paths.values())
    return paths


def held_plan(store: Store, targets: Iterable[Output]) -> Plan:
    """Return how to get *targets*, with all that is there kept from the collector.

    Raises:
        StoreCorrupt: the database does not agree with itself.
    """
    targets = tuple(targets)
    for _ in range(_TRIES):
        todo = plan(targets, store.realised)
        paths = set(todo.present.values())
        missing = paths - store.hold(paths)
        if not missing:
            return todo
    unheld = min(missing)  # pyright: ignore[reportPossiblyUnboundVariable]  # it is tried at least once
    raise StoreCorrupt(store.layout.database, f"it has {unheld} as a result, and not as an object")
