"""FrozenMap: a mapping that is a value."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys

from pathlib import Path

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.frozen_map import FrozenMap


PAIRS = st.dictionaries(st.text(), st.integers())


@given(PAIRS, st.randoms())
def test_order_of_writing_does_not_matter(pairs: dict[str, int], random: object) -> None:
    """The same pairs in any order are the same value, with the same hash and the same iteration order."""
    shuffled = list(pairs.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis' strategy is of random.Random

    one, other = FrozenMap(pairs), FrozenMap(shuffled)

    assert one == other
    assert hash(one) == hash(other)
    assert sorted(pairs) == list(one) == list(other)
    assert dict(one) == pairs
    assert list(one.items()) == list(zip(one.keys(), one.values(), strict=True)) == sorted(pairs.items())


def test_it_is_a_copy() -> None:
    """Changes to the mapping that it was made from do not affect it."""
    source = {"a": 1}
    frozen = FrozenMap(source)
    source["b"] = 2

    assert dict(frozen) == {"a": 1}


def test_it_is_immutable() -> None:
    """Items can be neither assigned nor deleted."""
    frozen = FrozenMap({"a": 1})

    with pytest.raises(TypeError):
        frozen["a"] = 2  # type: ignore[index]
    with pytest.raises(TypeError):
        del frozen["a"]  # type: ignore[attr-defined]
    for view in (frozen.keys(), frozen.values(), frozen.items()):
        assert not {"clear", "pop", "update", "__setitem__", "__delitem__"} & set(dir(view))


def test_another_kind_of_mapping_is_another_value() -> None:
    """A dict is unequal, since it has no hash to agree with."""
    assert FrozenMap({"a": 1}) != {"a": 1}
    assert FrozenMap({"a": 1}) != FrozenMap({"a": 2})


def test_copies_are_equal() -> None:
    """Copying and pickling give equal values."""
    frozen = FrozenMap({"b": 1, "a": 2})

    assert copy.deepcopy(frozen) == frozen
    assert pickle.loads(pickle.dumps(frozen)) == frozen  # noqa: S301 -- our own bytes


def test_the_hash_is_not_pickled() -> None:
    """A pickled map is found in a dict of a process that hashes strings differently."""
    frozen = FrozenMap({"a": 1})
    hash(frozen)
    program = (
        "import pickle, sys; from derivations.frozen_map import FrozenMap;"
        "it = pickle.loads(sys.stdin.buffer.read()); print({FrozenMap({'a': 1}): 'found'}[it])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(frozen),
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        check=False,
    )

    assert result.stdout == b"found\n"
