"""Everything about one option, as text and as JSON."""

from __future__ import annotations

import attrs
import pytest

from derivations.kconfig.diagnosis.explain import Explanation, UnknownOption, explain
from derivations.kconfig.language.fragment import Origin, Request
from derivations.kconfig.language.merge import ShadowedRequest
from derivations.kconfig.language.values import NO, YES, Priority, Value
from derivations.kconfig.symbols.dotconfig import compose
from derivations.kconfig.symbols.model import Choice
from tests.small_kconfig import Resolver, merged, model, option


OPTIONS = model(
    [
        option("BUS", prompt="Bus"),
        option("DEVICE", prompt="Device", depends="BUS", selects=["CORE"], help="A device.\n\nOf the bus."),
        option("CORE"),
        option("OTHER", prompt="Other", selects=["CORE"]),
        option("USUAL", prompt="Usual", defaults=[("y", "y")]),
        option("SHIFT", "int", prompt="Shift", defaults=[("17", "y")], ranges=[("12", "25", "y")]),
        option("FIRST", prompt="First", choice="@1"),
        option("SECOND", prompt="Second", choice="@1"),
    ],
    [Choice(id="@1", prompt="Rank", members=("FIRST", "SECOND"))],
    elsewhere={"ARM64_PAN": ["arch/arm64/Kconfig:12"]},
)


def explained(name: str, requests: dict[str, Value] | None = None, base: str = "") -> Explanation:
    """Return the explanation of the option *name* with *requests* over *base*."""
    asked = requests or {}
    values = Resolver(OPTIONS)(compose(base, asked, OPTIONS))
    return explain(name, OPTIONS, values, merged(asked), lambda it: (f"drivers/{it.lower()}.o",))


def test_text() -> None:
    """The text has value and reason, obstacles, prompt, place, dependencies, selects, objects and help."""
    assert (
        "DEVICE is n: it is unavailable in this configuration\n"
        '  needs BUS [=n]: nothing requests it → "BUS": YES\n'
        "  prompt      Device (bool)\n"
        "  menu        Options\n"
        "  defined in  Kconfig:1\n"
        "  depends on  BUS [=n]\n"
        "  selects     CORE [=n] if BUS [=n]\n"
        "  builds      drivers/device.o\n"
        "\n"
        "  A device.\n"
        "\n"
        "  Of the bus."
    ) == explained("DEVICE").text


@pytest.mark.parametrize(
    ("name", "requests", "base", "value", "why"),
    [
        pytest.param("BUS", {"BUS": YES}, "", "y", "requested y (mine, mine.py:1)", id="asked"),
        pytest.param("DEVICE", {"DEVICE": YES}, "", "n", "requested y (mine, mine.py:1), which does not hold", id="asked-in-vain"),
        pytest.param("CORE", {"OTHER": YES}, "", "y", "OTHER selects it", id="selected"),
        pytest.param("USUAL", {}, "", "y", "this is its default", id="default"),
        pytest.param("USUAL", {}, "# CONFIG_USUAL is not set\n", "n", "set by the base configuration", id="base-off"),
        pytest.param("BUS", {}, "CONFIG_BUS=y\n", "y", "set by the base configuration", id="base-on"),
        pytest.param("BUS", {}, "", "n", "nothing requests it", id="nothing"),
        pytest.param("DEVICE", {}, "", "n", "it is unavailable in this configuration", id="hidden"),
        pytest.param("CORE", {}, "", "n", "it has no prompt, and nothing sets it", id="no-prompt"),
        pytest.param("SHIFT", {"SHIFT": 18}, "", "18", "requested 18 (mine, mine.py:1)", id="number"),
    ],
)  # fmt: skip
def test_why(name: str, requests: dict[str, Value], base: str, value: str, why: str) -> None:
    """The explanation says what set the value."""
    found = explained(name, requests, base)

    assert (value, why) == (found.value, found.why)


def test_active_selects_come_first() -> None:
    """Active selectors come first."""
    found = explained("CORE", {"OTHER": YES})

    assert ["OTHER [=y]", "DEVICE [=n] if BUS [=n]"] == [str(it) for it in found.selected_by]


def test_range_default_and_choice() -> None:
    """The range and default that apply, and the chosen member of a choice, have their own fields."""
    number, member = explained("SHIFT"), explained("FIRST", {"SECOND": YES})

    assert (("12", "25"), "17") == (number.limits, number.default)
    assert "“Rank” is SECOND, of FIRST, SECOND" == member.choice


def test_who_asks() -> None:
    """Overridden requests come after the winner."""
    asked = merged({"BUS": NO})
    weak = Request(YES, priority=Priority.DEFAULT, origin=Origin("common", "common.py:3"))
    both = attrs.evolve(asked, shadowed=(ShadowedRequest("BUS", weak, asked.requests["BUS"]),))
    found = explain("BUS", OPTIONS, Resolver(OPTIONS)(""), both)

    assert ("n (mine, mine.py:1)", "y (common, common.py:3), which is overridden") == found.asked


@pytest.mark.parametrize(
    ("name", "sentence", "hint"),
    [
        pytest.param("DEVISE", "DEVISE: Linux 6.12.1 has no such option", "did you mean DEVICE?", id="misspelled"),
        pytest.param(
            "ARM64_PAN", "ARM64_PAN: not available on x86_64; it is defined in arch/arm64/Kconfig:12", None, id="elsewhere"
        ),
    ],
)  # fmt: skip
def test_unknown_options(name: str, sentence: str, hint: str | None) -> None:
    """An unknown option is an error that suggests a name."""
    with pytest.raises(UnknownOption) as caught:
        explained(name)

    assert (sentence, hint) == (str(caught.value), caught.value.hint)


def test_json() -> None:
    """As JSON, an explanation has the same facts."""
    found = explained("DEVICE").to_json()

    assert {"option": "CORE", "condition": "BUS [=n]", "level": "n"} == found["selects"][0]
    assert ("n", "bool", ("Kconfig:1",), "n") == (found["value"], found["type"], found["places"], found["visible"])
    assert {"BUS": "y"} == found["blocked"][0]["change"]
