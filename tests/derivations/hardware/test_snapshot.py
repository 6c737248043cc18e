"""Tests for derivations.hardware.snapshot."""

from __future__ import annotations

import json

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.hardware.snapshot import EmptySnapshot, Fact, FactKind, InvalidSnapshot, Snapshot


WORDS = st.text("abc:\n☃", min_size=1, max_size=4)
FACTS = st.builds(Fact, st.sampled_from(FactKind), WORDS, WORDS, WORDS, st.booleans())
SNAPSHOTS = st.builds(Snapshot, st.lists(st.tuples(FACTS, st.lists(WORDS, max_size=3)), max_size=6))

NVME = Fact(FactKind.DEVICE, "pci:v1", "pci nvme", "01:00.0 a disk", root=True)
WIFI = Fact(FactKind.MODULE, "iwlwifi")


@given(SNAPSHOTS, SNAPSHOTS)
def test_union_is_commutative(one: Snapshot, other: Snapshot) -> None:
    """The order of two snapshots does not matter."""
    assert one | other == other | one


@given(SNAPSHOTS, SNAPSHOTS, SNAPSHOTS)
def test_union_is_associative(one: Snapshot, two: Snapshot, three: Snapshot) -> None:
    """The grouping of three snapshots does not matter."""
    assert (one | two) | three == one | (two | three)


@given(SNAPSHOTS)
def test_union_is_idempotent(one: Snapshot) -> None:
    """A snapshot joined with itself, or with an empty one, is unchanged."""
    assert one | one == one == one | Snapshot()


@given(SNAPSHOTS)
def test_a_snapshot_is_written_and_read(one: Snapshot) -> None:
    """The snapshot that `to_json` writes is read back unchanged, with the same digest."""
    assert one == Snapshot.from_json(one.to_json())
    assert one.digest == Snapshot.from_json(one.to_json()).digest


@given(SNAPSHOTS, SNAPSHOTS)
def test_the_digest_names_the_contents(one: Snapshot, other: Snapshot) -> None:
    """Snapshots have equal digests if and only if they are equal."""
    assert (one == other) is (one.digest == other.digest)


def test_facts_have_their_machines() -> None:
    """In a union, each fact has the machines that it was seen on."""
    union = Snapshot.of([NVME, WIFI], "laptop") | Snapshot.of([NVME], "server")

    assert {NVME: ("laptop", "server"), WIFI: ("laptop",)} == dict(union.entries)
    assert ("laptop", "server") == union.machines


def test_a_kernel_does_not_depend_on_names() -> None:
    """Without the names of machines, snapshots of equal hardware are equal."""
    assert Snapshot.of([NVME], "a").without_names() == Snapshot.of([NVME], "b").without_names()


def test_an_empty_snapshot() -> None:
    """A snapshot without facts is an error, rather than a kernel without drivers."""
    with pytest.raises(EmptySnapshot):
        Snapshot().checked()


GOOD = json.loads(Snapshot.of([NVME], "x").to_json())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "not JSON", id="empty"),
        pytest.param('{"format": 1', "not JSON", id="cut-off"),
        pytest.param("[]", "its `kind` is not", id="a-list"),
        pytest.param("{}", "its `kind` is not", id="another-object"),
        pytest.param(json.dumps({**GOOD, "format": 2}), "its format is 2", id="newer"),
        pytest.param(json.dumps({**GOOD, "facts": 3}), "no list of facts", id="no-facts"),
        pytest.param(json.dumps({**GOOD, "facts": [3]}), r"facts\[0\] is not a fact", id="no-fact"),
        pytest.param(json.dumps({**GOOD, "facts": [{"seen": []}]}), r"facts\[0\] has the fields", id="fields"),
        pytest.param(json.dumps({**GOOD, "facts": [{**GOOD["facts"][0], "kind": "cat"}]}), "'cat'", id="kind"),
        pytest.param(json.dumps({**GOOD, "facts": [{**GOOD["facts"][0], "root": 1}]}), "wrong type", id="root"),
        pytest.param(json.dumps({**GOOD, "facts": [{**GOOD["facts"][0], "seen": [1]}]}), "wrong type", id="seen"),
    ],
)
def test_invalid_snapshots(text: str, reason: str) -> None:
    """A text that is not a snapshot is rejected with the reason."""
    with pytest.raises(InvalidSnapshot, match=reason) as error:
        Snapshot.from_json(text, "file")

    assert "file" == error.value.name
