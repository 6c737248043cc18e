"""Plans, according to the model and the current values."""

from __future__ import annotations

import pytest

from derivations.kconfig.diagnosis.plan import NOTHING, DeadEnd, SettingPlan
from derivations.kconfig.diagnosis.planner import NEVER, Planner
from derivations.kconfig.language.values import MODULE, NO, YES, Tristate
from derivations.kconfig.symbols.expression import Level
from tests.small_kconfig import Resolver, expression, model, option


OPTIONS = model(
    [
        option("MODULES", prompt="Modules"),
        option("COMMON", prompt="Common"),
        option("USUAL", prompt="Usual", defaults=[("y", "y")]),
        option("RARE", prompt="Rare"),
        option("EXPERT", prompt="Expert"),
        option("BROKEN"),
        option("DRIVER", "tristate", prompt="Driver"),
        option("CORE", file="core/Kconfig"),
        option("FAR", prompt="Far", selects=["CORE"], file="far/Kconfig"),
        option("NEAR", prompt="Near", depends="RARE", selects=["CORE"], file="core/Kconfig"),
        option("ROUND", prompt="Round", depends="TRIP"),
        option("TRIP", prompt="Trip", depends="ROUND || RARE"),
        option("LEVEL", "int", prompt="Level", defaults=[("3", "y")]),
        option("FOLLOWS", defaults=[("y", "RARE")]),
        option("NET", prompt="Networking"),
    ],
    common=["COMMON", "NEAR"],
)


def planner(text: str = "", *, modules: bool = False) -> Planner:
    """Return a planner for the values of the configuration *text*."""
    return Planner(OPTIONS, Resolver(OPTIONS)(text), modules=modules)


@pytest.mark.parametrize(
    ("goal", "text", "assignments"),
    [
        pytest.param("COMMON", "", {"COMMON": YES}, id="an-option"),
        pytest.param("COMMON && RARE", "", {"COMMON": YES, "RARE": YES}, id="all-of-a-conjunction"),
        pytest.param("RARE || COMMON", "", {"COMMON": YES}, id="the-cheapest-of-a-disjunction"),
        pytest.param("EXPERT || RARE && COMMON", "", {"RARE": YES, "COMMON": YES}, id="expert-last"),
        pytest.param("BROKEN || RARE", "", {"RARE": YES}, id="broken-never"),
        pytest.param("!RARE", "CONFIG_RARE=y\n", {"RARE": NO}, id="off"),
        pytest.param("!(RARE && COMMON)", "CONFIG_RARE=y\nCONFIG_COMMON=y\n", {"RARE": NO}, id="one-off-is-enough"),
        pytest.param(
            "!(NET && RARE) && !(NET && COMMON)",
            "CONFIG_NET=y\nCONFIG_RARE=y\nCONFIG_COMMON=y\n",
            {"RARE": NO, "COMMON": NO},
            id="two-off-rather-than-a-cornerstone",
        ),
        pytest.param("DRIVER = y", "CONFIG_MODULES=y\nCONFIG_DRIVER=m\n", {"DRIVER": YES}, id="exactly-y"),
        pytest.param("DRIVER != m", "CONFIG_MODULES=y\nCONFIG_DRIVER=m\n", {"DRIVER": YES}, id="not-m"),
        pytest.param("CORE", "", {"RARE": YES, "NEAR": YES}, id="the-select-of-the-same-menu"),
        pytest.param("TRIP", "", {"RARE": YES, "TRIP": YES}, id="no-circle"),
        pytest.param("FOLLOWS", "", {"RARE": YES}, id="what-follows-from-another"),
        pytest.param("RARE", "CONFIG_RARE=y\n", {}, id="holds-already"),
    ],
)
def test_plans(goal: str, text: str, assignments: dict[str, Tristate]) -> None:
    """The plan for a goal is the cheapest one."""
    found = planner(text).raised(expression(goal), Level.Y)

    assert isinstance(found, SettingPlan)
    assert assignments == found.assignments


@pytest.mark.parametrize(
    ("goal", "obstacles"),
    [
        pytest.param("NOWHERE", ("x86_64 has no NOWHERE",), id="undefined"),
        pytest.param("BROKEN", ("BROKEN must not be enabled",), id="never"),
        pytest.param("LEVEL", ("LEVEL is not a bool or tristate",), id="number"),
        pytest.param("LEVEL = 5", ("LEVEL [=3] = 5 cannot be changed by a bool or tristate",), id="comparison"),
        pytest.param("COMMON && m", ("it is never more than m",), id="only-m"),
    ],
)
def test_dead_ends(goal: str, obstacles: tuple[str, ...]) -> None:
    """Without a plan, the obstacles are reported."""
    assert DeadEnd(obstacles) == planner().raised(expression(goal), Level.Y)


def test_modules_are_enough_if_modules_are_on() -> None:
    """A needed tristate becomes a module if MODULES is on, else y."""
    goal = expression("DRIVER")

    assert [{"DRIVER": YES}, {"DRIVER": MODULE}] == [
        found.assignments
        for found in (planner(modules=it).raised(goal, Level.M) for it in (False, True))
        if isinstance(found, SettingPlan)
    ]


def test_what_to_avoid_and_what_is_free() -> None:
    """Options to avoid are not set; options set already cost nothing."""
    values = Resolver(OPTIONS)("")
    goal = expression("COMMON || RARE")
    avoiding = Planner(OPTIONS, values, avoid={"COMMON"}).raised(goal, Level.Y)
    free = Planner(OPTIONS, values, free={"RARE"}).raised(goal, Level.Y)

    assert [{"RARE": YES}] * 2 == [it.assignments for it in (avoiding, free) if not isinstance(it, DeadEnd)]


def test_what_is_fixed() -> None:
    """An option that is requested off is not enabled."""
    found = Planner(OPTIONS, Resolver(OPTIONS)(""), fixed={"COMMON": NO}).raised(expression("COMMON"), Level.Y)

    assert DeadEnd(("COMMON is requested as n",)) == found


@pytest.mark.parametrize("name", sorted(NEVER & OPTIONS.keys()))
def test_what_is_never_changed(name: str) -> None:
    """Some options are never part of a plan."""
    assert isinstance(planner().option(name, Level.Y), DeadEnd)


def test_nothing_to_do() -> None:
    """A goal that holds needs no plan, whatever its price."""
    assert NOTHING == planner("CONFIG_EXPERT=y\n").raised(expression("EXPERT || BROKEN"), Level.Y)
