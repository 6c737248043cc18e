"""What was asked for against what there is: by meaning, not by text."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.kconfig.check import Mismatch, mismatches, parse
from derivations.kconfig.fragment import Request
from derivations.kconfig.text import write
from derivations.kconfig.values import MODULE, NO, YES, Hex, Value
from tests import strategies


DOTCONFIG = """\
#
# Automatically generated file; DO NOT EDIT.
# Linux/x86 6.12.43 Kernel Configuration
#
CONFIG_CC_VERSION_TEXT="gcc (Debian 12.2.0-14+deb12u1) 12.2.0"
CONFIG_64BIT=y
CONFIG_NET_9P=m
# CONFIG_KGDB is not set
CONFIG_LOG_BUF_SHIFT=17
CONFIG_PHYSICAL_START=0x1000000
CONFIG_VERBATIM=1000000
CONFIG_BARE_HEX=ff
CONFIG_NOTHING=
CONFIG_SEPARATOR="a\u2028b"
# end of something
"""


def holds(wanted: Value, got: str) -> bool:
    """Return whether a request for *wanted* holds where the `.config` says *got*."""
    return not mismatches(
        {"A": Request(wanted)}, parse(f"CONFIG_A={got}\n" if got != "n" else "# CONFIG_A is not set\n")
    )


def test_parse() -> None:
    """A `.config` is read as Kconfig writes it, whatever stands behind an equals sign."""
    assert parse(DOTCONFIG) == {
        "CC_VERSION_TEXT": "gcc (Debian 12.2.0-14+deb12u1) 12.2.0",
        "64BIT": YES,
        "NET_9P": MODULE,
        "KGDB": NO,
        "LOG_BUF_SHIFT": 17,
        "PHYSICAL_START": Hex(0x1000000),
        "VERBATIM": 1000000,
        "BARE_HEX": "ff",
        "NOTHING": "",
        "SEPARATOR": "a\u2028b",
    }


@given(st.dictionaries(strategies.option_names, strategies.option_values, max_size=8))
def test_what_is_there_holds(asked: dict[str, Value]) -> None:
    """Every request holds in a `.config` that says exactly that."""
    wanted = {name: Request(value) for name, value in asked.items()}

    assert mismatches(wanted, parse(write(wanted))) == []


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        pytest.param(YES, "y", id="yes"),
        pytest.param(MODULE, "m", id="module"),
        pytest.param(NO, "n", id="no"),
        pytest.param(17, "17", id="number"),
        pytest.param(16, "0x10", id="number-in-hexadecimal"),
        pytest.param(Hex(16), "0x00010", id="zeros"),
        pytest.param(Hex(0xFF), "0xFF", id="upper-case"),
        pytest.param("a b", '"a b"', id="text"),
        pytest.param("", '""', id="empty-text"),
    ],
)
def test_holds(wanted: Value, got: str) -> None:
    """A request holds if the value means the same."""
    assert holds(wanted, got)


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        pytest.param(YES, "m", id="module-instead-of-yes"),
        pytest.param(MODULE, "y", id="yes-instead-of-module"),
        pytest.param(YES, "n", id="no-instead-of-yes"),
        pytest.param(NO, "y", id="yes-instead-of-no"),
        pytest.param(YES, "1", id="one-is-not-yes"),
        pytest.param(1, "y", id="yes-is-not-one"),
        pytest.param("y", "y", id="text-is-not-yes"),
        pytest.param(0, '""', id="nothing-is-not-zero"),
        pytest.param(18, "17", id="clamped"),
        pytest.param("17", "17", id="text-is-not-a-number"),
        pytest.param("-x", '""', id="lost-text"),
    ],
)
def test_does_not_hold(wanted: Value, got: str) -> None:
    """A request does not hold if the value means something else."""
    assert not holds(wanted, got)


def test_an_absent_option() -> None:
    """An option that the `.config` does not have satisfies NO and the empty text, and nothing else."""
    values: dict[str, Value] = {"A": NO, "B": "", "C": YES, "D": 0, "E": "x", "F": Hex(0)}
    wanted = {name: Request(value) for name, value in values.items()}

    assert [it.option for it in mismatches(wanted, {})] == ["C", "D", "E", "F"]


def test_mismatches_are_in_order_and_say_both() -> None:
    """Each mismatch says what was wanted and what there is, in order of the names."""
    wanted = {"KGDB": Request(YES), "BASE": Request(3), "64BIT": Request(NO)}

    assert mismatches(wanted, parse(DOTCONFIG)) == [
        Mismatch("64BIT", NO, YES),
        Mismatch("BASE", 3, None),
        Mismatch("KGDB", YES, NO),
    ]
    assert [str(it) for it in mismatches(wanted, parse(DOTCONFIG))] == [
        "wanted # CONFIG_64BIT is not set, got CONFIG_64BIT=y",
        "wanted CONFIG_BASE=3, got absent",
        "wanted CONFIG_KGDB=y, got # CONFIG_KGDB is not set",
    ]
