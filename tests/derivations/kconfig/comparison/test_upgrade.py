"""The effect of another version of Linux on a definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.kconfig.comparison.difference import difference
from derivations.kconfig.comparison.side import Side
from derivations.kconfig.comparison.upgrade import Fate, Redefined, Upgrade, upgrade
from derivations.kconfig.diagnosis.diagnose import diagnose
from derivations.kconfig.language.fragment import Request
from derivations.kconfig.language.values import MODULE, NO, YES
from tests.small_kconfig import Resolver, merged, model, option


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.model import Symbol


def moved(
    old: list[Symbol], new: list[Symbol], asked: dict[str, Value], repairs: Mapping[str, Mapping[str, Value]] | None = None
) -> Upgrade:  # fmt: skip
    """Return the upgrade of the requests *asked* from the Kconfig *old* to *new*."""
    wanted = merged(asked)
    text = "".join(f"CONFIG_{name}={value.value}\n" for name, value in asked.items())  # type: ignore[union-attr]  # switches
    sides = []
    for options, version in ((old, "6.1.5"), (new, "6.12.1")):
        kconfig = model(options, version=version)
        values = Resolver(kconfig)(text)
        sides.append(Side(name=version, values=values, version=version, model=kconfig, requests=wanted.requests))
    before, after = sides
    assert after.model is not None
    return upgrade(difference(before, after), diagnose(wanted, after.model, after.values), repairs or {})


def edits(found: Upgrade) -> list[tuple[str, Fate, list[str]]]:
    """Return the steps with their edits."""
    return [(it.option, it.fate, [f"{sign} {line}" for sign, line in it.edit()]) for it in found.steps]


PLAIN = option("PLAIN", prompt="Plain")


def test_what_needs_no_edit() -> None:
    """A request that holds in both versions needs no edit."""
    found = moved([PLAIN], [PLAIN], {"PLAIN": YES})
    assert (1, ()) == (found.requests, found.steps)


@pytest.mark.parametrize(
    ("old", "new", "asked", "repairs", "expected"),
    [
        pytest.param(
            [option("PAGE_TABLE_ISOLATION", prompt="PTI")],
            [option("MITIGATION_PAGE_TABLE_ISOLATION", prompt="PTI")],
            {"PAGE_TABLE_ISOLATION": YES},
            {},
            ("PAGE_TABLE_ISOLATION", Fate.RENAMED,
             ['- "PAGE_TABLE_ISOLATION": YES,', '+ "MITIGATION_PAGE_TABLE_ISOLATION": YES,']),
            id="renamed",
        ),
        pytest.param(
            [option("GONE", prompt="Gone")], [PLAIN], {"GONE": YES}, {},
            ("GONE", Fate.VANISHED, ['- "GONE": YES,']), id="vanished",
        ),
        pytest.param(
            [option("X", "tristate", prompt="X"), option("MODULES", prompt="M")],
            [option("X", prompt="X"), option("MODULES", prompt="M")],
            {"X": MODULE, "MODULES": YES}, {},
            ("X", Fate.RETYPED, ['- "X": MODULE,']), id="retyped",
        ),
        pytest.param(
            [option("X", prompt="X")], [option("X", prompt="X", depends="NEED"), option("NEED", prompt="Need")],
            {"X": YES}, {"X": {"NEED": YES}},
            ("X", Fate.BLOCKED, ['+ "NEED": YES,']), id="blocked",
        ),
    ],
)  # fmt: skip
def test_what_needs_an_edit(
    old: list[Symbol],
    new: list[Symbol],
    asked: dict[str, Value],
    repairs: dict[str, dict[str, Value]],
    expected: tuple[str, Fate, list[str]],
) -> None:
    """A request that must change is reported with the lines to remove and to add."""
    assert [expected] == edits(moved(old, new, asked, repairs))


def test_a_blocked_request_without_a_repair() -> None:
    """Without a repair, nothing is proposed."""
    new = [option("X", prompt="X", depends="NEED"), option("NEED", prompt="Need")]
    assert [("X", Fate.BLOCKED, [])] == edits(moved([option("X", prompt="X")], new, {"X": YES}))


def test_an_optional_request_that_neither_version_knows() -> None:
    """An optional request for an option that both versions lack is not reported."""
    wanted = merged({"LOST": YES})
    request = attrs.evolve(wanted.requests["LOST"], optional=True)
    assert isinstance(request, Request)
    kconfig = model([PLAIN], version="6.12.1")
    side = Side(name="a", values=Resolver(kconfig)(""), version="6.12.1", model=kconfig)
    (lost,) = diagnose(wanted, kconfig, side.values)
    assert () == upgrade(difference(side, side), [attrs.evolve(lost, request=request)], {}).steps


def test_what_changes_by_itself() -> None:
    """New, removed and retyped options, those that lost their prompt, and changed defaults are listed."""
    old = [
        option("KEPT", prompt="Kept"),
        option("GONE", prompt="Gone", defaults=[("y", "y")]),
        option("RETYPED", "bool", prompt="Retyped"),
        option("SILENT", prompt="Silent"),
        option("DEFAULT", prompt="Default"),
    ]
    new = [
        option("KEPT", prompt="Kept"),
        option("ADDED", prompt="Added", defaults=[("y", "y")]),
        option("HIDDEN", defaults=[("y", "y")]),
        option("RETYPED", "tristate", prompt="Retyped"),
        option("SILENT"),
        option("DEFAULT", prompt="Default", defaults=[("y", "y")]),
    ]
    found = moved(old, new, {"KEPT": NO})
    assert ["ADDED"] == [it.option for it in found.added]
    assert ["GONE"] == [it.option for it in found.removed]
    assert ["DEFAULT"] == [it.option for it in found.defaults]
    assert (
        Redefined(option="RETYPED", what="type", old="bool", new="tristate"),
        Redefined(option="SILENT", what="prompt", old="Silent", new="no prompt"),
    ) == found.redefined


def test_as_data() -> None:
    """As JSON, each step has its edit, and the place of the request."""
    (step,) = moved([option("GONE", prompt="Gone")], [PLAIN], {"GONE": YES}).to_json()["steps"]
    assert ("GONE", "y", "vanished", ['- "GONE": YES,']) == (step["option"], step["value"], step["fate"], step["edit"])
