"""Which requests leave a configuration as it is."""

from __future__ import annotations

import pytest

from derivations.kconfig.symbols.model import Choice
from derivations.kconfig.symbols.redundant import assignments, change_nothing
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
        option("NUMBER", "int"),
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
TABLE = f"""NUMBER 0 0 0
NET 2 1 y
OFF 2 1 n
DRIVER 2 1 m
LIMITED 1 1 y
LOW 1 1 m
HIDDEN 0 1 y
UNWRITTEN 0 0 n
FAST 2 1 y
SLOW 2 1 n
OLD 0 0 n
SIZE 2 1 17
NAME 2 1 "a
{SETTLED}
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("CONFIG_NET=y", True, id="on"),
        pytest.param("# CONFIG_OFF is not set", True, id="off"),
        pytest.param("CONFIG_DRIVER=m", True, id="module"),
        pytest.param("CONFIG_LOW=m", True, id="as-high-as-visible"),
        pytest.param("CONFIG_HIDDEN=y", True, id="without-prompt"),
        pytest.param("# CONFIG_UNWRITTEN is not set", True, id="not-written"),
        pytest.param("CONFIG_SIZE=17", True, id="number"),
        pytest.param('CONFIG_NAME="a"', True, id="text"),
        pytest.param("# CONFIG_NET is not set", False, id="another-value"),
        pytest.param("CONFIG_SIZE=0x11", False, id="a-number-written-otherwise"),
        pytest.param('CONFIG_SIZE="17"', False, id="number-as-text"),
        pytest.param('CONFIG_NAME="b"', False, id="another-text"),
        pytest.param("CONFIG_UNWRITTEN=y", False, id="another-value-of-an-invisible-one"),
        pytest.param("CONFIG_LIMITED=y", False, id="a-default-above-the-visibility"),
        pytest.param("CONFIG_FAST=y", False, id="chosen"),
        pytest.param("# CONFIG_SLOW is not set", False, id="not-chosen"),
        pytest.param("CONFIG_OLD=y", False, id="transitional"),
        pytest.param("# CONFIG_OLD is not set", False, id="transitional-off"),
        pytest.param("# CONFIG_NUMBER is not set", False, id="off-for-a-number"),
        pytest.param("# CONFIG_NOWHERE is not set", False, id="unknown"),
    ],
)
def test_a_request(line: str, expected: bool) -> None:
    """Only a request for the present value, for an option that no other one looks at, surely changes nothing."""
    assert _change_nothing(line) is expected


def test_all_of_them_count() -> None:
    """One request that may change something is enough."""
    assert _change_nothing()
    assert not _change_nothing("CONFIG_NET=y", "CONFIG_SIZE=18")


def _change_nothing(*lines: str) -> bool:
    return change_nothing(assignments(lines), assignments(CONFIG.split("\n")), OPTIONS, Values.parse(TABLE))
