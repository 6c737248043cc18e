"""Arguments and output of `kernix config fix`; tests/test_real_config.py tests its solutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from derivations.kconfig.diagnosis.repair import Setting, Solution
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.merge import merge
from derivations.kconfig.language.values import MODULE, NO, YES, Hex
from derivations.version import Version
from kernix.commands.config.fix import NoSolution, _mapping, assignment
from store.errors import UsageError
from tests.small_kconfig import merged, model, option


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Value


KCONFIG = model(
    [option("NET", prompt="Net"), option("NAME", "string", prompt="Name"), option("BASE", "hex", prompt="B")]
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("NET=y", ("NET", YES), id="yes"),
        pytest.param("CONFIG_NET=m", ("NET", MODULE), id="prefix"),
        pytest.param("NET=n", ("NET", NO), id="no"),
        pytest.param("BASE=0x10", ("BASE", Hex(16)), id="hex"),
        pytest.param("NAME=a b", ("NAME", "a b"), id="text-without-quotation-marks"),
        pytest.param('NAME="a b"', ("NAME", "a b"), id="text"),
        pytest.param("OTHER=17", ("OTHER", 17), id="unknown-option"),
    ],
)
def test_assignments(text: str, expected: tuple[str, Value]) -> None:
    """An assignment is written as in a .config; a shell may have removed quotation marks."""
    assert expected == assignment(text, KCONFIG)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("NET", "'NET' is not of the form X=y", id="no-value"),
        pytest.param("NET y", "'NET y' is not of the form X=y", id="no-sign"),
        pytest.param("=y", "'=y' is not of the form X=y", id="no-option"),
        pytest.param("CONFIG_CONFIG_NET=y", "CONFIG_", id="twice"),
        pytest.param("NET=yes", "NET=yes", id="word"),
    ],
)
def test_invalid_assignments(text: str, sentence: str) -> None:
    """Anything else is an error that shows it."""
    with pytest.raises(UsageError) as caught:
        assignment(text, KCONFIG)
    assert sentence in str(caught.value)


def test_the_fragment_to_paste() -> None:
    """The given options come first, followed by each further option with its cost."""
    way = Solution(assignments=(Setting("A", YES, 1), Setting("LONGER", MODULE, 12)), changes=13)
    assert [
        "extra_config = {",
        '    "NET": YES,',
        '    "A": YES,          # 1 other option changes',
        '    "LONGER": MODULE,  # 12 other options change',
        "}",
    ] == list(_mapping(way, {"NET": YES}, {}))


def test_contradicted_requests_are_forced() -> None:
    """A value that contradicts another request is forced, with the place of that request."""
    way = Solution(assignments=(Setting("A", YES, 1),), changes=1)
    lines = list(_mapping(way, {"NET": NO}, merged({"NET": YES, "A": NO}).requests))
    names: dict[str, Any] = {}
    exec("from derivations import *\n" + "\n".join(lines), names)  # noqa: S102 -- it is there to be run

    assert "over mine.py:1" in lines[1]
    assert "1 other option changes, over mine.py:2" in lines[2]
    old = Fragment("mine", {"NET": YES, "A": NO})
    together = merge([old, Fragment("pasted", names["extra_config"])], version=Version.parse("6.12"), arch="x86_64")
    assert {"NET": NO, "A": YES} == {name: it.value for name, it in together.requests.items()}


def test_each_reason_is_an_error() -> None:
    """Several requests that cannot hold are reported one by one."""
    assert ["a cannot", "b cannot"] == [str(it) for it in NoSolution(("a cannot", "b cannot")).errors]
