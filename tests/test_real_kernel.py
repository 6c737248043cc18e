"""End to end: linux_micro is built from source, booted, overridden, and collected.

All tests share one store, so the toolchain is fetched and the kernel built once, from the objects of the other
tests' kernel. They run in order and, like those of every file, in one worker.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from derivations.debian.lock import dumps
from derivations.realise.kept.shelf import Shelf
from tests.page_runs import Run, run_so
from tests.pages import PAGES, console, open_shell
from tests.real import Kernix, lend, path_of


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def kernix(request: pytest.FixtureRequest, real: Kernix, tmp_path_factory: pytest.TempPathFactory) -> Kernix:
    kept = request.config.getoption("--real-home")
    kernix = Kernix(Path(kept).absolute() if kept else tmp_path_factory.mktemp("real"))
    kernix.lock()
    if not (kernix.home / "kernix").exists():
        real.run("build", "linux_micro", "--no-link")
        kernix.run("instantiate", "linux_micro")  # makes the store
        lend(Shelf(real.home / "kernix/kept"), Shelf(kernix.home / "kernix/kept"))
    return kernix


def test_a_kernel_is_built_from_source(kernix: Kernix) -> None:
    """`build linux_micro` prints one store path, which contains the image, its configuration and its symbols."""
    path = path_of(kernix.run("build", "linux_micro", "-j2").stdout)

    assert sorted(it.name for it in path.iterdir()) == ["System.map", "bzImage", "config"]
    assert path == (kernix.home / "result").resolve()


def test_results_are_reused(kernix: Kernix) -> None:
    """A second build runs no builder and prints no messages."""
    done = kernix.run("build", "linux_micro")

    assert not done.stderr


def test_the_kernel_boots(kernix: Kernix) -> None:
    """`boot` prints the guest's own description of its kernel."""
    output = kernix.run("boot", "linux_micro").stdout

    assert re.fullmatch(r"Linux \(none\) 6\.12\.\d+ #1 Thu Jan  1 00:00:01 UTC 1970 x86_64 GNU/Linux\n", output)


def test_a_kernel_without_console_is_not_compiled(kernix: Kernix) -> None:
    """The options that a boot test needs are checked in the configuration, before the kernel is built."""
    file = kernix.define(
        "silent.py",
        'silent = kernels.linux_micro.override(extra_config={"SERIAL_8250_CONSOLE": NO, "BINFMT_SCRIPT": NO})\n',
    )
    done = kernix.run("boot", "-f", file, "silent", code=1)

    assert "does not build in BINFMT_SCRIPT, SERIAL_8250_CONSOLE\n" in done.stderr
    assert "building linux-micro" not in done.stderr.replace("building linux-micro-6.12.117-config", "")


def test_requests_hold_in_the_configuration(kernix: Kernix) -> None:
    """`config` prints the final configuration, in which the set's own requests hold."""
    text = kernix.run("config", "linux_micro").stdout

    assert {"CONFIG_64BIT=y", "CONFIG_SERIAL_8250_CONSOLE=y"} <= set(text.splitlines())


def test_an_equal_configuration_compiles_nothing(kernix: Kernix) -> None:
    """Requests that change nothing are resolved and checked, and the existing kernel is the result."""
    file = kernix.define("equal.py", 'same = kernels.linux_micro.override(extra_config={"TTY": YES, "PCI": NO})\n')

    built = kernix.built("-f", file, "same")
    assert not [name for name in built if name.startswith("linux-micro") and "config" not in name]
    assert kernix.run("build", "-f", file, "same").stdout == kernix.run("build", "linux_micro").stdout


def test_requests_that_did_not_hold_are_listed_at_once(kernix: Kernix) -> None:
    """The error lists each dropped option with its place and its actual value; nothing is compiled."""
    file = kernix.define(
        "vanish.py",
        'bad = kernels.linux_micro.override(extra_config={"KGDB_SERIAL_CONSOLE": YES, "ZRAM": YES, "NO_SUCH": optional(YES)})\n',
    )

    output = kernix.run("build", "-f", file, "bad", code=100).stderr
    assert "2 requested options did not hold" in output
    assert re.search(r"KGDB_SERIAL_CONSOLE: requested y \(extra_config, vanish\.py:\d+\), got n", output)
    assert re.search(r"ZRAM: requested y \(extra_config, vanish\.py:\d+\), got n", output)
    assert "NO_SUCH" not in output


