"""The hardening report: every rule applied to made-up configurations, and the requests that follow."""

from __future__ import annotations

import json
import re

from typing import TYPE_CHECKING

import pytest

from derivations.kconfig.fragments import hardening
from derivations.kconfig.hardening.kspp import RULES
from derivations.kconfig.language.condition import Condition
from derivations.kconfig.language.merge import merge
from derivations.kconfig.language.values import MODULE, NO, YES, Hex, Tristate, checked, option_name
from derivations.kconfig.rules.fulfil import Fulfilled, fulfilled, verdicts
from derivations.kconfig.rules.report import RuleOutcome, Verdict, completed, fragment, report
from derivations.kconfig.rules.rule import Rule, needed
from derivations.kconfig.symbols.dotconfig import compose
from derivations.version import Version
from tests.small_kconfig import Resolver, merged, model, option


if TYPE_CHECKING:
    from derivations.kconfig.language.fragment import Fragment
    from derivations.kconfig.language.values import Value


LATEST = Version.parse("6.12.64")
OLD = Version.parse("6.1.159")


def verdict(
    option: str, values: dict[str, Value], version: Version = LATEST, arch: str = "x86_64", **known: set[str]
) -> Verdict:
    """Return the only verdict on *option*."""
    (found,) = (
        it for it in report(RULES, values, version, arch, options=known.get("options")) if it.rule.option == option
    )
    return found


@pytest.mark.parametrize("rule", [pytest.param(it, id=f"{it.option}-{number}") for number, it in enumerate(RULES)])
def test_rule(rule: Rule) -> None:
    """A rule has an option, a value that fits it, a reason of one clause, and a source."""
    assert option_name(rule.option) == rule.option
    assert checked(rule.wanted) == rule.wanted
    assert rule.wanted is not MODULE
    assert re.fullmatch(r"[A-Za-z0-9/][^\n.]*(\*\(\)[^\n.]*)*", rule.reason), rule.reason
    assert not rule.reason.endswith(".")
    assert rule.source.startswith(("KSPP, ", "Linux, "))
    assert not rule.condition.is_empty
    assert rule.unless is None or rule.unless[0] != rule.option


def test_rules_do_not_overlap() -> None:
    """No version and architecture has two rules for one option."""
    for version in ("4.19", "5.4", "5.10", "5.15", "5.18", "6.1", "6.6", "6.9", "6.12", "6.18", "6.19"):
        for arch in ("arm64", "x86_64", "riscv"):
            options = [it.option for it in RULES if it.condition.holds(Version.parse(version), arch)]
            assert len(options) == len(set(options)), (version, arch)


@pytest.mark.parametrize(
    ("arch", "options"),
    [
        pytest.param("x86_64", {"IA32_EMULATION", "RANDOMIZE_MEMORY", "LEGACY_VSYSCALL_NONE", "SLS"}, id="x86_64"),
        pytest.param("arm64", {"ARM64_SW_TTBR0_PAN", "ARM64_BTI_KERNEL", "SHADOW_CALL_STACK"}, id="arm64"),
        pytest.param("riscv", set(), id="riscv"),
    ],
)
def test_architectures(arch: str, options: set[str]) -> None:
    """A report covers the rules of its architecture and those of all architectures."""
    found = {it.rule.option for it in report(RULES, {}, LATEST, arch)}

    assert {"STRICT_KERNEL_RWX", "HARDENED_USERCOPY"} | options <= found
    others = {it.option for it in RULES if it.condition.architectures not in (None, (arch,))}
    own = {it.option for it in RULES if it.condition.architectures in (None, (arch,))}
    assert not found & (others - own)


