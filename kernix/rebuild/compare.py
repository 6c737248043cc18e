"""Compare two derivations by the content of their inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from kernix.rebuild import inputs, recipe
from kernix.rebuild.parts import Change, Comparison, Ignored, Kind, Part


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.derivation import Derivation, Output
    from kernix.rebuild.known import Known


_ROLES = {
    "/": "toolchain",
    "/base": "base configuration",
    "/config": "configuration",
    "/kernel": "kernel",
    "/src": "source",
    "/tree": "source",
}
"""What users call the mounts of the derivations that kernix itself makes."""


def compare(old: Derivation, new: Derivation, known: Known) -> Comparison:
    """Return what differs from *old* to *new*, in which the content of inputs counts as far as it is *known*."""
    return _compare(old, new, known, set())


def _compare(old: Derivation, new: Derivation, known: Known, seen: set[tuple[Output, Output]]) -> Comparison:
    """Compare as `compare` does; inputs that have been *seen* are not explained again."""
    parts: list[Part] = recipe.parts(old, new)
    same, ignored = [], _Ignored()
    for place in dict.fromkeys([*new.mounts, *old.mounts]):
        before, after = old.mounts.get(place), new.mounts.get(place)
        title = _title(place, after or before)
        if before is None or after is None:
            parts.append(inputs.one_sided(title, before, after))
        elif known.are_same(before, after):
            same.append(title)
            ignored.add(before.derivation, after.derivation)
        else:
            part = inputs.explain(title, before, after, known)
            if part.kind is Kind.INPUT and (before, after) not in seen:
                seen.add((before, after))
                part = attrs.evolve(part, parts=_inner(before, after, known, seen))
            parts.append(part)
    return Comparison(tuple(parts), ignored.found(), (*recipe.same(old, new), *dict.fromkeys(same)))


def _inner(old: Output, new: Output, known: Known, seen: set[tuple[Output, Output]]) -> tuple[Part, ...]:
    """Return what differs in the derivations of two outputs."""
    found = _compare(old.derivation, new.derivation, known, seen).parts
    if found or old.name == new.name:
        return found
    return (Part(kind=Kind.ATTRIBUTES, title="recipe", changes=(Change("output", old.name, new.name),)),)


def _title(place: str, output: Output | None) -> str:
    if place in _ROLES and (output is None or place != "/" or inputs.is_root(output)):
        return _ROLES[place]
    return place if output is None else output.derivation.name


class _Ignored:
    """The derivations that differ below inputs that are the same."""

    def __init__(self) -> None:
        self._seen: set[tuple[bytes, bytes]] = set()
        self._found: dict[str, dict[str, None]] = {}

    def add(self, old: Derivation, new: Derivation) -> None:
        pending = [(old, new)]
        while pending:
            before, after = pending.pop()
            if before == after or (before.key, after.key) in self._seen:
                continue
            self._seen.add((before.key, after.key))
            if what := list(_differing(before, after)):
                self._found.setdefault(after.name, {}).update(dict.fromkeys(what))
            places = before.mounts.keys() & after.mounts.keys()
            pending += [(before.mounts[it].derivation, after.mounts[it].derivation) for it in sorted(places)]

    def found(self) -> tuple[Ignored, ...]:
        return tuple(Ignored(name, tuple(what)) for name, what in sorted(self._found.items()))


def _differing(old: Derivation, new: Derivation) -> Iterator[str]:
    """Yield what differs between two recipes themselves, in words."""
    if old.builder != new.builder:
        is_patched = any(it.derivation.builder == "builtin:patch" for each in (old, new) for it in each.inputs)
        yield "its patches" if is_patched else "how it is made"
        return
    if old.fixed != new.fixed:
        yield "its hash"
        return
    if old.name != new.name:
        yield "its name"
    if old.args != new.args:
        yield "its arguments"
    words = {"text": "its text", "requests": "what is requested", "patches": "its patches", "origins": ""}
    for name in sorted(old.env.keys() | new.env.keys()):
        if old.env.get(name) != new.env.get(name) and (word := words.get(name, f"its `{name}`")):
            yield word
    if (
        old.mounts.keys() != new.mounts.keys()
        or [it.name for it in old.mounts.values()] != [it.name for it in new.mounts.values()]
        or (
            old.builder == "builtin:union"
            and {it.derivation.name for it in old.mounts.values()} != {it.derivation.name for it in new.mounts.values()}
        )
    ):
        yield "its inputs"
