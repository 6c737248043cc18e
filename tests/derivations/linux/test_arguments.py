"""The arguments of `make_linux`, validated when a kernel is defined."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from derivations.fetch import fetch_url
from derivations.hardware.snapshot import EmptySnapshot, Snapshot
from derivations.kconfig.language.fragment import InvalidFragment
from derivations.kconfig.language.values import YES
from derivations.linux.arguments import NAMES, Arguments, InvalidArgument, UnknownArgument, check_names, is_file_name
from derivations.linux.patch import Patch
from derivations.source import text_file
from derivations.toolchain import UnknownSystem, UnknownToolchain
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
    ("changes", "error", "sentence"),
    [
        pytest.param({"version": "latest"}, InvalidVersion, "not a kernel version: 'latest'", id="version"),
        pytest.param({"version": 6.12}, InvalidVersion, "not a kernel version: 6.12", id="version-is-number"),
        pytest.param(
            {"source": "linux.tar.xz"}, InvalidArgument, "source: 'linux.tar.xz' is not a derivation", id="source"
        ),
        pytest.param({"source": None}, InvalidArgument, "source: None is not a derivation", id="no-source"),
        pytest.param({"name": "my kernel"}, InvalidArgument, "name: 'my kernel' is not a valid name", id="name"),
        pytest.param({"name": 3}, InvalidArgument, "name: 3 is not a string", id="name-is-number"),
        pytest.param({"name": "x" * 81}, InvalidArgument, "name: it is longer than 80 characters", id="long-name"),
        pytest.param({"description": 3}, InvalidArgument, "description: 3 is not a string", id="description"),
        pytest.param({"systems": "x86_64-linux"}, InvalidArgument, "not 'x86_64-linux'", id="systems-is-text"),
        pytest.param({"systems": []}, InvalidArgument, "systems: it must be a list", id="no-systems"),
        pytest.param({"systems": [1]}, InvalidArgument, "systems: it must be a list", id="system-is-number"),
        pytest.param({"systems": ["x86-linux"]}, UnknownSystem, "unknown system 'x86-linux'", id="unknown-system"),
        pytest.param({"base": "nothing"}, InvalidArgument, "base: 'nothing' is neither a configuration", id="base"),
        pytest.param({"base": "-fconfig"}, InvalidArgument, "base: '-fconfig' is neither", id="base-is-option"),
        pytest.param({"base": "a b config"}, InvalidArgument, "base: 'a b config' is neither", id="base-with-spaces"),
        pytest.param({"base": None}, InvalidArgument, "base: None is neither", id="no-base"),
        pytest.param({"extra_config": {"A": True}}, InvalidFragment, "A: True is no value", id="option"),
        pytest.param({"extra_config": None}, InvalidFragment, "None is neither a mapping", id="no-options"),
        pytest.param({"extra_config": "A=y"}, InvalidFragment, "line 1: 'A=y': write `CONFIG_A=y`", id="option-text"),
        pytest.param({"patches": PATCH}, InvalidArgument, "patches: it must be a list such as", id="one-patch"),
        pytest.param({"patches": "x"}, InvalidArgument, "not 'x'", id="patches-text"),
        pytest.param({"patches": ["a.patch"]}, InvalidArgument, "patches: 'a.patch' is not a patch", id="patch-name"),
        pytest.param({"patches": [PATCH, PATCH]}, InvalidArgument, "patches: a is listed twice", id="patch-twice"),
        pytest.param(
            {"extra_version": "/x"}, InvalidArgument, "extra_version: '/x' cannot be part", id="extra-version"
        ),
        pytest.param({"extra_version": None}, InvalidArgument, "extra_version: None", id="no-extra-version"),
        pytest.param({"extra_version": "-" * 65}, InvalidArgument, "cannot be part", id="long-extra-version"),
        pytest.param({"make_flags": "V=1"}, InvalidArgument, "not 'V=1'", id="flags-is-text"),
        pytest.param(
            {"make_flags": ["-j4"]}, InvalidArgument, "'-j4' is not of the form NAME=value", id="option-of-make"
        ),
        pytest.param({"make_flags": ["all"]}, InvalidArgument, "'all' is not of the form", id="target-of-make"),
        pytest.param(
            {"make_flags": ["A=\n"]}, InvalidArgument, "is not of the form NAME=value", id="flag-with-newline"
        ),
        pytest.param({"make_flags": [1]}, InvalidArgument, "1 is not of the form NAME=value", id="flag-is-number"),
        pytest.param({"make_flags": ["ARCH=arm"]}, InvalidArgument, "make_flags: ARCH is set by kernix", id="reserved"),
        pytest.param({"features": ["a"]}, InvalidArgument, "features: it must be a mapping", id="features"),
        pytest.param({"features": {"a": 1}}, InvalidArgument, "features: 1 is neither True nor False", id="feature"),
        pytest.param(
            {"mod_dir_version": ""}, InvalidArgument, "mod_dir_version: '' is not a kernel release", id="release"
        ),
        pytest.param(
            {"mod_dir_version": "../6"}, InvalidArgument, "mod_dir_version: '../6' is no", id="release-is-path"
        ),
        pytest.param({"toolchain": "clag"}, UnknownToolchain, "unknown toolchain 'clag'", id="unknown-toolchain"),
        pytest.param(
            {"toolchain": 12},
            InvalidArgument,
            "toolchain: 12 is neither a toolchain nor the name of one",
            id="toolchain",
        ),
        pytest.param({"context": {}}, InvalidArgument, "context: {} is not a Context", id="context"),
        pytest.param(
            {"enable_common_config": 1}, InvalidArgument, "enable_common_config: 1 is not True or False", id="common"
        ),
        pytest.param(
            {"auto_modules": "yes"}, InvalidArgument, "auto_modules: 'yes' is not True or False", id="modules"
        ),
        pytest.param(
            {"prefer_builtin": None}, InvalidArgument, "prefer_builtin: None is not True or False", id="builtin"
        ),
        pytest.param(
            {"ignore_config_errors": 0}, InvalidArgument, "ignore_config_errors: 0 is not True or False", id="errors"
        ),
        pytest.param(
            {"exact": True},
            InvalidArgument,
            "exact: it requires a complete .config as base, not the target 'defconfig'",
            id="exact",
        ),
        pytest.param({"hardware": {}}, InvalidArgument, "hardware: {} is neither a hardware snapshot", id="hardware"),
        pytest.param({"hardware": Snapshot()}, EmptySnapshot, "the hardware snapshot is empty", id="no-hardware"),
        pytest.param(
            {"compilations": "many"}, InvalidArgument, "compilations: 'many' is not an integer", id="compilations"
        ),
    ],
)
def test_invalid_arguments(changes: dict[str, Any], error: type[Error], sentence: str) -> None:
    """An invalid value is rejected immediately, with the argument and the value."""
    with pytest.raises(error) as caught:
        make(**changes)

    assert sentence in str(caught.value)


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
