"""Tests of derivations.linux.releases and .pins: the releases to pin, given announcements and signed checksums."""

from __future__ import annotations

import json

from typing import Any

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.linux.pins import InvalidPins, Release, dump_pins, parse_pins
from derivations.linux.releases import (
    Announced,
    ContradictorySums,
    InvalidAnnouncement,
    changes,
    newer,
    parse_announcement,
    parse_sums,
    updated,
)


A, B = "a" * 64, "b" * 64


def entry(version: str, moniker: str = "stable", *, eol: bool = False) -> dict[str, Any]:
    """Return a release in the form of `releases.json`."""
    return {
        "iseol": eol,
        "version": version,
        "moniker": moniker,
        "source": f"https://cdn.kernel.org/pub/linux/kernel/v6.x/linux-{version}.tar.xz",
        "pgp": f"https://cdn.kernel.org/pub/linux/kernel/v6.x/linux-{version}.tar.sign",
        "released": {"timestamp": 1763000000, "isodate": "2025-11-13"},
        "gitweb": None, "changelog": None, "diffview": None, "patch": {"full": None, "incremental": None},
    }  # fmt: skip


def announce(*entries: dict[str, Any]) -> tuple[Announced, ...]:
    return parse_announcement(json.dumps({"latest_stable": {"version": "6.18.5"}, "releases": entries}))


def pin(version: str, *, longterm: bool = False, end_of_life: bool = False) -> Release:
    return Release(version=version, sha256=B, longterm=longterm, end_of_life=end_of_life)


def test_a_newer_version() -> None:
    """A newer version of a pinned series replaces it, with the hash from the sums."""
    new, missing = updated({"6.12": pin("6.12.9")}, announce(entry("6.12.10", "longterm")), {"6.12.10": A})

    assert new == {"6.12": Release(version="6.12.10", sha256=A, longterm=True)}
    assert missing == ()


def test_a_new_series() -> None:
    """A maintained series that is not pinned is added; one that is no longer maintained is not."""
    announced = announce(entry("6.19", "mainline"), entry("6.17.9", eol=True))
    new, missing = updated({}, announced, {"6.19": A, "6.17.9": A})

    assert new == {"6.19": Release(version="6.19", sha256=A, longterm=False)}
    assert missing == ()


def test_the_newest_of_a_series() -> None:
    """Of several announced versions of a series, the newest is pinned."""
    announced = announce(entry("6.18.9"), entry("6.18.10"), entry("6.18.8"))

    assert updated({}, announced, {"6.18.9": A, "6.18.10": B})[0]["6.18"].version == "6.18.10"


def test_never_back() -> None:
    """A version older than the pin is never pinned."""
    pins = {"6.12": pin("6.12.10", longterm=True)}

    assert updated(pins, announce(entry("6.12.9", "longterm")), {"6.12.9": A}) == (pins, ())


@pytest.mark.parametrize(
    "announced",
    [
        pytest.param((entry("6.17.1", eol=True), entry("6.18.1")), id="announced"),
        pytest.param((entry("6.18.1"),), id="not-announced"),
    ],
)
def test_end_of_life(announced: tuple[dict[str, Any], ...]) -> None:
    """A series at its end of life is marked, stays pinned, and stays longterm if it was."""
    new, _ = updated({"6.17": pin("6.17.1", longterm=True)}, announce(*announced), {"6.18.1": A})

    assert new["6.17"] == pin("6.17.1", longterm=True, end_of_life=True)


def test_a_last_version() -> None:
    """The last version of a series that ends with it is pinned and marked at once."""
    new, _ = updated({"6.17": pin("6.17.1")}, announce(entry("6.17.2", eol=True)), {"6.17.2": A})

    assert new["6.17"] == Release(version="6.17.2", sha256=A, longterm=False, end_of_life=True)


def test_becoming_longterm() -> None:
    """A pinned version may become longterm, and maintained again, without changing."""
    new, _ = updated({"6.18": pin("6.18.1", end_of_life=True)}, announce(entry("6.18.1", "longterm")), {})

    assert new == {"6.18": pin("6.18.1", longterm=True)}


