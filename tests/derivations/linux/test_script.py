"""Tests of the scripts that build and join modules, in a sandbox with this machine's programs and a fake kernel."""

from __future__ import annotations

import os
import shutil
import subprocess

from pathlib import Path

import pytest

from derivations.linux.script import text_of
from tests.derivations.linux.script_machine import RELEASE, Machine, Run


HEAD = 'PACKAGE_NAME="it"\nPACKAGE_VERSION="1.0"\n'
MAKE = "MAKE='touch it.ko'\n"


# uname


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Linux"),
        (["-r"], "6.1.9-x"),
        (["-m"], "aarch64"),
        (["-rs"], "Linux 6.1.9-x"),
        (["-m", "-r"], "6.1.9-x aarch64"),
        (["--kernel-release"], "6.1.9-x"),
        (["--machine"], "aarch64"),
        (["-a"], "Linux kernix 6.1.9-x #1 aarch64 GNU/Linux"),
    ],
)
def test_uname(words: list[str], message: str) -> None:
    """It describes the kernel that the module is built for, in the order of the real program."""
    text = f"release=6.1.9-x\nmachine=aarch64\n{text_of('uname')}"
    done = subprocess.run(["/bin/sh", "-c", text, "uname", *words], capture_output=True, text=True, check=True)
    assert done.stdout == f"{message}\n"


# dkms.conf


@pytest.mark.parametrize(
    ("conf", "options", "line", "message"),
    [
        pytest.param('BUILD_EXCLUSIVE_KERNEL="^5\\."', "", 3, "BUILD_EXCLUSIVE_KERNEL is ^5\\.", id="kernel"),
        pytest.param('BUILD_EXCLUSIVE_KERNEL_MIN="6.13"', "", 3, "this kernel is older", id="min"),
        pytest.param('BUILD_EXCLUSIVE_KERNEL_MIN="6.12.118"', "", 3, "this kernel is older", id="min-patch-level"),
        pytest.param('BUILD_EXCLUSIVE_KERNEL_MAX="6.9"', "", 3, "this kernel is newer", id="max"),
        pytest.param('BUILD_EXCLUSIVE_KERNEL_MAX="6.12.99"', "", 3, "this kernel is newer", id="max-patch-level"),
        pytest.param('BUILD_EXCLUSIVE_ARCH="i.86|arm.*"', "", 3, "this kernel is for x86_64", id="arch"),
        pytest.param(
            '\n\nBUILD_EXCLUSIVE_CONFIG="CONFIG_A CONFIG_B"', "CONFIG_A=y\n", 5, "configured without B", id="option"
        ),
        pytest.param(
            'BUILD_EXCLUSIVE_CONFIG="!CONFIG_A"', "CONFIG_A=m\n", 3, "this kernel has CONFIG_A=m", id="option-not"
        ),
        pytest.param('OBSOLETE_BY="6.11"', "", 3, "kernels from then on have what it was for", id="obsolete"),
        pytest.param(
            'if false; then\nBUILD_EXCLUSIVE_ARCH="a"\nelse\n  BUILD_EXCLUSIVE_ARCH="b"\nfi',
            "",
            6,
            "ARCH is b",
            id="branch",
        ),
        pytest.param(
            '. $kernel_source_dir/.config\nif [ -z "$CONFIG_A" ]; then BUILD_EXCLUSIVE_KERNEL="needs \\"A\\""; fi',
            "CONFIG_B=y\n",
            4,
            'BUILD_EXCLUSIVE_KERNEL is needs "A"',
            id="asks-the-kernel",
        ),
    ],
)
def test_excluded_kernels(machine: Machine, conf: str, options: str, line: int, message: str) -> None:
    """A kernel that dkms.conf excludes is rejected before anything is built, with the line and the reason."""
    run = machine.dkms(f"{HEAD}{conf}\n{MAKE}", options=options)

    assert run.error["kind"] == "excluded"
    assert run.error["error"].startswith(f"line {line} of dkms.conf excludes Linux {RELEASE}: ")
    assert message in run.error["error"]
    assert not (machine.root / "build/dkms").exists()


