"""Kernel versions: parsing, order, and releases."""

from __future__ import annotations

import itertools

from typing import Any

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.version import InvalidVersion, Version


VERSIONS = st.from_regex(
    r"[0-9]{1,2}\.[0-9]{1,2}(\.[0-9]{1,2}(\.[0-9a-z]{1,2})?)?(-rc[0-9]{1,2})?([-+][a-z0-9]{1,3})?", fullmatch=True
)

IN_ORDER = [
    "5.10.247", "5.15.197", "6.1", "6.1.0", "6.1.9", "6.1.55", "6.1.55-custom", "6.1.55-debian", "6.12-rc1", "6.12-rc2",
    "6.12-rc10", "6.12", "6.12.1", "6.12.83", "6.12.83.1", "6.12.83.2", "6.12.83.10", "6.12.83.mshv1", "6.12.84", "6.19-rc4",
    "10.0",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "version", "series", "release"),
    [
        pytest.param("6.12", Version(6, 12), "6.12", "6.12.0", id="two-numbers"),
        pytest.param("6.12.0", Version(6, 12, 0), "6.12", "6.12.0", id="three-numbers"),
        pytest.param("6.12.64", Version(6, 12, 64), "6.12", "6.12.64", id="stable"),
        pytest.param("6.19-rc4", Version(6, 19, candidate="-rc4"), "6.19", "6.19.0-rc4", id="candidate"),
        pytest.param("6.1.55-custom", Version(6, 1, 55, suffix="custom"), "6.1", "6.1.55", id="suffix"),
        pytest.param("6.1-rc1-mine", Version(6, 1, candidate="-rc1", suffix="mine"), "6.1", "6.1.0-rc1", id="both"),
        pytest.param("6.6.87.2", Version(6, 6, 87, ".2"), "6.6", "6.6.87.2", id="four-numbers"),
        pytest.param("6.6.130.mshv1", Version(6, 6, 130, ".mshv1"), "6.6", "6.6.130.mshv1", id="azure"),
        pytest.param(
            "5.15.153.1-microsoft-standard-WSL2",
            Version(5, 15, 153, ".1", suffix="microsoft-standard-WSL2"),
            "5.15",
            "5.15.153.1",
            id="wsl",
        ),
        pytest.param("6.10.6+bpo", Version(6, 10, 6, suffix="+bpo"), "6.10", "6.10.6", id="debian-backport"),
        pytest.param("6.19~rc4", Version(6, 19, candidate="-rc4"), "6.19", "6.19.0-rc4", id="debian-candidate"),
        pytest.param(
            "6.12-rc7+", Version(6, 12, candidate="-rc7", suffix="+"), "6.12", "6.12.0-rc7", id="changed-tree"
        ),
        pytest.param("6.8.0-31-generic", Version(6, 8, 0, suffix="31-generic"), "6.8", "6.8.0", id="ubuntu"),
        pytest.param("6.12.0-55.el10", Version(6, 12, 0, suffix="55.el10"), "6.12", "6.12.0", id="red-hat"),
        pytest.param(
            "6.14.0-0.rc3.20250221git27eddbf34490.29.fc43.x86_64",
            Version(6, 14, 0, suffix="0.rc3.20250221git27eddbf34490.29.fc43.x86_64"),
            "6.14",
            "6.14.0",
            id="rawhide",
        ),
        pytest.param("6.12.9-1~bpo12+1", Version(6, 12, 9, suffix="1~bpo12+1"), "6.12", "6.12.9", id="debian-package"),
        pytest.param("5.10.0-13.0.1.an8", Version(5, 10, 0, suffix="13.0.1.an8"), "5.10", "5.10.0", id="anolis"),
        pytest.param("6.11.0_1", Version(6, 11, 0, suffix="_1"), "6.11", "6.11.0", id="void"),
    ],
)
def test_parse(text: str, version: Version, series: str, release: str) -> None:
    """A version is numbers, a release candidate and a suffix; a release always has three numbers."""
    parsed = Version.parse(text)

    assert (version, series, release) == (parsed, parsed.series, parsed.release)


@given(VERSIONS, VERSIONS)
def test_exactly_one_of_three(one: str, other: str) -> None:
    """Of two versions, either they are equal or one of them comes first."""
    a, b = Version.parse(one), Version.parse(other)

    assert [a < b, a == b, a > b].count(True) == 1
    assert (a <= b) is not (a > b)


def test_the_order_is_total() -> None:
    """A candidate precedes its release, and numbers are compared as numbers."""
    versions = [Version.parse(it) for it in IN_ORDER]

    assert all(a < b for a, b in itertools.combinations(versions, 2))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("6", id="one-number"),
        pytest.param("v6.12", id="tag"),
        pytest.param("linux-6.12", id="name"),
        pytest.param("6.12.", id="dot-at-end"),
        pytest.param("6.12.x", id="series"),
        pytest.param("6.12.1..2", id="two-dots"),
        pytest.param("6.12.1.2.3.4.5", id="seven-numbers"),
        pytest.param("6.12-", id="no-suffix"),
        pytest.param("6.12 ", id="space"),
        pytest.param("6.12\n", id="newline"),
        pytest.param("6.12-a/b", id="path"),
        pytest.param("६.१२", id="digits-of-another-script"),
        pytest.param("9" * 5000 + ".1", id="huge"),
        pytest.param("6.12-" + "x" * 100, id="long-suffix"),
        pytest.param(None, id="none"),
    ],
)
def test_invalid_versions(text: Any) -> None:  # noqa: ANN401 -- what a user may write
    """Anything else is rejected, with the accepted forms."""
    with pytest.raises(InvalidVersion) as caught:
        Version.parse(text)

    assert caught.value.text == text
    assert "6.19-rc4" in caught.value.hint


def test_a_number_is_not_a_version() -> None:
    """A number is rejected, since 6.10 and 6.1 are the same number, and the hint shows the string."""
    with pytest.raises(InvalidVersion) as caught:
        Version.parse(6.12)

    assert caught.value.hint == 'a version is a string, not a number: write "6.12"'
