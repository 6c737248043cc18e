"""The outcome of every request, exactly one each, and the reason: on a Kconfig of a few options."""

from __future__ import annotations

import attrs
import pytest

from derivations.frozen_map import FrozenMap
from derivations.kconfig.diagnosis import whole_config
from derivations.kconfig.diagnosis.diagnose import diagnose
from derivations.kconfig.diagnosis.outcome import Diagnosis, Outcome, requested_value
from derivations.kconfig.language.fragment import Origin, Request
from derivations.kconfig.language.merge import Merged, ShadowedRequest
from derivations.kconfig.language.values import MODULE, NO, UNSET, YES, Hex, Priority, Tristate, Value
from derivations.kconfig.symbols.expression import Ref
from derivations.kconfig.symbols.fits import SWITCHES, holds
from derivations.kconfig.symbols.model import Choice, Definition
from tests.small_kconfig import Resolver, diagnoses, expression, merged, model, option


CHOICE = Choice(
    id="@1", prompt="Preemption", members=("NONE", "FULL"), definitions=(Definition("Kconfig", 1, expression("y")),)
)
TIMER = Choice(id="@2", prompt="Timer", members=("ONLY", "OTHER"))
OPTIONS = model(
    [
        option("MODULES", prompt="Modules"),
        option("TTY", prompt="Terminals"),
        option("VT", prompt="Virtual terminals", depends="TTY", defaults=[("y", "y")]),
        option("KGDB", prompt="Debugger"),
        option("SERIAL", "tristate", prompt="Debugger on a serial line", depends="KGDB && TTY && VT"),
        option("WIREGUARD", "tristate", prompt="WireGuard", selects=["TUNNEL"]),
        option("TUNNEL", "tristate"),
        option("BUS", "tristate", prompt="Bus"),
        option("DEVICE", "tristate", prompt="Device", depends="BUS"),
        option("SHIFT", "int", prompt="Shift", defaults=[("17", "y")], ranges=[("12", "25", "y")]),
        option("CPUS", "int", prompt="Processors", depends="KGDB", defaults=[("64", "KGDB")]),
        option("COMPUTED", "int", defaults=[("4", "TTY"), ("3", "y")]),
        option("START", "hex", prompt="Start", defaults=[("0x1000000", "y")]),
        option("NAME", "string", prompt="Name"),
        option("NONE", prompt="No preemption", choice="@1"),
        option("FULL", prompt="Preemption", choice="@1"),
        option("ONLY", prompt="Only", choice="@2"),
        option("OTHER", prompt="Other", choice="@2", depends="HAS_COMPILER"),
        option("HAS_COMPILER", defaults=[("n", "y")]),
        option("RUST", prompt="Rust", depends="HAS_COMPILER"),
        option("EITHER", prompt="Either", depends="ELSEWHERE || KGDB && TTY"),
        option("OLD", transitional=True, help="Transitional config for migration to TTY."),
        option("64BIT", defaults=[("y", "y")]),
    ],
    [CHOICE, TIMER],
    elsewhere={"ARM64_PAN": ["arch/arm64/Kconfig:12"]},
)


def one(name: str, value: Value, **more: Value) -> Diagnosis:
    """Return the diagnosis of the request *name* = *value*, made along with *more* requests."""
    return diagnoses(OPTIONS, {name: value, **more})[name]


