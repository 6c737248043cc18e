"""Derivations: values, their two keys, and invalid ones."""

from __future__ import annotations

import json

from pathlib import Path
from typing import Any

import attrs
import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from derivations.derivation import Derivation, Fixed, Hints, InvalidDerivation, Output, canonical_json
from store.gc.retention import Retention
from tests import strategies
from tests.golden.documents import content, example


HASH = "ab" * 32


def make(**changes: Any) -> Derivation:  # noqa: ANN401 -- what a test gives
    """Return a small derivation with *changes*."""
    return Derivation(**{"name": "it", "system": "x86_64-linux", "builder": "/bin/sh", **changes})


SOURCE = make(name="source")
OTHER = make(name="other")


def test_equal_recipes_are_equal() -> None:
    """The order in which things are written is not part of a derivation."""
    one = make(env={"A": "1", "B": "2"}, mounts={"/": SOURCE.out, "/a": OTHER.out})
    other = make(mounts={"/a": OTHER.out, "/": SOURCE.out}, env={"B": "2", "A": "1"})

    assert one == other
    assert hash(one) == hash(other)
    assert one.key == other.key


IDENTITY: dict[str, dict[str, Any]] = {
    "nothing": {},
    "name": {"name": "other"},
    "system": {"system": "aarch64-linux"},
    "builder": {"builder": "/bin/true"},
    "args": {"args": ["a"]},
    "args-are-not-joined": {"args": ["a b"]},
    "two-args": {"args": ["a", "b"]},
    "order-of-args": {"args": ["b", "a"]},
    "empty-variable": {"env": {"A": ""}},
    "variable": {"env": {"A": "1"}},
    "mount": {"mounts": {"/a": SOURCE.out}},
    "place": {"mounts": {"/b": SOURCE.out}},
    "input": {"mounts": {"/a": OTHER.out}},
    "output-of-input": {"mounts": {"/a": make(name="source", outputs=["out", "dev"]).output("dev")}},
    "outputs": {"outputs": ["out", "dev"]},
    "order-of-outputs": {"outputs": ["dev", "out"]},
    "hash": {"fixed": Fixed("flat", HASH)},
    "method": {"fixed": Fixed("tree", HASH)},
}


@pytest.mark.parametrize("what", IDENTITY)
def test_what_is_identity(what: str) -> None:
    """Anything that may change the output changes the key, and no two such changes give the same key."""
    others = {make(**changes).key for name, changes in IDENTITY.items() if name != what}

    assert make(**IDENTITY[what]).key not in others


@pytest.mark.parametrize(
    "hints",
    [
        pytest.param(Hints(description="something"), id="description"),
        pytest.param(Hints(retention=Retention.SOURCE), id="retention"),
        pytest.param(Hints(timeout=3), id="timeout"),
        pytest.param(Hints(max_silent_time=3), id="max-silent-time"),
        pytest.param(Hints(compilations=3), id="compilations"),
        pytest.param(Hints(kvm=True), id="kvm"),
    ],
)
def test_what_is_not_identity(hints: Hints) -> None:
    """No hint is in any key."""
    assert make(hints=hints) == make()
    assert make(hints=hints).action_key(lambda _: content(1)) == make().action_key(lambda _: content(1))


def test_the_place_of_a_download_is_not_identity() -> None:
    """A fixed-output derivation is identified by its name, method and hash: mirrors and the fetcher may change."""
    fixed = Fixed("flat", HASH)
    one = make(builder="builtin:fetch-url", env={"urls": "[1]"}, fixed=fixed)
    other = make(builder="builtin:fetch-url", env={"urls": "[2]"}, fixed=fixed, system="any", mounts={"/a": SOURCE.out})

    assert one.key == other.key
    assert make(mounts={"/": one.out}).key == make(mounts={"/": other.out}).key


