"""The fixed point: layers of thunks, evaluated on first use, with precise errors."""

from __future__ import annotations

import functools
import threading

from typing import TYPE_CHECKING, Any

import pytest

from derivations.fixpoint import AttrSet, CycleError, EagerReadError, InvalidOverlay, UnknownAttribute, each, fix


if TYPE_CHECKING:
    from derivations.fixpoint import Thunks


def numbers(final: AttrSet, prev: AttrSet) -> Thunks:
    """Return the lowest layer of the tests: a sum that refers to *final*."""
    del prev
    return {"one": lambda: 1, "two": lambda: 2, "sum": lambda: final.one + final["two"]}


def test_items_and_attributes() -> None:
    """An attribute is available as an item and as an attribute, and a set lists its attributes in order."""
    found = fix(numbers)

    assert (found.one, found["two"], found.sum) == (1, 2, 3)
    assert list(found) == ["one", "sum", "two"]
    assert (len(found), "one" in found, "three" in found, found.get("three")) == (3, True, False, None)
    assert {"one", "sum", "two"} <= set(dir(found))


def test_evaluation_is_lazy_and_happens_once() -> None:
    """A thunk runs when its attribute is first used, and only once, even if its value is None."""
    runs = []

    def counted(_: AttrSet, __: AttrSet) -> Thunks:
        return {"a": lambda: runs.append("a"), "b": lambda: runs.append("b")}

    found = fix(counted)
    assert (runs, "a" in found, list(found)) == ([], True, ["a", "b"])
    assert (found.a, found.a, runs) == (None, None, ["a"])


def test_a_layer_affects_those_below() -> None:
    """A layer's changes are visible through *final* in every layer."""
    found = fix(
        numbers, lambda _, prev: {"one": lambda: prev.one + 10}, lambda _, prev: {"one": lambda: prev.one + 100}
    )

    assert (found.one, found.sum) == (111, 113)


def test_prev_is_the_layer_below() -> None:
    """*prev* is the set of the layers below, although its values refer to *final*."""
    found = fix(numbers, lambda _, prev: {"one": lambda: 5, "before": lambda: prev.one, "sum": lambda: prev.sum * 2})

    assert (found.before, found.sum) == (1, 14)


def test_names_of_prev_can_be_read_while_stacking() -> None:
    """The names of the attributes below are known, so an overlay can apply to all of them."""
    seen: list[object] = []

    def more(prev: AttrSet, name: str) -> int:
        return int(prev[name]) + 1

    def look(_: AttrSet, prev: AttrSet) -> Thunks:
        seen.extend([list(prev), "one" in prev, len(prev)])
        return {f"{name}_more": functools.partial(more, prev, name) for name in prev}

    assert fix(numbers, look).two_more == 3
    assert seen == [["one", "sum", "two"], True, 3]


def test_no_overlay_is_an_empty_set() -> None:
    """Without layers there are no attributes."""
    assert list(fix()) == []


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda final: final.one, id="attribute"),
        pytest.param(lambda final: final["one"], id="item"),
        pytest.param(lambda final: "one" in final, id="membership"),
        pytest.param(list, id="names"),
        pytest.param(len, id="length"),
        pytest.param(bool, id="truth"),
        pytest.param(lambda final: final.get("one"), id="get"),
        pytest.param(lambda final: hasattr(final, "one"), id="hasattr"),
    ],
)
def test_final_is_sealed_while_stacking(read: Any) -> None:  # noqa: ANN401 -- what an overlay may do
    """Reading anything of *final* outside of a thunk is an error, rather than an old value."""
    with pytest.raises(EagerReadError) as caught:
        fix(numbers, lambda final, _: {"x": read(final)})

    assert caught.value.attribute in {"one", "…"}
    assert "lambda: … final." in caught.value.hint


def test_cycles_are_named() -> None:
    """Attributes that depend on each other are named in order, and others can still be used."""
    found = fix(lambda final, _: {"a": lambda: final.b, "b": lambda: final.c, "c": lambda: final.b, "d": lambda: 1})

    with pytest.raises(CycleError) as caught:
        _ = found.a
    assert caught.value.chain == ("b", "c", "b")
    assert found.d == 1
    with pytest.raises(CycleError):
        _ = found.b


