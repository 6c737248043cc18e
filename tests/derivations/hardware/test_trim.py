"""Tests for derivations.hardware.trim, and of the list in keep."""

from __future__ import annotations

import pytest

from derivations.hardware.drivers import DriverMap, Module
from derivations.hardware.keep import KEEP_RULES, KEEP_TOGETHER
from derivations.hardware.trim import FRAGMENT, Trim, consequences, requests, trim
from derivations.kconfig.language.values import NO as OFF
from derivations.kconfig.symbols.expression import NO, YES, And, Compare, Const, Expr, Level, Not, Or, Ref
from derivations.kconfig.symbols.model import Default, Model, Prompt, Symbol, Type
from derivations.kconfig.symbols.values_table import Values


def option(
    name: str,
    depends: Expr = YES,
    *,
    kind: Type = "tristate",
    hidden: bool = False,
    selected_by: Expr = NO,
    **more: object,
) -> Symbol:
    """Return an option with a prompt, unless it is *hidden*."""
    prompts = () if hidden else (Prompt(name, depends),)
    return Symbol(name=name, type=kind, prompts=prompts, depends=depends, selected_by=selected_by, **more)  # type: ignore[arg-type]


MODEL = Model(
    {
        it.name: it
        for it in [
            option("BUS"),
            option("NIC", And((Ref("BUS"), Or((Ref("PHY"), Ref("MII")))))),
            option("PHY"),
            option("MII"),
            option("LED", And((Ref("NIC"), Not(Ref("PHY")))), kind="bool"),
            option("OTHER", Ref("BUS")),
            option("INSIDE", Ref("FEATURE")),
            option("FEATURE", Ref("HOST"), kind="bool"),
            option("HOST"),
            option("CODEC", hidden=True, selected_by=Or((Ref("CARD_A"), And((Ref("CARD_B"), Ref("BUS")))))),
            option("CARD_A"),
            option("CARD_B"),
            option("LIBRARY", hidden=True, selected_by=Or((Ref("OTHER"), Ref("PHY"), Ref("CARD_A")))),
            option("DEFAULTED", hidden=True, defaults=(Default(Const("y"), Ref("HOST")),)),
            option("EXACT", Compare("!=", Ref("MII"), Const("n"))),
            option("TUN"),
            option("CRYPTO_XTS"),
            option("CRYPTO_DEV_X"),
            option("CRC_HIDDEN", hidden=True, selected_by=Ref("OTHER")),
        ]
    },
    arch="x86_64", srcarch="x86", version="6.12.1",
)  # fmt: skip

DRIVERS = DriverMap(
    modules={
        "sound/codec.o": Module(path="sound/codec.o", gates=((("CODEC",),),), aliases=("acpi*:CODEC:*",)),
        "net/other-nic.o": Module(path="net/other-nic.o", gates=((("OTHER",),),)),
    }
)

INSIDE = {"INSIDE": "y", "FEATURE": "y"}


def trimmed(*needed: str, keep: tuple[str, ...] = (), **levels: str) -> Trim:
    """Return the trim of a configuration with every option m, except for bools and those in *levels*."""
    usual = {name: "y" if MODEL[name].type == "bool" else "m" for name in MODEL} | INSIDE | {"LED": "n"}
    return trim(needed, keep, DRIVERS, MODEL, Values({name: f"2 1 {it}" for name, it in (usual | levels).items()}))


def test_unneeded_modules_are_dropped() -> None:
    """Modules that built-in options need, or that need no device, are kept; those without a prompt go by themselves."""
    found = trimmed()

    assert ("CRYPTO_XTS", "HOST", "TUN") == found.kept
    assert ("BUS", "CARD_A", "CARD_B", "CRYPTO_DEV_X", "EXACT", "MII", "NIC", "OTHER", "PHY") == found.dropped


@pytest.mark.parametrize(
    ("needed", "stay"),
    [
        pytest.param("NIC", {"NIC", "BUS", "MII"}, id="one-of-two-alternatives"),
        pytest.param("EXACT", {"EXACT", "MII"}, id="comparison"),
        pytest.param("CODEC", {"CODEC", "CARD_A", "CARD_B", "BUS"}, id="chip-of-a-card-that-nothing-names"),
        pytest.param("LIBRARY", {"LIBRARY", "CARD_A"}, id="library"),
        pytest.param("DEFAULTED", {"DEFAULTED"}, id="by-default"),
        pytest.param("NOWHERE", set(), id="of-another-version"),
    ],
)
def test_needed_modules_are_kept_with_what_they_need(needed: str, stay: set[str]) -> None:
    """A module is kept with its dependencies and, if it has no prompt, with what turns it on."""
    always = {"CRYPTO_XTS", "HOST", "TUN"}

    assert stay | always == set(trimmed(needed).kept)


