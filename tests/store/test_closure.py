"""Closures: on named graphs, and against a plain definition on random ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from store.closure import UnknownReference, closure, closure_sizes, topological, why_depends
from store.path import StorePath


if TYPE_CHECKING:
    from collections.abc import Mapping


Graph = dict[StorePath, tuple[StorePath, ...]]


def _path(number: int) -> StorePath:
    return StorePath(f"{number:032d}", "x")


def _graph(edges: Mapping[int, tuple[int, ...]]) -> Graph:
    return {_path(node): tuple(map(_path, targets)) for node, targets in edges.items()}


def _lookup(graph: Graph, paths: set[StorePath]) -> Graph:
    return {path: graph[path] for path in paths if path in graph}


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Return an acyclic graph whose nodes refer to smaller ones, in random order."""
    count = draw(st.integers(1, 9))
    edges = {node: tuple(sorted(draw(st.sets(st.integers(0, node - 1))))) if node else () for node in range(count)}
    return dict(draw(st.permutations(sorted(_graph(edges).items()))))


DIAMOND = _graph({0: (), 1: (0,), 2: (0,), 3: (1, 2), 4: ()})


def test_closure_is_what_is_reachable() -> None:
    """A closure has its start, everything that it needs, and nothing else; missing paths are skipped."""
    found = closure([_path(3), _path(99)], lambda paths: _lookup(DIAMOND, paths))
    assert {_path(0), _path(1), _path(2), _path(3)} == found.keys()
    assert (_path(1), _path(2)) == found[_path(3)]


def test_unknown_reference() -> None:
    """A graph that is not closed is an error, which names the missing object."""
    with pytest.raises(UnknownReference) as caught:
        closure([_path(3)], lambda paths: _lookup(_graph({3: (1, 2), 1: ()}), paths))
    assert _path(2) == caught.value.path


def test_one_lookup_per_generation() -> None:
    """The lookup is called once per step away from the start."""
    asked: list[int] = []

    def lookup(paths: set[StorePath]) -> Graph:
        asked.append(len(paths))
        return _lookup(DIAMOND, paths)

    closure([_path(3)], lookup)
    assert asked == [1, 2, 1]


@given(graphs())
def test_references_come_first(graph: Graph) -> None:
    """In topological order, each node appears once, after everything that it refers to."""
    order = topological(graph)
    assert sorted(graph) == sorted(order)
    assert all(order.index(reference) < order.index(path) for path in graph for reference in graph[path])


@given(graphs())
def test_order_is_canonical(graph: Graph) -> None:
    """Topological order does not depend on the order of the input."""
    assert topological(dict(sorted(graph.items()))) == topological(graph)


def test_deep_chain() -> None:
    """A chain of ten thousand references does not exceed the recursion limit."""
    chain = _graph({i: (i - 1,) if i else () for i in range(10_000)})
    assert [_path(i) for i in range(10_000)] == topological(chain)
    assert closure_sizes(chain, dict.fromkeys(chain, 1))[_path(9_999)] == 10_000


def test_all_shortest_chains() -> None:
    """why_depends returns every shortest chain of references."""
    chains = why_depends(_path(3), _path(0), lambda paths: _lookup(DIAMOND, paths))
    assert [[_path(3), _path(1), _path(0)], [_path(3), _path(2), _path(0)]] == sorted(chains)


def test_no_chain() -> None:
    """There is no chain to an object that is not needed."""
    assert why_depends(_path(3), _path(4), lambda paths: _lookup(DIAMOND, paths)) == []


def test_chain_to_itself() -> None:
    """The chain from an object to itself has no steps."""
    assert [[_path(3)]] == why_depends(_path(3), _path(3), lambda paths: _lookup(DIAMOND, paths))


@given(graphs())
def test_sizes_are_sums_over_closures(graph: Graph) -> None:
    """A closure's size counts each object once."""
    sizes = {path: 1 << i for i, path in enumerate(sorted(graph))}
    expected = {path: sum(sizes[p] for p in closure([path], lambda ps: _lookup(graph, ps))) for path in graph}
    assert expected == closure_sizes(graph, sizes)
