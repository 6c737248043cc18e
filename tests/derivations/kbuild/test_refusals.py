"""When no kept tree is used."""

from __future__ import annotations

import pytest

from derivations.kbuild import refusals
from derivations.kbuild.difference import Difference


@pytest.mark.parametrize(
    "path",
    [
        "scripts/Makefile.build",
        "scripts/Kbuild.include",
        "scripts/basic/fixdep.c",
        "scripts/kconfig/confdata.c",
        "arch/x86/Makefile",
        "arch/x86/Makefile.postlink",
        "Kbuild",
        "arch/Makefile",
        "scripts/gcc-plugins/randomize_layout_plugin.c",
        "scripts/something-new.sh",
        "scripts/gcc-x86_64-has-stack-protector.sh",
        "scripts/syscalltbl.sh",
    ],
)
@pytest.mark.parametrize("kind", ["added", "removed", "changed"])
def test_refused_files(kind: str, path: str) -> None:
    """A file that rules everything, or whose products are not known, makes a clean build necessary, and is named."""
    reason = refusals.of_sources(Difference(**{kind: frozenset({path})}), {}, "x86", same_makefile=True)

    assert reason is not None
    assert reason.startswith(f"{path} differs")


@pytest.mark.parametrize(
    "path",
    [
        "kernel/panic.c",
        "include/linux/bug.h",
        "kernel/Makefile",
        "drivers/Kconfig",
        "Documentation/index.rst",
        "samples/Makefile",
        "MAINTAINERS",
        ".gitignore",
        "scripts/checkpatch.pl",
        "scripts/kallsyms.c",
        "scripts/link-vmlinux.sh",
        "scripts/mod/modpost.c",
        "scripts/genksyms/genksyms.c",
        "arch/arm/Makefile",
        "tools/testing/selftests/Makefile",
        "tools/objtool/check.c",
        "scripts/dtc/dtc.c",
    ],
)
def test_accepted_files(path: str) -> None:
    """What make or the rules of `stale` see through is no reason."""
    assert refusals.of_sources(Difference(changed=frozenset({path})), {}, "x86", same_makefile=False) is None


@pytest.mark.parametrize(("same", "refused"), [(True, False), (False, True)])
def test_the_top_makefile(same: bool, refused: bool) -> None:
    """The top Makefile may differ in the lines of its version."""
    reason = refusals.of_sources(Difference(changed=frozenset({"Makefile"})), {}, "x86", same_makefile=same)

    assert (reason is not None) == refused


def test_genksyms_with_versions() -> None:
    """The tool for the CRCs counts if there are CRCs."""
    difference = Difference(changed=frozenset({"scripts/genksyms/genksyms.c"}))

    assert refusals.of_sources(difference, {"MODVERSIONS": "y"}, "x86", same_makefile=True) is not None


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({}, False),
        ({"SMP": "y"}, False),
        ({"RANDSTRUCT": "y"}, True),
        ({"GCC_PLUGINS": "y"}, True),
        ({"GCC_PLUGIN_LATENT_ENTROPY": "y"}, True),
        ({"LTO_CLANG": "y"}, True),
        ({"RUST": "y"}, True),
        ({"RUST": "m"}, False),
        ({"MODULE_SIG": "y", "MODULE_SIG_KEY": '"certs/signing_key.pem"'}, True),
        ({"IMA_APPRAISE_MODSIG": "y", "MODULE_SIG_KEY": '"certs/signing_key.pem"'}, True),
        ({"MODULE_SIG": "y", "MODULE_SIG_KEY": '"/keys/mine.pem"'}, False),
        ({"MODULE_SIG_KEY": '"certs/signing_key.pem"'}, False),
    ],
)
def test_configurations(options: dict[str, str], refused: bool) -> None:
    """What is random, generated anew or was not tried is refused."""
    assert (refusals.of_configuration(options, "x86") is not None) == refused


def test_architectures() -> None:
    """An architecture that was not tried is refused."""
    assert refusals.of_configuration({}, "arm64") == "kept trees have not been tried for arch/arm64"


def test_ruling_options() -> None:
    """An option that a ruling makefile names is refused by its name; the first of several is named."""
    assert refusals.of_options({"B", "A", "C"}, {"B", "C"}) == "CONFIG_B is named in the makefiles that rule everything"
    assert refusals.of_options({"A"}, {"B"}) is None


@pytest.mark.parametrize(
    ("path", "rules"),
    [
        ("Makefile", True),
        ("Kbuild", True),
        ("scripts/Makefile.extrawarn", True),
        ("scripts/mod/Makefile", True),
        ("arch/x86/Makefile", True),
        ("arch/x86/boot/Makefile", True),
        ("arch/x86/include/asm/Kbuild", True),
        ("arch/x86/entry/syscalls/Makefile", True),
        ("scripts/package/Makefile", False),
        ("arch/arm/Makefile", False),
        ("kernel/Makefile", False),
        ("arch/x86/kernel/Makefile", False),
    ],
)
def test_ruling_makefiles(path: str, rules: bool) -> None:
    """The makefiles whose options concern everything are those of the whole and of the architecture."""
    assert refusals.is_rule(path, "x86") == rules


def test_the_version_of_a_makefile() -> None:
    """The lines of the version are left out, and nothing else."""
    text = (
        b"# SPDX\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 117\nEXTRAVERSION =\nNAME = Baby\n\nKBUILD = 1\nNAMES = 2\n"
    )

    assert refusals.without_version(text) == b"# SPDX\n\nKBUILD = 1\nNAMES = 2\n"