def test_alternatives_that_are_kept_anyway_are_preferred() -> None:
    """If an alternative is kept for another reason, it is enough, regardless of the order."""
    assert {"NIC", "BUS", "PHY"} <= set(trimmed("PHY", "NIC").kept)
    assert "MII" not in trimmed("PHY", "NIC").kept
    assert {"CARD_B", "CODEC"} <= set(trimmed("CODEC", "CARD_B").kept)
    assert "CARD_A" not in trimmed("CODEC", "CARD_B").kept


@pytest.mark.parametrize("glob", ["OTHER", "OTH*", "CONFIG_OTHER", "other-nic", "other_nic", "other*"])
def test_the_user_lists_options_and_modules(glob: str) -> None:
    """Options and modules that match the user's patterns are kept."""
    assert {"OTHER", "BUS"} <= set(trimmed(keep=(glob,)).kept)


def test_options_that_are_off_stay_off() -> None:
    """Neither a pattern nor a need turns an option on."""
    found = trimmed("OTHER", keep=("NIC",), OTHER="n", NIC="n")

    assert not {"OTHER", "NIC"} & {*found.kept, *found.dropped}


def test_only_requests_that_hold_are_read() -> None:
    """The fragment switches off dropped options; those that kept options still select are not requested."""
    found = trimmed("NIC")
    asked = requests(found.text, Values({**dict.fromkeys(MODEL, "2 1 m"), "OTHER": "2 1 n"}))

    assert "# CONFIG_OTHER is not set\n" in found.text
    assert ["OTHER"] == list(asked)
    assert (OFF, True, FRAGMENT) == (asked["OTHER"].value, asked["OTHER"].optional, asked["OTHER"].origin.fragment)


def test_consequences_of_dropped_modules() -> None:
    """An option that needs a dropped module, or another such option, is a consequence; others are not."""
    values = Values(
        {**dict.fromkeys(MODEL, "2 1 m"), **dict.fromkeys(("HOST", "FEATURE", "INSIDE"), "0 0 n"), "TUN": "2 1 n"}
    )
    asked = {"FEATURE": Level.Y, "INSIDE": Level.Y, "TUN": Level.M}

    assert {"FEATURE", "INSIDE"} == consequences(asked, {"HOST"}, MODEL, values)
    assert set() == consequences({"INSIDE": Level.Y}, {"HOST"}, MODEL, values)
    assert set() == consequences(asked, set(), MODEL, values) - {"INSIDE"}


def test_consequences_through_prompts_and_hidden_options() -> None:
    """Conditions of prompts count too, and an option without a prompt follows the options that turn it on."""
    model = Model(
        {
            it.name: it
            for it in [
                option("CARD"),
                option("LIBRARY", hidden=True, selected_by=Ref("CARD")),
                option("TUNING", Ref("LIBRARY"), kind="bool"),
                option("NEVER", hidden=True),
                option("UNABLE", Ref("NEVER"), kind="bool"),
                Symbol(name="MEMBER", type="bool", prompts=(Prompt("m", Ref("CARD")),)),
            ]
        },
        arch="x86_64",
        srcarch="x86",
        version="6.12.1",
    )
    values = Values(dict.fromkeys(model, "0 0 n"))
    asked = dict.fromkeys(("TUNING", "MEMBER", "UNABLE"), Level.Y)

    assert {"TUNING", "MEMBER"} == consequences(asked, {"CARD"}, model, values)


def test_companions_are_kept() -> None:
    """A module that works only with another one, which is in no table, keeps that one."""
    names = ("SND_SOC_SOF_INTEL_TGL", "SND_SOC_DMIC", "SND_SOC_OTHER")
    model = Model({it: option(it) for it in names}, arch="x86_64", srcarch="x86", version="6.12.1")
    values = Values(dict.fromkeys(model, "2 1 m"))

    assert names[:2][::-1] == trim(names[:1], (), DriverMap(modules={}), model, values).kept
    assert () == trim((), (), DriverMap(modules={}), model, values).kept


def test_no_group_of_the_list_is_empty() -> None:
    """Every group has a reason and consists of valid names of options."""
    assert all(it.why and it.globs for it in KEEP_RULES)
    assert all(glob == glob.upper() for it in KEEP_RULES for glob in (*it.globs, *it.without))
    assert all(it.why and it.globs and it.companions for it in KEEP_TOGETHER)
