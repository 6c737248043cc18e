"""Differences between configurations, with the cause of each change."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import pytest

from derivations.frozen_map import FrozenMap
from derivations.kconfig.comparison.cause import Cause, CauseKind
from derivations.kconfig.comparison.difference import Difference, difference
from derivations.kconfig.comparison.side import Side
from derivations.kconfig.language.fragment import Origin, Request
from derivations.kconfig.language.values import MODULE, NO, YES, Hex
from derivations.kconfig.symbols.expression import And, Compare, Const, Not, Or, Ref
from derivations.kconfig.symbols.model import Choice, Default, Definition, Model, Prompt, Range, Symbol
from derivations.kconfig.symbols.values_table import Values


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Value


Y = Const("y")


def symbol(name: str, **facts: Any) -> Symbol:  # noqa: ANN401 -- the fields of a symbol
    """Return an option with a prompt."""
    return Symbol(**{
        "name": name, "type": "bool", "prompts": (Prompt(f"about {name}", Y, ("Menu",)),),
        "definitions": (Definition("Kconfig", 7),), **facts,
    })  # fmt: skip


def model(*symbols: Symbol, version: str = "6.1.0", choices: tuple[Choice, ...] = ()) -> Model:
    """Return a Kconfig of *symbols*."""
    return Model(
        {it.name: it for it in sorted(symbols, key=lambda it: it.name)}, choices, arch="x86_64", srcarch="x86", version=version
    )  # fmt: skip


def values(kconfig: Model | None, text: str) -> Values:
    """Return a table of values with *text*, such as `A=y B=17`, and n for all other options of *kconfig*."""
    given = dict(word.split("=", 1) for word in text.split())
    lines = dict.fromkeys(kconfig or (), "0 0 n") | {name: f"2 1 {value}" for name, value in given.items()}
    return Values(lines)


def asked(value: Value, place: str = "mine.py:3") -> Request:
    """Return a request of a user's file."""
    return Request(value, origin=Origin("mine", place))


def configuration(name: str, kconfig: Model | None, text: str, **facts: Any) -> Side:  # noqa: ANN401 -- its fields
    """Return a side of *kconfig* with the values *text*."""
    requests = FrozenMap({key: asked(value) for key, value in dict(facts.pop("requests", {})).items()})
    return Side(
        name=name,
        values=values(kconfig, text),
        model=kconfig,
        version=kconfig.version if kconfig is not None else "",
        requests=requests,
        **facts,
    )


def both(kconfig: Model, old: str, new: str, asks: dict[str, Value] | None = None) -> Difference:
    """Return the difference that more requests make to one Kconfig."""
    return difference(configuration("a", kconfig, old), configuration("b", kconfig, new, requests=asks or {}))


def kinds(found: Difference) -> dict[str, tuple[CauseKind, tuple[str, ...]]]:
    """Return kind and options of each cause."""
    return {name: (it.cause.kind, it.cause.options) for name, it in found.changes.items()}


NET = model(
    symbol("NET"),
    symbol("INET", depends=Ref("NET"), defaults=(Default(Y),)),
    symbol("CRC", prompts=(), selected_by=Or((Ref("DRIVER"), And((Ref("OTHER"), Ref("NET")))))),
    symbol("DRIVER", type="tristate", depends=And((Ref("NET"), Not(Ref("TINY"))))),
    symbol("OTHER"),
    symbol("TINY"),
    symbol("HINTED", implied_by=Ref("NET")),
    symbol("SHIFT", type="int", defaults=(Default(Const("12"), Ref("NET")), Default(Const("10")))),
)


def test_equal_configurations() -> None:
    """The values n and absent are equal, and equal configurations do not differ."""
    found = difference(configuration("a", NET, "NET=y INET=n"), configuration("b", None, "NET=y"))
    assert {} == dict(found.changes)


