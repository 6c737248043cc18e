"""`kernix profile`: kernels side by side, generations, and what becomes of them."""

from __future__ import annotations

import re

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kernix.profile_kernels import KERNELS


if TYPE_CHECKING:
    from tests.kernix.conftest import CommandLine


@pytest.fixture
def file(kernix: CommandLine) -> Path:
    """Return the user's file with kernels."""
    return kernix.write("kernels_file.py", KERNELS)


def names(kernix: CommandLine) -> list[str]:
    """Return the names in the profile `system`."""
    return sorted(it.name for it in (kernix.home / "profiles/system/bin").iterdir())


def test_kernels_side_by_side(kernix: CommandLine, file: Path) -> None:
    """Each kernel has its names; what it lacks, such as modules, has none; the path of the image is printed."""
    ran = kernix("profile", "install", "system", "first", "-f", file)
    assert [f"{kernix.home}/profiles/system/bin/kernel-6-1-1"] == ran.lines
    assert Path(ran.lines[0]).read_text() == "the first kernel"
    kernix("profile", "install", "system", "second", "-f", file, "--initrd", "ramdisk")

    assert ["config-6-1-1", "config-6-1-2", "initrd-6-1-2", "kernel-6-1-1", "kernel-6-1-2", "modules-6-1-2"] == names(
        kernix
    )
    assert (kernix.home / "profiles/system/bin/modules-6-1-2/a.ko").read_text() == "a module"


def test_the_same_again(kernix: CommandLine, file: Path) -> None:
    """What the profile has already makes no generation."""
    for _ in range(2):
        ran = kernix("profile", "install", "system", "first", "-f", file)

    assert "has it already: generation 1" in ran.err
    assert [1] == [it["generation"] for it in kernix("profile", "generations", "system", "--json").json]


def test_a_kernel_of_the_same_slot_replaces(kernix: CommandLine, file: Path) -> None:
    """A changed kernel takes the place of the one before; another slot keeps both."""
    kernix("profile", "install", "system", "second", "-f", file)
    kernix("profile", "install", "system", "changed", "-f", file, "--slot", "test")
    assert {"kernel-6-1-2", "kernel-test"} <= {*names(kernix)}
    ran = kernix("profile", "install", "system", "changed", "-f", file)

    assert "~ 6-1-2  linux-6.1.2  (config, kernel, modules)" in ran.err
    assert ["~ 6-1-2  linux-6.1.2  (config, kernel, modules)"] == kernix("profile", "diff", "system", "2", "3").lines


def test_going_back_and_forth(kernix: CommandLine, file: Path) -> None:
    """Going back gives the names of then; nothing of it is lost."""
    for attribute in ("first", "second"):
        kernix("profile", "install", "system", attribute, "-f", file)
    kernix("profile", "rollback", "system")
    assert ["config-6-1-1", "kernel-6-1-1"] == names(kernix)
    kernix("profile", "switch", "system", "2")
    kernix("profile", "remove", "system", "kernel-6-1-1")

    assert ["config-6-1-2", "kernel-6-1-2", "modules-6-1-2"] == names(kernix)
    assert ["1", "2", "3 *"] == [
        line.split("  ")[0].strip() for line in kernix("profile", "generations", "system").lines
    ]
    assert [f"system  6-1-2  6.1.2  {kernix.home}/profiles/system/bin/kernel-6-1-2"] == kernix("profile", "list").lines
    assert ["6-1-2"] == [it["slot"] for it in kernix("profile", "list", "system", "--json").json]


def test_no_name_dangles_after_a_collection(kernix: CommandLine, file: Path) -> None:
    """The collector keeps what a generation has, and takes it once the generation is deleted."""
    for attribute in ("first", "second"):
        kernix("profile", "install", "system", attribute, "-f", file)
    kernix("profile", "remove", "system", "6-1-1")
    first = (kernix.home / "profiles/system-1-link/bin/kernel-6-1-1").resolve()
    kernix("gc", "--all")
    assert all(it.exists() for link in (kernix.home / "profiles").iterdir() for it in (link / "bin").iterdir())
    assert kernix("profile", "delete-generations", "system", "1", "2").err == "2 generations deleted: 1, 2\n"
    kernix("gc", "--all")

    assert not first.exists()
    assert all(it.exists() for it in (kernix.home / "profiles/system/bin").iterdir())


