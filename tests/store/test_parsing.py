"""Reading JSON from outside: a value, or a ValueError."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import pytest

from hypothesis import given
from hypothesis import strategies as st

from store.parsing import DEEPEST, LARGEST, check_depth, parse_json


if TYPE_CHECKING:
    from collections.abc import Callable


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_valid_json(value: Any) -> None:  # noqa: ANN401 -- JSON is anything
    """Whatever the standard library writes is read back, from text and from bytes."""
    text = json.dumps(value, ensure_ascii=False)
    assert [value, value] == [parse_json(text), parse_json(text.encode())]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="unfinished"),
        pytest.param("[" * 100_000, id="deep-and-unfinished"),
        pytest.param("[" * 900 + "]" * 900, id="deep"),
        pytest.param('{"a":' * 70 + "1" + "}" * 70, id="deep-objects"),
        pytest.param("9" * 5_000, id="number-of-5000-digits"),
        pytest.param(str(2**63), id="larger-than-a-database-takes"),
        pytest.param("-" + "9" * 20, id="smaller-than-a-database-takes"),
        pytest.param("1e999", id="float-that-is-infinite"),
        pytest.param("-1e999", id="float-that-is-minus-infinite"),
        pytest.param("NaN", id="nan"),
        pytest.param("Infinity", id="infinity"),
        pytest.param(r'"\ud800"', id="half-a-pair"),
        pytest.param(r'{"\uDFFF": 1}', id="half-a-pair-as-a-name"),
        pytest.param(b"\xff", id="not-utf-8"),
        pytest.param(b'"\xed\xa0\x80"', id="surrogate-in-utf-8"),
        pytest.param("1 1", id="more-behind-it"),
    ],
)
def test_invalid_json(text: str | bytes) -> None:
    """Any invalid text is a ValueError with a short message."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse_json(text)
    # Without the notes that Python 3.14 adds to some.
    assert len(str(caught.value)) <= 200
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [lambda it: [it], lambda it: {"a": it}], ids=["lists", "objects"])
def test_depth(make: Callable[[object], object]) -> None:
    """Lists and objects may be nested as deep as the limit, and no deeper."""
    value: object = 1
    for _ in range(DEEPEST):
        value = make(value)
    check_depth(value)
    with pytest.raises(ValueError, match="nested"):
        check_depth(make(value))


def test_objects_are_built_by_the_caller() -> None:
    """Members of an object are passed in order, including duplicates."""
    assert [("a", 1), ("a", 2)] == parse_json('{"a": 1, "a": 2}', make_object=list)
