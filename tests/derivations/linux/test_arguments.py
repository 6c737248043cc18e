"""The arguments of `make_linux`, validated when a kernel is defined."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from derivations.fetch import fetch_url
from derivations.hardware.snapshot import EmptySnapshot, Snapshot
from derivations.kconfig.language.condition import UnknownArchitecture
from derivations.kconfig.language.fragment import InvalidFragment
from derivations.kconfig.language.values import YES
from derivations.kconfig.requirements.requirement_set import RequirementSet, UnknownRequirementSet, requires
from derivations.kconfig.rules.rule import Rule
from derivations.linux.arguments import NAMES, Arguments, InvalidArgument, UnknownArgument, check_names, is_file_name
from derivations.linux.patch import Patch
from derivations.source import text_file
from derivations.systems import UnknownSystem
from derivations.toolchain import UnknownToolchain
from derivations.version import InvalidVersion


if TYPE_CHECKING:
    from derivations.derivation import Derivation
    from store.errors import Error


SOURCE = fetch_url("https://cdn.kernel.org/linux-6.12.tar.xz", sha256="0" * 64)
PATCH = Patch("a", text="--- a/x\n")


def make(**changes: Any) -> Arguments:  # noqa: ANN401 -- what a test gives
    """Return arguments with *changes*."""
    return Arguments(**{"version": "6.12", "source": SOURCE, **changes})


def test_two_are_enough() -> None:
    """A version and a source make a kernel; everything else has a default."""
    arguments = make()

    assert (arguments.name, arguments.base, arguments.systems) == ("linux", "defconfig", ("x86_64-linux",))


def test_requirement_sets() -> None:
    """Sets are given by name or as values, in any order."""
    mine = RequirementSet("mine", [Rule(option="A", wanted=YES, reason="x")])

    found = make(requires=["systemd", mine, "docker", "docker"]).requires
    assert found == make(requires=(mine, "docker", requires("systemd"))).requires
    assert [it.name for it in found] == ["docker", "mine", "systemd"]
    with pytest.raises(UnknownRequirementSet):
        make(requires=["no-such"])


def test_a_base_for_each_architecture() -> None:
    """A mapping has a base for each architecture; another architecture is an error, and so is an unknown one."""
    found = make(base={"arm64": "defconfig", "x86_64": text_file("config", "")})

    assert found.on("arm64") == make()
    assert found.on("x86_64") == make(base=text_file("config", ""))
    assert make().on("x86_64") == make()
    with pytest.raises(InvalidArgument) as caught:
        found.on("riscv")
    assert "arm64, x86_64" in caught.value.reason
    with pytest.raises(UnknownArchitecture):
        make(base={"aarch64": "defconfig"})


def test_one_form() -> None:
    """Lists become tuples, derivations their outputs, and systems are sorted, without duplicates."""
    arguments = make(
        source=SOURCE.out,
        base=text_file("config", ""),
        systems=["x86_64-linux", "aarch64-linux", "x86_64-linux"],
        patches=[PATCH],
        make_flags=["KCFLAGS=-O3 -g", "V=1"],
    )

    assert arguments == make(
        source=SOURCE,
        base=text_file("config", "").out,
        systems=("aarch64-linux", "x86_64-linux"),
        patches=(PATCH,),
        make_flags=("KCFLAGS=-O3 -g", "V=1"),
    )


@pytest.mark.parametrize(
    ("argument", "value", "shown"),
    [
        pytest.param("source", "linux.tar.xz", "'linux.tar.xz'", id="source"),
        pytest.param("source", None, "None", id="no-source"),
        pytest.param("name", "my kernel", "'my kernel'", id="name"),
        pytest.param("name", 3, "3", id="name-is-number"),
        pytest.param("name", "x" * 81, "80", id="long-name"),
        pytest.param("description", 3, "3", id="description"),
        pytest.param("systems", "x86_64-linux", "'x86_64-linux'", id="systems-is-text"),
        pytest.param("systems", [], "[]", id="no-systems"),
        pytest.param("systems", [1], "[1]", id="system-is-number"),
        pytest.param("base", "nothing", "'nothing'", id="base"),
        pytest.param("base", "-fconfig", "'-fconfig'", id="base-is-option"),
        pytest.param("base", "a b config", "'a b config'", id="base-with-spaces"),
        pytest.param("base", None, "None", id="no-base"),
        pytest.param("patches", PATCH, "Patch(", id="one-patch"),
        pytest.param("patches", "x", "'x'", id="patches-text"),
        pytest.param("patches", ["a.patch"], "'a.patch'", id="patch-name"),
        pytest.param("patches", [PATCH, PATCH], "a is listed twice", id="patch-twice"),
        pytest.param("extra_version", "/x", "'/x'", id="extra-version"),
        pytest.param("extra_version", None, "None", id="no-extra-version"),
        pytest.param("extra_version", "-" * 65, "'-----", id="long-extra-version"),
        pytest.param("make_flags", "V=1", "'V=1'", id="flags-is-text"),
        pytest.param("make_flags", ["-j4"], "'-j4'", id="option-of-make"),
        pytest.param("make_flags", ["all"], "'all'", id="target-of-make"),
        pytest.param("make_flags", ["A=\n"], "'A=\\n'", id="flag-with-newline"),
        pytest.param("make_flags", [1], "1", id="flag-is-number"),
        *(
            pytest.param("make_flags", [flag], "name the processor", id=f"native: {flag}")
            for flag in (
                "KCFLAGS=-O2 -march=native",
                "KAFLAGS=-mcpu=native",
                "HOSTCFLAGS=-mtune=native",
                "KRUSTFLAGS=-Ctarget-cpu=native",
                "RUSTFLAGS=-C target-cpu=native",
            )
        ),
        pytest.param("randstruct_seed", "", "''", id="no-seed"),
        pytest.param("randstruct_seed", "a\nb", "'a\\nb'", id="seed-of-lines"),
        pytest.param("signing_key", 7, "7", id="key-is-number"),
        pytest.param("make_flags", ["ARCH=arm"], "ARCH", id="reserved"),
        pytest.param("requires", "systemd", "'systemd'", id="requires-is-text"),
        pytest.param("requires", [7], "7", id="requirement-is-number"),
        pytest.param("firmware", ["a.bin"], "['a.bin']", id="firmware-is-list"),
        pytest.param("base", {}, "no architecture", id="no-base"),
        pytest.param("base", {"arm64": 7}, "7", id="base-is-number"),
        pytest.param("features", ["a"], "['a']", id="features"),
        pytest.param("features", {"a": 1}, "1", id="feature"),
        pytest.param("mod_dir_version", "", "''", id="release"),
        pytest.param("mod_dir_version", "../6", "'../6'", id="release-is-path"),
        pytest.param("toolchain", 12, "12", id="toolchain"),
        pytest.param("context", {}, "{}", id="context"),
        pytest.param("enable_common_config", 1, "1", id="common"),
        pytest.param("auto_modules", "yes", "'yes'", id="modules"),
        pytest.param("prefer_builtin", None, "None", id="builtin"),
        pytest.param("ignore_config_errors", 0, "0", id="errors"),
        pytest.param("exact", True, "'defconfig'", id="exact"),
        pytest.param("hardware", {}, "{}", id="hardware"),
        pytest.param("compilations", "many", "'many'", id="compilations"),
    ],
)
def test_invalid_arguments(argument: str, value: object, shown: str) -> None:
    """An invalid value is rejected immediately; the error has the argument and shows the value."""
    with pytest.raises(InvalidArgument) as caught:
        make(**{argument: value})

    assert (caught.value.argument, shown in caught.value.reason) == (argument, True)


@pytest.mark.parametrize(
    ("changes", "error", "facts"),
    [
        pytest.param({"version": "latest"}, InvalidVersion, {"text": "latest"}, id="version"),
        pytest.param({"version": 6.12}, InvalidVersion, {"text": 6.12}, id="version-is-number"),
        pytest.param({"systems": ["x86-linux"]}, UnknownSystem, {"name": "x86-linux"}, id="unknown-system"),
        pytest.param({"extra_config": {"A": True}}, InvalidFragment, {"fragment": "extra_config"}, id="option"),
        pytest.param({"extra_config": None}, InvalidFragment, {"fragment": "extra_config"}, id="no-options"),
        pytest.param({"extra_config": "A=y"}, InvalidFragment, {}, id="option-text"),
        pytest.param({"toolchain": "clag"}, UnknownToolchain, {"name": "clag"}, id="unknown-toolchain"),
        pytest.param({"hardware": Snapshot()}, EmptySnapshot, {}, id="no-hardware"),
    ],
)
def test_values_with_errors_of_their_own(changes: dict[str, Any], error: type[Error], facts: dict[str, object]) -> None:
    """Values of other modules are rejected with the errors of these modules."""
    with pytest.raises(error) as caught:
        make(**changes)

    assert {name: getattr(caught.value, name) for name in facts} == facts


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        pytest.param("extra_confg", "did you mean `extra_config` or `extra_version`?", id="letter-lost"),
        pytest.param("patch", "did you mean `patches`?", id="singular"),
        pytest.param("makeFlags", "did you mean `make_flags`?", id="humps"),
        pytest.param("structuredExtraConfig", "did you mean `extra_config`?", id="nixpkgs-options"),
        pytest.param("extraConfig", "did you mean `extra_config`?", id="nixpkgs-old-options"),
        pytest.param("kernelPatches", "did you mean `patches`?", id="nixpkgs-patches"),
        pytest.param("ignoreConfigErrors", "did you mean `ignore_config_errors`?", id="nixpkgs-errors"),
        pytest.param("modDirVersion", "did you mean `mod_dir_version`?", id="nixpkgs-release"),
        pytest.param("autoModules", "did you mean `auto_modules`?", id="nixpkgs-modules"),
        pytest.param("enableCommonConfig", "did you mean `enable_common_config`?", id="nixpkgs-common"),
        pytest.param("preferBuiltin", "did you mean `prefer_builtin`?", id="nixpkgs-builtin"),
        pytest.param("kernelPreferBuiltin", "did you mean `prefer_builtin`?", id="nixpkgs-manual"),
        pytest.param("kernel_prefer_builtin", "did you mean `prefer_builtin`?", id="nixpkgs-manual-in-snake-case"),
        pytest.param("configfile", "did you mean `base`?", id="nixpkgs-file"),
        pytest.param("src", "did you mean `source`?", id="nixpkgs-source"),
        pytest.param("extra_options", "did you mean `extra_config`?", id="guix-options"),
        pytest.param("configuration_file", "did you mean `base`?", id="guix-file"),
        pytest.param("zzz", None, id="nothing-near"),
    ],
)
def test_unknown_argument(given: str, hint: str | None) -> None:
    """An unknown argument is rejected, with suggestions of a similar spelling."""
    with pytest.raises(UnknownArgument) as caught:
        check_names("make_linux", ["version", given])

    assert str(caught.value) == f"make_linux has no argument `{given}`"
    assert (caught.value.hint, caught.value.exit_code) == (hint, 2)


def test_all_names_are_known() -> None:
    """Every argument is known by its name."""
    check_names("make_linux", NAMES)

    assert {"version", "source", "patches", "extra_config"} <= set(NAMES)


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        pytest.param("defconfig", False, id="target"),
        pytest.param("my.config", True, id="dot"),
        pytest.param("configs/mine", True, id="slash"),
        pytest.param(Path("mine"), True, id="path"),
        pytest.param(SOURCE, False, id="derivation"),
        pytest.param(None, False, id="none"),
    ],
)
def test_files_and_targets(base: str | Path | Derivation | None, expected: bool) -> None:
    """A base with a dot or a slash is a file, and any other string is a target of make."""
    assert expected is is_file_name(base)


def test_nothing_is_shared_with_the_caller() -> None:
    """Changing a list or mapping afterwards does not affect the arguments."""
    options, flags = {"A": YES}, ["V=1"]
    arguments = make(extra_config=options, make_flags=flags)
    options["B"] = YES
    flags.append("V=2")

    assert (list(arguments.extra_config[0].options), arguments.make_flags) == (["A"], ("V=1",))