@pytest.mark.parametrize(
    ("option", "values", "outcome"),
    [
        pytest.param("BUG", {"BUG": YES}, RuleOutcome.HELD, id="yes"),
        pytest.param("BUG", {"BUG": NO}, RuleOutcome.NOT_HELD, id="no"),
        pytest.param("BUG", {}, RuleOutcome.NOT_HELD, id="absent"),
        pytest.param("COMPAT_BRK", {}, RuleOutcome.HELD, id="absence-is-no"),
        pytest.param("COMPAT_BRK", {"COMPAT_BRK": YES}, RuleOutcome.NOT_HELD, id="yes-is-not-no"),
        pytest.param("BINFMT_MISC", {"BINFMT_MISC": MODULE}, RuleOutcome.NOT_HELD, id="module-is-not-no"),
        pytest.param("DEFAULT_MMAP_MIN_ADDR", {"DEFAULT_MMAP_MIN_ADDR": 65536}, RuleOutcome.HELD, id="number"),
        pytest.param("DEFAULT_MMAP_MIN_ADDR", {"DEFAULT_MMAP_MIN_ADDR": 4096}, RuleOutcome.NOT_HELD, id="other-number"),
        pytest.param("MAGIC_SYSRQ_DEFAULT_ENABLE", {"MAGIC_SYSRQ": YES, "MAGIC_SYSRQ_DEFAULT_ENABLE": Hex(0xB0)}, RuleOutcome.HELD, id="hex"),
        pytest.param("MAGIC_SYSRQ_DEFAULT_ENABLE", {"MAGIC_SYSRQ": NO}, RuleOutcome.NOT_APPLICABLE, id="without-sysrq"),
        pytest.param("STRICT_DEVMEM", {"DEVMEM": YES}, RuleOutcome.NOT_HELD, id="devmem"),
        pytest.param("STRICT_DEVMEM", {"DEVMEM": NO}, RuleOutcome.NOT_APPLICABLE, id="no-devmem"),
        pytest.param("MODULE_SIG", {}, RuleOutcome.NOT_APPLICABLE, id="no-modules"),
        pytest.param("DEBUG_CREDENTIALS", {}, RuleOutcome.NOT_APPLICABLE, id="gone"),
        pytest.param("PANIC_TIMEOUT", {"PANIC_TIMEOUT": -1}, RuleOutcome.HELD, id="negative"),
        pytest.param("SLAB_BUCKETS", {"SLAB_BUCKETS": YES}, RuleOutcome.HELD, id="new"),
        pytest.param("DEFAULT_MMAP_MIN_ADDR", {"DEFAULT_MMAP_MIN_ADDR": 131072}, RuleOutcome.HELD, id="greater-number"),
        pytest.param("MAGIC_SYSRQ_DEFAULT_ENABLE", {"MAGIC_SYSRQ": YES, "MAGIC_SYSRQ_DEFAULT_ENABLE": Hex(0)}, RuleOutcome.HELD, id="less-still"),
        pytest.param("MAGIC_SYSRQ_DEFAULT_ENABLE", {"MAGIC_SYSRQ": YES, "MAGIC_SYSRQ_DEFAULT_ENABLE": Hex(1)}, RuleOutcome.NOT_HELD, id="all-keys"),
        pytest.param("X86_VSYSCALL_EMULATION", {"X86_VSYSCALL_EMULATION": YES, "LEGACY_VSYSCALL_NONE": YES}, RuleOutcome.HELD, id="as-good"),
        pytest.param("INIT_STACK_ALL_ZERO", {"INIT_STACK_ALL_PATTERN": YES}, RuleOutcome.HELD, id="other-member"),
        pytest.param("EFI_DISABLE_PCI_DMA", {}, RuleOutcome.NOT_APPLICABLE, id="no-efi"),
        pytest.param("EFI_DISABLE_PCI_DMA", {"EFI_STUB": YES}, RuleOutcome.NOT_HELD, id="efi"),
        pytest.param("CFI_PERMISSIVE", {"CFI_CLANG": YES, "CFI_PERMISSIVE": YES}, RuleOutcome.NOT_HELD, id="cfi-permissive"),
        pytest.param("CFI_PERMISSIVE", {}, RuleOutcome.NOT_APPLICABLE, id="no-cfi"),
    ],
)  # fmt: skip
def test_outcome(option: str, values: dict[str, Value], outcome: RuleOutcome) -> None:
    """A rule holds by its value alone; absence is n; rules excluded by an option or the version do not apply."""
    assert verdict(option, values).outcome is outcome


def test_why_not_applicable() -> None:
    """The verdict says why a rule does not apply: the version, the tree, or another option."""
    assert verdict("SLAB_BUCKETS", {}, OLD).why == "Linux 6.1 does not have it"
    assert verdict("BUG", {}, options={"DEVMEM"}).why == "this 6.12 kernel does not have it"
    assert verdict("RESET_ATTACK_MITIGATION", {"EFI": YES}).why == "because of # CONFIG_EFI_STUB is not set"
    assert verdict("CFI_PERMISSIVE", {}).why == "without CFI_CLANG or CFI"
    assert verdict("STRICT_DEVMEM", {}).why == "because of # CONFIG_DEVMEM is not set"
    assert (
        verdict("PAGE_POISONING", {"INIT_ON_FREE_DEFAULT_ON": YES}).why == "because of CONFIG_INIT_ON_FREE_DEFAULT_ON=y"
    )