def test_a_request_and_what_follows() -> None:
    """A request is a root; options that depend on it, refer to it or are selected by it follow in chains."""
    found = both(NET, "SHIFT=10", "NET=y INET=y SHIFT=12 HINTED=y DRIVER=m CRC=m", {"NET": YES, "DRIVER": MODULE})
    assert {
        "NET": (CauseKind.ASKED, ()),
        "INET": (CauseKind.DEPENDS, ("NET",)),
        "SHIFT": (CauseKind.DEFAULT, ("NET",)),
        "HINTED": (CauseKind.DEFAULT, ("NET",)),
        "DRIVER": (CauseKind.ASKED, ()),
        "CRC": (CauseKind.SELECTED, ("DRIVER",)),
    } == kinds(found)
    assert ["CRC", "DRIVER"] == [it.option for it in found.chain("CRC")]
    assert ["DRIVER", "NET"] == [it.option for it in found.followers()[""]]
    assert ["HINTED", "INET", "SHIFT"] == [it.option for it in found.followers()["NET"]]


def test_the_most_direct_of_several_causes() -> None:
    """An option's own dependency is more direct than its menu's; a selector more direct than its condition."""
    kconfig = model(
        symbol("MENU"),
        symbol("OWN", depends=Ref("MENU"), defaults=(Default(Y),)),
        symbol("X", depends=And((Ref("MENU"), Ref("OWN"))), defaults=(Default(Y),)),
        symbol("LIB", prompts=(), selected_by=And((Ref("X"), Ref("MENU")))),
    )
    found = both(kconfig, "", "MENU=y OWN=y X=y LIB=y", {"MENU": YES})
    assert ["LIB", "X", "OWN", "MENU"] == [it.option for it in found.chain("LIB")]


def test_the_origin_of_a_request() -> None:
    """A requested root names the fragment and the place."""
    cause = both(NET, "", "TINY=y", {"TINY": YES}).changes["TINY"].cause
    assert Cause(kind=CauseKind.ASKED, text="requested by mine", fragment="mine", place="mine.py:3") == cause


def test_a_dropped_request() -> None:
    """A dropped request names who made it."""
    old = configuration("a", NET, "TINY=y", requests={"TINY": YES})
    cause = difference(old, configuration("b", NET, "")).changes["TINY"].cause
    assert (CauseKind.DROPPED, "mine.py:3") == (cause.kind, cause.place)


def test_what_is_blocked_names_what_blocks_it() -> None:
    """A blocked request names the changed dependencies, negated ones included."""
    old = configuration("a", NET, "NET=y DRIVER=m CRC=m", requests={"DRIVER": MODULE})
    new = configuration("b", NET, "NET=y TINY=y", requests={"DRIVER": MODULE, "TINY": YES})
    found = difference(old, new)
    assert (CauseKind.DEPENDS, ("TINY",)) == kinds(found)["DRIVER"]
    assert ["CRC", "DRIVER", "TINY"] == [it.option for it in found.chain("CRC")]
    assert "DRIVER no longer selects it" == found.changes["CRC"].cause.text


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param([], [symbol("X", defaults=(Default(Y),))], (CauseKind.NEW, "new, default y"), id="new"),
        pytest.param(
            [symbol("S")],
            [symbol("S"), symbol("X", selected_by=Ref("S"))],
            (CauseKind.NEW, "new, selected by S"),
            id="new-selected",
        ),
        pytest.param(
            [symbol("X")],
            [symbol("X", defaults=(Default(Y),))],
            (CauseKind.DEFAULT, "default y; in 6.1.0 none"),
            id="default",
        ),
        pytest.param(
            [symbol("X", depends=Ref("GONE"))],
            [symbol("X", depends=Ref("S")), symbol("S")],
            (CauseKind.DEFINITION, "depends on S since 6.12.0"),
            id="dependencies",
        ),
        pytest.param(
            [symbol("S"), symbol("X")],
            [symbol("S"), symbol("X", selected_by=Ref("S"))],
            (CauseKind.DEFINITION, "S selects it since 6.12.0"),
            id="select",
        ),
    ],
)
def test_another_version(old: list[Symbol], new: list[Symbol], expected: tuple[CauseKind, str]) -> None:
    """An option that is new, or has another default or definition in the other version, is a root."""
    before, after = model(*old), model(*new, version="6.12.0")
    found = difference(configuration("a", before, "S=y"), configuration("b", after, "S=y X=y"))
    assert [expected] == [(it.cause.kind, it.cause.text) for it in found.changes.values() if it.option == "X"]


