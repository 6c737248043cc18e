"""References as a value in an object's row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from store.records.packed_ids import pack, unpack


@given(ids=st.lists(st.integers(1, 2**63 - 1)))
def test_ids_come_back(ids: list[int]) -> None:
    """Whatever SQLite may give for an id comes back, in order."""
    assert tuple(ids) == unpack(pack(ids))


def test_form() -> None:
    """An id takes eight bytes, the lowest first, on any machine."""
    assert pack([1, 258]) == b"\1\0\0\0\0\0\0\0\2\1\0\0\0\0\0\0"
