"""Values of options: written as a `.config` does, and read back."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.kconfig.values import MODULE, NO, UNSET, YES, Hex, Optional, Value, optional, read, written
from tests import strategies


@given(strategies.option_values)
def test_round_trip(value: Value) -> None:
    """What is written is read as the same value, of the same type."""
    back = read(written(value))

    assert value == back
    assert type(value) is type(back)


@given(st.text())
def test_reading_never_crashes(text: str) -> None:
    """Any text is either a value, which is written so that it reads as the same, or a `ValueError`."""
    try:
        value = read(text)
    except ValueError:
        return
    assert value == read(written(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(YES, "y", id="yes"),
        pytest.param(MODULE, "m", id="module"),
        pytest.param(NO, "n", id="no"),
        pytest.param(17, "17", id="integer"),
        pytest.param(-1, "-1", id="negative"),
        pytest.param(0, "0", id="zero"),
        pytest.param(Hex(0x1000), "0x1000", id="hexadecimal"),
        pytest.param("", '""', id="empty-text"),
        pytest.param("y", '"y"', id="text-that-looks-like-yes"),
        pytest.param("17", '"17"', id="text-that-looks-like-a-number"),
        pytest.param('a "b" \\c', r'"a \"b\" \\c"', id="quoted"),
        pytest.param("foo#bar", '"foo#bar"', id="number-sign"),
    ],
)
def test_forms(value: Value, text: str) -> None:
    """Each kind of value has its form."""
    assert text == written(value)
    assert value == read(text)


def test_hexadecimal_digits_of_either_case() -> None:
    """Kconfig keeps a hexadecimal number as it was written, so both cases are read."""
    assert Hex(0xABC) == read("0XaBc")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("Y", id="upper-case-yes"),
        pytest.param("yes", id="word"),
        pytest.param("-foo", id="text-without-quotes"),
        pytest.param('"', id="one-quote"),
        pytest.param('"a', id="quote-not-closed"),
        pytest.param('"a"b"', id="quote-inside"),
        pytest.param('"a\\"', id="closing-quote-is-escaped"),
        pytest.param("'a'", id="single-quotes"),
        pytest.param("0x", id="hexadecimal-without-digits"),
        pytest.param("0x_1", id="hexadecimal-with-underscore"),
        pytest.param("-0x1", id="negative-hexadecimal"),
        pytest.param("1_000", id="underscore"),
        pytest.param("+1", id="plus"),
        pytest.param(" 1", id="space"),
        pytest.param("1.5", id="fraction"),
        pytest.param("ff", id="hexadecimal-without-0x"),
        pytest.param("१२", id="digits-of-another-script"),
        pytest.param("9" * 5000, id="huge"),
    ],
)
def test_what_is_no_value(text: str) -> None:
    """What Kconfig would not take as a value is none."""
    with pytest.raises(ValueError, match=r"."):
        read(text)


def test_optional() -> None:
    """`optional` keeps the value."""
    assert Optional(YES) == optional(YES)


def test_names() -> None:
    """The values are shown by the names that definitions use."""
    assert repr([YES, MODULE, NO, UNSET]) == "[YES, MODULE, NO, UNSET]"
