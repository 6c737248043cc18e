"""The smallest set of requests with a given result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.kconfig.comparison.minimal_edit import minimal, value_of
from derivations.kconfig.language.values import MODULE, NO, Hex
from derivations.kconfig.symbols.model import Symbol
from derivations.kconfig.symbols.values_table import Values


if TYPE_CHECKING:
    from collections.abc import Sequence

    from derivations.kconfig.language.values import Value


@given(st.sets(st.integers(0, 60)))
def test_exactly_what_is_needed(needed: set[int]) -> None:
    """If each candidate is needed or not on its own, exactly the needed ones are found."""
    assert needed == set(minimal(range(61), needed.issubset))


@given(st.lists(st.sets(st.integers(0, 20), min_size=1), min_size=1, max_size=4))
def test_nothing_is_superfluous(ways: list[set[int]]) -> None:
    """If several sets are enough, the one found has no superfluous element."""

    def enough(chosen: Sequence[int]) -> bool:
        return any(way <= set(chosen) for way in ways)

    found = minimal(range(21), enough)
    assert enough(found)
    assert not [it for it in found if enough([other for other in found if other != it])]


def test_earlier_ones_are_preferred() -> None:
    """Of two interchangeable candidates, the earlier one is taken."""
    assert ["NET"] == minimal(["NET", "INET"], bool)


def test_few_tries() -> None:
    """Finding three needed candidates among a thousand takes dozens of tries, not a thousand."""
    tries = []

    def enough(chosen: Sequence[int]) -> bool:
        tries.append(chosen)
        return {3, 500, 900} <= set(chosen)

    assert [3, 500, 900] == minimal(range(1000), enough)
    assert len(tries) < 80


def test_more_may_not_be_enough() -> None:
    """The result is enough even if a larger set is not."""
    found = minimal(["A", "B", "C"], lambda chosen: set(chosen) in ({"A", "B", "C"}, {"A"}))
    assert found in (["A"], ["A", "B", "C"])


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        pytest.param("tristate", "m", MODULE, id="tristate"),
        pytest.param("bool", "n", NO, id="bool"),
        pytest.param("int", "17", 17, id="int"),
        pytest.param("hex", "0x10", Hex(16), id="hex"),
        pytest.param("string", '"-x', "-x", id="string"),
        pytest.param("string", '"', "", id="empty"),
    ],
)
def test_values_as_requests(type_: str, value: str, expected: Value) -> None:
    """A value becomes a request of the option's type."""
    symbol = Symbol(name="X", type=type_)  # type: ignore[arg-type]  # one of the types
    assert expected == value_of(symbol, Values({"X": f"2 1 {value}"}))
