"""Profiles: generations, switching between them, and what the collector makes of it."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import pytest

from store import profiles
from store.gc.collect import Policy, collect
from store.gc.roots import roots
from store.profiles import (
    GenerationInUse,
    InvalidProfileName,
    NoEarlierGeneration,
    NoSuchGeneration,
    NoSuchProfile,
    add_generation,
    changing,
    delete_generations,
    generation_in_use,
    generations,
    roll_back,
    superseded_before,
    switch,
)


if TYPE_CHECKING:
    from store.local import Store
    from store.path import StorePath
    from tests.store.conftest import Make


ALL = Policy(keep={}, keep_derivers=False)


def use(store: Store, *targets: StorePath) -> None:
    """Make *targets* generations of the profile `system`, the last in use."""
    with changing(store.layout, "system"):
        for target in targets:
            switch(store, "system", add_generation(store, "system", target).number)


def numbers(store: Store) -> list[tuple[int, bool]]:
    """Return the generations of `system`, and whether each is in use."""
    return [(it.number, it.in_use) for it in generations(store.layout, "system")]


def test_a_profile_leads_to_the_last_generation(store: Store, make: Make) -> None:
    """The profile's path shows what its generation in use holds."""
    use(store, make("first", "one"), make("second", "two"))

    assert (store.layout.profiles / "system" / "file").read_text() == "two"
    assert [(1, False), (2, True)] == numbers(store)
    assert ["system"] == profiles.profiles(store.layout)


def test_the_same_again_makes_no_generation(store: Store, make: Make) -> None:
    """What is in use already is the generation that there is."""
    path = make("first")
    use(store, path, path)

    assert [(1, True)] == numbers(store)


def test_links_are_relative(store: Store, make: Make) -> None:
    """A store that is moved takes its profiles along."""
    use(store, make("first", "one"))
    moved = store.layout.home.with_name("moved")
    store.layout.home.rename(moved)
    text = (moved / "profiles/system/file").read_text()
    moved.rename(store.layout.home)

    assert text == "one"


def test_rolling_back_and_switching(store: Store, make: Make) -> None:
    """Going back uses the generation before; switching uses any; a new one after that has a new number."""
    paths = [make(name) for name in ("first", "second", "third", "fourth")]
    use(store, *paths[:3])
    with changing(store.layout, "system"):
        assert roll_back(store, "system").number == 2
        assert switch(store, "system", 1).number == 1
    use(store, paths[3])

    assert [(1, False), (2, False), (3, False), (4, True)] == numbers(store)


def test_there_is_nothing_before_the_first(store: Store, make: Make) -> None:
    """The first generation cannot be rolled back."""
    use(store, make("first"))
    with pytest.raises(NoEarlierGeneration) as caught:
        roll_back(store, "system")

    assert ("system", 1) == (caught.value.name, caught.value.number)


def test_generations_are_roots(store: Store, make: Make) -> None:
    """The collector keeps each generation and what it refers to, until it is deleted."""
    kernels = [make("kernel-1"), make("kernel-2")]
    first, second = (make("profile", str(it), references=[it]) for it in kernels)
    use(store, first, second)
    store.temproots.close()
    collect(store, ALL)
    assert {first, second, *kernels} == store.valid([first, second, *kernels])
    assert {first, second} == {root.target for root in roots(store.layout)}

    with changing(store.layout, "system"):
        delete_generations(store.layout, "system", [1])
    collect(store, ALL)

    assert {second, kernels[1]} == store.valid([first, second, *kernels])
    assert (store.layout.profiles / "system" / "file").exists()


def test_the_generation_in_use_is_not_deleted(store: Store, make: Make) -> None:
    """If one of several cannot be deleted, none is."""
    use(store, make("first"), make("second"))
    with pytest.raises(GenerationInUse):
        delete_generations(store.layout, "system", [1, 2])

    assert [(1, False), (2, True)] == numbers(store)


def test_old_generations(store: Store, make: Make) -> None:
    """Old are those that a later one replaced before a time, however long they had been in use until then."""
    use(store, make("first"), make("second"), make("third"))
    for number, time in ((1, 100), (2, 200), (3, 300)):
        os.utime(store.layout.profiles / f"system-{number}-link", (time, time), follow_symlinks=False)
    known = generations(store.layout, "system")

    assert [[], [1], [1, 2]] == [superseded_before(known, time) for time in (200, 201, 1000)]


@pytest.mark.parametrize("name", ["", "a b", "../x", "a/b", ".x", "-x", "a\n", "system-3-link", "x" * 101, "ä"])
def test_odd_names_are_refused(store: Store, name: str) -> None:
    """A profile's name is a plain word, and never that of a generation."""
    with pytest.raises(InvalidProfileName):
        generation_in_use(store.layout, name)
    assert not store.layout.profiles.exists()


def test_profiles_with_similar_names(store: Store, make: Make) -> None:
    """`a` and `a-1` do not see each other's generations."""
    for name in ("a", "a-1"):
        with changing(store.layout, name):
            switch(store, name, add_generation(store, name, make(name)).number)

    assert [["a"], ["a-1"]] == [[it.target.name for it in generations(store.layout, name)] for name in ("a", "a-1")]


def test_what_does_not_exist(store: Store, make: Make) -> None:
    """An unknown profile, and an unknown generation, are errors with what there is."""
    with pytest.raises(NoSuchProfile):
        generations(store.layout, "system")
    use(store, make("first"))
    with pytest.raises(NoSuchGeneration) as caught:
        switch(store, "system", 7)

    assert (7, (1,)) == (caught.value.number, caught.value.known)
