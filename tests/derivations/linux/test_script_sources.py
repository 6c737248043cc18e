"""Tests of building sources without a dkms.conf, with a kernel whose makefile prints what is requested."""

from __future__ import annotations

import pytest

from tests.derivations.linux.script_machine import RELEASE, Machine, Run


HEAD = 'PACKAGE_NAME="it"\nPACKAGE_VERSION="1.0"\n'
MAKE = "MAKE='touch it.ko'\n"


KERNEL = """
include $(M)/Makefile
.DEFAULT_GOAL := modules
modules:
	@echo "M is $(M), flags are $(ccflags-y), asked for $(MAKECMDGOALS), A is $(A)"
	@touch $(M)/it.ko
"""


def build(machine: Machine, files: dict[str, str], library: str = "", top: str = "", directory: str = ".") -> Run:
    """Build the source *files* for a kernel with this scripts/Makefile.lib and top makefile, with the make argument `A=b c`."""
    place = f"kernel/lib/modules/{RELEASE}"
    kernel = {
        "build/Makefile": KERNEL,
        "build/.config": "",
        "source/scripts/Makefile.lib": library,
        "source/Makefile": top,
    }
    machine.write({f"{place}/{name}": text for name, text in kernel.items()})
    machine.write({f"src/{name}": text for name, text in files.items()})
    machine.write({"build/x": "", "out/x": ""})
    return machine.run("/bin/sh", "module", "it", RELEASE, "x86_64", directory, "A=b c")


EXTRA = "obj-m := it.o\nEXTRA_CFLAGS += -DX\n"


@pytest.mark.parametrize(
    ("library", "flags"),
    [pytest.param("", "-DX", id="gone"), pytest.param("ccflags-y += $(EXTRA_CFLAGS)", "", id="known")],
)
def test_extra_cflags(machine: Machine, library: str, flags: str) -> None:
    """EXTRA_CFLAGS is added to the flags if the kernel no longer does that itself."""
    run = build(machine, {"Makefile": EXTRA}, library)
    assert f"M is /build/module, flags are {flags}, asked for modules, A is b c" in run.lines


WRAPPER = """
obj-m := it.o
ifeq ($(M),)
all:
	make -C $(KDIR) SUBDIRS=$(PWD) modules
endif
"""


@pytest.mark.parametrize(
    ("top", "message"),
    [
        pytest.param("", "M is /build/module, flags are , asked for modules, A is b c", id="gone"),
        pytest.param("ifdef SUBDIRS", "its makefile by itself builds no module: Kbuild is asked to", id="known"),
    ],
)
def test_subdirs(machine: Machine, top: str, message: str) -> None:
    """SUBDIRS in a makefile is passed as M to a kernel that does not know SUBDIRS and would otherwise build itself."""
    assert message in build(machine, {"Makefile": WRAPPER}, top=top).lines


ORDERED = """
obj-m := it.o
ifeq ($(M),)
all: clean modules
clean:
	sleep 0.2; echo cleaned; rm -f ready
modules:
	touch ready; sleep 0.4; test -e ready && make -C $(KDIR) M=$(PWD) modules
endif
"""


def test_the_order_of_a_makefile(machine: Machine) -> None:
    """The targets of the authors' makefile are built one after the other, as the authors do."""
    lines = build(machine, {"Makefile": ORDERED}).lines
    assert lines.index("cleaned") < lines.index("M is /build/module, flags are , asked for modules, A is b c")
    assert "its makefile by itself builds no module: Kbuild is asked to" not in lines


def test_no_makefile(machine: Machine) -> None:
    """A source without a makefile at its top is rejected, with the directories that have one."""
    run = build(machine, {"one/Makefile": "", "two/x/Kbuild": "", "README": ""})
    assert run.error["error"].endswith("has neither a makefile, nor Kbuild, nor dkms.conf in its top directory")
    assert "there is one in one, two/x;" in run.error["hint"]


@pytest.mark.parametrize(
    ("directory", "message"),
    [("src", "has no directory src"), ("*", "several directories of the source of it are like *")],
)
def test_directories(machine: Machine, directory: str, message: str) -> None:
    """A pattern that matches no directory, or several, is rejected."""
    assert message in build(machine, {"one/Makefile": "", "two/Makefile": ""}, directory=directory).error["error"]