@pytest.mark.parametrize(
    "conf",
    [
        'BUILD_EXCLUSIVE_KERNEL="^6\\.(12|13)\\."',
        'BUILD_EXCLUSIVE_KERNEL_MIN="6.9"',
        'BUILD_EXCLUSIVE_KERNEL_MIN="6.12.117"',
        'BUILD_EXCLUSIVE_KERNEL_MAX="6.13"',
        'BUILD_EXCLUSIVE_KERNEL_MAX="6.12.117"',
        'BUILD_EXCLUSIVE_ARCH="x86.*"',
        'BUILD_EXCLUSIVE_CONFIG="CONFIG_A !CONFIG_B"',
        'OBSOLETE_BY="6.12.118"',
    ],
)
def test_kernels_that_are_not_excluded(machine: Machine, conf: str) -> None:
    """A module is built for a kernel within the bounds."""
    assert machine.dkms(f"{HEAD}{conf}\n{MAKE}", options="CONFIG_A=m\nCONFIG_BB=y\n").code == 0


def test_the_command(machine: Machine) -> None:
    """The last MAKE that matches the kernel is run, in $dkms_tree, and gets the release as from dkms."""
    conf = """
    MAKE[0]="false"
    MAKE[1]="make where=$dkms_tree/$PACKAGE_NAME/$PACKAGE_VERSION/build src=${kernel_source_dir} for=$kernelver-${arch}"
    MAKE_MATCH[1]="^6\\."
    MAKE[2]="false"
    MAKE_MATCH[2]="^5\\."
    MAKE[3]="false"
    """
    makefile = "all:\n\techo $(where) $(CURDIR) $(src) $(for) $(KERNELRELEASE) > it.ko\n"
    run = machine.dkms(HEAD + conf, {"Makefile": makefile})

    assert run.code == 0, run.lines
    here = "/build/dkms/it/1.0/build"
    assert (machine.root / f"{here[1:]}/it.ko").read_text() == (
        f"{here} {here} /kernel/lib/modules/{RELEASE}/build {RELEASE}-x86_64 {RELEASE}\n"
    )


def test_the_modules(machine: Machine) -> None:
    """Modules are found by name and place, installed under their destination names, and stripped or not."""
    conf = """
    MAKE="mkdir -p sub/dir; touch one.ko sub/two.ko sub/dir/three.ko"
    BUILT_MODULE_NAME[0]="one"
    STRIP[0]="no"
    BUILT_MODULE_NAME[1]="two"
    BUILT_MODULE_LOCATION[1]="sub/"
    DEST_MODULE_NAME[1]="deux"
    STRIP[1]="yes"
    BUILT_MODULE_NAME[2]="three"
    BUILT_MODULE_LOCATION[2]="sub/dir"
    DEST_MODULE_LOCATION[2]="/updates"
    """
    assert machine.dkms(HEAD + conf).code == 0
    here = "/build/dkms/it/1.0/build"
    assert machine.modules == [
        [f"{here}/one.ko", "one", "no"],
        [f"{here}/sub/two.ko", "deux", "yes"],
        [f"{here}/sub/dir/three.ko", "three", "no"],
    ]


def test_modules_that_are_excluded_one_by_one(machine: Machine) -> None:
    """A directive for one of several modules excludes only that one, which is reported with its line."""
    conf = """
    MAKE="touch one.ko"
    BUILT_MODULE_NAME=(one two three)
    BUILD_EXCLUSIVE_KERNEL_MIN[1]="7.2"
    BUILD_EXCLUSIVE_CONFIG[0]="CONFIG_PCI"
    BUILD_EXCLUSIVE_CONFIG[2]="CONFIG_PCI !CONFIG_USB"
    """
    run = machine.dkms(HEAD + conf, options="CONFIG_PCI=y\nCONFIG_USB=m\n")
    assert run.code == 0, run.lines
    assert [name for _, name, _ in machine.modules] == ["one"]
    two, three = run.warnings
    assert two.startswith(
        "two is left out: line 6 of dkms.conf excludes Linux 6.12.117: BUILD_EXCLUSIVE_KERNEL_MIN[1] is 7.2,"
    )
    assert three.endswith("and this kernel has CONFIG_USB=m")


