"""Closures of references: what an object needs, in which order, and why.

Every function takes a *lookup*, which maps a set of paths to the references of those that
exist, so that one query covers a whole generation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from store.path import StorePath

    Lookup = Callable[[set[StorePath]], Mapping[StorePath, Iterable[StorePath]]]


class UnknownReference(Error):
    """An object refers to an unknown one; an intact database rules that out."""

    path: StorePath

    def __str__(self) -> str:
        return f"the database has no row for {self.path}, although other objects refer to it"

    @property
    def hint(self) -> str:
        """Return the command that rebuilds the database."""
        return "`kernix verify --rebuild` rebuilds the database from the journal and the objects"


def closure(paths: Iterable[StorePath], references: Lookup) -> dict[StorePath, tuple[StorePath, ...]]:
    """Return those of *paths* that exist and everything they refer to, directly or not, each with its references.

    Raises:
        UnknownReference: an object refers to one that does not exist.
    """
    found: dict[StorePath, tuple[StorePath, ...]] = {}
    asked = generation = set(paths)
    while generation:
        found.update((path, tuple(sorted(refs))) for path, refs in references(generation).items())
        if generation is not asked and (unknown := generation - found.keys()):
            raise UnknownReference(min(unknown))
        generation = {reference for path in generation if path in found for reference in found[path]} - found.keys()
    return found


def topological(graph: Mapping[StorePath, Iterable[StorePath]]) -> list[StorePath]:
    """Return the nodes of *graph*, references before their referrers, ties by name."""
    order: list[StorePath] = []
    placed: set[StorePath] = set()
    for root in sorted(graph):
        stack = [(root, iter(sorted(graph[root])))] if root not in placed else []
        placed.add(root)
        while stack:
            path, rest = stack[-1]
            child = next((each for each in rest if each in graph and each not in placed), None)
            if child is None:
                order.append(path)
                stack.pop()
            else:
                placed.add(child)
                stack.append((child, iter(sorted(graph[child]))))
    return order


def why_depends(source: StorePath, target: StorePath, references: Lookup) -> list[list[StorePath]]:
    """Return every shortest chain of references from *source* to *target*; an empty list if there is none."""
    parents: dict[StorePath, list[StorePath]] = {source: []}
    generation = {source}
    while generation and target not in parents:
        following: dict[StorePath, list[StorePath]] = {}
        for path, refs in sorted(references(generation).items()):
            for reference in sorted(refs):
                if reference not in parents:
                    following.setdefault(reference, []).append(path)
        parents.update(following)
        generation = set(following)
    return _chains(target, parents) if target in parents else []


def closure_sizes(
    graph: Mapping[StorePath, Iterable[StorePath]], sizes: Mapping[StorePath, int]
) -> dict[StorePath, int]:
    """Return, for each node of the closed *graph*, the total of *sizes* over its closure, itself included."""
    number = {path: i for i, path in enumerate(topological(graph))}
    weights = [sizes[path] for path in number]
    needed: list[int] = []  # bit sets, one per node; a node needs only nodes with smaller numbers
    result: dict[StorePath, int] = {}
    for path, i in number.items():
        bits = 1 << i
        for reference in graph[path]:
            bits |= needed[number[reference]]
        needed.append(bits)
        # Most of the closure is usually that of the largest reference, which has been weighed already.
        largest = max(graph[path], key=result.__getitem__, default=None)
        if largest is not None:
            bits &= ~needed[number[largest]]
        result[path] = _weigh(bits, weights) + (result[largest] if largest is not None else 0)
    return result


def _weigh(bits: int, weights: list[int]) -> int:
    digits = bin(bits)[:1:-1]
    total = 0
    position = digits.find("1")
    while position >= 0:
        total += weights[position]
        position = digits.find("1", position + 1)
    return total


def _chains(target: StorePath, parents: Mapping[StorePath, list[StorePath]]) -> list[list[StorePath]]:
    chains = [[target]]
    while any(parents[chain[0]] for chain in chains):
        chains = [[parent, *chain] for chain in chains for parent in parents[chain[0]]]
    return chains
