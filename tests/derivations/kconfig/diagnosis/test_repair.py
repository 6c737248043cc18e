"""The fewest further options that make requests hold: on a Kconfig of a few options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.kconfig.diagnosis.repair import Repair, Unsolved, proven, repair
from derivations.kconfig.language.values import MODULE, NO, YES, Tristate, Value
from derivations.kconfig.symbols.dotconfig import compose
from derivations.kconfig.symbols.fits import holds
from derivations.kconfig.symbols.model import Choice, Prompt
from tests.small_kconfig import Resolver, diagnoses, expression, model, option


if TYPE_CHECKING:
    from derivations.kconfig.symbols.values_table import Values


TWICE = attrs.evolve(
    option("TWICE", prompt="Here", prompt_if="BROKEN", defaults=[("y", "y")]),
    prompts=(Prompt("Here", expression("BROKEN")), Prompt("There", expression("KGDB && TTY"))),
)
PREEMPTION = Choice(id="@1", prompt="Preemption", members=("NONE", "FULL"))
OPTIONS = model(
    [
        option("MODULES", prompt="Modules"),
        option("BROKEN"),
        option("COMPILE_TEST", prompt="Compile test"),
        option("EXPERT", prompt="Expert"),
        option("TTY", prompt="Terminals"),
        option("VT", prompt="Virtual terminals", depends="TTY", defaults=[("y", "y")]),
        option("KGDB", prompt="Debugger"),
        option("SERIAL", "tristate", prompt="Serial", depends="KGDB && TTY && VT"),
        option("PCI", prompt="PCI"),
        option("VIRTIO", "tristate", file="virtio/Kconfig"),
        option("RPMSG", "tristate", prompt="Remote", selects=["VIRTIO"], file="rpmsg/Kconfig"),
        option("VIRTIO_PCI", "tristate", prompt="Virtio on PCI", depends="PCI", selects=["VIRTIO"], file="virtio/Kconfig"),
        option("NETWORK", "tristate", prompt="Network", depends="VIRTIO"),
        option("DANGER", prompt="Danger", depends="BROKEN || COMPILE_TEST"),
        option("SECRET", prompt="Secret", depends="EXPERT"),
        option("EITHER", prompt="Either", depends="EXPERT || KGDB && TTY"),
        option("NO_TTY", prompt="No terminals", depends="!TTY"),
        option("NONE", prompt="No preemption", choice="@1"),
        option("FULL", prompt="Full preemption", choice="@1"),
        option("MANY", prompt="Many processors"),
        option("MOST", "int", defaults=[("8192", "MANY"), ("512", "y")]),
        option("CPUS", "int", prompt="Processors", defaults=[("64", "y")], ranges=[("2", "MOST", "y")]),
        option("IN_TURN", prompt="In turn", depends="AROUND"),
        option("AROUND", prompt="Around", depends="IN_TURN"),
        option("ONLY_M", "tristate", prompt="Only a module", depends="MODULES && m"),
        option("RING", prompt="Ring", prompt_if="EXPERT", defaults=[("y", "y")]),
        option("QUIRKS", prompt="Quirks", prompt_if="EXPERT", depends="PCI", defaults=[("y", "y")]),
        option("CARD", prompt="Card", selects=["LOADER"]),
        option("LOADER", prompt="Loader", prompt_if="EXPERT", defaults=[("y", "y")]),
        option("TICKER", prompt="Ticker", prompt_if="X86_32", defaults=[("y", "y")]),
        option("X86_32"),
        TWICE,
        option("ASKED", prompt="Asked", prompt_if="NONE", choice="@2"),
        option("OTHERWISE", prompt="Otherwise", prompt_if="NONE", choice="@2"),
        option("MEDIA", prompt="Media"),
        option("FILTER", prompt="Filter", depends="MEDIA", defaults=[("y", "y")]),
        option("HIDING", depends="MEDIA && FILTER", defaults=[("y", "y")]),
        option("SENSOR", prompt="Sensor", depends="MEDIA && !HIDING"),
    ],
    [PREEMPTION, Choice(id="@2", prompt="Which", members=("ASKED", "OTHERWISE"), condition=expression("NONE"))],
    common=["PCI", "VIRTIO_PCI", "TTY"],
)  # fmt: skip


def repaired(asked: dict[str, Value], base: str = "", *, alternatives: int = 2) -> Repair:
    """Return the repair of *asked*, after checking that all requests hold and nothing is superfluous."""
    resolver = Resolver(OPTIONS)
    found = repair(asked, base, OPTIONS, resolver, alternatives=alternatives)
    failed = {it.option for it in found.unsolved}
    left = {name: value for name, value in asked.items() if name not in failed}
    for way in (found.best, *found.alternatives):
        assert hold(left, {**asked, **way.options}, base)
        for name in way.options:
            assert not hold(left, {**asked, **{it: v for it, v in way.options.items() if it != name}}, base)
    return found


def hold(asked: dict[str, Value], requests: dict[str, Value], base: str) -> bool:
    """Return whether all of *asked* hold with *requests* over *base*."""
    values = Resolver(OPTIONS)(compose(base, requests, OPTIONS))
    return all(holds(value, OPTIONS[name], values[name]) for name, value in asked.items())


@pytest.mark.parametrize(
    ("asked", "base", "best"),
    [
        pytest.param({"TTY": YES}, "", {}, id="holds-already"),
        pytest.param({"SERIAL": YES}, "", {"KGDB": YES, "TTY": YES}, id="what-it-depends-on"),
        pytest.param({"SERIAL": YES}, "CONFIG_KGDB=y\n", {"TTY": YES}, id="only-what-is-missing"),
        pytest.param({"SERIAL": YES, "KGDB": YES}, "", {"TTY": YES}, id="what-is-asked-counts"),
        pytest.param({"SERIAL": MODULE}, "", {"KGDB": YES, "MODULES": YES, "TTY": YES}, id="modules"),
        pytest.param({"NETWORK": YES}, "", {"PCI": YES, "VIRTIO_PCI": YES}, id="what-people-have"),
        pytest.param({"EITHER": YES}, "", {"KGDB": YES, "TTY": YES}, id="expert-is-the-last-resort"),
        pytest.param({"SECRET": YES}, "", {"EXPERT": YES}, id="expert-where-it-must-be"),
        pytest.param({"NO_TTY": YES}, "CONFIG_TTY=y\n", {"TTY": NO}, id="something-off"),
        pytest.param({"FULL": YES}, "CONFIG_NONE=y\n", {}, id="another-member-of-a-choice"),
        pytest.param({"VIRTIO": NO}, "CONFIG_RPMSG=y\n", {"RPMSG": NO}, id="what-selects-it"),
        pytest.param({"VIRTIO": YES}, "", {"PCI": YES, "VIRTIO_PCI": YES}, id="no-prompt"),
        pytest.param({"CPUS": 8000}, "", {"MANY": YES}, id="a-wider-range"),
        pytest.param({"MOST": 8192}, "", {"MANY": YES}, id="a-computed-number"),
        pytest.param({"MOST": 512}, "CONFIG_MANY=y\n", {"MANY": NO}, id="a-later-default"),
        pytest.param({"ONLY_M": MODULE}, "", {"MODULES": YES}, id="never-y"),
        pytest.param({"RING": NO}, "", {"EXPERT": YES}, id="hidden-prompt"),
        pytest.param({"RING": NO}, "CONFIG_EXPERT=y\n", {}, id="prompt-not-hidden"),
        pytest.param({"QUIRKS": NO}, "CONFIG_PCI=y\n", {"EXPERT": YES}, id="hidden-prompt-rather-than-all-of-it"),
        pytest.param({"LOADER": NO}, "CONFIG_CARD=y\n", {"CARD": NO, "EXPERT": YES}, id="hidden-and-selected"),
        pytest.param({"TWICE": NO}, "", {"KGDB": YES, "TTY": YES}, id="one-prompt-of-two"),
        pytest.param({"ASKED": YES}, "CONFIG_FULL=y\n", {"NONE": YES}, id="hidden-choice"),
        pytest.param({"SENSOR": YES}, "", {"FILTER": NO, "MEDIA": YES}, id="what-a-step-brings-is-not-undone-with-it"),
    ],
)
def test_repairs(asked: dict[str, Value], base: str, best: dict[str, Tristate]) -> None:
    """The options to set are the fewest, and those that a person would choose."""
    found = repaired(asked, base)

    assert (best, ()) == (found.best.options, found.unsolved)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        pytest.param({"DANGER": YES}, "BROKEN must not be enabled; COMPILE_TEST must not be enabled", id="never"),
        pytest.param({"SERIAL": YES, "TTY": NO}, "TTY is requested as n", id="contradiction"),
        pytest.param({"SERIAL": MODULE, "MODULES": NO}, "MODULES is requested as n", id="no-modules"),
        pytest.param({"FULL": YES, "NONE": YES}, "of the same choice, is requested too", id="two-members"),
        pytest.param({"MOST": 9000}, "it has no prompt, and none of its defaults is that", id="no-such-default"),
        pytest.param({"CPUS": 9000}, "its range is 2 to 512", id="no-range"),
        pytest.param({"NOWHERE": YES}, "Linux 6.12.1 has no such option", id="unknown"),
        pytest.param({"KGDB": MODULE}, "it is a bool, never a module; write YES", id="invalid"),
        pytest.param({"IN_TURN": YES}, "cannot hold here: nothing that determines it can be changed", id="in-a-circle"),
        pytest.param({"ONLY_M": YES}, "it is never more than m", id="only-a-module"),
        pytest.param({"TICKER": NO}, "X86_32 must not be enabled", id="prompt-of-another-architecture"),
    ],
)  # fmt: skip
def test_no_repair(asked: dict[str, Value], reason: str) -> None:
    """If nothing makes a request hold, the reason is given and nothing is proposed."""
    found = repaired(asked)

    assert {} == found.best.options
    assert [True] == [reason in str(it) for it in found.unsolved]


def test_what_can_hold_does() -> None:
    """An impossible request does not keep others from being repaired."""
    found = repaired({"DANGER": YES, "SERIAL": YES})

    assert ["DANGER"] == [it.option for it in found.unsolved]
    assert {"KGDB": YES, "TTY": YES} == found.best.options


def test_alternatives() -> None:
    """An alternative that is about as good is offered, unless none are wanted."""
    asked: dict[str, Value] = {"NETWORK": YES}

    assert [{"RPMSG": YES}] == [it.options for it in repaired(asked).alternatives]
    assert () == repaired(asked, alternatives=0).alternatives


def test_costs() -> None:
    """Each option has the number of options that it changes, and a way has the total."""
    best = repaired({"SERIAL": YES}).best

    assert [("KGDB", 1), ("TTY", 2)] == [(it.option, it.cost) for it in best.assignments]
    assert 2 == best.changes


def test_what_builds_do_decides() -> None:
    """A way that holds after one pass but not at the fixed point is searched for again."""
    once = Resolver(OPTIONS)

    def settle(text: str) -> Values:
        return once(text if "CONFIG_TTY=y" in text else text.replace("CONFIG_KGDB=y", ""))

    asked: dict[str, Value] = {"KGDB": YES}

    assert {} == repair(asked, "", OPTIONS, once).best.options
    assert ["KGDB"] == [it.option for it in repair(asked, "", OPTIONS, once, settle=settle).unsolved]
    assert () == repair({**asked, "TTY": YES}, "", OPTIONS, once, settle=settle).unsolved


def test_nothing_is_resolved_twice() -> None:
    """No configuration is resolved twice."""
    resolver = Resolver(OPTIONS)
    found = repair({"NETWORK": YES, "SERIAL": YES}, "", OPTIONS, resolver)

    assert len(resolver.asked) == len(set(resolver.asked)) == found.evaluations


def test_json() -> None:
    """As JSON, a repair has the same facts."""
    found = repaired({"SERIAL": YES, "DANGER": YES, "KGDB": YES}, alternatives=0).to_json()

    assert {
        "best": {"assignments": {"TTY": {"value": "y", "changes": 2}}, "changes": 2},
        "alternatives": [],
        "unsolved": [
            {
                "option": "DANGER",
                "value": "y",
                "reasons": ["BROKEN must not be enabled", "COMPILE_TEST must not be enabled"],
                "proven": True,
            }
        ],
    } == found


def test_what_is_not_proven() -> None:
    """Only what no configuration has is reported as impossible; anything else as not found."""
    assert "cannot hold here" in str(Unsolved("X", NO, ()))
    assert "cannot" not in str(Unsolved("X", NO, (), proven=False))
    options = model(
        [
            option("A", prompt="A"),
            option("LEVEL", "int", prompt="Level", defaults=[("3", "y")]),
            option("HIGH", prompt="High", depends="LEVEL = 5"),
            option("BOTH", prompt="Both", depends="A && NOT_A"),
            option("NOT_A", prompt="Not A", depends="!A"),
        ]
    )
    found = repair({"HIGH": YES, "BOTH": YES}, "", options, Resolver(options)).unsolved

    assert {"HIGH": False, "BOTH": False} == {it.option: it.proven for it in found}


def test_what_accounts_propose_is_resolved() -> None:
    """A diagnosis proposes options only if they make the request hold along with all others that hold."""
    asked: dict[str, Value] = {"SENSOR": YES, "RING": NO, "DANGER": YES, "SERIAL": YES, "KGDB": YES}
    failing = {it: value for it, value in asked.items() if it != "KGDB"}
    found = proven(diagnoses(OPTIONS, asked).values(), "", OPTIONS, Resolver(OPTIONS))
    proposed = {it.option: dict(it.change) for it in found}

    assert {"FILTER": NO, "MEDIA": YES} == proposed["SENSOR"]
    assert ({"EXPERT": YES}, {"TTY": YES}, {}) == (proposed["RING"], proposed["SERIAL"], proposed["DANGER"])
    for name, value in failing.items():
        assert not proposed[name] or hold({name: value, "KGDB": YES}, {name: value, "KGDB": YES, **proposed[name]}, "")
    assert ["to fix this, add" in it.text for it in found] == [bool(proposed[it.option]) for it in found]


def test_what_a_request_that_holds_forbids_is_not_proposed() -> None:
    """A diagnosis proposes nothing that undoes another request."""
    found = proven(diagnoses(OPTIONS, {"SERIAL": YES, "TTY": NO}).values(), "", OPTIONS, Resolver(OPTIONS))

    assert {"SERIAL": (), "TTY": ()} == {it.option: it.change for it in found}