def test_variables_of_dkms(machine: Machine) -> None:
    """A dkms.conf may use dkms' own variables for name and version, even before it sets them."""
    conf = f'PLACE=$dkms_tree/$module/$module_version/build\n{HEAD}MAKE="touch $PLACE/it.ko"\n'
    run = machine.dkms(conf)
    assert run.code == 0, run.lines
    assert [name for _, name, _ in machine.modules] == ["it"]


def test_all_modules_are_excluded(machine: Machine) -> None:
    """If each module is excluded individually, the source is excluded."""
    error = machine.dkms(HEAD + "BUILT_MODULE_NAME=(one two)\nBUILD_EXCLUSIVE_ARCH=(arm64 riscv)\n").error
    assert (error["kind"], "BUILD_EXCLUSIVE_ARCH[1] is riscv" in error["error"]) == ("excluded", True)


def test_a_script_with_its_arguments_on_lines_of_their_own(machine: Machine) -> None:
    """PRE_BUILD may have several lines, as in ZFS."""
    conf = 'PRE_BUILD="pre.sh\n  --a=$(echo 1)\n  $([[ -n $X ]] && echo --no)\n  --b\n"\nMAKE="touch it.ko"\n'
    run = machine.dkms(HEAD + conf, {"pre.sh": '#!/bin/sh\necho "$# $*"\n'})
    assert run.code == 0, run.lines
    assert "2 --a=1 --b" in run.lines


PATCH = "--- a/text\n+++ b/text\n@@ -1 +1 @@\n-{}\n+{}\n"


def test_patches_and_scripts(machine: Machine) -> None:
    """Patches for this kernel are applied in order, then PRE_BUILD runs with its arguments, then POST_BUILD."""
    conf = """
    PATCH[0]="first.patch"
    PATCH[1]="other.patch"
    PATCH_MATCH[1]="^5\\."
    PATCH[2]="second.patch"
    PATCH_MATCH[2]="^6\\.12"
    PRE_BUILD="pre.sh a b"
    MAKE="cp text it.ko"
    POST_BUILD="post.sh"
    """
    files = {
        "text": "one\n",
        "patches/first.patch": PATCH.format("one", "two"),
        "patches/other.patch": "nothing",
        "patches/second.patch": PATCH.format("two", "three"),
        "pre.sh": '#!/bin/sh\necho "$1 $2" >> text\n',
        "post.sh": "#!/bin/sh\necho end >> it.ko\n",
    }
    run = machine.dkms(HEAD + conf, files)
    assert run.code == 0, run.lines
    assert (machine.root / "build/dkms/it/1.0/build/it.ko").read_text() == "three\na b\nend\n"


@pytest.mark.parametrize(
    ("conf", "kind", "message"),
    [
        pytest.param("PACKAGE_NAME=it\n", "conf", "dkms.conf has no PACKAGE_VERSION", id="version"),
        pytest.param("if true\n", "conf", "is not a program for bash: dkms.conf: line 2", id="syntax"),
        pytest.param(f"{HEAD}exit 0\n", "conf", "dkms.conf ends by itself, on line 3", id="exit"),
        pytest.param(
            f"{HEAD}\nPATCH[0]=x.patch\n", "patch", "line 4 of dkms.conf names patches/x.patch, which", id="patch"
        ),
        pytest.param(f"{HEAD}PATCH=bad.patch\n", "patch", "patches/bad.patch, which dkms.conf names for", id="hunk"),
        pytest.param(
            f"{HEAD}PRE_BUILD=absent\n", "script", "line 3 of dkms.conf has PRE_BUILD run absent", id="script"
        ),
        pytest.param(
            f"{HEAD}PRE_BUILD='fail.sh x'\n", "script", "fail.sh, which dkms.conf has PRE_BUILD run, failed", id="fails"
        ),
        pytest.param(
            f"{HEAD}{MAKE}for i in 0 1; do\nBUILT_MODULE_NAME[$i]=it$i\ndone\n",
            "nothing",
            "line 5 of dkms.conf promises it0.ko, which its MAKE did not build",
            id="module",
        ),
    ],
)
def test_errors_in_dkms_conf(machine: Machine, conf: str, kind: str, message: str) -> None:
    """An error in a dkms.conf is reported with its line."""
    files = {"fail.sh": "#!/bin/sh\nexit 1\n", "patches/bad.patch": PATCH.format("absent", "x"), "text": "there\n"}
    error = machine.dkms(conf, files).error

    assert error["kind"] == kind
    assert message in error["error"]


