"""Combining plans."""

from __future__ import annotations

import pytest

from derivations.kconfig.diagnosis.plan import (
    NOTHING,
    DeadEnd,
    Found,
    PlanStep,
    SettingPlan,
    best,
    both,
    cheapest,
    every,
)
from derivations.kconfig.symbols.expression import Level


A, B = SettingPlan({"A": PlanStep(Level.Y, 4)}), SettingPlan({"B": PlanStep(Level.Y, 10)})
NOT_A = SettingPlan({"A": PlanStep(Level.N, 20)})
END = DeadEnd(("C is requested as n",))


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        pytest.param(A, B, SettingPlan({"A": PlanStep(Level.Y, 4), "B": PlanStep(Level.Y, 10)}), id="different"),
        pytest.param(A, NOTHING, A, id="nothing-more"),
        pytest.param(SettingPlan({"A": PlanStep(Level.M, 9)}), A, A, id="the-higher-level-at-the-lower-price"),
        pytest.param(A, NOT_A, DeadEnd(("A would have to be both on and off",)), id="contradiction"),
        pytest.param(A, END, END, id="dead-end"),
    ],
)
def test_both(first: Found, second: Found, together: Found) -> None:
    """Two plans combine to one that sets what each sets, unless they conflict."""
    assert together == both(first, second) == both(second, first)


def test_the_cheapest() -> None:
    """The cheapest plan wins; if there are only dead ends, each obstacle is reported once."""
    other = DeadEnd(("D must not be enabled",))

    assert A == best([B, END, A])
    assert DeadEnd((*END.obstacles, *other.obstacles)) == best([END, other, END])


def test_searches_end_early() -> None:
    """A search stops at a dead end if all plans are needed, and at a free plan if one is enough."""
    searched: list[str] = []

    def search(name: str, found: Found) -> Found:
        searched.append(name)
        return found

    assert END == every(lambda it=it: search(*it) for it in (("a", A), ("end", END), ("b", B)))  # type: ignore[misc]
    assert NOTHING == cheapest(lambda it=it: search(*it) for it in (("c", A), ("nothing", NOTHING), ("d", B)))  # type: ignore[misc]
    assert ["a", "end", "c", "nothing"] == searched
