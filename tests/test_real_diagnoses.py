"""Every way in which Kconfig silently drops a request, on real trees: each is reported, with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.kconfig.diagnosis.explain import explain
from derivations.kconfig.language.text import line
from derivations.kconfig.language.values import MODULE, NO, YES, Hex, Value
from derivations.kconfig.symbols.redundant import assignments, change_nothing
from derivations.kconfig.symbols.renames import CHANGES
from derivations.kconfig.symbols.search import search
from tests.real_kconfig import Tree, tree


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.kconfig.symbols.values_table import Values
    from tests.real import Kernix

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module", params=["linux_debian_6_1", "linux_debian_6_12"])
def linux(request: pytest.FixtureRequest, real: Kernix) -> Iterator[Tree]:
    with tree(real, request.param) as found:
        yield found


@pytest.mark.parametrize(
    ("requests", "option", "outcome", "got", "words"),
    [
        pytest.param(
            {"NETFILTER_XT_MATCH_OWNER": YES}, "NETFILTER_XT_MATCH_OWNER", "blocked", "n",
            ["needs INET [=n]", 'needs NET [=n]: nothing requests it → "NET": YES'], id="unmet-dependency",
        ),
        pytest.param({"NOSUCHOPTION": YES}, "NOSUCHOPTION", "unknown", None, ["has no such option"], id="unknown"),
        pytest.param({"NET_9P_VIRTO": YES}, "NET_9P_VIRTO", "unknown", None, ["did you mean NET_9P_VIRTIO"], id="near"),
        pytest.param({"PRINTK": YES, "LOG_BUF_SHIFT": "19"}, "LOG_BUF_SHIFT", "invalid", "17", ["write 19"], id="quoted-int"),
        pytest.param({"PRINTK": YES, "LOG_BUF_SHIFT": 99}, "LOG_BUF_SHIFT", "clamped", "17|25", ["12 to 25"], id="out-of-range"),
        pytest.param({"LOG_BUF_SHIFT": 17}, "LOG_BUF_SHIFT", "blocked", "|0", ['"PRINTK": YES'], id="number-not-visible"),
        pytest.param({"LOCALVERSION": 5}, "LOCALVERSION", "invalid", "", ['write "5"'], id="unquoted-text"),
        pytest.param({"LOCALVERSION": YES}, "LOCALVERSION", "invalid", "", ['write "y"'], id="switch-for-a-text"),
        pytest.param({"FUSE_FS": MODULE}, "FUSE_FS", "blocked", "y", ["so it became y", '"MODULES": YES'], id="m-without-modules"),
        pytest.param({"KGDB": MODULE}, "KGDB", "invalid", "n", ["never a module", "write YES"], id="m-for-a-bool"),
        pytest.param({"KGDB": "y"}, "KGDB", "invalid", "n", ["write YES or NO"], id="text-for-a-bool"),
        pytest.param(
            {"PREEMPT_NONE": YES, "PREEMPT_VOLUNTARY": YES}, "PREEMPT_NONE", "choice", "n",
            ["the choice “Preemption Model” is PREEMPT_VOLUNTARY, requested y (mine"], id="two-members",
        ),
        pytest.param(
            {"PREEMPT_NONE": NO}, "PREEMPT_NONE", "held|choice", "n|y", ["the choice “Preemption Model” "], id="not-the-default"
        ),
        pytest.param(
            {"NET": YES, "INET": YES, "NETDEVICES": YES, "WIREGUARD": YES, "NET_UDP_TUNNEL": NO}, "NET_UDP_TUNNEL", "blocked", "y",
            ["WIREGUARD selects it", "needs !WIREGUARD [=y]: requested y (mine", '"WIREGUARD": force(NO)'], id="selected-against-n",
        ),
        pytest.param(
            {"NET": YES, "INET": YES, "NETDEVICES": YES, "WIREGUARD": YES, "NET_UDP_TUNNEL": YES}, "NET_UDP_TUNNEL", "selected", "y",
            ["WIREGUARD selects it anyway"], id="selected-anyway",
        ),
        pytest.param(
            {"PHYSICAL_START": 1000000}, "PHYSICAL_START", "invalid", "1000000", ["write Hex(0x1000000)"], id="hex-without-0x"
        ),
        pytest.param({"PHYSICAL_START": Hex(0x1000000)}, "PHYSICAL_START", "held", "0x1000000", [], id="hex"),
        pytest.param({"PHYSICAL_START": "ff"}, "PHYSICAL_START", "invalid", "0x1000000", ["write Hex(0xff)"], id="hex-as-text"),
        pytest.param(
            {"MODULES": YES, "NET": YES, "CFG80211": MODULE, "MAC80211": YES}, "MAC80211", "blocked", "m",
            ["limit it to m", "needs CFG80211 [=m]: requested m (mine", '"CFG80211": force(YES)'], id="limited-to-m",
        ),
        pytest.param({"ARM64_PAN": YES}, "ARM64_PAN", "absent", None, ["defined in arch/arm64/Kconfig:"], id="architecture"),
        pytest.param({"64BIT": NO}, "64BIT", "blocked", "y", ["must not be changed"], id="another-architecture"),
        pytest.param(
            {"DEBUG_INFO": YES}, "DEBUG_INFO", "blocked", "n",
            ["no prompt since 5.18", "use DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT", '→ "DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT": YES'],
            id="no-prompt",
        ),
        pytest.param(
            {"FRAME_POINTER": YES}, "FRAME_POINTER", "blocked", "n", ['→ "UNWINDER_FRAME_POINTER": YES'], id="through-a-choice"
        ),
        pytest.param(
            {"DEVPTS_MULTIPLE_INSTANCES": YES}, "DEVPTS_MULTIPLE_INSTANCES", "absent", None, ["removed in 4.7", "leave it out"], id="gone"
        ),
        pytest.param({"CC_STACKPROTECTOR": YES}, "CC_STACKPROTECTOR", "absent", None, ["use STACKPROTECTOR"], id="renamed"),
        pytest.param({"RUST": YES}, "RUST", "blocked", "n", ["needs RUST_IS_AVAILABLE [=n]", "the toolchain"], id="toolchain"),
        pytest.param({"KGDB_SERIAL_CONSOLE": NO}, "KGDB_SERIAL_CONSOLE", "held", "n", [], id="n-by-absence"),
        pytest.param({"LRU_GEN": YES}, "LRU_GEN", "held", "y", [], id="held"),
    ],
)  # fmt: skip
def test_nothing_is_silent(
    *, requests: dict[str, Value], option: str, outcome: str, got: str | None, words: list[str], linux: Tree
) -> None:
    """Each request that Kconfig silently changes has the right outcome, and its text says what to do."""
    found = linux.diagnoses(requests)[option]

    assert found.outcome in outcome.split("|")
    assert found.got == got or found.got in (got or "").split("|")
    assert [] == [it for it in words if it not in found.text], found.text


def test_every_request_is_accounted_for(linux: Tree) -> None:
    """With requests for every option at once, each has a diagnosis, and each failure a reason."""
    requests: dict[str, Value] = {
        name: YES if number % 2 else NO for number, name in enumerate(linux.model.names[::23])
    }
    values = linux.values(requests)
    found = linux.diagnoses(requests)

    assert requests.keys() == found.keys()
    silent = [name for name, it in found.items() if not it.holds and not (it.reason or it.witness)]
    assert [] == silent
    wrong = [
        name
        for name, it in found.items()
        if it.got != values[name].value or (it.holds and it.wanted is YES and it.got != "y")
    ]
    assert [] == wrong


def test_the_guide_of_nixpkgs(linux: Tree) -> None:
    """The failing requests of the manual's example are reported, with what to write instead."""
    names = ("DEBUG_KERNEL", "FRAME_POINTER", "KGDB", "KGDB_SERIAL_CONSOLE", "DEBUG_INFO")
    found = linux.diagnoses(dict.fromkeys(names, YES))

    assert {"FRAME_POINTER", "KGDB_SERIAL_CONSOLE", "DEBUG_INFO"} == {name for name, it in found.items() if it.fails}
    assert {"FRAME_POINTER": ["UNWINDER_FRAME_POINTER"], "KGDB_SERIAL_CONSOLE": ["TTY"]} == {
        name: [option for option, _ in found[name].likely] for name in ("FRAME_POINTER", "KGDB_SERIAL_CONSOLE")
    }


