"""Which requirements hold in a configuration, and why the others do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.kconfig.language.values import MODULE, NO, YES
from derivations.kconfig.requirements.judged import Judged, judge
from derivations.kconfig.requirements.requirement_set import RequirementSet
from derivations.kconfig.rules.fulfil import Fulfilled, fulfilled
from derivations.kconfig.rules.report import RuleOutcome
from derivations.kconfig.rules.rule import Rule
from derivations.kconfig.symbols.dotconfig import compose
from tests.small_kconfig import Resolver, merged, model, option


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Value


KCONFIG = model(
    [
        option("MODULES", prompt="Modules"),
        option("BLOCK", prompt="Disks"),
        option("ZRAM", "tristate", prompt="Swap", depends="BLOCK"),
        option("VETH", "tristate", prompt="Pairs"),
        option("UNIX", prompt="Sockets"),
        option("COMPUTED", defaults=[("n", "y")]),
        option("FILES", "string", prompt="Firmware", defaults=[('""', "y")]),
    ],
    version="6.12.1",
)


def rule(option: str, wanted: Value = YES, **more: object) -> Rule:
    """Return the rule that *option* be *wanted*."""
    return Rule(option=option, wanted=wanted, reason="it is needed", **more)  # type: ignore[arg-type]


def judged(requests: dict[str, Value], *rules: Rule) -> tuple[Judged, ...]:
    """Return the verdicts of *rules* on a kernel with *requests*."""
    values = Resolver(KCONFIG)(compose("", requests, KCONFIG))
    return judge([RequirementSet("mine", rules)], merged(requests), KCONFIG, values)


@pytest.mark.parametrize(
    ("requests", "given", "holds"),
    [
        pytest.param({"VETH": YES}, rule("VETH"), True, id="held"),
        pytest.param({}, rule("VETH"), False, id="off"),
        pytest.param({"MODULES": YES, "VETH": MODULE}, rule("VETH"), False, id="a-module-is-not-built-in"),
        pytest.param({"MODULES": YES, "VETH": MODULE}, rule("VETH", also=(MODULE,)), True, id="a-module-is-as-good"),
        pytest.param({"UNIX": YES}, rule("VETH", instead=(("UNIX", YES),)), True, id="another-option-is-as-good"),
        pytest.param({}, rule("MODULES", NO), True, id="no"),
        pytest.param({"MODULES": YES}, rule("MODULES", NO), False, id="not-no"),
        pytest.param({}, rule("GONE", NO), True, id="an-option-that-does-not-exist-is-off"),
        pytest.param({}, rule("GONE"), False, id="an-option-that-does-not-exist-is-not-on"),
        pytest.param({}, rule("COMPUTED"), False, id="what-no-setting-can-do-is-not-held"),
        pytest.param({}, rule("VETH", given=("UNIX",)), True, id="without-what-it-is-for"),
        pytest.param({"FILES": "a b"}, rule("FILES", "", any_text=True), True, id="any-text"),
        pytest.param({}, rule("FILES", "", any_text=True), False, id="no-text"),
    ],
)
def test_holds(requests: dict[str, Value], given: Rule, holds: bool) -> None:
    """A requirement holds by its value or one that is as good; what a kernel cannot have is not held."""
    (found,) = judged(requests, given)

    assert found.holds is holds


def test_why() -> None:
    """Below the verdict stands what keeps the option from its value: a dependency, the kernel's own request, or the tree."""
    found = judged({"MODULES": YES}, rule("ZRAM"), rule("MODULES", NO), rule("GONE"), rule("COMPUTED"), rule("VETH"))
    lines = ["\n".join(it.lines()) for it in found]

    assert '→ "BLOCK": YES' in lines[0]
    assert lines[1].endswith("\n  requested y (mine, mine.py:1)")
    assert "this 6.12 kernel does not have it" in lines[2]
    assert "no setting switches it on here" in lines[3]
    assert lines[4] == "not held: CONFIG_VETH=y, got n: it is needed"


def test_json() -> None:
    """As JSON, a verdict has its set and the diagnosis."""
    (found,) = judged({}, rule("ZRAM", source="somebody"))
    facts = found.to_json()

    assert {it: facts[it] for it in ("set", "option", "outcome", "source")} == {
        "set": "mine", "option": "ZRAM", "outcome": RuleOutcome.NOT_HELD.value, "source": "somebody",
    }  # fmt: skip
    assert facts["diagnosis"]["option"] == "ZRAM"


def met(requests: dict[str, Value], *rules: Rule) -> Fulfilled:
    """Return what makes *rules* hold."""
    resolver = Resolver(KCONFIG)
    return fulfilled(
        rules, merged(requests).requests, "", KCONFIG, resolver, settle=resolver, strict=True, required=True
    )


def test_fragment() -> None:
    """The requests that meet a set include dependencies; a module where that is as good; and leave out what cannot be."""
    modular = (rule("VETH", also=(MODULE,)), rule("UNIX", also=(MODULE,)))

    assert met({}, rule("ZRAM")).dependencies == {"BLOCK": YES}
    assert met({"MODULES": YES}, *modular).requests == {"VETH": MODULE, "UNIX": YES}
    assert met({}, *modular).requests == {"VETH": YES, "UNIX": YES}
    found = met({}, rule("GONE"), rule("COMPUTED"), rule("FILES", "", any_text=True), rule("VETH"))
    assert (set(found.requests), set(found.left_out)) == ({"VETH"}, {"GONE", "COMPUTED"})
