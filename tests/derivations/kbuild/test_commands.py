"""Kbuild's `.cmd` files."""

from __future__ import annotations

import pytest

from derivations.kbuild.commands import Command, base_of, name_of, read_command


PANIC = r"""savedcmd_kernel/panic.o := gcc -nostdinc -I/src/arch/x86/include -I./include -include /src/include/linux/kconfig.h -c -o kernel/panic.o /src/kernel/panic.c ; ./tools/objtool/objtool --orc kernel/panic.o

source_kernel/panic.o := /src/kernel/panic.c

deps_kernel/panic.o := \
    $(wildcard include/config/SMP) \
    $(wildcard include/config/PANIC_TIMEOUT) \
  /src/include/linux/bug.h \
  /src/arch/x86/include/asm/../bug.h \
  include/generated/autoconf.h \
  /usr/lib/gcc/x86_64-linux-gnu/12/include/stdarg.h \

kernel/panic.o: $(deps_kernel/panic.o)

$(deps_kernel/panic.o):

kernel/panic.o: $(wildcard ./tools/objtool/objtool)
"""

LINK = "cmd_vmlinux := sh /src/scripts/link-vmlinux.sh \"ld\" '-m elf_x86_64' ; true\n"
TOOL = (
    "cmd_/build/tools/objtool/check.o := gcc -c -o /build/tools/objtool/check.o check.c\n\n"
    "source_/build/tools/objtool/check.o := check.c\n\n"
    "deps_/build/tools/objtool/check.o := \\\n  /usr/include/errno.h \\\n  /src/tools/objtool/check.h \\\n"
)
OLD = "cmd_a.o := gcc -c -o a.o /src/a.c\n\nsource_a.o := /src/a.c\n\ndeps_a.o := \\\n    $(wildcard include/config/printk/time.h) \\\n  /src/a.h \\\n"


def test_a_compilation() -> None:
    """Sources, products, files of the toolchain, options, and what the command calls are all read."""
    found = read_command(PANIC, "kernel/panic.o")

    assert (found.target, found.source, found.is_listed) == ("kernel/panic.o", "kernel/panic.c", True)
    assert found.options == {"SMP", "PANIC_TIMEOUT"}
    assert found.files >= {
        "kernel/panic.c", "include/linux/bug.h", "arch/x86/include/bug.h", "include/linux/kconfig.h",
        "O:include/generated/autoconf.h", "O:tools/objtool/objtool", "/usr/lib/gcc/x86_64-linux-gnu/12/include/stdarg.h",
    }  # fmt: skip
    assert "O:kernel/panic.o" not in found.files


def test_a_link() -> None:
    """What has no list of files read the words of its command that look like files."""
    found = read_command(LINK, "vmlinux")

    assert (found.source, found.is_listed, found.options) == (None, False, frozenset())
    assert "scripts/link-vmlinux.sh" in found.files


def test_a_tool() -> None:
    """The build system of tools/ names its products in full."""
    found = read_command(TOOL, "tools/objtool/check.o")

    assert found.is_listed
    assert found.files >= {"/usr/include/errno.h", "tools/objtool/check.h"}


def test_options_before_5_14() -> None:
    """Older kernels name options as files."""
    assert read_command(OLD, "a.o").options == {"PRINTK_TIME"}


@pytest.mark.parametrize("text", ["", "nothing", "savedcmd_ := \n", "deps_a.o :=\n", "\0\udc80"])
def test_other_texts(text: str) -> None:
    """What says nothing makes no difference."""
    assert read_command(text, "a.o").files == frozenset()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/src/a/../b.c", "b.c"),
        ("/build/include/x.h", "O:include/x.h"),
        ("./include/x.h", "O:include/x.h"),
        ("include/x.h", "O:include/x.h"),
        ("/usr/include/../include/x.h", "/usr/include/x.h"),
        ("/srcs/x.h", "/srcs/x.h"),
    ],
)
def test_names(path: str, name: str) -> None:
    """A name says whether a file is a source, a product or the toolchain's, however it was written."""
    assert name_of(path) == name


@pytest.mark.parametrize(("name", "base"), [("a/b.h", "b.h"), ("O:b.h", "b.h"), ("O:a/b.h", "b.h"), ("b", "b")])
def test_bases(name: str, base: str) -> None:
    """The last component of a name has no prefix."""
    assert base_of(name) == base


def test_a_command_is_a_value() -> None:
    """Equal texts make equal commands."""
    assert read_command(PANIC, "x") == read_command(PANIC, "x") != Command("x", None, frozenset(), frozenset(), False)