@pytest.mark.parametrize(
    ("name", "value", "more", "outcome", "reason"),
    [
        pytest.param("TTY", YES, {}, "held", "", id="held"),
        pytest.param("SERIAL", NO, {}, "held", "", id="n-by-absence"),
        pytest.param("NOWHERE", NO, {}, "held", "Linux 6.12.1 has no such option", id="n-without-option"),
        pytest.param("NAME", "", {}, "held", "", id="empty-text"),
        pytest.param("SHIFT", 18, {}, "held", "", id="number"),
        pytest.param("START", Hex(0x2000000), {}, "held", "", id="hexadecimal"),
        pytest.param("TUNNEL", YES, {"WIREGUARD": YES}, "selected", "WIREGUARD selects it anyway", id="selected"),
        pytest.param("SHIFT", 99, {}, "clamped", "its range is 12 to 25", id="clamped"),
        pytest.param("NONE", NO, {}, "held", "the choice “Preemption” is FULL", id="choice-otherwise"),
        pytest.param("ONLY", NO, {}, "choice", "one member of the choice “Timer” must be y", id="choice-not"),
        pytest.param("SERIAL", YES, {}, "blocked", "", id="blocked"),
        pytest.param("TUNNEL", NO, {"WIREGUARD": YES}, "blocked", "WIREGUARD selects it", id="selected-up"),
        pytest.param("TUNNEL", YES, {}, "blocked", "it cannot be set directly (it has no prompt)", id="no-prompt"),
        pytest.param("BUS", MODULE, {}, "blocked", "m needs MODULES, which is off, so it became y", id="no-modules"),
        pytest.param("DEVICE", MODULE, {}, "blocked", "m needs MODULES, which is off", id="no-modules-and-more"),
        pytest.param(
            "DEVICE", YES, {"BUS": MODULE, "MODULES": YES}, "blocked", "its dependencies limit it to m", id="limited"
        ),
        pytest.param("CPUS", 8, {}, "blocked", "it is unavailable in this configuration", id="number-not-visible"),
        pytest.param("COMPUTED", 8, {}, "blocked", "it has no prompt; its value is computed", id="number-computed"),
        pytest.param(
            "ARM64_PAN", YES, {}, "absent", "not available on x86_64; it is defined in arch/arm64/Kconfig:12", id="arch"
        ),
        pytest.param("OLD", YES, {}, "absent", "it is transitional: Kconfig only reads it, to migrate old configurations", id="transitional"),
        pytest.param("SERAIL", YES, {}, "unknown", "Linux 6.12.1 has no such option", id="unknown"),
        pytest.param("KGDB", MODULE, {}, "invalid", "it is a bool, never a module", id="m-for-a-bool"),
        pytest.param("KGDB", "y", {}, "invalid", 'it is a bool, and "y" is a string', id="text-for-a-bool"),
        pytest.param("SHIFT", "19", {}, "invalid", "it is a number, and Kconfig drops one in quotation marks", id="quoted"),
        pytest.param("NAME", YES, {}, "invalid", "it is a string, and Kconfig drops y without quotation marks", id="unquoted"),
        pytest.param("START", 1000000, {}, "invalid", "it is a hexadecimal number, so 1000000 would be 0x1000000", id="no-0x"),
    ],
)  # fmt: skip
def test_outcomes(name: str, value: Value, more: dict[str, Value], outcome: str, reason: str) -> None:
    """Each request has the right outcome, with the reason."""
    it = one(name, value, **more)

    assert (outcome, reason) == (it.outcome, it.reason)


@pytest.mark.parametrize(("value", "suggestion"), [(4, "it is 4 if TTY"), (8, None)])
def test_a_computed_number(value: int, suggestion: str | None) -> None:
    """For a number without a prompt, the diagnosis names what gives it the value, if anything does."""
    assert suggestion == one("COMPUTED", value).suggestion


def test_what_replaces_a_transitional_option() -> None:
    """The help text of a transitional option names its replacement."""
    assert "use TTY" == one("OLD", YES).suggestion


def test_every_request_has_one_account() -> None:
    """There is one diagnosis per request: winners in order of the options, overridden requests last."""
    requests = merged({"TTY": YES, "NOWHERE": YES, "KGDB": NO})
    weak = Request(YES, priority=Priority.DEFAULT, origin=Origin("debugging", "debugging.py:3"))
    both = attrs.evolve(requests, shadowed=(ShadowedRequest("KGDB", weak, requests.requests["KGDB"]),))
    found = diagnose(both, OPTIONS, Resolver(OPTIONS)("CONFIG_TTY=y\n"))

    assert ["KGDB", "NOWHERE", "TTY", "KGDB"] == [it.option for it in found]
    assert Outcome.SHADOWED is found[-1].outcome
    assert "overridden by n (mine, mine.py:3)" == found[-1].reason
    assert not found[-1].fails


