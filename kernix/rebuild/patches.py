"""The patches below a tree, and which of them brings a difference between two trees."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import attrs

from derivations.patching.apply import Rules
from derivations.realise.builtins.patch import commits_at
from kernix.rebuild.parts import Change
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from derivations.derivation import Derivation, Output
    from kernix.rebuild.known import Known


@attrs.frozen
class Applied:
    """A patch in the stack of a tree: its name, how it is applied, its files, and their identities."""

    name: str
    rules: Rules
    sources: tuple[Output, ...]
    identity: tuple[object, ...]


@attrs.frozen
class Stack:
    """A tree as a source with patches applied in order."""

    source: Output
    patches: tuple[Applied, ...]


def stack(tree: Output, known: Known) -> Stack:
    """Return the *tree* taken apart."""
    patches: list[Applied] = []
    while (changes := _changes(tree.derivation)) is not None:
        patches[:0] = _applied(changes, known)
        tree = changes.mounts["/src"]
    return Stack(tree, tuple(patches))


def of_stacks(old: Stack, new: Stack) -> list[Change]:
    """Return the patches that differ."""
    before, after = {it.name: it for it in old.patches}, {it.name: it for it in new.patches}
    found = [Change(name, "applied", None) for name in before if name not in after]
    found += [Change(name, None, "applied") for name in after if name not in before]
    shared = [name for name in after if name in before]
    found += [Change(name, "applied", "changed") for name in shared if before[name].identity != after[name].identity]
    if shared != [name for name in before if name in after]:
        found.append(Change("order", ", ".join(before), ", ".join(after)))
    return found


@attrs.define
class Causes:
    """What brings the differences from one tree to another: patches, or the source."""

    _old: Stack
    _new: Stack
    _known: Known
    _touched: dict[tuple[object, ...], frozenset[str]] = attrs.field(factory=dict, init=False)

    def of(self, path: str) -> tuple[str, ...]:
        """Return what brings the difference of the file *path*."""
        before, after = {it.identity for it in self._old.patches}, {it.identity for it in self._new.patches}
        names = {it.name for it in self._old.patches} & {it.name for it in self._new.patches}
        found = [
            f"patch {it.name}, {'changed' if it.name in names else 'new'}"
            for it in self._new.patches
            if it.identity not in before and path in self._touches(it)
        ]
        found += [
            f"patch {it.name}, removed"
            for it in self._old.patches
            if it.identity not in after and it.name not in names and path in self._touches(it)
        ]
        if self._source_differs(path, certainly=bool(found)):
            sources = [it.source.derivation.name for it in (self._old, self._new)]
            found.append("source" if sources[0] == sources[1] else f"source {sources[0]} -> {sources[1]}")
        if not found and any(path in self._touches(it) for it in self._new.patches):
            found.append("order of the patches")
        return tuple(found)

    def _source_differs(self, path: str, *, certainly: bool) -> bool:
        """Return whether the source brings a difference; if something else does, *certainly*."""
        if self._known.are_same(self._old.source, self._new.source):
            return False
        old, new = (self._known.manifest(it.source) for it in (self._old, self._new))
        if old is None or new is None:
            return not certainly
        return old.entry(path) != new.entry(path)

    def _touches(self, patch: Applied) -> frozenset[str]:
        if patch.identity not in self._touched:
            self._touched[patch.identity] = _touched(patch, self._known)
        return self._touched[patch.identity]


def _changes(tree: Derivation) -> Derivation | None:
    """Return the derivation of the changes, if *tree* is a patched one."""
    if tree.builder != "builtin:union":
        return None
    return next((it.derivation for it in tree.inputs if it.derivation.builder == "builtin:patch"), None)


def _applied(changes: Derivation, known: Known) -> Sequence[Applied]:
    series: list[Mapping[str, object]] = json.loads(changes.env["patches"])
    found = []
    for each in series:
        rules = Rules(**{name: value for name, value in each.items() if name != "places"})  # type: ignore[arg-type]
        sources = tuple(changes.mounts[str(place)] for place in each["places"])  # type: ignore[attr-defined]
        contents = (known.digest(it) or it.derivation.key for it in sources)
        found.append(Applied(rules.name, rules, sources, (attrs.evolve(rules, name=""), *contents)))
    return found


def _touched(patch: Applied, known: Known) -> frozenset[str]:
    """Return the paths that *patch* changes, as far as it can be read."""
    found: set[str] = set()
    for source in patch.sources:
        if (place := known.file(source)) is None:
            continue
        try:
            for commit in commits_at(place, patch.rules, "", lambda _: None):
                found.update(path for it in commit.changes for path in (it.old, it.new))
        except Error:  # the build reports what is wrong with it
            continue
    return frozenset(found)
