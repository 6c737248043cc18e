"""Realise derivations: make sure their outputs are in the store, and return the paths."""

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


_TRIES = 10  # a collector may delete something between the two queries, but not this often


def realise(
    store: Store, target: Derivation | Output, settings: Settings | None = None, listener: Listener | None = None
) -> dict[str, StorePath]:
    """Build what is missing of *target*, a derivation or one output, and return the paths of its outputs in *store*.

    Raises:
        Error: what `realise_all` raises.
    """
    targets = [target] if isinstance(target, Output) else [target.output(name) for name in target.outputs]
    return {output.name: path for output, path in realise_all(store, targets, settings, listener).items()}


def realise_all(
    store: Store, targets: Iterable[Output], settings: Settings | None = None, listener: Listener | None = None
) -> dict[Output, StorePath]:
    """Build what is missing of *targets*, and return their paths in *store*.

    The garbage collector keeps the returned paths for as long as the store is open. If nothing needs building,
    *listener* is not called.

    Raises:
        BuildFailed: a builder failed.
        BuildTimedOut: a builder took too long.
        SeveralFailed: more than one derivation failed.
        Error: a builtin, the sandbox or the store failed.
    """
    targets = tuple(dict.fromkeys(targets))
    todo = held_plan(store, targets)
    settings = settings or Settings()
    if todo.build and settings.caches:
        from derivations.realise.caches.substitute import Substituter  # noqa: PLC0415 -- as below
        from derivations.realise.events import ignore  # noqa: PLC0415

        Substituter(store, settings.caches, listener or ignore).substitute(targets)
        todo = held_plan(store, targets)
    found = dict(todo.present)
    if todo.build:
        # The modules that run builders are slow to load, and usually there is nothing to build.
        from derivations.realise.events import ignore  # noqa: PLC0415
        from derivations.realise.execute import execute  # noqa: PLC0415
        from derivations.realise.layered import supported  # noqa: PLC0415

        if todo.layered and not supported(store, todo):
            todo = todo.without_layers()
        found = execute(store, todo, settings, listener or ignore)
    paths = {target: found[target] for target in targets}
    store.touch(paths.values())
    return paths


def held_plan(store: Store, targets: Iterable[Output]) -> Plan:
    """Return how to obtain *targets*, with the existing results protected from the collector.

    Raises:
        StoreCorrupt: the database contradicts itself.
    """
    targets = tuple(targets)
    for _ in range(_TRIES):
        todo = plan(targets, store.realised)
        paths = set(todo.present.values())
        missing = paths - store.hold(paths)
        if not missing:
            return todo
    unheld = min(missing)  # pyright: ignore[reportPossiblyUnboundVariable]  # the loop runs at least once
    raise StoreCorrupt(store.layout.database, f"it lists {unheld} as a result but not as an object")