def test_the_release_must_be_the_tree_s(kernix: Kernix) -> None:
    """A mod_dir_version other than the tree's release stops the build, and the error has the right one."""
    file = kernix.define("release.py", 'bad = kernels.linux_micro.override(mod_dir_version="6.12.0-other")\n')

    output = kernix.run("build", "-f", file, "bad", code=100).stderr
    assert re.search(r"this kernel calls itself 6\.12\.\d+, and mod_dir_version is 6\.12\.0-other", output)
    assert re.search(r'hint: set mod_dir_version="6\.12\.\d+"', output)


def test_a_compression_that_depmod_cannot_read(kernix: Kernix) -> None:
    """Debian 12's depmod would write an empty list of modules compressed with gzip; the build stops instead."""
    options = "MODULES=YES, MODULE_COMPRESS=YES, MODULE_COMPRESS_GZIP=YES"
    file = kernix.define("gzip.py", f"bad = kernels.linux_micro.override(extra_config=dict({options}))\n")

    output = kernix.run("build", "-f", file, "bad", code=100).stderr
    assert "the toolchain's depmod cannot read modules compressed with gzip" in output


GOOD = """\
--- a/kernel/bounds.c
+++ b/kernel/bounds.c
@@ -1,4 +1,5 @@
 // SPDX-License-Identifier: GPL-2.0
+#error kernix was here
 /*
  * Generate definitions needed by the preprocessor.
  * This code generates raw asm output which is post-processed
"""
BAD = """\
--- a/init/main.c
+++ b/init/main.c
@@ -1,4 +1,4 @@
-this line is nowhere
+nor is this
 in
 the
 file
"""
THERE = """\
--- a/kernel/bounds.c
+++ b/kernel/bounds.c
@@ -1,3 +1,3 @@
-// no licence
+// SPDX-License-Identifier: GPL-2.0
 /*
  * Generate definitions needed by the preprocessor.
"""


def patched(kernix: Kernix, name: str, text: str) -> Sequence[str]:
    (kernix.home / f"{name}.patch").write_text(text)
    file = kernix.define(
        f"{name}.py",
        f'it = kernels.linux_micro.override(patches=lambda old: [*old, Patch("{name}", "{name}.patch")])\n',
    )
    return ["-f", file, "it"]


def test_a_compiler_s_error_is_shown(kernix: Kernix) -> None:
    """A patch is applied; the compiler's error about it is shown, with the place of the log."""
    output = kernix.run("build", *patched(kernix, "breaks", GOOD), code=100).stderr

    assert "error: #error kernix was here" in output
    assert "#error kernix was here" in kernix.run("log", *patched(kernix, "breaks", GOOD)).stdout


def test_a_patch_that_fails_is_named_with_file_and_hunk(kernix: Kernix) -> None:
    """The error of a patch that does not apply names patch, file and hunk."""
    output = kernix.run("build", *patched(kernix, "fails", BAD), code=100).stderr

    assert "patch 'fails' does not apply: init/main.c hunk 1 at line 1" in output


def test_a_patch_that_is_already_applied(kernix: Kernix) -> None:
    """A patch that has been applied upstream is not mistaken for one that fails."""
    output = kernix.run("build", *patched(kernix, "there", THERE), code=100).stderr

    assert "patch 'there' is already in the tree" in output


def test_a_build_that_takes_too_long_is_ended(kernix: Kernix) -> None:
    """--timeout ends the builder with exit code 101, and nothing is registered."""
    file = kernix.define(
        "slow.py", 'slow = kernels.linux_micro.override_attrs(lambda old: {"env": {**old.env, "SLOW": "1"}})\n'
    )

    output = kernix.run("build", "-f", file, "slow", "--timeout", "10", code=101).stderr
    assert "10 s" in output
    kernix.run("verify")