def test_renames_match_the_trees(linux: Tree) -> None:
    """Options renamed or removed before this version are missing from its tree; their replacements exist."""
    done = [it for it in CHANGES if it.applies(linux.model.version)]
    prompted = {name for name in linux.model.names if linux.model[name].prompts}

    assert [] == [it.old for it in done if it.old in prompted]
    assert [] == [
        (it.old, new) for it in done for new in it.new if new not in linux.model and not linux.model.elsewhere(new)
    ]
    later = [it for it in CHANGES if not it.applies(linux.model.version)]
    came = {"CALL_DEPTH_TRACKING", "RANDOM_KMALLOC_CACHES"}  # with 6.2 and 6.6
    backported = {
        "COPS", "COPS_DAYNA", "COPS_TANGENT", "NET_CLS_RSVP", "NET_CLS_RSVP6", "NET_CLS_TCINDEX", "NET_SCH_ATM",
        "NET_SCH_CBQ", "NET_SCH_DSMARK",
    }  # fmt: skip
    absent = {it.old for it in later if it.old not in linux.model and not linux.model.elsewhere(it.old)}
    assert absent <= came | backported


def test_explanations(linux: Tree) -> None:
    """An explanation reads only what it needs, and has the right content."""
    values = linux.values({"KGDB": YES})
    found = explain("KGDB_SERIAL_CONSOLE", linux.model, values, linux.merged({"KGDB": YES}))

    assert ("n", "it is unavailable in this configuration", "tristate") == (found.value, found.why, found.type)
    assert ["TTY [=n]"] == [it.needs for it in found.blocked][:1]
    assert any(it.startswith("Kernel hacking -> ") for it in found.menus)
    assert found.places[0].startswith("lib/Kconfig.kgdb:")
    assert "kgdb" in found.help