def test_deleting_old_generations(kernix: CommandLine, file: Path) -> None:
    """Only generations that were replaced before the time go; a dry run only names them."""
    for attribute in ("first", "second"):
        kernix("profile", "install", "system", attribute, "-f", file)

    assert kernix("profile", "delete-generations", "system", "--older-than", "1d").err == "0 generations deleted\n"
    words = ("profile", "delete-generations", "system", "--older-than", "0s")
    assert kernix(*words, "--dry-run").err == "1 generation would be deleted: 1\n"
    assert kernix(*words).err == "1 generation deleted: 1\n"
    assert kernix("profile", "rollback", "system").code == 1


@pytest.mark.parametrize(
    ("words", "error", "code"),
    [
        (["install", "a b", "first"], r"invalid profile name 'a b'", 2),
        (["install", "\x1b[31m", "first"], r"invalid profile name '\\x1b\[31m'", 2),
        (["install", "system", "first", "first"], r"`first` is listed twice", 2),
        (["install", "system", "second", "changed"], r"`second` and `changed` are both for the slot 6-1-2", 2),
        (["install", "system", "first", "second", "--slot", "a"], r"`--slot` is for one kernel", 2),
        (["install", "system", "first", "--slot", "a.b"], r"invalid slot name 'a.b'", 2),
        (["install", "system", "no_kernel"], r"`no_kernel` is not a kernel", 2),
        (
            ["install", "system", "first", "--initrd", "no_kernel"],
            r"-no-kernel has no single file that is an initramfs",
            1,
        ),
        (["install", "system", "frist"], r"no attribute `frist`", 2),
        (["switch", "system", "1"], r"there is no profile `system`", 1),
        (["rollback", "system"], r"there is no profile `system`", 1),
        (["list", "system"], r"there is no profile `system`", 1),
        (["generations", "system"], r"there is no profile `system`", 1),
        (["diff", "system", "1", "2"], r"there is no profile `system`", 1),
        (["delete-generations", "system", "1"], r"there is no profile `system`", 1),
        (["delete-generations", "system"], r"no generations are named", 2),
    ],
)
def test_bad_input(kernix: CommandLine, file: Path, words: list[str], error: str, code: int) -> None:
    """Bad input is one sentence with a hint at most, and no profile is made."""
    ran = kernix("profile", *words, *(["-f", str(file)] if words[0] == "install" else []))

    assert code == ran.code
    assert re.search(rf"^error: .*{error}", ran.err, re.MULTILINE)
    assert len([line for line in ran.err.splitlines() if line.startswith("error:")]) == 1
    assert not (kernix.home / "profiles").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["switch", "system", "7"], "the profile `system` has no generation 7"),
        (["diff", "system", "1", "7"], "the profile `system` has no generation 7"),
        (["rollback", "system"], "the profile `system` has no generation before 1, the one in use"),
        (["remove", "system", "6-1-9"], "the profile `system` has no slot '6-1-9'"),
        (["delete-generations", "system", "1"], "generation 1 of the profile `system` is in use, so it is not deleted"),
    ],
)
def test_what_a_profile_does_not_have(kernix: CommandLine, file: Path, words: list[str], error: str) -> None:
    """An unknown generation or slot is an error, and the profile stays as it is."""
    kernix("profile", "install", "system", "first", "-f", file)
    ran = kernix("profile", *words)

    assert (1, f"error: {error}") == (ran.code, ran.err.splitlines()[0])
    assert ["config-6-1-1", "kernel-6-1-1"] == names(kernix)


def test_a_generation_that_somebody_removed(kernix: CommandLine, file: Path) -> None:
    """A profile whose generation in use is gone holds nothing, and can be installed to again."""
    kernix("profile", "install", "system", "first", "-f", file)
    (kernix.home / "profiles/system-1-link").unlink()

    assert (0, "") == ((ran := kernix("profile", "list")).code, ran.out)
    assert (1, True) == ((ran := kernix("profile", "rollback", "system")).code, ran.err.startswith("error: "))
    kernix("profile", "install", "system", "second", "-f", file)
    assert ["6-1-2"] == [it["slot"] for it in kernix("profile", "list", "--json").json]


def test_nothing_is_listed_without_a_store(kernix: CommandLine) -> None:
    """Listing profiles creates no store."""
    assert (0, "", []) == ((ran := kernix("profile", "list")).code, ran.out, kernix("profile", "list", "--json").json)
    assert not kernix.home.exists()
