"""Conditions: the versions and architectures to which a request applies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.kconfig.language.condition import ALWAYS, ARCHITECTURES, Condition, EmptyRange, UnknownArchitecture
from derivations.version import InvalidVersion, Version


if TYPE_CHECKING:
    from store.errors import Error


versions = st.builds(
    Version,
    st.integers(4, 6),
    st.integers(0, 3),
    st.none() | st.integers(0, 2),
    st.sampled_from(["", "-rc1", "-rc3"]),
)
bounds = st.builds(
    lambda it: f"{it.major}.{it.minor}" + (f".{it.patch}" if it.patch is not None else "") + it.candidate, versions
)
architectures = st.sampled_from(["arm64", "i386", "x86_64"])
conditions = st.one_of(
    st.just(ALWAYS),
    st.builds(Condition.at_least, bounds),
    st.builds(Condition.older, bounds),
    st.builds(Condition.on, st.lists(architectures, min_size=1)),
    st.builds(
        lambda a, b, c: Condition.at_least(a) & Condition.older(b) & Condition.on(c), bounds, bounds, architectures
    ),
)


@pytest.mark.parametrize(
    ("bound", "version", "expected"),
    [
        pytest.param("6.7", "6.7", True, id="itself"),
        pytest.param("6.7", "6.7.3", True, id="stable"),
        pytest.param("6.7", "6.7-rc1", True, id="what-a-version-brings-comes-with-its-first-candidate"),
        pytest.param("6.7", "6.6.99", False, id="before"),
        pytest.param("6.7", "6.10", True, id="by-number-and-not-by-letter"),
        pytest.param("6.7", "7.0", True, id="major"),
        pytest.param("6.7-rc3", "6.7-rc2", False, id="earlier-candidate"),
        pytest.param("6.7-rc3", "6.7-rc3", True, id="candidate"),
        pytest.param("6.7-rc3", "6.7", True, id="release-after-candidates"),
        pytest.param("6.1.55", "6.1.54", False, id="stable-before"),
        pytest.param("6.1.55", "6.1.55-custom", True, id="what-a-packager-put-behind"),
        pytest.param("6.1", "6.1.55-custom", True, id="of-the-series"),
    ],
)
def test_bounds(bound: str, version: str, expected: bool) -> None:
    """A version reaches a bound or is older, never both, never neither."""
    assert expected is Condition.at_least(bound).holds(Version.parse(version), "x86_64")
    assert expected is not Condition.older(bound).holds(Version.parse(version), "x86_64")


def test_between() -> None:
    """A range includes its start and excludes its end."""
    condition = Condition.between("5.10", "6.1")

    assert [it for it in ("5.9", "5.10", "6.0", "6.1") if condition.holds(Version.parse(it), "arm64")] == [
        "5.10",
        "6.0",
    ]


def test_architectures() -> None:
    """An architecture, several, or a family."""
    assert Condition.on("x86") == Condition.on(["i386", "x86_64"])
    assert Condition.on("arm64").holds(Version(6, 1), "arm64")
    assert not Condition.on("arm64").holds(Version(6, 1), "arm")


@given(conditions, conditions, versions, architectures)
def test_both(one: Condition, other: Condition, version: Version, architecture: str) -> None:
    """The conjunction of two conditions holds exactly where both do."""
    each = one.holds(version, architecture) and other.holds(version, architecture)

    assert each is (one & other).holds(version, architecture)
    assert one & other == other & one
    assert one & one == one & ALWAYS == one


@given(conditions, conditions, versions, architectures)
def test_without(one: Condition, other: Condition, version: Version, architecture: str) -> None:
    """The difference of two conditions holds exactly where the first does and the second does not."""
    left = any(it.holds(version, architecture) for it in one.without(other))

    assert left is (one.holds(version, architecture) and not other.holds(version, architecture))


@given(conditions, versions, architectures)
def test_empty_conditions_hold_nowhere(condition: Condition, version: Version, architecture: str) -> None:
    """An empty condition holds for no kernel."""
    assert not (condition.is_empty and condition.holds(version, architecture))


def test_what_is_empty() -> None:
    """Bounds in the wrong order and disjoint architectures make a condition empty."""
    assert (Condition.at_least("6.7") & Condition.older("6.7")).is_empty
    assert (Condition.on("arm64") & Condition.on("x86")).is_empty
    assert not (Condition.at_least("6.7") & Condition.older("6.8") & Condition.on("arm64")).is_empty


@pytest.mark.parametrize(
    ("make", "arguments", "error", "sentence", "hint"),
    [
        pytest.param(Condition.at_least, ["new"], InvalidVersion, "not a kernel version: 'new'", "versions look like 6.12", id="word"),
        pytest.param(Condition.older, [6.7], InvalidVersion, "not a kernel version: 6.7", 'write "6.7"', id="number"),
        pytest.param(Condition.older, ["6.1-custom"], InvalidVersion, "not a kernel version: '6.1-custom'", "", id="suffix"),
        pytest.param(Condition.older, ["6.6.87.2"], InvalidVersion, "not a kernel version: '6.6.87.2'", "", id="vendor"),
        pytest.param(
            Condition.between, ["6.7", "6.1"], EmptyRange, "no version is at least 6.7 and older than 6.1", "", id="range"
        ),
        pytest.param(Condition.between, ["6.7", "6.7"], EmptyRange, "no version is at least 6.7", "", id="empty-range"),
        pytest.param(
            Condition.on, ["aarch64"], UnknownArchitecture, "unknown architecture 'aarch64'", "the kernel calls it `arm64`", id="gnu"
        ),
        pytest.param(Condition.on, ["amd64"], UnknownArchitecture, "'amd64'", "the kernel calls it `x86_64`", id="debian"),
        pytest.param(Condition.on, ["x86_64-linux"], UnknownArchitecture, "", "the kernel calls it `x86_64`", id="system"),
        pytest.param(Condition.on, ["x86-64"], UnknownArchitecture, "", "did you mean `x86_64`", id="misspelled"),
        pytest.param(Condition.on, ["arm64,x86"], UnknownArchitecture, "", "did you mean `arm64`", id="several-in-a-text"),
        pytest.param(Condition.on, [["arm64", 3]], UnknownArchitecture, "unknown architecture 3", "the architectures are", id="3"),
        pytest.param(Condition.on, [[]], UnknownArchitecture, "unknown architecture []", "the architectures are", id="none"),
        pytest.param(Condition.on, [None], UnknownArchitecture, "unknown architecture None", "", id="nothing"),
    ],
)  # fmt: skip
def test_invalid_conditions(make: Any, arguments: list[Any], error: type[Error], sentence: str, hint: str) -> None:  # noqa: ANN401
    """An invalid condition is refused, with a suggestion."""
    with pytest.raises(error) as caught:
        make(*arguments)

    assert sentence in str(caught.value)
    assert hint in (caught.value.hint or "")


def test_every_family_is_known() -> None:
    """Every architecture that kernix builds for has a name."""
    assert {"arm", "arm64", "riscv", "x86_64"} <= ARCHITECTURES