def test_a_withdrawn_request() -> None:
    """A withdrawn request is shadowed by the one that withdrew it."""
    weak = Request(YES, priority=Priority.DEFAULT)
    back = Request(UNSET, origin=Origin("mine", "mine.py:1"))
    found = diagnose(Merged(FrozenMap(), (ShadowedRequest("KGDB", weak, back),)), OPTIONS, Resolver(OPTIONS)(""))

    assert ["withdrawn (mine, mine.py:1)"] == [it.reason for it in found]


def test_what_fails() -> None:
    """A request that does not hold is an error, unless it is optional."""
    values = Resolver(OPTIONS)("")
    must, may = merged({"SERIAL": YES}), merged({"SERIAL": YES}, SERIAL=True)

    assert [True] == [it.fails for it in diagnose(must, OPTIONS, values)]
    assert [False] == [it.fails for it in diagnose(may, OPTIONS, values)]


def test_the_chain_of_what_blocks() -> None:
    """Obstacles are followed down to the options to set, except those that a default sets on its own."""
    it = one("SERIAL", YES, KGDB=NO)

    assert (
        "SERIAL: requested y (mine, mine.py:1), got n\n"
        '  needs KGDB [=n]: requested n (mine, mine.py:2) → "KGDB": force(YES)\n'
        '  needs TTY [=n]: nothing requests it → "TTY": YES\n'
        "  needs VT [=n]: nothing requests it, and it cannot be set yet\n"
        "    needs TTY [=n]: see above"
    ) == it.text


def test_the_cheapest_alternative_is_followed() -> None:
    """All alternatives are shown, and the one that can come about is followed."""
    it = one("EITHER", YES)

    assert (
        "EITHER: requested y (mine, mine.py:1), got n\n"
        "  needs (KGDB [=n] && TTY [=n]) || ELSEWHERE [=n]: none of these is met\n"
        '    needs KGDB [=n]: nothing requests it → "KGDB": YES\n'
        '    needs TTY [=n]: nothing requests it → "TTY": YES'
    ) == it.text


def test_what_only_others_enable() -> None:
    """For an option without a prompt, its selectors are named."""
    it = one("TUNNEL", YES)

    assert (
        "TUNNEL: requested y (mine, mine.py:1), got n: it cannot be set directly (it has no prompt)\n"
        "  needs TUNNEL [=n]: it has no prompt; WIREGUARD selects it\n"
        '    needs WIREGUARD [=n]: nothing requests it → "WIREGUARD": YES'
    ) == it.text


def test_what_forces_an_option() -> None:
    """For an option that is selected against a request, the request for its selector is named."""
    it = one("TUNNEL", NO, WIREGUARD=YES)

    assert (
        "TUNNEL: requested n (mine, mine.py:1), got y: WIREGUARD selects it\n"
        '  needs !WIREGUARD [=y]: requested y (mine, mine.py:2) → "WIREGUARD": force(NO)'
    ) == it.text


HIDDEN = model(
    [
        option("EXPERT", prompt="Expert"),
        option("RING", prompt="Ring", prompt_if="EXPERT", defaults=[("y", "y")]),
        option("CARD", prompt="Card", selects=["LOADER"]),
        option("LOADER", prompt="Loader", prompt_if="EXPERT", defaults=[("y", "y")]),
        option("TICKER", prompt="Ticker", prompt_if="ELSEWHERE", depends="CLOCK", defaults=[("y", "y")]),
        option("CLOCK", prompt="Clock"),
    ]
)


@pytest.mark.parametrize(
    ("name", "more", "reason", "needs"),
    [
        pytest.param("RING", {}, "this is its default, and its prompt is not visible", ["EXPERT [=n]"], id="default"),
        pytest.param("LOADER", {"CARD": YES}, "CARD selects it", ["!CARD [=y]", "EXPERT [=n]"], id="selected-too"),
        pytest.param("TICKER", {"CLOCK": YES}, "its prompt is never visible here", ["!CLOCK [=y]"], id="never-shown"),
    ],
)
def test_a_hidden_prompt(name: str, more: dict[str, Value], reason: str, needs: list[str]) -> None:
    """If an option requested off is on because its prompt is hidden, the prompt's condition is named."""
    it = diagnoses(HIDDEN, {name: NO, **more})[name]

    assert (Outcome.BLOCKED, reason, needs) == (it.outcome, it.reason, [below.needs for below in it.witness])