MODULE = """
hello = Derivation(
    name="hello",
    system="x86_64-linux",
    builder="/bin/sh",
    args=["-euc", '''
        mkdir hello && cp /makefile hello/Makefile && cp /source hello/hello.c
        make -C /kernel/lib/modules/*/build M=/build/hello modules
        modinfo -F vermagic hello/hello.ko
        mkdir /out/out && cp hello/hello.ko /out/out/
    '''],
    env={"PATH": "/usr/bin:/usr/sbin"},
    mounts={
        "/": kernels.linux_micro.toolchain.root,
        "/kernel": kernels.linux_micro.dev,
        "/makefile": text_file("makefile", "obj-m := hello.o\\n").out,
        "/source": text_file("hello.c", '''
            #include <linux/module.h>
            MODULE_LICENSE("GPL");
            static int __init hello(void) { pr_info("hello\\\\n"); return 0; }
            static void __exit goodbye(void) { }
            module_init(hello);
            module_exit(goodbye);
        ''').out,
    },
)
"""


def test_external_modules_are_built_against_dev(kernix: Kernix) -> None:
    """An external module needs only the output `dev`, and its vermagic is the kernel's release."""
    file = kernix.define("module.py", MODULE)

    path = path_of(kernix.run("build", "-f", file, "hello").stdout)
    assert b"vermagic=6.12." in (path / "hello.ko").read_bytes()


@pytest.mark.parametrize("page", [it for it in PAGES if run_so(Run.ALONE, console(it))], ids=lambda it: it.name)
def test_pages(kernix: Kernix, page: Path, tmp_path: Path) -> None:
    """What the pages collect, and what they would build, is what they show."""
    with collectable(kernix.home / "kernix", kernix.home / f"copy-for-{page.stem}") as store:
        shell = open_shell(page, tmp_path / "home", store, kernix.environment)
        (shell.home / ".config/kernix").mkdir(parents=True)
        (shell.home / ".config/kernix/kernix.lock").write_text(dumps(kernix.lock()), encoding="utf-8")
        wrong = shell.run_all(run_so(Run.ALONE, console(page)))
    assert not wrong, wrong


@contextlib.contextmanager
def collectable(home: Path, copy: Path) -> Iterator[Path]:
    """Copy the store in *home* without its roots, and with links to its files, for as long as it is used."""
    copy.mkdir()
    try:
        for it in home.iterdir():
            subprocess.run(["/bin/cp", "-al" if it.name in {"pool", "store"} else "-a", it, copy], check=True)
        for link in (copy / "roots/auto").iterdir():
            link.unlink()
        yield copy
    finally:
        # The directories alone: the files' modes are also those of the other store.
        subprocess.run(["/usr/bin/find", copy, "-type", "d", "-exec", "chmod", "u+w", "{}", "+"], check=True)
        shutil.rmtree(copy)


def test_the_collector_respects_links(kernix: Kernix) -> None:
    """`gc` keeps the target of `result`; without the link, it deletes the kernel and keeps the toolchain."""
    kernel = path_of(kernix.run("build", "linux_micro").stdout)
    (kernix.home / "result").unlink()

    planned = kernix.run("gc", "--dry-run").stdout
    assert kernel.exists()
    assert kernel.name in planned
    kernix.run("gc")
    assert not kernel.exists()
    assert [it for it in (kernix.home / "kernix/store").iterdir() if it.name.endswith("gcc-root")]


def test_the_store_is_intact(kernix: Kernix) -> None:
    """The bytes of every object match its name."""
    kernix.run("verify", "--contents")


def test_results_are_listed_as_json(kernix: Kernix) -> None:
    """--json prints attribute, name and outputs."""
    (result,) = json.loads(kernix.run("build", "linux_micro.configuration", "--json", "--no-link").stdout)

    assert result["attribute"] == "linux_micro.configuration"
    assert set(result["outputs"]) == {"out"}
