"""Tests of derivations.realise.plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from derivations.derivation import Derivation, Output
from derivations.realise.plan import plan
from store.path import StorePath


if TYPE_CHECKING:
    from collections.abc import Mapping


class Realisations:
    """Results of derivations, recording which of them were looked up."""

    def __init__(self, *outputs: Output) -> None:
        self.asked: set[bytes] = set()
        self.calls = 0
        self.known: dict[bytes, dict[str, StorePath]] = {}
        for output in outputs:
            self.known.setdefault(output.derivation.key, {})[output.name] = result(output)

    def __call__(self, keys: list[bytes]) -> Mapping[bytes, Mapping[str, StorePath]]:
        """Return the known results of *keys*."""
        self.asked.update(keys)
        self.calls += 1
        return {key: self.known[key] for key in keys if key in self.known}


def result(output: Output) -> StorePath:
    """Return a store path for *output*."""
    return StorePath.make(output.derivation.key, f"{output.derivation.name}-{output.name}")


def derivation(name: str, *inputs: Derivation | Output, outputs: tuple[str, ...] = ("out",)) -> Derivation:
    """Return a derivation of *inputs*."""
    mounts = {f"/{i}": it if isinstance(it, Output) else it.out for i, it in enumerate(inputs)}
    return Derivation(name=name, system="x86_64-linux", builder="/x", mounts=mounts, outputs=outputs)


def test_everything_missing() -> None:
    """Everything missing is built, inputs first."""
    a = derivation("a")
    b = derivation("b", a)
    c = derivation("c", a, b)
    found = plan([c.out], Realisations())
    assert found.build == (a, b, c)
    assert found.present == {}


def test_everything_exists() -> None:
    """The inputs of existing results are not even looked up."""
    a = derivation("a")
    b = derivation("b", a)
    realised = Realisations(b.out)
    found = plan([b.out], realised)
    assert found.build == ()
    assert found.present == {b.out: result(b.out)}
    assert realised.asked == {b.key}


def test_some_exist() -> None:
    """Only what a missing result needs is built."""
    a, b = derivation("a"), derivation("b")
    c = derivation("c", a, b)
    found = plan([c.out], Realisations(a.out))
    assert found.build == (b, c)
    assert found.present == {a.out: result(a.out)}


def test_missing_output() -> None:
    """A derivation is built if a requested output is missing, but not for other outputs."""
    a = derivation("a", outputs=("out", "dev", "doc"))
    b = derivation("b", a.output("dev"))
    realised = Realisations(a.out)
    assert plan([a.out], realised).build == ()
    found = plan([a.out, b.out], realised)
    assert found.build == (a, b)
    assert found.present == {a.out: result(a.out)}


def test_one_lookup_per_level() -> None:
    """A wide graph is looked up in one query."""
    inputs = [derivation(f"in-{i}") for i in range(1000)]
    realised = Realisations(*(it.out for it in inputs))
    assert plan([derivation("all", *inputs).out], realised).build != ()
    assert realised.calls == 2


def test_deep() -> None:
    """A long chain does not exhaust the stack."""
    last = derivation("d")
    for _ in range(5000):
        last = derivation("d", last)
    assert len(plan([last.out], Realisations()).build) == 5001


@given(st.data())
def test_random_graph(data: st.DataObject) -> None:
    """Each derivation to build comes after its inputs, which are built or exist, and nothing else is built."""
    nodes: list[Derivation] = []
    for i in range(data.draw(st.integers(1, 12))):
        inputs = data.draw(st.lists(st.sampled_from(nodes), unique=True, max_size=4)) if nodes else []
        nodes.append(derivation(f"n{i}", *inputs))
    there = data.draw(st.sets(st.sampled_from(nodes)))
    targets = data.draw(st.lists(st.sampled_from(nodes), min_size=1))
    found = plan([it.out for it in targets], Realisations(*(it.out for it in there)))
    have = {output.derivation for output in found.present}
    assert have <= there
    for it in found.build:
        assert it not in there
        assert {output.derivation for output in it.inputs} <= have
        have.add(it)
    assert set(targets) <= have
    used = {output.derivation for it in found.build for output in it.inputs} | set(targets)
    assert have == used