def test_the_action_key_is_of_contents() -> None:
    """Inputs that resolve to the same bytes give the same action key, and different bytes different ones."""
    one, other = make(mounts={"/": SOURCE.out}), make(mounts={"/": OTHER.out})

    assert one.key != other.key
    assert one.action_key(lambda _: content(1)) == other.action_key(lambda _: content(1))
    assert one.action_key(lambda _: content(1)) != one.action_key(lambda _: content(2))


def test_the_keys_differ() -> None:
    """A key and an action key are never the same, even without inputs."""
    assert make().key != make().action_key(lambda _: content(1))


@settings(max_examples=30)
@given(strategies.derivations)
def test_an_evolved_copy_is_equal(derivation: Derivation) -> None:
    """A derivation made from another one's attributes is equal to it."""
    assert attrs.evolve(derivation) == derivation


def test_inputs_are_listed_once() -> None:
    """An output that is mounted twice is one input."""
    assert make(mounts={"/b": SOURCE.out, "/a": SOURCE.out, "/c": OTHER.out}).inputs == (SOURCE.out, OTHER.out)


def test_deep_graphs_do_not_recurse() -> None:
    """A chain of 5000 derivations has keys, equality, a hash and a printed form."""
    chains = []
    for _ in range(2):
        derivation = SOURCE
        for _ in range(5000):
            derivation = make(mounts={"/": derivation.out})
        chains.append(derivation)

    assert chains[0] == chains[1]
    assert len({*chains, chains[0].out}) == 2
    assert len(repr(chains[0])) < 100


def test_outputs() -> None:
    """The first output is the default, and others are available by name."""
    derivation = make(outputs=["dev", "out"])

    assert derivation.out == Output(derivation, "dev")
    assert derivation.output("out") == Output(derivation, "out")


