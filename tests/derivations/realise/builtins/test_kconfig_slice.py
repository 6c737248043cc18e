"""Tests for derivations.realise.builtins.kconfig_slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.linux.configuration import config_tree
from derivations.realise.builtins.kconfig_slice import NoKernelTree
from derivations.realise.job import Cancelled
from derivations.source import text_file
from tests.derivations.realise.builtins.conftest import Runner, listing


if TYPE_CHECKING:
    from pathlib import Path


NEEDED = {"Kconfig": 'source "init/Kconfig"\n', "Makefile": "", "scripts/kconfig/Makefile": ""}
TREE = text_file("linux", "")


def cut(run: Runner, tree: dict[str, str]) -> Path:
    """Return the slice of *tree*."""
    return run(config_tree(TREE.out).derivation, {"/tree": run.tree("linux", tree)})


@pytest.mark.parametrize(
    ("path", "chosen"),
    [
        pytest.param("drivers/net/Kconfig", True, id="kconfig"),
        pytest.param("lib/Kconfig.debug", True, id="kconfig-with-a-suffix"),
        pytest.param("Documentation/Kconfig", True, id="kconfig-in-the-documentation"),
        pytest.param("tools/perf/Kconfig", False, id="kconfig-of-a-tool"),
        pytest.param("scripts/basic/fixdep.c", True, id="script"),
        pytest.param("Kbuild", True, id="kbuild"),
        pytest.param("arch/x86/Makefile_32.cpu", True, id="makefile-of-an-architecture"),
        pytest.param("arch/riscv/configs/defconfig", True, id="configuration-of-another-architecture"),
        pytest.param("kernel/configs/tiny.config", True, id="fragment"),
        pytest.param("arch/x86/boot/Makefile", False, id="makefile-further-down"),
        pytest.param("drivers/net/Makefile", False, id="makefile-of-drivers"),
        pytest.param("init/main.c", False, id="source"),
        pytest.param("include/linux/kconfig.h", False, id="header"),
        pytest.param("MAINTAINERS", False, id="other-file-at-the-top"),
    ],
)
def test_what_is_in_the_slice(run: Runner, path: str, chosen: bool) -> None:
    """The slice has the files that affect a configuration, not those that are compiled."""
    assert (cut(run, {**NEEDED, path: "x"}) / path).exists() is chosen


@pytest.mark.parametrize(
    ("path", "text", "named"),
    [
        pytest.param("arch/a/Kconfig", 'source "arch/a/drivers.menu"\n', "arch/a/drivers.menu", id="sourced"),
        pytest.param("Kconfig", 'source "arch/$(SRCARCH)/menu"\n', "arch/x86/menu", id="sourced-by-a-variable"),
        pytest.param(
            "arch/p/Kconfig", "\tdef_bool $(success,$(srctree)/arch/p/tools/check.sh $(CC) -m64)\n",
            "arch/p/tools/check.sh", id="run",
        ),
        pytest.param("arch/m/Makefile", "include $(srctree)/arch/m/board.mk\n", "arch/m/board.mk", id="included"),
        pytest.param("arch/u/Makefile", "-include $(srctree)/$(HOST)/x.um\n", "arch/x.um", id="included-by-a-variable"),
        pytest.param(
            "arch/m/Kbuild.platforms", "include $(patsubst %/, $(srctree)/arch/m/%/Platform, $(platform-y))\n",
            "arch/m/loongson/Platform", id="included-by-a-pattern",
        ),
    ],
)  # fmt: skip
def test_referenced_files_are_in_it_too(run: Runner, path: str, text: str, named: str) -> None:
    """Files that Kconfig sources or runs, and that makefiles include, are in the slice, whatever their names."""
    assert (cut(run, {**NEEDED, named: "x", path: text}) / named).read_text() == "x"


def test_what_is_not_a_file_adds_nothing(run: Runner) -> None:
    """A list of files in a variable, a compiler flag, or a path out of the tree adds no file."""
    text = "include $(files)\ninclude ../../etc/passwd /etc/passwd $(srctree)/*\nX += \\\n  -include $(srctree)/a/b.h\n"

    out = cut(run, {**NEEDED, "arch/x/Makefile": text, "a/b.h": "x", "a/c": "x", "d": "x"})
    assert sorted(listing(out)) == ["Kconfig", "Makefile", "arch/x/Makefile", "scripts/kconfig/Makefile"]


def test_files_links_and_modes_are_the_trees(run: Runner) -> None:
    """Scripts stay executable, links stay links, and files are shared through the store's pool."""
    out = cut(run, {**NEEDED, "scripts/run.sh": "#!x", "scripts/link": "-> run.sh"})

    assert listing(out)["scripts/run.sh"] == "#!x"
    assert listing(out)["scripts/link"] == "-> run.sh"
    assert (out / "scripts/run.sh").samefile(run.directory / "1-linux/scripts/run.sh")


@pytest.mark.parametrize("missing", sorted(NEEDED))
def test_it_must_be_a_kernel(run: Runner, missing: str) -> None:
    """A tree without a kernel's files is refused, naming what it lacks."""
    tree = {path: text for path, text in NEEDED.items() if path != missing}

    with pytest.raises(NoKernelTree) as caught:
        cut(run, {**tree, "README": "x"})
    assert str(caught.value) == f"linux is not a kernel source tree: it has no {missing}"
    assert "directory that contains Makefile and Kconfig" in caught.value.hint


def test_it_can_be_interrupted(run: Runner) -> None:
    """A cancelled job ends."""
    run.cancelled = True

    with pytest.raises(Cancelled):
        cut(run, NEEDED)