def test_renamed_options_are_two_rules() -> None:
    """For a renamed option, the rule uses the version's name."""
    names = ("PAGE_TABLE_ISOLATION", "MITIGATION_PAGE_TABLE_ISOLATION")
    held: dict[str, Value] = dict.fromkeys(names, YES)

    outcomes = {(name, v.series): verdict(name, held, v).outcome for name in names for v in (OLD, LATEST)}
    assert [key for key, it in outcomes.items() if it is RuleOutcome.HELD] == [(names[0], "6.1"), (names[1], "6.12")]


def test_sentences() -> None:
    """As text, a verdict has the wanted value, the actual one, the reason and the price."""
    assert str(verdict("BUG", {"BUG": YES})) == "CONFIG_BUG=y: a process that trips a check is stopped"
    assert str(verdict("HIBERNATION", {"HIBERNATION": YES})) == (
        "# CONFIG_HIBERNATION is not set, got y: the running kernel cannot be replaced by an image on disk "
        "(takes away hibernation)"
    )
    assert str(verdict("SYN_COOKIES", {"INET": YES})) == (
        "CONFIG_SYN_COOKIES=y, got absent: a SYN flood does not fill the connection table (needs INET)"
    )
    assert str(verdict("DEBUG_LIST", {"LIST_HARDENED": YES})) == (
        "CONFIG_DEBUG_LIST=y: list links are checked in full (CONFIG_LIST_HARDENED=y is as good)"
    )
    assert str(verdict("SLS", {}, LATEST)) == "CONFIG_SLS=y: not applicable, Linux 6.12 does not have it"


def test_json() -> None:
    """As JSON, a verdict has the same facts."""
    found = json.loads(json.dumps(verdict("HIBERNATION", {"HIBERNATION": YES}).to_json()))

    assert found == {
        "option": "HIBERNATION",
        "wanted": "n",
        "got": "y",
        "outcome": "not held",
        "why": "",
        "reason": "the running kernel cannot be replaced by an image on disk",
        "takes": "hibernation",
        "needs": "",
        "source": "KSPP, Recommended Settings",
    }


def values_of(found: Fragment, version: Version, arch: str) -> dict[str, Value]:
    """Return the requests of *found* as values of a configuration."""
    requests = merge([found], version=version, arch=arch).requests
    return {option: it.value for option, it in requests.items() if isinstance(it.value, Tristate | int | str | Hex)}


@pytest.mark.parametrize("arch", ["arm64", "x86_64"])
@pytest.mark.parametrize("version", [OLD, LATEST], ids=str)
@pytest.mark.parametrize("strict", [False, True])
def test_fragment(arch: str, version: Version, strict: bool) -> None:
    """The fragment of a report holds once it is in the configuration; without *strict* it takes nothing away."""
    before: dict[str, Value] = {"MODULES": YES, "DEVMEM": YES, "BPF_SYSCALL": YES, "EFI_STUB": YES, "INET": YES}
    asked = completed(lambda more: report(RULES, {**before, **more}, version, arch), strict=strict)
    after = {**before, **values_of(asked, version, arch)}

    left = [it for it in report(RULES, after, version, arch) if it.outcome is RuleOutcome.NOT_HELD]
    assert all(it.rule.takes for it in left)
    assert strict is (left == [])
    taken = {it.rule.option for it in report(RULES, {}, version, arch) if it.rule.takes}
    assert strict is bool(taken & asked.options.keys() - {"MODULE_SIG_ALL"})


def test_fragment_of_what_is_held() -> None:
    """If every rule holds, nothing is requested."""
    held = {it.rule.option: it.rule.wanted for it in report(RULES, {}, LATEST, "x86_64")}

    assert not fragment(report(RULES, held, LATEST, "x86_64"), strict=True).options


def test_what_may_be_missing_is_optional() -> None:
    """Options that a compiler or machine may lack are requested as optional."""
    asked = merge([fragment(report(RULES, {}, LATEST, "x86_64"))], version=LATEST, arch="x86_64").requests

    assert (asked["CFI_CLANG"].optional, asked["BUG"].optional) == (True, False)


KCONFIG = model(
    [
        option("EXPERT", prompt="Expert"),
        option("BUG", prompt="Traps", prompt_if="EXPERT", defaults=[("y", "y")]),
        option("FORTIFY_SOURCE", prompt="Checked copies", depends="CHECKS"),
        option("CHECKS", prompt="Checks"),
        option("CFI_CLANG", prompt="Flow", depends="CC_IS_CLANG"),
        option("CC_IS_CLANG", defaults=[("n", "y")]),
        option("GCC_PLUGINS"),
        option("RANDOMIZE_BASE", prompt="Base"),
        option("RANDOMIZE_MEMORY", prompt="Memory", depends="RANDOMIZE_BASE"),
        option("UBSAN", prompt="Sanitizer"),
        option("UBSAN_BOOL", prompt="Booleans", depends="UBSAN", defaults=[("y", "y")]),
        option("MODIFY_LDT_SYSCALL", prompt="Segments", prompt_if="EXPERT", defaults=[("y", "y")]),
        option("DEFAULT_MMAP_MIN_ADDR", "int", prompt="Least address", defaults=[("4096", "y")]),
    ],
    version="6.12.1",
)


