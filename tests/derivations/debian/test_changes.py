"""Tests of derivations.debian.changes."""

from __future__ import annotations

from derivations.debian.changes import Changes, changes
from derivations.debian.lock import Lock, Package
from tests.fakes import fake_package


def lock(*packages: Package) -> Lock:
    """Return a lock of *packages*, each in its own set."""
    return Lock(packages=packages, sets={f"set{i}": [it.identity] for i, it in enumerate(packages)})


BASH = fake_package("bash", version="5.2")
BASH_LATER = fake_package("bash", version="5.3")
DASH = fake_package("dash")
SED = fake_package("sed")


def test_added_removed_upgraded() -> None:
    """A package at another version is an upgrade; others are added or removed."""
    expected = Changes(added=(SED,), removed=(DASH,), upgraded=((BASH, BASH_LATER),))
    assert expected == changes(lock(BASH, DASH), lock(BASH_LATER, SED))


def test_nothing() -> None:
    """A lock that pins the same packages has no changes, whatever its sets are."""
    assert not changes(lock(BASH, SED), lock(SED, BASH))


def test_two_versions() -> None:
    """A second version beside an unchanged one is an addition."""
    assert changes(lock(BASH), lock(BASH, BASH_LATER)) == Changes(added=(BASH_LATER,), removed=(), upgraded=())


def test_architectures_are_apart() -> None:
    """The same package for another architecture is a different package."""
    arm = fake_package("bash", "arm64", "5.3")
    assert changes(lock(BASH), lock(arm)) == Changes(added=(arm,), removed=(BASH,), upgraded=())