def test_what_no_sums_have() -> None:
    """A version without a signed hash is reported, and its series is unchanged."""
    pins = {"6.3": pin("6.3")}
    new, missing = updated(pins, announce(entry("6.3.1"), entry("6.4")), {"6.3": A, "6.4": A})

    assert missing == ("6.3.1",)
    assert new == {**pins, "6.4": Release(version="6.4", sha256=A, longterm=False)}


def test_candidates_are_not_in_sums() -> None:
    """A newer release candidate is found, but not pinned, because its archive is not signed."""
    pins = {"testing": pin("6.19-rc4")}
    announced = announce(entry("6.19-rc5", "mainline"), entry("next-20251113", "linux-next"))

    assert list(newer(announced, pins)) == ["testing"]
    assert updated(pins, announced, {}) == (pins, ())
    assert "/t/linux-6.19-rc5.tar.gz" in announced[0].pinned(A).url


def test_changes() -> None:
    """Changes are listed with the old and the new release, the newest first."""
    old = {"6.1": pin("6.1.1"), "6.12": pin("6.12.1")}
    new = {"6.1": pin("6.1.2"), "6.12": pin("6.12.1"), "6.18": pin("6.18")}

    assert [(it.series, it.old, it.new) for it in changes(old, new)] == [
        ("6.18", None, new["6.18"]),
        ("6.1", old["6.1"], new["6.1"]),
    ]


def test_sums() -> None:
    """Only the archives of kernels are read from a list of checksums, and only complete lines in the form of sha256sum."""
    lines = [
        f"{A}  linux-6.12.64.tar.xz", f"{B}  linux-6.12.tar.xz", f"{A}  linux-6.12.64.tar.gz", f"{A}  patch-6.12.64.xz",
        f"{A}  ChangeLog-6.12.64", f"{A[1:]}  linux-6.12.65.tar.xz", f"{A} *linux-6.12.66.tar.xz", f" {A}  linux-6.12.67.tar.xz",
        f"{A}  linux-6.12.68.tar.xz trailing", f"{A.upper()}  linux-6.12.69.tar.xz",
    ]  # fmt: skip

    assert parse_sums("\n".join(lines)) == {"6.12.64": A, "6.12": B}


def test_contradictory_sums() -> None:
    """Two different hashes for an archive are an error; the same one twice is not."""
    line = f"{A}  linux-6.12.64.tar.xz\n"

    assert parse_sums(line * 2) == {"6.12.64": A}
    with pytest.raises(ContradictorySums, match=r"two different ones for Linux 6\.12\.64"):
        parse_sums(line + line.replace(A, B))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("<html>", id="html"),
        pytest.param("[]", id="list"),
        pytest.param("{}", id="no-releases"),
        pytest.param('{"releases": []}', id="none"),
        pytest.param('{"releases": [{"moniker": "stable"}]}', id="no-version"),
        pytest.param(json.dumps({"releases": [entry("6.x")]}), id="no-number"),
        pytest.param(json.dumps({"releases": [{**entry("6.1"), "iseol": "no"}]}), id="text-for-truth"),
        pytest.param(json.dumps({"releases": [3]}), id="number"),
    ],
)
def test_invalid_announcements(text: str) -> None:
    """A text that is not a releases.json is rejected with an error of ours."""
    with pytest.raises(InvalidAnnouncement, match=r"^not kernel.org's list of releases: "):
        parse_announcement(text)


RELEASES = st.builds(
    Release,
    version=st.builds("{}.{}.{}".format, *[st.integers(0, 999)] * 3),
    sha256=st.just(A),
    longterm=st.booleans(),
    end_of_life=st.booleans(),
)


@given(st.dictionaries(st.sampled_from(["6.1", "6.12", "5.10", "testing"]), RELEASES))
def test_round_trip(pins: dict[str, Release]) -> None:
    """Pins are read back unchanged."""
    assert pins == parse_pins(dump_pins(pins))


def test_damaged_pins_are_named() -> None:
    """The error names the file."""
    with pytest.raises(InvalidPins, match=r"^mine\.json: "):
        parse_pins("[", "mine.json")
