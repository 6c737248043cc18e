"""What is known of the outputs of two graphs of derivations: their contents, as far as that costs only seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.realise.forecast import Fate, digest_of, forecast
from derivations.realise.plan import inputs_first, plan
from kernix.building import realise
from kernix.output.messages import warn
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from derivations.derivation import Derivation, Output
    from kernix.session import Session
    from store.local import Store
    from store.path import StorePath


CHEAP = frozenset(
    {
        "/resolver/kconf",
        "builtin:check-config",
        "builtin:driver-map",
        "builtin:hardware-fragment",
        "builtin:kbuild-map",
        "builtin:kconfig-slice",
        "builtin:local",
        "builtin:patch",
        "builtin:trim-fragment",
        "builtin:union",
        "builtin:write-text",
    }
)
"""Builders that take a few seconds at most, even on a kernel's source; none of them compiles or fetches."""


@attrs.frozen(kw_only=True)
class Known:
    """What is known of outputs.

    Attributes:
        store: The store.
        paths: The objects of those that have been realised.
        digests: The digests of the contents of those, and of others whose content follows from their definition.
    """

    store: Store
    paths: Mapping[Output, StorePath]
    digests: Mapping[Output, bytes]

    def are_same(self, one: Output, other: Output) -> bool | None:
        """Return whether two outputs have the same content; None if that is not known."""
        if one == other:
            return True
        digests = self.digests.get(one), self.digests.get(other)
        return None if None in digests else digests[0] == digests[1]

    def place(self, output: Output) -> Path | None:
        """Return where the content of *output* is; None if it is not in the store."""
        return self.place_in_store(output) if output in self.paths else None

    def place_in_store(self, output: Output) -> Path:
        """Return where the content of *output*, one of `paths`, is."""
        return self.store.path(self.paths[output])


def learn(session: Session, derivations: Iterable[Derivation]) -> Known:
    """Return what is known of everything that *derivations* need, after making what is cheap to make."""
    derivations = tuple(derivations)
    _make(session, [output for it in derivations for output in it.inputs])
    return look(session.store, derivations)


def look(store: Store, derivations: Iterable[Derivation]) -> Known:
    """Return what is known of everything that *derivations* need, without making anything."""
    graph = inputs_first(derivations)
    known = store.realised([it.key for it in graph])
    paths: dict[Output, StorePath] = {}
    digests: dict[Output, bytes] = {}
    infos = store.infos(path for outputs in known.values() for path in outputs.values())
    for it in graph:
        found = known.get(it.key, {})
        if not found and all(output in digests for output in it.inputs):
            key = it.action_key(digests.__getitem__)
            found = store.realised([key]).get(key, {})
            infos |= store.infos(found.values())
        for name, path in found.items():
            if name in it.outputs and path in infos:
                paths[it.output(name)] = path
                digests[it.output(name)] = infos[path].digest
        if it.out not in digests and (digest := digest_of(it)) is not None:
            digests[it.out] = digest
    store.hold_if_possible(paths.values())
    return Known(store=store, paths=paths, digests=digests)


def _make(session: Session, outputs: list[Output]) -> None:
    """Make what *outputs* need and is cheap, as long as its inputs are known."""
    store = session.store
    tried: set[Derivation] = set()
    while True:
        todo = [
            it.derivation
            for it in forecast(plan(outputs, store.realised), store)
            if it.derivation not in tried and not it.unknown
            if it.fate is Fate.REUSED or it.derivation.builder in CHEAP
        ]
        if not todo:
            return
        tried.update(todo)
        try:
            realise(session, [it.output(name) for it in todo for name in it.outputs], offline=True, keep_going=True)
        except Error as error:
            warn(str(error))
