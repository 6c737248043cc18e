"""Compressed configurations."""

from __future__ import annotations

import gzip
import lzma

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.kconfig.language import compressed
from derivations.kconfig.language.compressed import decompressed, is_compressed
from derivations.kconfig.language.fragment import InvalidFragment


@given(st.binary(max_size=200), st.sampled_from([gzip.compress, lzma.compress]))
def test_round_trip(data: bytes, compress: object) -> None:
    """Compressed data is restored, also from several streams in a row."""
    assert callable(compress)
    packed = compress(data)

    assert is_compressed(packed)
    assert data == decompressed(packed, "x")
    assert data + data == decompressed(packed + packed, "x")


def test_what_is_not_compressed() -> None:
    """Uncompressed data is unchanged."""
    assert not is_compressed(b"CONFIG_A=y\n")
    assert b"CONFIG_A=y\n" == decompressed(b"CONFIG_A=y\n", "x")


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
@pytest.mark.parametrize(
    "damage", [lambda it: it[:-5], lambda it: it[:12] + b"\xff" * 8 + it[20:]], ids=["cut", "changed"]
)
def test_damage(compress: object, damage: object) -> None:
    """A truncated or damaged file is an error that names it."""
    assert callable(compress)
    assert callable(damage)
    with pytest.raises(InvalidFragment) as caught:
        decompressed(damage(compress(b"CONFIG_A=y\n" * 99)), "x.gz")

    assert "x.gz" in str(caught.value)


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_a_bomb(compress: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data that is far too large is not decompressed to its end."""
    assert callable(compress)
    monkeypatch.setattr(compressed, "MAX_SIZE", 10_000)

    assert 10_000 == len(decompressed(compress(b" " * 10_000), "x"))
    with pytest.raises(InvalidFragment):
        decompressed(compress(b" " * 10_001), "x")
