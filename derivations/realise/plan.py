"""Plan a run: what must be built and what already exists, answered from keys before anything is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from derivations.derivation import Derivation, Output
    from store.path import StorePath

    Lookup = Callable[[list[bytes]], Mapping[bytes, Mapping[str, StorePath]]]


@attrs.frozen
class Plan:
    """How to obtain the requested outputs.

    Attributes:
        build: The derivations to build, inputs before their users.
        present: The existing results that were requested or that a build uses.
        layered: Joins of trees that are not built, since all of their users can see the layers as one tree.
    """

    build: tuple[Derivation, ...]
    present: Mapping[Output, StorePath]
    layered: tuple[Derivation, ...] = ()

    def without_layers(self) -> Plan:
        """Return the plan in which all joins are built."""
        every = inputs_first((*self.layered, *self.build), {*self.layered, *self.build}.__contains__)
        return Plan(tuple(every), self.present)


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
    layered = _layered(order, {target.derivation for target in targets})
    return Plan(tuple(it for it in order if it not in layered), present, tuple(it for it in order if it in layered))


def _layered(build: Sequence[Derivation], targets: Container[Derivation]) -> set[Derivation]:
    """Return the joins in *build* that need not be built: nobody asks for them, and all their users take layers."""
    if not build:
        return set()
    from derivations.union import is_patched  # noqa: PLC0415 -- start-up: usually there is nothing to build

    found = {it for it in build if it not in targets and is_patched(it)}
    for user in build if found else ():
        found -= {output.derivation for place, output in user.mounts.items() if not takes_layers(user, place)}
    return found


def takes_layers(user: Derivation, place: str) -> bool:
    """Return whether what *user* mounts at *place* may be layers instead of one directory."""
    from derivations.realise.builtins.registry import TAKE_VIEWS  # noqa: PLC0415 -- start-up, as above

    if user.is_builtin:
        return user.builder in TAKE_VIEWS
    # bubblewrap cannot make the mount points of others in an overlay that is read-only.
    return place != "/" and not any(it.startswith(f"{place}/") for it in user.mounts)


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
