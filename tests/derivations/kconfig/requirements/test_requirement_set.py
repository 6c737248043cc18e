"""Requirement sets: the bundled ones by name, sets of one's own, and their form in a derivation."""

from __future__ import annotations

from typing import Any

import pytest

from derivations.kconfig.language.condition import ALWAYS, Condition
from derivations.kconfig.language.values import MODULE, NO, YES, option_name
from derivations.kconfig.requirements.requirement_set import (
    NAMES,
    InvalidRequirementSet,
    RequirementSet,
    UnknownRequirementSet,
    dumped,
    loaded,
    requires,
)
from derivations.kconfig.rules.rule import Rule
from derivations.version import Version


LATEST = Version.parse("6.12.64")
PLAIN = Rule(option="ZRAM", wanted=YES, reason="swap")


@pytest.mark.parametrize("name", NAMES)
def test_bundled(name: str) -> None:
    """Every rule of a bundled set has a valid option, a reason of one clause, and the source that the set cites."""
    found = requires(name)

    assert (found.name, bool(found.description)) == (name, True)
    for rule in found.rules:
        assert option_name(rule.option) == rule.option
        assert rule.reason
        assert not rule.reason.endswith(".")
        assert rule.source.startswith(("stal/IX, ", "systemd 252, ", "moby, ", "Linux, ", "Android, "))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", ["5.10", "6.1", "6.6", "6.12", "6.18"])
@pytest.mark.parametrize("arch", ["arm64", "x86_64"])
def test_no_option_twice(name: str, version: str, arch: str) -> None:
    """For one kernel, a set has one rule for an option."""
    options = [it.option for it in requires(name).applying(Version.parse(version), arch).rules]

    assert options
    assert len(options) == len(set(options))


@pytest.mark.parametrize(
    ("version", "present", "missing"),
    [
        pytest.param(
            "6.1", {"ANDROID_BINDER_DEVICES", "EMBEDDED", "SYSVIPC"}, {"EXPERT", "BPF_JIT_ALWAYS_ON"}, id="6.1"
        ),
        pytest.param("6.6", {"EXPERT", "SYSVIPC", "DEBUG_LIST"}, {"EMBEDDED", "USB_NET_CDC_NCM"}, id="6.6"),
        pytest.param("6.12", {"EXPERT", "IP_NF_MATCH_RPFILTER"}, {"SYSVIPC", "USB_CONFIGFS_F_ACC"}, id="6.12"),
    ],
)
def test_versions(version: str, present: set[str], missing: set[str]) -> None:
    """Where Android's files for different versions differ, the rules have conditions."""
    options = {it.option for it in requires("android-gki").applying(Version.parse(version), "arm64").rules}

    assert present <= options
    assert not missing & options


def test_architectures() -> None:
    """Rules of one architecture apply to that one only."""
    guests = {arch: requires("kvm-guest").applying(LATEST, arch).rules for arch in ("arm64", "s390", "x86_64")}

    found = {arch: {it.option for it in rules} & {"KVM_GUEST", "S390_GUEST"} for arch, rules in guests.items()}
    assert found == {"arm64": set(), "s390": {"S390_GUEST"}, "x86_64": {"KVM_GUEST"}}


def test_unknown() -> None:
    """An unknown name is an error that suggests one."""
    with pytest.raises(UnknownRequirementSet) as caught:
        requires("sytemd")

    assert caught.value.hint is not None
    assert "`systemd`" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        pytest.param("", [PLAIN], id="no-name"),
        pytest.param("mine", ["ZRAM"], id="a-name"),
        pytest.param("mine", {"ZRAM": YES}, id="a-mapping"),
        pytest.param("a\nb", [PLAIN], id="two-lines"),
    ],
)
def test_invalid(name: str, rules: Any) -> None:  # noqa: ANN401 -- what a test gives
    """A set has a printable name and a list of rules."""
    with pytest.raises(InvalidRequirementSet):
        RequirementSet(name, rules)


def test_applying() -> None:
    """Of a set, the rules for one kernel remain, without conditions."""
    old = Rule(option="A", wanted=YES, reason="x", condition=Condition.older("6.0"))
    arm = Rule(option="B", wanted=YES, reason="x", condition=Condition.on("arm64"))
    both = Rule(option="C", wanted=YES, reason="x", condition=Condition.at_least("6.0") & Condition.on("x86"))

    found = RequirementSet("mine", [old, arm, both]).applying(LATEST, "x86_64")
    assert [(it.option, it.condition) for it in found.rules] == [("C", ALWAYS)]


def test_in_a_derivation() -> None:
    """As JSON a set keeps its name and its rules, whatever they have."""
    rules = [
        PLAIN,
        Rule(option="A", wanted=NO, reason="x", also=(MODULE,), instead=(("B", 7), ("C", "d e")), unless=("E", YES)),
        Rule(
            option="F", wanted="", reason="x", any_text=True, needs="files", given=("G",), any_of=("H", "I"), source="s"
        ),
        Rule(option="J", wanted=65536, reason="x", or_more=True, takes="y"),
    ]
    mine = RequirementSet("mine", rules)

    assert loaded(dumped([mine])) == (mine,)
    assert dumped([]) == "[]"
