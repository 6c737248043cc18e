"""Whether a value fits an option, and whether the option has it."""

from __future__ import annotations

from typing import Any

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.kconfig.language.values import MODULE, NO, YES, Hex, Value
from derivations.kconfig.symbols.expression import Level
from derivations.kconfig.symbols.fits import holds, misfit, number
from derivations.kconfig.symbols.values_table import OptionState
from tests.small_kconfig import option


VALUES: dict[str, Any] = {
    "bool": st.sampled_from([YES, NO]),
    "tristate": st.sampled_from([YES, MODULE, NO]),
    "int": st.integers(-1000, 1 << 40),
    "hex": st.builds(Hex, st.integers(0, 1 << 64)),
    "string": st.text(st.characters(codec="ascii", exclude_categories=["Cc"])),
}


def _as_kconfig_has_it(value: Value) -> str:
    return (
        value
        if isinstance(value, str)
        else hex(value.number)
        if isinstance(value, Hex)
        else str(getattr(value, "value", value))
    )


@given(st.sampled_from(sorted(VALUES)).flatmap(lambda kind: st.tuples(st.just(kind), VALUES[kind])))
def test_an_equal_value_holds(case: tuple[str, Value]) -> None:
    """A value of the option's type fits it, and holds if the option has it."""
    kind, value = case
    symbol = option("A", kind)

    assert misfit(value, symbol) is None
    assert holds(value, symbol, OptionState(_as_kconfig_has_it(value), Level.Y, written=True))


@pytest.mark.parametrize(
    ("kind", "wanted", "got"),
    [
        pytest.param("bool", YES, "n", id="off"),
        pytest.param("tristate", MODULE, "y", id="y-for-m"),
        pytest.param("tristate", NO, "m", id="m-for-n"),
        pytest.param("int", 18, "17", id="number"),
        pytest.param("int", 18, "", id="no-number"),
        pytest.param("hex", Hex(16), "16", id="hexadecimal-without-0x"),
        pytest.param("string", "-x", "", id="lost-text"),
    ],
)
def test_what_does_not_hold(kind: str, wanted: Value, got: str) -> None:
    """A request does not hold if the option's value means something else."""
    assert not holds(wanted, option("A", kind), OptionState(got, Level.Y, written=True))


def test_no_is_satisfied_by_absence() -> None:
    """An option of any type without a line satisfies NO."""
    assert holds(NO, option("A", "int"), OptionState("", Level.N, written=False))
    assert not holds(NO, option("A", "int"), OptionState("3", Level.Y, written=True))


@pytest.mark.parametrize(
    ("kind", "text", "meant"),
    [
        pytest.param("int", "17", 17, id="int"),
        pytest.param("int", "0x11", None, id="0x-for-an-int"),
        pytest.param("hex", "11", 17, id="hexadecimal-without-0x"),
        pytest.param("hex", "0x11", 17, id="hexadecimal"),
        pytest.param("hex", "", None, id="nothing"),
    ],
)
def test_numbers(kind: str, text: str, meant: int | None) -> None:
    """Text is a number in the base of its option."""
    assert meant == number(text, option("A", kind))