def test_a_failed_make(machine: Machine) -> None:
    """A failed MAKE has reported the reason itself."""
    run = machine.dkms(f"{HEAD}MAKE='echo no; false'\n")
    assert run.code == 1
    assert "no" in run.lines
    assert not run.words


# Modules with the same name


def joined(machine: Machine, externals: dict[str, str], own: str = "", builtin: str = "") -> Run:
    """Join the modules *externals*, package to file, with the kernel's *own* module and its *builtin* ones."""
    place = f"lib/modules/{RELEASE}"
    machine.write({f"externals/{package}/{place}/{file}": "" for package, file in externals.items()})
    machine.write(
        {f"kernel-modules/{place}/{own or 'modules.order'}": "", f"kernel-modules/{place}/modules.builtin": builtin}
    )
    machine.write({"kernel/System.map": "", "build/x": "", "out/x": ""})
    return machine.run("/bin/sh", "modules", RELEASE)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("extra/a/my-dial.ko", "extra/b/my_dial.ko"),
        ("extra/a/it.ko", "extra/b/it.ko"),
        ("extra/a/it.ko", "updates/it.ko.xz"),
        ("extra/a/x/it.ko.zst", "extra/b/it.ko.gz"),
    ],
)
def test_two_of_the_same_name(machine: Machine, one: str, two: str) -> None:
    """Two modules that modprobe cannot distinguish are rejected, and both are named with their files."""
    error = joined(machine, {"first": one, "second": two}).error

    assert error["kind"] == "conflict"
    assert f"{one} of first" in error["error"]
    assert f"{two} of second" in error["error"]


def test_a_module_of_the_kernel(machine: Machine) -> None:
    """A module that replaces one of the kernel's is reported, with the one that wins; if that is undefined, it is rejected."""
    (warning,) = joined(machine, {"mine": "extra/mine/snd-x.ko"}, own="kernel/sound/snd_x.ko.xz").warnings
    assert warning == (
        "extra/mine/snd-x.ko of mine replaces kernel/sound/snd_x.ko.xz, the kernel's own snd_x: depmod searches updates extra first"
    )


def test_a_module_beside_the_kernel_s(machine: Machine) -> None:
    """If it is undefined which of two modules is found, they are rejected."""
    run = joined(machine, {"mine": "kernel/mine/x.ko"}, own="kernel/sound/x.ko")
    assert run.error["kind"] == "conflict"
    assert "kernel/mine/x.ko of mine has the name of kernel/sound/x.ko" in run.error["error"]


@pytest.mark.parametrize("old", ["kernel/sound/x.ko", "kernel/sound/x.ko.xz"])
def test_a_module_of_the_tree(machine: Machine, old: str) -> None:
    """A module with the very place of one of the kernel's replaces that, silently."""
    machine.write({"tools/depmod": "#!/bin/sh\n"})
    (machine.root / "tools/depmod").chmod(0o755)
    run = joined(machine, {"mine": "kernel/sound/x.ko.zst"}, own=old)
    place = machine.root / f"out/out/lib/modules/{RELEASE}/kernel/sound"

    assert (run.code, run.words) == (0, ())
    assert [it.name for it in place.iterdir()] == ["x.ko.zst"]


