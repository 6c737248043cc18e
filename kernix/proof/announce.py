"""Say in a build that a result which it has met was refuted meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.realise.proof.refuted import take, unread
from kernix.output.messages import warn
from kernix.output.printable import one_line


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from derivations.derivation import Derivation, Output
    from store.layout import Layout
    from store.path import StorePath


def announce(layout: Layout, places: Mapping[Output, Path]) -> None:
    """Warn of each refutation, once, that concerns the outputs at *places*: theirs, an input's, or what they came from."""
    if not (found := unread(layout)):
        return
    keys = {it.key.hex() for it in _all_of(output.derivation for output in places)}
    names = {place.name for place in places.values()}
    for it in found:
        if (it.key in keys or not names.isdisjoint(map(str, it.spoilt))) and take(layout, it):
            warn("\n".join(sentences(it.name, it.withdrawn, it.spoilt, lambda path: layout.objects / str(path))))


def sentences(
    name: str, withdrawn: Sequence[StorePath], spoilt: Sequence[StorePath], place: Callable[[StorePath], object]
) -> Iterator[str]:
    """Yield the lines that report a refutation; *place* returns where an object is."""
    yield f"{name} was built from kept trees, and a clean build came out differently: the clean result has replaced it"
    yield from (f"withdrawn: {one_line(place(it))}" for it in withdrawn)
    yield from (f"built from it, and not built again: {one_line(place(it))}" for it in spoilt)


def _all_of(derivations: Iterable[Derivation]) -> set[Derivation]:
    """Return *derivations* with all that they are built from."""
    found: set[Derivation] = set()
    stack = list(derivations)
    while stack:
        derivation = stack.pop()
        if derivation not in found:
            found.add(derivation)
            stack += (it.derivation for it in derivation.inputs)
    return found
