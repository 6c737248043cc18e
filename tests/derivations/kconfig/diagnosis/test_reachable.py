"""The possible values of options: on a Kconfig of a few options, compared with its resolver on every configuration."""

from __future__ import annotations

import itertools

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.kconfig.diagnosis.reachable import Reach
from derivations.kconfig.language.values import NO, YES, Value
from derivations.kconfig.symbols.expression import Level
from derivations.kconfig.symbols.model import Choice
from tests.small_kconfig import Resolver, expression, model, option


OPTIONS = model(
    [
        option("MODULES", prompt="Modules"),
        option("BROKEN", prompt="Broken"),
        option("X86"),
        option("EXPERT", prompt="Expert"),
        option("RING", prompt="Ring", prompt_if="EXPERT", defaults=[("y", "y")]),
        option("TICKER", prompt="Ticker", prompt_if="X86", defaults=[("y", "y")]),
        option("ALWAYS", defaults=[("y", "y")], selects=["CHOSEN"]),
        option("CHOSEN", prompt="Chosen"),
        option("DRIVER", "tristate", prompt="Driver", depends="BUS", selects=["CORE"]),
        option("BUS", "tristate", prompt="Bus"),
        option("CORE", "tristate"),
        option("EXACT", prompt="Exact", depends="BUS = m"),
        option("NEVER", prompt="Never", depends="X86 = y || BROKEN"),
        option("FOLLOWS", defaults=[("n", "RING"), ("BUS", "y")]),
        option("ONE", prompt="One", choice="@1", prompt_if="EXPERT"),
        option("TWO", prompt="Two", choice="@1", prompt_if="EXPERT"),
        option("LEVEL", "int", prompt="Level", defaults=[("3", "y")]),
        option("HIGH", prompt="High", depends="LEVEL = 5"),
        option("GAME_A", prompt="A", depends="GAME_B"),
        option("GAME_B", prompt="B", depends="GAME_A"),
    ],
    [Choice(id="@1", prompt="Which", members=("ONE", "TWO"), condition=expression("EXPERT"))],
)
NAMES = [name for name, it in OPTIONS.items() if it.type in {"bool", "tristate"}]
VALUES = Resolver(OPTIONS)("")


@given(st.dictionaries(st.sampled_from([it for it in NAMES if it != "BROKEN"]), st.sampled_from("nmy")))
def test_no_actual_value_is_impossible(assigned: dict[str, str]) -> None:
    """Every value that a configuration resolves to is possible."""
    values = Resolver(OPTIONS)("".join(f"CONFIG_{name}={value}\n" for name, value in assigned.items()))
    reach = Reach(OPTIONS, VALUES, {})

    assert [] == [name for name in NAMES if not reach.can_be(name, values.level(name))]


@pytest.mark.parametrize(
    ("name", "level", "fixed"),
    [
        pytest.param("TICKER", Level.N, {}, id="prompt-that-is-never-shown"),
        pytest.param("CHOSEN", Level.N, {}, id="selected-always"),
        pytest.param("NEVER", Level.Y, {}, id="only-what-is-never-right"),
        pytest.param("RING", Level.N, {"EXPERT": NO}, id="another-request"),
        pytest.param("EXACT", Level.Y, {"MODULES": NO}, id="no-modules"),
        pytest.param("CORE", Level.N, {"BUS": YES, "DRIVER": YES}, id="selected-by-a-request"),
        pytest.param("GAME_A", Level.Y, {}, id="in-a-circle"),
        pytest.param("ONE", Level.Y, {"EXPERT": NO}, id="choice-that-is-not-offered"),
        pytest.param("FOLLOWS", Level.Y, {"EXPERT": NO}, id="default-that-another-one-precedes"),
    ],
)
def test_the_impossible(name: str, level: Level, fixed: dict[str, Value]) -> None:
    """Values that no configuration has are impossible."""
    assert not Reach(OPTIONS, VALUES, fixed).can_be(name, level)


def test_numbers_are_not_followed() -> None:
    """A value that depends on a settable number is possible."""
    assert Reach(OPTIONS, VALUES, {}).can_be("HIGH", Level.Y)


def test_entries_that_can_be_set() -> None:
    """A number can be set if its prompt can become visible."""
    options = model(
        [
            option("A", "int", prompt="A", depends="B"),
            option("B"),
            option("C", "int", prompt="C", depends="D"),
            option("D", prompt="D"),
        ]
    )
    reach = Reach(options, Resolver(options)(""), {})

    assert [False, True] == [reach.can_be_set(options[it]) for it in "AC"]


def test_every_level_is_found() -> None:
    """Options without restrictions can have every level."""
    reach = Reach(OPTIONS, VALUES, {})

    assert all(reach.can_be(name, level) for name, level in itertools.product(("DRIVER", "BUS", "CORE"), Level))