def test_a_lost_choice() -> None:
    """Of two requested members of a choice, the loser names the winner and its request."""
    found = diagnoses(OPTIONS, {"NONE": YES, "FULL": YES})
    lost = found["FULL"] if found["NONE"].holds else found["NONE"]
    winner = "NONE" if found["NONE"].holds else "FULL"
    line = 1 if winner == "NONE" else 2

    assert Outcome.CHOICE is lost.outcome
    assert f"the choice “Preemption” is {winner}, requested y (mine, mine.py:{line})" == lost.reason


def test_a_dead_end() -> None:
    """What the toolchain determines is reported as such, and nothing is proposed."""
    it = one("RUST", YES)

    assert (
        "RUST: requested y (mine, mine.py:1), got n\n"
        "  needs HAS_COMPILER [=n]: it has no prompt: the toolchain or the architecture determines it"
    ) == it.text


def test_the_word_size_stays() -> None:
    """Changing the word size is never proposed."""
    it = one("64BIT", NO)

    assert (Outcome.BLOCKED, ()) == (it.outcome, it.likely)


@pytest.mark.parametrize(
    ("name", "value", "suggestion"),
    [
        pytest.param("SERAIL", YES, "did you mean SERIAL?", id="near"),
        pytest.param("NOWHERE", YES, None, id="nothing-near"),
        pytest.param("KGDB", MODULE, "write YES", id="bool"),
        pytest.param("SHIFT", "19", "write 19", id="quoted-number"),
        pytest.param("START", "0xff", "write Hex(0xff)", id="quoted-hexadecimal"),
        pytest.param("START", 1000000, "write Hex(0x1000000), or Hex(0xf4240) for the decimal number", id="no-0x"),
        pytest.param("SHIFT", Hex(16), "write 16", id="0x-for-an-int"),
        pytest.param("SHIFT", YES, "write a number, such as 16", id="switch-for-a-number"),
        pytest.param("NAME", 17, 'write "17"', id="unquoted-text"),
    ],
)
def test_suggestions(name: str, value: Value, suggestion: str | None) -> None:
    """The diagnosis says what to write instead, if that is known."""
    assert suggestion == one(name, value).suggestion


def test_what_was_renamed() -> None:
    """For an option of an older guide, the diagnosis says what it became, when, and by which commit."""
    options = model([option("MITIGATION_RETPOLINE", prompt="Retpolines"), option("SLUB")])
    found = diagnoses(options, {"RETPOLINE": YES, "DEVPTS_MULTIPLE_INSTANCES": YES, "SLS": NO})

    assert Outcome.ABSENT is found["RETPOLINE"].outcome
    assert (
        "renamed to MITIGATION_RETPOLINE in 6.9 (“x86/bugs: Rename CONFIG_RETPOLINE => CONFIG_MITIGATION_RETPOLINE”)"
    ) == found["RETPOLINE"].reason
    assert "use MITIGATION_RETPOLINE" == found["RETPOLINE"].suggestion
    assert "every mount of devpts is its own instance now; leave it out" == (
        found["DEVPTS_MULTIPLE_INSTANCES"].suggestion
    )
    assert Outcome.HELD is found["SLS"].outcome


def test_no_for_a_renamed_option_that_is_on() -> None:
    """A request to disable a renamed option does not hold while the new option is on."""
    options = model([option("MITIGATION_RETPOLINE", prompt="Retpolines", defaults=[("y", "y")])])

    assert Outcome.ABSENT is diagnoses(options, {"RETPOLINE": NO})["RETPOLINE"].outcome


