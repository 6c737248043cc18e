"""What has to be built and what is there: a question of keys, answered before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from derivations.derivation import Derivation, Output
    from store.path import StorePath

    Lookup = Callable[[list[bytes]], Mapping[bytes, Mapping[str, StorePath]]]


@attrs.frozen
class Plan:
    """How to get what is wanted.

    Attributes:
        build: What has to be built, inputs before what uses them.
        present: What is there already, of what is wanted or used in a build.
    """

    build: tuple[Derivation, ...]
    present: Mapping[Output, StorePath]


def plan(targets: Iterable[Output], realised: Lookup) -> Plan:
    """Return how to get *targets*; *realised* returns the known results of keys, by output.

    The inputs of what is there are never asked about: they may have been collected.
    """
    build: dict[Derivation, None] = {}
    present: dict[Output, StorePath] = {}
    known: dict[Derivation, Mapping[str, StorePath]] = {}
    targets = tuple(targets)
    generation = dict.fromkeys(targets)
    seen = set(generation)
    while generation:
        unknown = {output.derivation: None for output in generation if output.derivation not in known}
        found = realised([derivation.key for derivation in unknown])
        known.update({derivation: found.get(derivation.key, {}) for derivation in unknown})
        following: dict[Output, None] = {}
        for output in generation:
            path = known[output.derivation].get(output.name)
            if path is not None:
                present[output] = path
            elif output.derivation not in build:
                build[output.derivation] = None
                following.update(dict.fromkeys(output.derivation.inputs))
        generation = {output: None for output in following if output not in seen}
        seen.update(generation)
    return Plan(_inputs_first(targets, build), present)


def _inputs_first(targets: tuple[Output, ...], build: Mapping[Derivation, None]) -> tuple[Derivation, ...]:
    """Return the members of *build*, each after those of its inputs that are members."""
    order: dict[Derivation, None] = {}
    open_: set[Derivation] = set()
    stack = [target.derivation for target in reversed(targets)]
    while stack:
        derivation = stack[-1]
        if derivation in order or derivation not in build:
            stack.pop()
        elif derivation in open_:
            order[stack.pop()] = None
        else:
            open_.add(derivation)
            stack += [output.derivation for output in reversed(derivation.inputs)]
    return tuple(order)
