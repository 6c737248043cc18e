"""What kept trees say about the times of builds."""

from __future__ import annotations

import pytest

from derivations.realise.kept.times import Times, objects_of
from tests.derivations.realise.kept.conftest import about


CLEAN = about(compiled=1000, seconds=210.0)
SMALL = about(compiled=5, seconds=11.0)
OTHER = about(compiled=1000, seconds=900.0, family="other")


def test_large_and_small_builds_tell_apart_compiling_and_the_rest() -> None:
    """A build of everything gives the rate, one of little what is beside it."""
    found = Times.of([SMALL, CLEAN], "f")

    assert found is not None
    assert found.beside == pytest.approx(9.95)
    assert found.seconds(1000) == pytest.approx(210.0)
    assert found.seconds(5) == pytest.approx(11.0, abs=0.1)


def test_only_a_clean_build() -> None:
    """With a clean build alone its time is that of compiling."""
    assert Times.of([CLEAN], "f") == Times(0.21, 0.0)


def test_without_a_large_build_nothing_is_known() -> None:
    """Small builds say too little about the time for an object."""
    assert (Times.of([SMALL], "f"), Times.of([], "f")) == (None, None)


def test_the_family_comes_first() -> None:
    """Builds of the same family count if there are some, else all."""
    assert Times.of([OTHER, CLEAN], "f") == Times(0.21, 0.0)
    assert Times.of([OTHER], "f") == Times(0.9, 0.0)


def test_objects_of_a_name() -> None:
    """The last tree of the same name says how many objects there are."""
    trees = [about(objects=7, name="a"), about(objects=8, name="b"), about(objects=9, name="b")]

    assert [objects_of(trees, name) for name in "abc"] == [7, 8, None]
