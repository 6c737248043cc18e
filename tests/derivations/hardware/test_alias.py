"""Tests for derivations.hardware.alias."""

from __future__ import annotations

import fnmatch

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.hardware.alias import AliasTable


PATTERNS = [
    "pci:v00008086d00002723sv*sd*bc*sc*i*",
    "pci:v00008086d00004232sv*sd00001201bc*sc*i*",
    "pci:v*d*sv*sd*bc01sc08i02*",
    "pci:v00008086d*sv*sd*bc01sc06i01*",
    "acpi*:PNP0C0A:*",
    "acpi*:0106??:*",
    "of:N*T*Csimple,bus",
    "of:N*T*Csimple,busC*",
    "i2c:lm75",
    "usb:v0BDBp1900d0[0-2]*",
    "usb:v1[!0-8]00p*",
]
TABLE = AliasTable((it, it) for it in PATTERNS)

TEXTS = st.lists(st.sampled_from(["a", "b", "?", "*", ":", "-", "[ab]", "[!a]", "[a-b:]"]), max_size=6).map("".join)


@pytest.mark.parametrize(
    ("modalias", "expected"),
    [
        pytest.param("pci:v00008086d00002723sv00008086sd00000084bc02sc80i00", {PATTERNS[0]}, id="pci"),
        pytest.param("pci:v0000144Dd0000A809sv0000144Dsd0000A801bc01sc08i02", {PATTERNS[2]}, id="pci-class"),
        pytest.param("acpi:LEN0001:PNP0C0A:", {PATTERNS[4]}, id="acpi-second-id"),
        pytest.param("acpi:010601:", {PATTERNS[5]}, id="acpi-class"),
        pytest.param("of:NsocT(null)Csimple,bus", {PATTERNS[6]}, id="of"),
        pytest.param("of:NsocT(null)Csimple,busCother", {PATTERNS[7]}, id="of-first-of-two"),
        pytest.param("of:NsocT(null)CotherCsimple,bus", {PATTERNS[6]}, id="of-second-of-two"),
        pytest.param("i2c:lm75", {PATTERNS[8]}, id="exact"),
        pytest.param("i2c:lm75a", set(), id="longer"),
        pytest.param("", set(), id="nothing"),
        pytest.param("usb:v0BDBp1900d0100", {PATTERNS[9]}, id="one-of-a-set"),
        pytest.param("usb:v0BDBp1900d0300", set(), id="not-in-the-set"),
        pytest.param("usb:v1900p1", {PATTERNS[10]}, id="not-one-of-a-set"),
        pytest.param("usb:v1800p1", set(), id="one-of-the-others"),
    ],
)
def test_what_matches(modalias: str, expected: set[str]) -> None:
    """A modalias finds all patterns that it matches, and these matches are certain."""
    found = TABLE.match(modalias)

    assert expected == {it.pattern for it in found}
    assert all(it.certain for it in found)


def test_unknown_characters_may_match() -> None:
    """A pattern that requires characters that a listing does not show is a possible match."""
    found = TABLE.match("pci:v00008086d00004232sv????????sd????????bc02sc80i??")

    assert [(PATTERNS[1], False)] == [(it.pattern, it.certain) for it in found]


def test_unknown_characters_may_be_in_a_set() -> None:
    """A character that a listing does not show may be one of a set; the match is not certain."""
    assert [(PATTERNS[9], False)] == [(it.pattern, it.certain) for it in TABLE.match("usb:v0BDBp1900d0?00")]


def test_the_most_specific_comes_first() -> None:
    """Certain matches come before possible ones, and more specific patterns before others."""
    table = AliasTable((it, it) for it in ["pci:v*", "pci:v00008086*", "pci:v00008086d0?*"])

    assert ["pci:v00008086d0?*", "pci:v00008086*", "pci:v*"] == [it.value for it in table.match("pci:v00008086d01")]


@given(st.lists(TEXTS, max_size=8), st.text("ab:-", max_size=8))
def test_lookup_is_equivalent_to_matching(patterns: list[str], modalias: str) -> None:
    """Lookup by key finds the same patterns as matching every pattern."""
    table = AliasTable((it, it) for it in patterns)

    assert sorted(it for it in patterns if fnmatch.fnmatchcase(modalias, it)) == sorted(
        it.value for it in table.match(modalias)
    )
