"""Nix's base-32."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from store import base32


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("1f", "0z", id="one byte"),
        pytest.param("ff" * 5, "z" * 8, id="no bits to spare"),
        pytest.param(
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
            id="SHA-256 of nothing",
        ),
    ],
)
def test_known(data: str, text: str) -> None:
    """The encoding is the same as Nix's."""
    assert text == base32.encode(bytes.fromhex(data))


@given(st.binary(max_size=40))
def test_round_trip(data: bytes) -> None:
    """Decoding is the inverse of encoding."""
    assert data == base32.decode(base32.encode(data))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("0e", "invalid base-32 character: 'e'", id="not in the alphabet"),
        pytest.param("0Z", "invalid base-32 character: 'Z'", id="upper case"),
        pytest.param("zz", "bits beyond its last byte", id="too many bits"),
    ],
)
def test_invalid(text: str, message: str) -> None:
    """Texts that encode nothing are refused."""
    with pytest.raises(ValueError, match=message):
        base32.decode(text)
