"""Plan a run: what must be built and what already exists, answered from keys before anything is built."""

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
    """How to obtain the requested outputs.

    Attributes:
        build: The derivations to build, inputs before their users.
        present: The existing results that were requested or that a build uses.
    """

    build: tuple[Derivation, ...]
    present: Mapping[Output, StorePath]


def plan(targets: Iterable[Output], realised: Lookup) -> Plan:
    """Return how to obtain *targets*; *realised* looks up the known results of keys, by output.

    The inputs of an existing result are never looked up: they may have been collected.
    """
    build: dict[Derivation, None] = {}
    present: dict[Output, StorePath] = {}
    targets = tuple(targets)
    generation = dict.fromkeys(targets)
    seen = set(generation)
    while generation:
        found = known_outputs(generation, realised)
        present |= found
        following: dict[Output, None] = {}
        for output in generation:
            if output not in found and output.derivation not in build:
                build[output.derivation] = None
                following.update(dict.fromkeys(output.derivation.inputs))
        generation = {output: None for output in following if output not in seen}
        seen.update(generation)
    order = inputs_first((target.derivation for target in targets), build.__contains__)
    return Plan(tuple(order), present)


def known_outputs(outputs: Iterable[Output], realised: Lookup) -> dict[Output, StorePath]:
    """Return the paths of those of *outputs* that *realised* knows; they may no longer be valid."""
    wanted = tuple(outputs)
    results = realised([*{output.derivation.key: None for output in wanted}])
    found = ((output, results.get(output.derivation.key, {}).get(output.name)) for output in wanted)
    return {output: path for output, path in found if path is not None}


def inputs_first(
    derivations: Iterable[Derivation], counts: Callable[[Derivation], bool] = lambda _: True
) -> list[Derivation]:
    """Return *derivations* and everything they need, as far as each *counts*, inputs before their users."""
    order: dict[Derivation, None] = {}
    open_: set[Derivation] = set()
    stack = [*derivations][::-1]
    while stack:
        derivation = stack[-1]
        if derivation in order or not counts(derivation):
            stack.pop()
        elif derivation in open_:
            order[stack.pop()] = None
        else:
            open_.add(derivation)
            stack += [output.derivation for output in reversed(derivation.inputs)]
    return list(order)