def test_no_such_output() -> None:
    """The error for an unknown output names it and the existing ones."""
    with pytest.raises(InvalidDerivation) as caught:
        make(outputs=["out", "dev"]).output("doc")

    assert str(caught.value) == "invalid derivation 'it': it has no output 'doc', only out, dev"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"name": ""}, "a name consists of letters, digits and any of + - . _ ? =", id="no-name"),
        pytest.param(
            {"name": "a b"}, "a name consists of letters, digits and any of + - . _ ? =", id="name-with-space"
        ),
        pytest.param({"name": "../a"}, "a name consists of letters, digits and any of + - . _ ? =", id="name-is-path"),
        pytest.param({"name": "x" * 300}, "the name is longer than 211 characters", id="long-name"),
        pytest.param({"name": 3}, "name must be a string, not 3", id="name-is-number"),
        pytest.param({"system": None}, "system must be a string, not None", id="system-is-none"),
        pytest.param({"builder": "sh"}, "the builder 'sh' is neither an absolute path nor a builtin", id="builder"),
        pytest.param({"builder": ["/bin/sh"]}, "builder must be a string, not ['/bin/sh']", id="builder-is-list"),
        pytest.param({"args": "-c"}, "args must be a list of strings, not '-c'", id="args-is-text"),
        pytest.param({"args": None}, "args must be a list of strings, not None", id="args-is-none"),
        pytest.param({"args": [1]}, "not a valid string: 1", id="number-in-args"),
        pytest.param({"args": ["a\0b"]}, "not a valid string: 'a\\x00b'", id="nul-in-args"),
        pytest.param({"args": ["\udc80"]}, "not a valid string: '\\udc80'", id="no-unicode-in-args"),
        pytest.param({"env": {"A": None}}, "not a valid string: None", id="none-in-env"),
        pytest.param({"env": {"A=B": ""}}, "not a variable name: 'A=B'", id="variable-name"),
        pytest.param({"env": {"": ""}}, "not a variable name: ''", id="empty-variable-name"),
        pytest.param(
            {"env": {1: ""}}, "env must be a mapping from names to strings, not {1: ''}", id="number-as-variable"
        ),
        pytest.param({"env": ["A=B"]}, "env must be a mapping from names to strings, not ['A=B']", id="env-is-list"),
        pytest.param({"mounts": {"a": SOURCE.out}}, "not a mount point: 'a'", id="relative-place"),
        pytest.param({"mounts": {"/a/../b": SOURCE.out}}, "not a mount point: '/a/../b'", id="place-with-dots"),
        pytest.param({"mounts": {"/a/": SOURCE.out}}, "not a mount point: '/a/'", id="place-ends-in-slash"),
        pytest.param({"mounts": {"//a": SOURCE.out}}, "not a mount point: '//a'", id="two-slashes"),
        pytest.param({"mounts": {"": SOURCE.out}}, "not a mount point: ''", id="empty-place"),
        pytest.param({"mounts": {"/\0": SOURCE.out}}, "not a mount point: '/\\x00'", id="nul-in-place"),
        pytest.param({"mounts": {"/a": SOURCE}}, "/a is mounted from a Derivation", id="derivation-instead-of-output"),
        pytest.param({"mounts": {"/a": "/usr"}}, "/a is mounted from a str", id="path-instead-of-output"),
        pytest.param({"mounts": [SOURCE.out]}, "mounts must be a mapping", id="mounts-is-list"),
        pytest.param({"outputs": "out"}, "outputs must be a list of names, not 'out'", id="outputs-is-text"),
        pytest.param({"outputs": []}, "outputs must be distinct, and at least one, not ()", id="no-outputs"),
        pytest.param({"outputs": ["out", "out"]}, "outputs must be distinct", id="output-twice"),
        pytest.param({"outputs": ["../x"]}, "not an output name: '../x'", id="output-is-path"),
        pytest.param({"outputs": [1]}, "not an output name: 1", id="output-is-number"),
        pytest.param({"fixed": HASH}, "fixed must be a Fixed, not 'abab", id="fixed-is-text"),
        pytest.param({"fixed": Fixed("flat", "AB" * 32)}, "not a hash in lower-case hexadecimal", id="upper-case-hash"),
        pytest.param({"fixed": Fixed("flat", "ab")}, "not a hash in lower-case hexadecimal: 'ab'", id="short-hash"),
        pytest.param(
            {"fixed": Fixed("flat", HASH), "outputs": ["out", "dev"]}, "the single output `out`", id="fixed-two"
        ),
        pytest.param({"hints": None}, "hints must be a Hints, not None", id="hints-is-none"),
    ],
)
def test_invalid_derivations(changes: dict[str, Any], problem: str) -> None:
    """An invalid derivation is rejected with the offending value, in one line."""
    with pytest.raises(InvalidDerivation) as caught:
        make(**changes)

    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_problems_at_once() -> None:
    """All problems of a derivation are reported at once."""
    with pytest.raises(InvalidDerivation) as caught:
        make(builder="sh", outputs=["Out"], env={"1": ""})

    assert len(caught.value.problems) == 3


def test_canonical_json_is_one_text() -> None:
    """Keys are sorted, nothing is escaped unnecessarily, and there are no spaces."""
    assert canonical_json({"b": ["ü", 1], "a": None}) == '{"a":null,"b":["ü",1]}'.encode()


def test_canonical_json_has_no_nan() -> None:
    """NaN, which is not a number in JSON, is rejected."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


@given(
    st.recursive(
        st.none() | st.booleans() | strategies.texts, lambda it: st.lists(it) | st.dictionaries(strategies.texts, it)
    )
)
def test_canonical_json_keeps_values(value: object) -> None:
    """Nothing is lost in the canonical text."""
    assert json.loads(canonical_json(value)) == value


def test_golden_keys() -> None:
    """The keys of the golden example are those in tests/golden: they never change by accident."""
    golden = json.loads(Path(__file__).parents[1].joinpath("golden", "example.json").read_text())

    assert golden["key"] == example().key.hex()
    assert golden["action key"] == example().action_key(lambda _: content(1)).hex()
