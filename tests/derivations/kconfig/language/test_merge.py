"""Merging fragments: by priority, never by order; conflicts are errors."""

from __future__ import annotations

import itertools

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.frozen_map import FrozenMap
from derivations.kconfig.language.fragment import Fragment, Request
from derivations.kconfig.language.merge import Contradiction, Merged, ShadowedRequest, merge
from derivations.kconfig.language.values import (
    MODULE,
    NO,
    UNSET,
    YES,
    Asked,
    Priority,
    Value,
    default,
    force,
    optional,
    when_arch,
    when_at_least,
    when_older,
)
from derivations.version import Version
from tests import strategies


def merged(*fragments: dict[str, Asked], version: str = "6.12", arch: str = "x86_64") -> Merged:
    """Return the merged requests of *fragments*, named a, b, …."""
    named = [Fragment("abcdef"[number], options) for number, options in enumerate(fragments)]
    return merge(named, version=Version.parse(version), arch=arch)


def values(*fragments: dict[str, Asked]) -> dict[str, object]:
    """Return the winning values, after checking that the order of *fragments* does not matter."""
    found: list[dict[str, object]] = [
        {name: it.value for name, it in merged(*order).requests.items()} for order in itertools.permutations(fragments)
    ]
    assert all(it == found[0] for it in found)
    return found[0]


def test_nothing_conflicts_with_itself() -> None:
    """Different options are combined, and equal requests are one."""
    assert values({"A": YES, "B": NO}, {"B": NO, "C": 1}) == {"A": YES, "B": NO, "C": 1}


@pytest.mark.parametrize(
    ("fragments", "expected"),
    [
        pytest.param([{"A": YES}, {"A": default(NO)}], {"A": YES}, id="plain-over-default"),
        pytest.param([{"A": force(NO)}, {"A": YES}], {"A": NO}, id="force-over-plain"),
        pytest.param([{"A": force(NO)}, {"A": default(YES)}], {"A": NO}, id="force-over-default"),
        pytest.param([{"A": default(YES)}, {"A": default(NO)}, {"A": 3}], {"A": 3}, id="defaults-that-differ-below"),
        pytest.param([{"A": YES}, {"A": NO}, {"A": force(MODULE)}], {"A": MODULE}, id="plain-ones-that-differ-below"),
        pytest.param([{"A": UNSET}, {"A": default(YES)}], {}, id="unset-over-default"),
        pytest.param([{"A": force(UNSET)}, {"A": YES}, {"B": YES}], {"B": YES}, id="forced-unset"),
        pytest.param([{"A": default(UNSET)}, {"A": YES}], {"A": YES}, id="plain-over-unset"),
        pytest.param([{"A": UNSET}, {"A": UNSET}], {}, id="unset-twice"),
        pytest.param([{"A": when_arch("arm64", NO)}, {"A": YES}], {"A": YES}, id="not-this-architecture"),
        pytest.param([{"A": when_older("6.12", NO)}, {"A": when_at_least("6.12", YES)}], {"A": YES}, id="versions"),
    ],
)
def test_what_wins(fragments: list[dict[str, Asked]], expected: dict[str, object]) -> None:
    """Among the requests that apply, the highest priority wins, in any order."""
    assert values(*fragments) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(optional(YES), optional(YES), True, id="both"),
        pytest.param(optional(YES), YES, False, id="one-must-hold"),
        pytest.param(YES, optional(YES), False, id="the-other-must-hold"),
        pytest.param(force(optional(YES)), YES, True, id="only-what-counts"),
        pytest.param(optional(YES), default(YES), True, id="a-default-does-not-count"),
    ],
)
def test_optional(one: Asked, other: Asked, expected: bool) -> None:
    """The winner is optional only if all requests for its value are."""
    assert merged({"A": one}, {"A": other}).requests["A"].optional is expected


def test_what_is_shadowed() -> None:
    """Losing requests for other values are reported with the winner; equal ones are not shadowed."""
    found = merged(
        {"A": YES, "B": default(1), "C": default(YES)}, {"A": default(YES), "B": 2}, {"A": default(NO), "C": UNSET}
    )
    plain = Priority.PLAIN

    assert found.shadowed == (
        ShadowedRequest("A", Request(NO, priority=Priority.DEFAULT), Request(YES, priority=plain)),
        ShadowedRequest("B", Request(1, priority=Priority.DEFAULT), Request(2, priority=plain)),
        ShadowedRequest("C", Request(YES, priority=Priority.DEFAULT), Request(UNSET, priority=plain)),
    )
    assert [(it.request.origin.fragment, it.by.origin.fragment) for it in found.shadowed] == [
        ("c", "a"),
        ("a", "b"),
        ("a", "c"),
    ]


