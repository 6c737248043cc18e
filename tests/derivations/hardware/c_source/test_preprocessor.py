"""Tests for derivations.hardware.c_source.preprocessor."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.hardware.c_source.preprocessor import (
    Macro,
    definition,
    expand,
    number,
    split,
    string,
    tokens,
    without_comments,
)


SOURCE = r"""
#define VENDOR 0x8086
#define PAIR(v, d) .vendor = (v), \
	.device = (d)
#define GLUE(a) PCI_ID_##a
#define PCI_ID_X 7   /* a comment
                        of two lines */
#define STR_(x...) #x
#define STR(x...) STR_(x)
#define EMPTY
#ifdef A
#define TWICE
#else
#define TWICE 2
#endif
#define LOOP LOOP + 1
#define MANY(first, ...) { first, __VA_ARGS__ }
#define NAMED(args...) f(args)
"""


def find(name: str) -> Macro | None:
    return definition(name, SOURCE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("VENDOR", "0x8086", id="plain"),
        pytest.param("PAIR(VENDOR, 2)", ".vendor=(0x8086),.device=(2)", id="parameters"),
        pytest.param("GLUE(X)", "7", id="glued"),
        pytest.param("STR(VENDOR)", '"0x8086"', id="stringified"),
        pytest.param("EMPTY 1", "1", id="empty"),
        pytest.param("TWICE", "2", id="both-branches"),
        pytest.param("LOOP", "LOOP+1", id="recursive"),
        pytest.param("MANY(1, 2, 3)", "{1,2,3}", id="variable-arguments"),
        pytest.param("NAMED(1, 2)", "f(1,2)", id="named-variable-arguments"),
        pytest.param("PAIR", "PAIR", id="not-called"),
        pytest.param("PAIR((1, 2), {3, 4})", ".vendor=((1,2)),.device=({3,4})", id="brackets-in-arguments"),
        pytest.param("VENDORS", "VENDORS", id="longer-name"),
        pytest.param("PAIR(1", ".vendor=(1),.device=()", id="unclosed"),
    ],
)
def test_macros_are_expanded(text: str, expected: str) -> None:
    """Macros are expanded as by a C preprocessor."""
    assert expected == "".join(expand(tokens(text), find))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0x10", 16, id="hexadecimal"),
        pytest.param("010", 8, id="octal"),
        pytest.param("0", 0, id="zero"),
        pytest.param("10UL", 10, id="suffix"),
        pytest.param("(__u32)(~0) & 0xffff", 0xFFFF, id="cast"),
        pytest.param("1 + 2 * 3", 7, id="precedence"),
        pytest.param("(1 << 8) | 3", 259, id="shift"),
        pytest.param("1 ? 2 : 3", 2, id="ternary"),
        pytest.param("5 ?: 3", 5, id="elvis"),
        pytest.param("0 ?: 3", 3, id="elvis-zero"),
        pytest.param("!0", 1, id="not"),
        pytest.param("'a'", 97, id="character"),
        pytest.param("1 / 0", 0, id="division-by-zero"),
        pytest.param("8 - 4 - 2", 2, id="left-to-right"),
        pytest.param("NAME", None, id="name"),
        pytest.param("1 +", None, id="cut-off"),
        pytest.param("1 2", None, id="two-numbers"),
        pytest.param("(1", None, id="unclosed"),
        pytest.param("09", None, id="no-octal"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_numbers(text: str, expected: int | None) -> None:
    """Integer expressions have the same value as in C; anything else has no value."""
    assert expected == number(tokens(text))


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40), st.sampled_from(["+", "-", "*", "&", "|", "^", "<", "=="]))
def test_numbers_as_python_has_them(left: int, right: int, operator: str) -> None:
    """Operators that C and Python share have the same value."""
    assert int(eval(f"{left} {operator} {right}")) == number(tokens(f"({left}) {operator} {right}"))  # noqa: S307 -- numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('"a" "b"', "ab", id="side-by-side"),
        pytest.param('("a")', "a", id="bracketed"),
        pytest.param(r'"a\"b"', 'a"b', id="escaped"),
        pytest.param('"a" B', None, id="with-a-name"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_strings(text: str, expected: str | None) -> None:
    """Adjacent strings are joined."""
    assert expected == string(tokens(text))


def test_comments_are_removed() -> None:
    """Comments are removed, but still separate tokens."""
    assert "a b" == without_comments("a/* x\n y */b")


def test_arguments_are_split_outside_of_brackets() -> None:
    """A comma inside brackets does not separate arguments."""
    assert [["a"], ["(", "b", ",", "c", ")"], []] == split(tokens("a, (b, c),"))
