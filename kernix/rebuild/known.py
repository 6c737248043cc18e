"""What is known of the outputs of two graphs of derivations: their contents, as far as that costs only seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.realise.forecast import Contents, Fate, forecast
from derivations.realise.plan import inputs_first, plan
from kernix.building import realise
from kernix.output.messages import warn
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from derivations.derivation import Derivation, Output
    from kernix.session import Session
    from store.local import Store
    from store.trees.manifest import Manifest


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


@attrs.frozen
class Known:
    """What is known of outputs."""

    _store: Store
    _contents: Contents
    _manifests: dict[Output, Manifest | None] = attrs.field(factory=dict, init=False)

    def digest(self, output: Output) -> bytes | None:
        """Return the digest of the content of *output*; None if it is not known."""
        return self._contents.digests.get(output)

    def are_same(self, one: Output, other: Output) -> bool | None:
        """Return whether two outputs have the same content; None if that is not known."""
        if one == other:
            return True
        digests = self.digest(one), self.digest(other)
        return None if None in digests else digests[0] == digests[1]

    def file(self, output: Output) -> Path | None:
        """Return where the content of *output* is; None if it is not in the store."""
        found = self._contents.realised.get(output)
        return None if found is None or found.joined is not None else self._store.path(found.path)

    def manifest(self, output: Output) -> Manifest | None:
        """Return the listing of *output*; None if its content is not in the store."""
        if output not in self._manifests:
            self._manifests[output] = self._contents.manifest(output)
        return self._manifests[output]


def learn(session: Session, derivations: Iterable[Derivation]) -> Known:
    """Return what is known of everything that *derivations* need, after making what is cheap to make."""
    derivations = tuple(derivations)
    _make(session, [output for it in derivations for output in it.inputs])
    return look(session.store, derivations)


def look(store: Store, derivations: Iterable[Derivation]) -> Known:
    """Return what is known of everything that *derivations* need, without making anything."""
    graph = inputs_first(derivations)
    results = store.realised([it.key for it in graph])
    contents = Contents(store)
    contents.add(
        {it.output(name): path for it in graph for name, path in results.get(it.key, {}).items() if name in it.outputs}
    )
    for it in graph:
        if it.out not in contents.digests and all(each in contents.digests for each in it.inputs):
            contents.add({it.output(name): path for name, path in contents.results(it).items()})
        contents.learn(it)
    store.hold_if_possible(path for it in contents.realised.values() for path in it.paths)
    return Known(store, contents)


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
