"""Which requests leave a configuration as it is."""

from __future__ import annotations

import pytest

from derivations.kconfig.language.values import MODULE, NO, YES, Value
from derivations.kconfig.symbols.dotconfig import parse
from derivations.kconfig.symbols.model import Choice
from derivations.kconfig.symbols.redundant import change_nothing
from derivations.kconfig.symbols.values_table import SETTLED, Values
from tests.small_kconfig import model, option


OPTIONS = model(
    [
        option("NET", prompt="net"),
        option("OFF", prompt="off"),
        option("DRIVER", "tristate", prompt="driver"),
        option("LIMITED", "tristate", prompt="limited"),
        option("LOW", "tristate", prompt="low"),
        option("HIDDEN"),
        option("UNWRITTEN"),
        option("FAST", prompt="fast", choice="@1"),
        option("SLOW", prompt="slow", choice="@1"),
        option("OLD", transitional=True),
        option("SIZE", "int", prompt="size"),
        option("NAME", "string", prompt="name"),
    ],
    [Choice(id="@1", prompt="speed", members=("FAST", "SLOW"))],
)
CONFIG = """CONFIG_NET=y
# CONFIG_OFF is not set
CONFIG_DRIVER=m
CONFIG_LIMITED=y
CONFIG_LOW=m
CONFIG_HIDDEN=y
CONFIG_FAST=y
# CONFIG_SLOW is not set
CONFIG_SIZE=17
CONFIG_NAME="a"
"""
TABLE = f"""NET 2 1 y
OFF 2 1 n
DRIVER 2 1 m
LIMITED 1 1 y
LOW 1 1 m
HIDDEN 0 1 y
UNWRITTEN 0 0 n
FAST 2 1 y
SLOW 2 1 n
OLD 0 0 y
SIZE 2 1 17
NAME 2 1 "a
{SETTLED}
"""


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        pytest.param("NET", YES, True, id="on"),
        pytest.param("OFF", NO, True, id="off"),
        pytest.param("DRIVER", MODULE, True, id="module"),
        pytest.param("LOW", MODULE, True, id="as-high-as-visible"),
        pytest.param("HIDDEN", YES, True, id="without-prompt"),
        pytest.param("SIZE", 17, True, id="number"),
        pytest.param("NAME", "a", True, id="text"),
        pytest.param("NET", NO, False, id="another-value"),
        pytest.param("SIZE", "17", False, id="number-as-text"),
        pytest.param("NAME", "b", False, id="another-text"),
        pytest.param("LIMITED", YES, False, id="a-default-above-the-visibility"),
        pytest.param("UNWRITTEN", NO, False, id="not-written"),
        pytest.param("FAST", YES, False, id="chosen"),
        pytest.param("SLOW", NO, False, id="not-chosen"),
        pytest.param("OLD", YES, False, id="transitional"),
        pytest.param("NOWHERE", NO, False, id="unknown"),
    ],
)
def test_a_request(name: str, value: Value, expected: bool) -> None:
    """Only a request for the present value, for an option that no other one looks at, surely changes nothing."""
    assert change_nothing({name: value}, parse(CONFIG), OPTIONS, Values.parse(TABLE)) is expected


def test_all_of_them_count() -> None:
    """One request that may change something is enough."""
    assert change_nothing({}, parse(CONFIG), OPTIONS, Values.parse(TABLE))
    assert not change_nothing({"NET": YES, "SIZE": 18}, parse(CONFIG), OPTIONS, Values.parse(TABLE))