def test_origins() -> None:
    """Every request for the winning value is known."""
    found = merged({"A": YES}, {"A": optional(YES)}, {"A": default(YES)}, {"B": UNSET})

    assert [it.fragment for it in found.origins["A"]] == ["a", "b"]
    assert list(found.origins) == ["A"]


def test_contradictions() -> None:
    """One error names the option, values, fragments and places of all conflicts, and says what to do."""
    one = Fragment("one", {"KGDB": YES, "A": YES, "BITS": 17})
    two = Fragment("two", {"KGDB": NO, "A": YES, "BITS": 18})
    three = Fragment("three", {"KGDB": UNSET})
    line = test_contradictions.__code__.co_firstlineno + 2
    with pytest.raises(Contradiction) as caught:
        merge([one, two, three], version=Version(6, 12), arch="x86_64")

    assert str(caught.value) == (
        f"conflicting requests:\n  BITS is set to 17 by one, test_merge.py:{line} and to 18 by two, test_merge.py:{line + 1}\n  "
        f"KGDB is set to n by two, test_merge.py:{line + 1} and to UNSET by three, test_merge.py:{line + 2} "
        f"and to y by one, test_merge.py:{line}"
    )
    assert [it.option for it in caught.value.conflicts] == ["BITS", "KGDB"]
    assert '{"BITS": force(17)}' in caught.value.hint


@pytest.mark.parametrize(
    "fragments",
    [
        pytest.param([{"A": YES}, {"A": NO}], id="plain"),
        pytest.param([{"A": optional(YES)}, {"A": NO}], id="optional"),
        pytest.param([{"A": force(YES)}, {"A": force(MODULE)}], id="forced"),
        pytest.param([{"A": default(1)}, {"A": default(2)}], id="defaults"),
        pytest.param([{"A": YES}, {"A": "y"}], id="text-and-switch"),
        pytest.param([{"A": YES}, {"A": UNSET}], id="unset"),
        pytest.param([{"A": [when_at_least("6.1", YES), when_older("6.13", NO)]}], id="in-one-fragment"),
    ],
)
def test_what_conflicts(fragments: list[dict[str, Asked]]) -> None:
    """Different values of one priority conflict in every order."""
    for order in itertools.permutations(fragments):
        with pytest.raises(Contradiction):
            merged(*order)


few = st.sampled_from(["A", "B", "C"])
small: st.SearchStrategy[Value] = st.sampled_from([YES, NO, 1])
FRAGMENTS = st.lists(
    st.builds(
        Fragment, st.sampled_from(["one", "two"]), st.dictionaries(few, strategies.asked_values(small), max_size=3)
    ),
    max_size=4,
)


def outcome(fragments: list[Fragment]) -> object:
    """Return the merged requests of *fragments*, or the options with conflicts."""
    try:
        return merge(fragments, version=Version(6, 6), arch="arm64")
    except Contradiction as error:
        return [(it.option, {request.value for request in it.requests}) for it in error.conflicts]


@given(FRAGMENTS, st.randoms())
def test_order_does_not_matter(fragments: list[Fragment], random: object) -> None:
    """Any order of the fragments gives the same result, conflicts included."""
    shuffled = list(fragments)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert outcome(fragments) == outcome(shuffled)


@given(FRAGMENTS)
def test_twice_is_once(fragments: list[Fragment]) -> None:
    """A fragment given twice has no further effect."""
    once, twice = outcome(fragments), outcome([*fragments, *fragments])

    assert once == twice or (isinstance(once, Merged) and isinstance(twice, Merged) and once.requests == twice.requests)


@given(FRAGMENTS)
def test_merging_is_idempotent(fragments: list[Fragment]) -> None:
    """Merging the merged requests gives the same requests."""
    found = outcome(fragments)
    if isinstance(found, Merged):
        again = merge([Fragment("again", found.requests)], version=Version(6, 6), arch="arm64")
        assert found.requests == again.requests
        assert again.shadowed == ()


def test_lower_requests() -> None:
    """Requests on top win over lower ones, and shadow those with another value."""
    found = merged({"A": YES, "B": NO})
    lower = merged({"A": YES, "B": YES, "C": MODULE}).requests
    over = found.over(lower)
    assert {"A": YES, "B": NO, "C": MODULE} == {name: it.value for name, it in over.requests.items()}
    assert (ShadowedRequest("B", lower["B"], found.requests["B"]),) == over.shadowed
    assert found.over({}) == found


def test_nothing() -> None:
    """No fragments request nothing."""
    assert merge([], version=Version(6, 12), arch="x86_64") == Merged(FrozenMap())
