"""The index of an object tree."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.kbuild.commands import Command
from derivations.kbuild.index import Index, InvalidIndex


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["a.h", "O:b.h", "/usr/c.h", "\udc80"]
)
COMMANDS = st.builds(
    Command, NAMES, NAMES | st.none(), st.frozensets(NAMES, max_size=6), st.frozensets(NAMES, max_size=6), st.booleans()
)

A = Command("a.o", "a.c", frozenset({"a.c", "x/y.h", "O:z.h"}), frozenset({"SMP", "PM"}), True)
B = Command("b.o", "b.c", frozenset({"b.c", "w/y.h"}), frozenset({"PM"}), True)
INDEX = Index.of([B, A])


@given(st.lists(COMMANDS, max_size=6, unique_by=lambda it: it.target))
def test_round_trip(commands: list[Command]) -> None:
    """What is kept comes back, in the order of the products."""
    found = Index.decode(Index.of(commands).encode())

    assert list(found) == sorted(commands, key=lambda it: it.target)


@given(st.binary(max_size=60))
def test_other_bytes(data: bytes) -> None:
    """Bytes that are no index are refused, and nothing else happens."""
    with pytest.raises(InvalidIndex):
        Index.decode(data)


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_cut(cut: int) -> None:
    """An index that lost its end is refused."""
    with pytest.raises(InvalidIndex):
        Index.decode(INDEX.encode()[:-cut])


def test_readers() -> None:
    """A name leads to what read it, and says which name it was."""
    assert INDEX.readers(["x/y.h", "b.c", "nothing"]) == {"a.o": "x/y.h", "b.o": "b.c"}
    assert INDEX.readers([]) == {}


def test_readers_of_bases() -> None:
    """A base name leads to whatever read a file that is called so, anywhere."""
    assert INDEX.readers_of_bases(["y.h"]) == {"a.o": "y.h", "b.o": "y.h"}
    assert INDEX.readers_of_bases(["z.h"]) == {"a.o": "z.h"}
    assert INDEX.readers_of_bases([]) == {}


def test_readers_of_options() -> None:
    """An option leads to whatever read it."""
    assert INDEX.readers_of_options(["PM", "SMP"]) == {"a.o": "PM", "b.o": "PM"}
    assert INDEX.readers_of_options(["SMP"]) == {"a.o": "SMP"}
    assert INDEX.readers_of_options([]) == {}