def test_a_removed_option() -> None:
    """An option that the other version lacks is reported as removed."""
    found = difference(configuration("a", model(symbol("X")), "X=y"), configuration("b", model(version="6.12.0"), ""))
    assert (CauseKind.GONE, "6.12.0 has no such option", "absent") == (
        found.changes["X"].cause.kind,
        found.changes["X"].cause.text,
        found.changes["X"].new,
    )


CHOICE = model(
    symbol("GZIP", choice="@1"),
    symbol("ZSTD", choice="@1"),
    symbol("XZ", choice="@1", depends=Ref("HAVE_XZ")),
    symbol("HAVE_XZ"),
    choices=(Choice(id="@1", prompt="Compression", members=("GZIP", "ZSTD", "XZ"), defaults=(Default(Ref("GZIP")),)),),
)


def test_a_requested_member_of_a_choice() -> None:
    """In a choice, the old member names the new one."""
    found = both(CHOICE, "GZIP=y", "ZSTD=y", {"ZSTD": YES})
    assert {"ZSTD": (CauseKind.ASKED, ()), "GZIP": (CauseKind.CHOICE, ("ZSTD",))} == kinds(found)


def test_a_member_that_is_no_longer_available() -> None:
    """If the chosen member is blocked, its replacement names it."""
    found = both(CHOICE, "XZ=y HAVE_XZ=y", "GZIP=y", {"HAVE_XZ": NO})
    assert {
        "HAVE_XZ": (CauseKind.ASKED, ()),
        "XZ": (CauseKind.DEPENDS, ("HAVE_XZ",)),
        "GZIP": (CauseKind.CHOICE, ("XZ",)),
    } == kinds(found)


def test_a_number_at_the_end_of_its_range() -> None:
    """A clamped number names the options that its range refers to."""
    kconfig = model(
        symbol("CPUS", type="int", ranges=(Range(Const("1"), Const("1"), Not(Ref("SMP"))), Range(Const("2"), Const("512")))),
        symbol("SMP"),
    )  # fmt: skip
    found = both(kconfig, "SMP=y CPUS=64", "CPUS=1", {"SMP": NO})
    assert (CauseKind.DEFAULT, ("SMP",), "its range is 1 to 1") == (
        *kinds(found)["CPUS"],
        found.changes["CPUS"].cause.text,
    )


def test_values_of_all_kinds_hold() -> None:
    """Requested numbers, hexadecimal numbers and strings are recognised in the values."""
    kconfig = model(symbol("N", type="int"), symbol("H", type="hex"), symbol("T", type="string"))
    found = both(kconfig, 'N=1 H=0x1 T="a', 'N=17 H=0x10 T="b', {"N": 17, "H": Hex(16), "T": "b"})
    assert {CauseKind.ASKED} == {it.cause.kind for it in found.changes.values()}
    assert ("a", "b") == (found.changes["T"].old, found.changes["T"].new)


def test_another_base() -> None:
    """Changes that another base brings name that base."""
    old = configuration("a", NET, "", base_name="tinyconfig", base={})
    new = configuration("b", NET, "OTHER=y", base_name="defconfig", base={"OTHER": YES})
    cause = difference(old, new).changes["OTHER"].cause
    assert (CauseKind.BASE, "defconfig instead of tinyconfig") == (cause.kind, cause.text)