def test_an_attribute_of_the_layer_below_is_not_a_cycle() -> None:
    """A value may depend on the value of the same name below."""
    assert fix(numbers, lambda _, prev: {"sum": lambda: prev.sum + 1}).sum == 4


def test_unknown_attributes() -> None:
    """The error for an unknown attribute names it, and suggests those with a similar spelling."""
    found = fix(lambda _, __: {"linux_6_12": lambda: 1, "linux_6_1": lambda: 2})

    with pytest.raises(UnknownAttribute) as caught:
        _ = found.linux_6_21
    assert caught.value.attribute == "linux_6_21"
    assert caught.value.hint == "did you mean `linux_6_1` or `linux_6_12`?"
    assert caught.value.exit_code == 2
    assert not hasattr(found, "linux_6_21")
    assert getattr(found, "linux_6_21", None) is None


def test_an_error_of_a_thunk_is_its_own() -> None:
    """A thunk that raises does so every time, and its error is passed on unchanged."""
    found = fix(lambda _, __: {"a": lambda: 1 / 0, "b": lambda: len(3), "c": lambda: 1 + ""})  # type: ignore[arg-type, operator]

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            _ = found.a
    with pytest.raises(TypeError):
        _ = found.b
    with pytest.raises(TypeError):
        _ = found.c


@pytest.mark.parametrize(
    ("overlay", "reason"),
    [
        pytest.param(lambda _, __: None, "it returned a NoneType", id="nothing"),
        pytest.param(lambda _, __: ["a"], "it returned a list", id="list"),
        pytest.param(lambda _, __: {"a": 1}, "`a` is a int, not a thunk", id="value"),
        pytest.param(lambda _, __: {"a": int}, "`a` is a type, not a thunk", id="type"),
        pytest.param(lambda _, __: {1: lambda: 1}, "1 is not an attribute name", id="number"),
        pytest.param(lambda _, __: {"a-b": lambda: 1}, "'a-b' is not an attribute name", id="hyphen"),
        pytest.param(lambda _, __: {"": lambda: 1}, "'' is not an attribute name", id="empty"),
        pytest.param(lambda _, __: {"_a": lambda: 1}, "'_a' is not an attribute name", id="private"),
        pytest.param(lambda _, __: {"items": lambda: 1}, "`items` cannot be an attribute: every set has", id="method"),
        pytest.param(lambda _: {}, "it must accept (final, prev)", id="one-parameter"),
        pytest.param("overlay.py", "it must accept (final, prev)", id="text"),
    ],
)
def test_invalid_overlays(overlay: Any, reason: str) -> None:  # noqa: ANN401 -- what a user may write
    """An overlay with other parameters or results is rejected, with the correct form."""
    with pytest.raises(InvalidOverlay) as caught:
        fix(numbers, overlay)

    assert reason in str(caught.value)
    assert caught.value.hint == 'an overlay returns {"name": lambda: value, …}'


def test_a_thunk_with_parameters() -> None:
    """A thunk with parameters is rejected by name when it is used."""
    found = fix(lambda _, __: {"a": lambda x: x})  # type: ignore[dict-item, misc]

    with pytest.raises(InvalidOverlay) as caught:
        _ = found.a
    assert "the thunk `a` must take no arguments" in str(caught.value)


def test_each() -> None:
    """`each` changes the values of one type, leaves the others alone, and evaluates nothing by itself."""
    runs: list[object] = []

    def used(value: object) -> object:
        runs.append(value)
        return value

    def mixed(_: AttrSet, __: AttrSet) -> Thunks:
        return {"number": lambda: used(1), "text": lambda: used("1")}

    found = fix(mixed, lambda _, prev: each(prev, int, lambda it: it + 1))
    assert runs == []
    assert (found.number, found.text) == (2, "1")


def test_threads_share_one_evaluation() -> None:
    """Threads that use an attribute at the same time get the same value, and none reports a cycle."""
    started = threading.Barrier(8)
    found = fix(lambda final, _: {"a": lambda: [1], "b": lambda: (final.a, final.a)})
    values: list[object] = []

    def use() -> None:
        started.wait()
        values.append(found.b)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(it) for it in values}) == 1
    assert len(values) == 8