def harden(requests: dict[str, Value], *, strict: bool = False) -> tuple[Fulfilled, tuple[Verdict, ...]]:
    """Return the hardening requests on top of *requests*, and the verdicts on the result."""
    resolver = Resolver(KCONFIG)
    found = fulfilled(RULES, merged(requests).requests, "", KCONFIG, resolver, settle=resolver, strict=strict)
    return found, verdicts(
        RULES, KCONFIG, resolver(compose("", {**requests, **found.requests, **found.dependencies}, KCONFIG))
    )


@pytest.mark.parametrize("strict", [False, True])
def test_nothing_is_left(strict: bool) -> None:
    """The requests hold, with their dependencies and the rules that they make applicable, and leave nothing to request."""
    found, left = harden({}, strict=strict)

    assert {"RANDOMIZE_MEMORY": YES, "UBSAN_BOOL": NO, "DEFAULT_MMAP_MIN_ADDR": 65536}.items() <= found.requests.items()
    assert {"CHECKS": YES, **({"EXPERT": YES} if strict else {})} == found.dependencies
    assert {} == found.left_out
    assert [] == [str(it) for it in left if it.outcome is RuleOutcome.NOT_HELD and (strict or not it.rule.takes)]


def test_what_cannot_be_does_not_apply() -> None:
    """A rule that no setting can satisfy does not apply, and is not requested."""
    found, left = harden({})
    verdict_of = {it.rule.option: it for it in left}

    assert not {"CFI_CLANG", "GCC_PLUGINS"} & found.requests.keys()
    for name in ("CFI_CLANG", "GCC_PLUGINS"):
        assert verdict_of[name].outcome is RuleOutcome.NOT_APPLICABLE
        assert verdict_of[name].why.startswith("no setting switches it on here")


def test_what_the_user_requests_otherwise_is_left_out() -> None:
    """A rule that conflicts with a request of the definition is left out, with the place of the request."""
    found, _ = harden({"FORTIFY_SOURCE": NO, "UBSAN": NO})

    assert {
        "FORTIFY_SOURCE": "requested as n (mine, mine.py:1)",
        "UBSAN": "requested as n (mine, mine.py:2)",
    } == found.left_out
    assert not {"FORTIFY_SOURCE", "UBSAN"} & {*found.requests, *found.dependencies}


def test_no_build_of_the_fragment_signs() -> None:
    """Lockdown selects module signatures; no build signs modules, and with *strict* there are none."""
    verdicts = report(RULES, {"MODULES": YES}, LATEST, "x86_64")

    plain, strict = fragment(verdicts), fragment(verdicts, strict=True)
    assert [values_of(it, LATEST, "x86_64")["MODULE_SIG_ALL"] for it in (plain, strict)] == [NO, NO]
    assert [values_of(it, LATEST, "x86_64").get("MODULES") for it in (plain, strict)] == [None, NO]


def test_needed() -> None:
    """A rule that another one makes pointless is left out; on its own it is kept."""
    better = Rule(option="A", wanted=YES, reason="x")
    worse = Rule(option="B", wanted=YES, reason="y", unless=("A", YES))

    assert needed([worse, better]) == [better]
    assert needed([worse]) == [worse]


@pytest.mark.parametrize("arch", ["arm64", "x86_64"])
def test_the_bundled_fragment_takes_nothing(arch: str) -> None:
    """The bundled fragment has the rules that take nothing away, each for the versions of its rule."""
    for version in (OLD, LATEST):
        asked = values_of(hardening, version, arch)
        applying = [it for it in RULES if it.condition.holds(version, arch)]
        free = {it.option: it.wanted for it in needed(it for it in applying if not it.takes)}
        assert free.items() <= asked.items()
        assert not asked.keys() & {it.option for it in applying if it.takes} - {"MODULE_SIG_ALL"}


def test_rules_of_one_architecture() -> None:
    """Architectures with different recommendations have separate rules."""
    found = {it.condition.architectures: it.wanted for it in RULES if it.option == "DEFAULT_MMAP_MIN_ADDR"}

    assert found == {Condition.on("x86_64").architectures: 65536, Condition.on("arm64").architectures: 32768}