@pytest.mark.parametrize(
    ("was", "then", "old", "new", "text"),
    [
        pytest.param({"OTHER": YES}, {}, "OTHER=y", "", "y.config instead of x.config", id="set-before"),
        pytest.param({}, {"OTHER": NO}, "OTHER=y", "", "set by y.config", id="off-now"),
        pytest.param(
            {"OTHER": NO}, {"OTHER": "1"}, "", "OTHER=y", "was set by x.config, but not by y.config", id="neither-now"
        ),
    ],
)
def test_what_one_base_sets(was: dict[str, object], then: dict[str, object], old: str, new: str, text: str) -> None:
    """A value that only one of two bases sets, without another explanation, names that base, not the toolchain."""
    before = configuration("a", NET, old, base_name="x.config", base={**was, "NET": YES})
    after = configuration("b", NET, new, base_name="y.config", base={**then, "NET": YES})
    cause = difference(before, after).changes["OTHER"].cause
    assert (CauseKind.BASE, text) == (cause.kind, cause.text)


def test_a_prompt_that_is_hidden_now() -> None:
    """Without what its prompt depends on, an option has its default, whatever two bases say."""
    expert = symbol("EXPERT")
    users = symbol("MULTIUSER", prompts=(Prompt("users", Ref("EXPERT")),), defaults=(Default(Y),))
    kconfig = model(expert, users)
    base = {"MULTIUSER": NO}
    small = configuration("small", kconfig, "EXPERT=y", base=base, base_name="small")
    large = configuration("large", kconfig, "MULTIUSER=y", base=base, base_name="large")

    hidden = difference(small, large).changes["MULTIUSER"].cause
    shown = difference(large, small).changes["MULTIUSER"].cause

    assert (CauseKind.DEFAULT, ("EXPERT",)) == (hidden.kind, hidden.options)
    assert hidden.text == "its prompt depends on EXPERT; default y"
    assert (("EXPERT",), "its prompt depends on EXPERT") == (shown.options, shown.text)


def test_two_files() -> None:
    """For two plain files, only the values are known."""
    found = difference(configuration("a", None, "X=y"), configuration("b", None, "X=m"))
    assert ("y", "m", CauseKind.UNKNOWN) == (
        found.changes["X"].old,
        found.changes["X"].new,
        found.changes["X"].cause.kind,
    )


def test_a_cycle_is_shown_once() -> None:
    """Options that cause each other appear once in the tree, and their chain ends."""
    kconfig = model(
        symbol("A", prompts=(), defaults=(Default(Ref("B")),)), symbol("B", prompts=(), defaults=(Default(Ref("A")),))
    )
    found = both(kconfig, "", "A=y B=y")
    assert ["A", "B"] == [it.option for it in found.chain("A")]
    assert {"": ["B"], "B": ["A"]} == {key: [it.option for it in it] for key, it in found.followers().items()}


def test_comparisons_count() -> None:
    """A dependency in a comparison is followed like any other."""
    kconfig = model(symbol("BITS", type="int"), symbol("X", depends=Compare("=", Ref("BITS"), Const("64"))))
    found = both(kconfig, "BITS=32", "BITS=64 X=y", {"BITS": 64})
    assert (CauseKind.DEPENDS, ("BITS",)) == kinds(found)["X"]


def test_as_data() -> None:
    """As JSON, each change has both values, its cause and its chain."""
    found = json.loads(json.dumps(both(NET, "", "NET=y INET=y", {"NET": YES}).to_json()))
    (inet, net) = found["changes"]
    assert (["NET"], [], "depends") == (inet["chain"], net["chain"], inet["cause"]["kind"])
    assert ({"name": "a", "version": "6.1.0", "arch": "", "base": ""}, "mine.py:3") == (
        found["old"],
        net["cause"]["place"],
    )


def test_every_change_is_in_the_tree_once() -> None:
    """The tree of followers contains every change exactly once."""
    found = both(NET, "SHIFT=10", "NET=y INET=y SHIFT=12 HINTED=y DRIVER=m CRC=m", {"NET": YES, "DRIVER": MODULE})
    listed = [it.option for group in found.followers().values() for it in group]
    assert sorted(found.changes) == sorted(listed)
