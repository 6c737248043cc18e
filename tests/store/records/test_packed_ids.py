"""References packed into one value of an object's row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from store.records.packed_ids import pack, unpack


@given(ids=st.lists(st.integers(1, 2**63 - 1)))
def test_round_trip(ids: list[int]) -> None:
    """Any id that SQLite may give is unpacked, in order."""
    assert tuple(ids) == unpack(pack(ids))


def test_form() -> None:
    """An id takes eight bytes, little-endian, on any machine."""
    assert pack([1, 258]) == b"\1\0\0\0\0\0\0\0\2\1\0\0\0\0\0\0"