def test_a_name_from_a_later_version() -> None:
    """For a kernel before a renaming, the diagnosis gives the name that it knows."""
    options = model([option("RETPOLINE", prompt="Retpolines")], version="6.1.55")
    found = diagnoses(options, {"MITIGATION_RETPOLINE": YES})["MITIGATION_RETPOLINE"]

    assert "Linux 6.1.55 still calls it RETPOLINE; MITIGATION_RETPOLINE was added in 6.9" == found.reason
    assert "use RETPOLINE" == found.suggestion


def test_json() -> None:
    """As JSON, a diagnosis has the same facts."""
    found = one("TUNNEL", YES).to_json()

    assert {
        "option": "TUNNEL",
        "asked": "y",
        "optional": False,
        "fragment": "mine",
        "place": "mine.py:1",
        "got": "n",
        "outcome": "blocked",
        "holds": False,
        "reason": "it cannot be set directly (it has no prompt)",
        "witness": [
            {
                "needs": "TUNNEL [=n]",
                "because": "it has no prompt; WIREGUARD selects it",
                "change": None,
                "below": [
                    {
                        "needs": "WIREGUARD [=n]",
                        "because": "nothing requests it",
                        "change": {"WIREGUARD": "y"},
                        "below": [],
                    }
                ],
            }
        ],
        "suggestion": None,
        "change": {},
    } == found


def test_a_choice_that_is_not_available() -> None:
    """A member of a hidden choice names what the choice itself needs."""
    choice = Choice(
        id="@1", prompt="Key", members=("RSA", "EC"), depends=expression("SIGNING"),
        definitions=(Definition("certs/Kconfig", 18, expression("SIGNING")),),
    )  # fmt: skip
    options = model(
        [
            option("SIGNING", prompt="Sign modules"),
            option("RSA", prompt="RSA", choice="@1", depends="@1"),
            option("EC", prompt="Elliptic curves", choice="@1", depends="@1"),
        ],
        [choice],
    )
    it = diagnoses(options, {"EC": YES})["EC"]

    assert Ref("@1") == options["EC"].depends
    assert (
        "EC: requested y (mine, mine.py:1), got n\n"
        "  needs the choice “Key” [=n]: the choice is not available\n"
        '    needs SIGNING [=n]: nothing requests it → "SIGNING": YES'
    ) == it.text


def exactly(file: str) -> dict[str, str]:
    """Return the text of the diagnosis of each option that differs from *file*, a whole `.config`."""
    values = Resolver(OPTIONS)(file)
    result = {name: values[name].value for name, it in OPTIONS.items() if it.type in SWITCHES}
    base = whole_config.exact_requests(
        file, "x.config", {name: Tristate(it) for name, it in result.items()}, lambda name: bool(OPTIONS[name].prompts)
    )
    changed = {
        name: it
        for name, it in base.items()
        if not it.optional and not holds(requested_value(it), OPTIONS[name], values[name])
    }
    return {it.option: it.text for it in diagnose(Merged(FrozenMap(changed)), OPTIONS, values, base=base)}


def test_a_file_with_two_members_of_a_choice() -> None:
    """The winning member is reported with its own line in the file."""
    found = exactly("CONFIG_NONE=y\nCONFIG_FULL=y\nCONFIG_ONLY=y\n")

    lost, won = ("NONE", "FULL") if "NONE" in found else ("FULL", "NONE")
    place = {"NONE": "x.config:1", "FULL": "x.config:2"}
    assert found == {
        lost: f"{lost}: requested y ({place[lost]}), got n: the choice “Preemption” is {won}, requested y ({place[won]})"
    }


def test_a_file_that_leaves_an_option_out() -> None:
    """An option that is on because the file has no line for it is reported with the missing line, not as its own cause."""
    found = exactly("CONFIG_TTY=y\nCONFIG_NONE=y\nCONFIG_ONLY=y\n")

    assert found["VT"] == (
        "VT: requested n (x.config), got y: x.config has no line for it, so it has its default\n"
        "  add a line with `# CONFIG_VT is not set`, or `CONFIG_VT=y` to keep it"
    )
