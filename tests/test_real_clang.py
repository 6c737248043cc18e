"""Real kernels compiled by Clang and linked by LLD."""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import pytest

from tests.real import path_of


if TYPE_CHECKING:
    from tests.real import Kernix

pytestmark = pytest.mark.kernel

HELLO = """
#include <linux/module.h>
static int __init hello_init(void) { return 0; }
static void __exit hello_exit(void) { }
module_init(hello_init);
module_exit(hello_exit);
MODULE_DESCRIPTION("hello");
MODULE_LICENSE("GPL");
"""


@pytest.fixture(scope="module")
def clang(real: Kernix) -> str:
    real.run("lock", "--add", "clang")
    source = real.home / "clang-hello"
    source.mkdir()
    (source / "Makefile").write_text("obj-m := hello.o\n")
    (source / "hello.c").write_text(HELLO)
    return real.define(
        "clang.py",
        """
        mine = kernels.linux_micro.override(toolchain="clang", name="linux-clang")
        thin = mine.override(extra_config={"LTO_CLANG_THIN": YES})
        arm = kernel_set(system="aarch64-linux").linux_debian_6_12.override(toolchain="clang", base="tinyconfig")
        hello = make_linux_module(mine, local_source("clang-hello"), name="hello")
        """,
    )


def test_kconfig_knows_who_compiles(real: Kernix, clang: str) -> None:
    """Options that need Clang and LLD are available, also for other machines, without another compiler."""
    mine, thin, arm = (real.run("config", "-f", clang, it).stdout.splitlines() for it in ("mine", "thin", "arm"))

    assert {"CONFIG_CC_IS_CLANG=y", "CONFIG_LD_IS_LLD=y", "CONFIG_LTO_NONE=y"} <= set(mine)
    assert "CONFIG_LTO_CLANG_THIN=y" in thin
    assert {"CONFIG_CC_IS_CLANG=y", "CONFIG_ARM64=y"} <= set(arm)


@pytest.mark.long
def test_it_boots(real: Kernix, clang: str) -> None:
    """The small kernel, compiled by Clang, boots, and its version names Clang."""
    test = path_of(real.run("build", "-f", clang, "mine", "mine.tests.boot", "--no-link").stdout)

    assert re.search(r"Linux version .*clang version", (test / "console.log").read_text())


@pytest.mark.long
def test_its_modules_are_compiled_by_clang(real: Kernix, clang: str) -> None:
    """An external module for it is compiled by the same compiler."""
    module = path_of(real.run("build", "-f", clang, "hello", "--no-link").stdout)

    assert b"clang version" in next(module.rglob("hello.ko")).read_bytes()