def test_searches(linux: Tree) -> None:
    """A search finds the same as menuconfig: names, and prompts on request."""
    values = linux.values({})

    assert "NET_9P" == search("net_9p", linux.model, values)[0].option
    assert "NET_9P_VIRTIO" in [it.option for it in search("9P Virtio Transport", linux.model, values, prompts=True)]


@pytest.mark.parametrize("base", ["base", "everything"])
def test_redundant_requests(linux: Tree, base: str) -> None:
    """Requests for present values, of which a build does not ask Kconfig, change nothing: each of some, and all together."""
    text = getattr(linux, base)
    before = linux.resolve(text)
    lines = dict(_lines_of(linux, before))
    config = assignments(lines.values())
    every = {name: line(name, NO) for name in linux.model} | lines
    redundant = {
        name: it for name, it in every.items() if change_nothing(assignments([it]), config, linux.model, before)
    }
    some = sorted(redundant)[:: len(redundant) // 8]

    assert len(redundant) > len(linux.model) / 2
    assert list(linux.resolve("\n".join([text, *redundant.values()])).changed(before)) == []
    for name in some:
        assert list(linux.resolve(f"{text}\n{redundant[name]}\n").changed(before)) == [], name


def _lines_of(linux: Tree, values: Values) -> Iterator[tuple[str, str]]:
    """Yield each option that the `.config` with *values* has a line for, and the line."""
    for name, symbol in linux.model.items():
        if name in values and values[name].written:
            value = values[name].value
            is_off = value == "n" and symbol.type in {"bool", "tristate"}
            text = line(name, value) if symbol.type == "string" else f"CONFIG_{name}={value}"
            yield name, line(name, NO) if is_off else text