def test_a_built_in_module(machine: Machine) -> None:
    """A module with the name of a built-in one is reported."""
    (warning,) = joined(
        machine, {"mine": "extra/mine/8250.ko"}, builtin="kernel/a/825.ko\nkernel/tty/8250.ko\n"
    ).warnings
    assert warning.startswith(
        "extra/mine/8250.ko of mine is called as kernel/tty/8250.ko, which is built into Linux 6.12.117"
    )


def test_distinct_names(machine: Machine) -> None:
    """Modules with distinct names are not reported."""
    run = joined(
        machine,
        {"a": "extra/a/one.ko", "b": "extra/b/one-two.ko"},
        own="kernel/one_three.ko",
        builtin="kernel/two.ko\n",
    )
    assert not run.warnings
    assert not any(it.get("kind") == "conflict" for it in run.words)


@pytest.mark.parametrize(
    ("depmod", "kind", "message"),
    [
        ("exit 0", None, ""),
        (
            "printf '%s\\n' 'depmod: ERROR: \"x\" is \\bad'; exit 3",
            "index",
            "with exit code 3: depmod: ERROR: x is bad",
        ),
        ("kill -9 $$", "index", "with exit code 137"),
        ("echo 'depmod: ERROR: Cycle detected: a -> b -> a' >&2; exit 1", "cycle", "loaded first: a -> b -> a"),
        ("echo 'depmod: WARNING: /x/a.ko needs unknown symbol f' >&2; exit 1", "symbols", "a.ko needs f"),
    ],
)
def test_failures_of_depmod(machine: Machine, depmod: str, kind: str | None, message: str) -> None:
    """If depmod fails, the build fails with its message."""
    machine.write({"tools/depmod": f"#!/bin/sh\n{depmod}\n"})
    (machine.root / "tools/depmod").chmod(0o755)
    run = joined(machine, {"a": "extra/a/one.ko"})
    assert (run.code == 0, [it.get("kind") for it in run.words]) == (kind is None, [kind] if kind else [])
    assert message in "".join(it["error"] for it in run.words)


# An ordinary user's PATH is without it.
DEPMOD = shutil.which("depmod", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
MODINFO = """
        .section .modinfo, "a"
        .asciz "alias=pci:v00001234d*sv*sd*bc*sc*i*"
        .asciz "depends="
"""


@pytest.mark.skipif(DEPMOD is None or shutil.which("as") is None, reason="this machine has no depmod (kmod) or no as")
def test_the_index_of_all_modules(machine: Machine) -> None:
    """The real depmod indexes the kernel's own modules and those that are added, and finds the added ones first."""
    place = f"lib/modules/{RELEASE}"
    externals = [f"externals/a/{place}/extra/a/one.ko", f"externals/b/{place}/extra/b/snd-x.ko"]
    own = f"kernel-modules/{place}/kernel/snd_x.ko"
    machine.write(
        {f"kernel-modules/{place}/modules.builtin": "kernel/two.ko\n", **dict.fromkeys([*externals, own], "")}
    )
    machine.write({"kernel/System.map": "", "build/x": "", "out/x": "", "tools/x": ""})
    for path in (*externals, own):
        command = ["/usr/bin/env", "as", "-o", str(machine.root / path), "-"]
        subprocess.run(command, input=MODINFO, text=True, check=True)
    shutil.copy(Path(str(DEPMOD)).resolve(), machine.root / "tools/depmod")

    run = machine.run("/bin/sh", "modules", RELEASE)

    assert run.code == 0, run.lines
    index = machine.root / "out/out" / place
    assert {"extra/a/one.ko:", "extra/b/snd-x.ko:"} == set((index / "modules.dep").read_text().splitlines())
    aliases = (index / "modules.alias").read_text().splitlines()[1:]
    assert {it.split()[-1] for it in aliases} == {"one", "snd_x"}
