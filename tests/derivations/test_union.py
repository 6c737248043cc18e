"""Tests for derivations.union."""

from __future__ import annotations

import pytest

from derivations.derivation import InvalidDerivation
from derivations.source import text_file
from derivations.union import USR_MERGE, UnionLayout, union


A, B = text_file("a", "1"), text_file("b", "2")


def test_inputs_are_mounted_in_order() -> None:
    """The inputs are mounted at numbered places."""
    assert {"/0000": A.out, "/0001": B.out} == dict(union("x", [A, B.out]).mounts)


def test_ten_thousand_inputs_stay_in_order() -> None:
    """The mount points are in the order of the inputs, even if there are many."""
    assert list(union("x", [A, B] * 5001).mounts)[1] == "/00001"


def test_layouts_are_canonical() -> None:
    """Equivalent layouts give the same derivation, regardless of order."""
    one = UnionLayout(
        links={"b": "c", "a": "b"}, exclude=["y", "x", "x"], merge=dict(reversed(list(USR_MERGE.items())))
    )
    two = UnionLayout(links={"a": "b", "b": "c"}, exclude=["x", "y"], merge=USR_MERGE)
    assert union("x", [A], one).key == union("x", [A], two).key


def test_an_empty_layout_sets_no_variables() -> None:
    """Defaults are not in the environment."""
    assert dict(union("x", [A]).env) == {}


def test_the_handling_of_conflicts_is_part_of_the_key() -> None:
    """Letting the last input win is another derivation."""
    assert dict(union("x", [A], conflicts="last").env) == {"conflicts": "last"}


@pytest.mark.parametrize("given", ["x", 3, None, [3], ["x"]], ids=repr)
def test_invalid_inputs(given: object) -> None:
    """Inputs that are not a list of derivations are rejected."""
    with pytest.raises(InvalidDerivation):
        union("u", given)  # type: ignore[arg-type]
