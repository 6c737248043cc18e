"""Tests for derivations.union."""

from __future__ import annotations

import pytest

from derivations.derivation import InvalidDerivation
from derivations.source import text_file
from derivations.union import USR_MERGE, Layout, union


A, B = text_file("a", "1"), text_file("b", "2")


def test_inputs_are_mounted_in_order() -> None:
    """The inputs are mounted at numbers."""
    assert {"/0000": A.out, "/0001": B.out} == dict(union("x", [A, B.out]).mounts)


def test_ten_thousand_inputs_stay_in_order() -> None:
    """However many inputs there are, the order of the mount points is theirs."""
    assert list(union("x", [A, B] * 5001).mounts)[1] == "/00001"


def test_a_layout_is_written_in_one_way() -> None:
    """Layouts that say the same give the same derivation, in whatever order they say it."""
    one = Layout(links={"b": "c", "a": "b"}, exclude=["y", "x", "x"], merge=dict(reversed(list(USR_MERGE.items()))))
    two = Layout(links={"a": "b", "b": "c"}, exclude=["x", "y"], merge=USR_MERGE)
    assert union("x", [A], one).key == union("x", [A], two).key


def test_an_empty_layout_says_nothing() -> None:
    """What is not asked for is not in the environment."""
    assert dict(union("x", [A]).env) == {}


def test_letting_the_last_win_is_another_derivation() -> None:
    """How conflicts end is part of what is built."""
    assert dict(union("x", [A], conflicts="last").env) == {"conflicts": "last"}


@pytest.mark.parametrize("given", ["x", 3, None, [3], ["x"]], ids=repr)
def test_what_is_no_list_of_inputs(given: object) -> None:
    """Inputs that are none are said to be none."""
    with pytest.raises(InvalidDerivation):
        union("u", given)  # type: ignore[arg-type]
