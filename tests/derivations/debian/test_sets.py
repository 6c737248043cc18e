"""Tests of derivations.debian.sets."""

from __future__ import annotations

import posixpath

import pytest

from derivations.debian.sets import SETS, UnknownSet, default_sets, package_set


@pytest.mark.parametrize("name", SETS)
def test_no_package_is_both_requested_and_excluded(name: str) -> None:
    """No set requests a package that it also excludes."""
    definition = SETS[name]
    assert definition.packages
    assert set() == set(definition.packages) & set(definition.without)


@pytest.mark.parametrize("name", SETS)
def test_links_stay_inside(name: str) -> None:
    """Links are relative paths below the root, and their targets are in the same directory."""
    for place, target in SETS[name].links.items():
        assert place == posixpath.normpath(place)
        assert not place.startswith(("/", ".."))
        assert target == posixpath.basename(target)


@pytest.mark.parametrize("architecture", ["amd64", "arm64", "riscv64", "s390x"])
def test_default_sets_exist(architecture: str) -> None:
    """The sets in a new lock exist, on every machine."""
    assert {"busybox", "gcc"} < set(default_sets(architecture)) < set(SETS)


def test_unknown_set() -> None:
    """An unknown set is an error that suggests similar names."""
    with pytest.raises(UnknownSet) as caught:
        package_set("gcc-aarch46")
    assert caught.value.args == ("gcc-aarch46", tuple(SETS))
    assert "`gcc-aarch64`" in caught.value.hint


@pytest.mark.parametrize("name", ["vpoll-dkms", "evdi-dkms", "tp-smapi-dkms"])
def test_sources_of_modules(name: str) -> None:
    """Every `*-dkms` package is a set of just that package."""
    found = package_set(name)
    assert (found.packages, found.closure, found.optional) == ((name,), False, True)


@pytest.mark.parametrize("name", ["-dkms", "dkms", "Evdi-dkms", "evdi-dkms-x", "../a-dkms"])
def test_no_source_of_modules(name: str) -> None:
    """An invalid package name is not a set."""
    with pytest.raises(UnknownSet):
        package_set(name)
