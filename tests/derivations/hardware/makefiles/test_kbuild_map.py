"""Tests for derivations.hardware.makefiles.kbuild_map."""

from __future__ import annotations

import pytest

from derivations.hardware.makefiles.gate import read_gate, write_gate
from derivations.hardware.makefiles.kbuild_map import InvalidKbuildMap, Kbuild, module_name
from derivations.hardware.makefiles.read_kbuild import read_kbuild


TREE = {
    "drivers/Makefile": "obj-$(CONFIG_NET) += net/\nobj-y += char/\n",
    "drivers/net/Makefile": (
        "obj-$(CONFIG_E1000) += e1000/\nobj-$(CONFIG_DUMMY) += dummy.o\nobj-$(CONFIG_FAST)$(CONFIG_SLOW) += my-speed.o\n"
    ),
    "drivers/net/e1000/Makefile": (
        "ccflags-y := -I$(src)/../include -I $(srctree)/drivers/base\n"
        "obj-y += e1000.o\ne1000-y := main.o hw.o\ne1000-$(CONFIG_E1000_PTP) += ptp.o\nptp-objs := clock.o\n"
    ),
    "drivers/char/Kbuild": "obj-m += always.o\n",
    "drivers/char/Makefile": "obj-y += not-read.o\n",
    "arch/x86/Makefile": "drivers-$(CONFIG_PCI) += arch/x86/pci/\n",
    "arch/x86/Kbuild": "obj-$(CONFIG_KVM) += kvm/\n",
    "arch/x86/pci/Makefile": "obj-y += direct.o\n",
    "arch/x86/kvm/Makefile": "kvm-y += x86.o ../../../virt/kvm/main.o\nobj-$(CONFIG_KVM) += kvm.o\n",
    "arch/arm64/Kbuild": "obj-y += kernel/\n",
}
KBUILD = read_kbuild(TREE.get)


def test_an_option_builds_objects() -> None:
    """`objects_of` names what depends on an option: whole objects, and parts of them."""
    assert ("drivers/net/dummy.o",) == KBUILD.objects_of("DUMMY")
    assert ("drivers/net/e1000/ptp.o",) == KBUILD.objects_of("E1000_PTP")
    assert ("drivers/net/my-speed.o",) == KBUILD.objects_of("SLOW")
    assert () == KBUILD.objects_of("NOTHING")


@pytest.mark.parametrize("option", ["DUMMY", "E1000_PTP", "SLOW", "NOTHING", "NET"])
def test_one_option_is_looked_up_in_the_text(option: str) -> None:
    """The part of the map about one option gives the same result as the whole map."""
    assert KBUILD.objects_of(option) == Kbuild.about(option, KBUILD.to_json()).objects_of(option)


def test_a_part_ends_up_in_modules() -> None:
    """A part belongs to the objects that it is linked into, through any number of steps."""
    assert ("drivers/net/e1000/e1000.o",) == KBUILD.owners("drivers/net/e1000/clock.o")
    assert ("arch/x86/kvm/kvm.o",) == KBUILD.owners("virt/kvm/main.o")
    assert ("drivers/net/dummy.o",) == KBUILD.owners("drivers/net/dummy.o")


def test_an_object_without_options_has_those_of_its_directory() -> None:
    """The options of an object that is always built are those of its directory."""
    assert ((("E1000",),),) == KBUILD.options("drivers/net/e1000/e1000.o")
    assert ((("FAST", "SLOW"),),) == KBUILD.options("drivers/net/my-speed.o")
    assert () == KBUILD.options("drivers/char/always.o")


def test_kbuild_comes_before_makefile() -> None:
    """If a directory has both, Kbuild is read."""
    assert "drivers/char/always.o" in KBUILD.objects
    assert "drivers/char/not-read.o" not in KBUILD.objects


def test_other_architectures_are_not_entered() -> None:
    """Only the directory of the architecture is read below arch/."""
    assert {"arch/x86", "arch/x86/kvm", "arch/x86/pci"} == {it for it in KBUILD.directories if it.startswith("arch/")}


def test_directories_of_headers() -> None:
    """`ccflags-y` names directories of headers, with and without a space."""
    assert ("drivers/net/include", "drivers/base") == KBUILD.includes["drivers/net/e1000"]


@pytest.mark.parametrize(
    ("path", "levels", "expected"),
    [
        pytest.param("drivers/net/dummy.o", {"NET": 2, "DUMMY": 1}, 1, id="module"),
        pytest.param("drivers/net/dummy.o", {"NET": 2, "DUMMY": 2}, 2, id="built-in"),
        pytest.param("drivers/net/dummy.o", {"NET": 0, "DUMMY": 2}, 0, id="directory-not-entered"),
        pytest.param("drivers/net/my-speed.o", {"NET": 2, "SLOW": 1}, 1, id="one-of-two"),
        pytest.param("drivers/net/none.o", {"NET": 2}, 0, id="no-such-object"),
    ],
)
def test_levels(path: str, levels: dict[str, int], expected: int) -> None:
    """The options of an object determine its level, if its directory is entered."""
    assert expected == KBUILD.level(path, lambda option: levels.get(option, 0))


def test_names_of_modules() -> None:
    """A dash in an object's name is an underscore in the module's."""
    assert "my_speed" == module_name("drivers/net/my-speed.o")


def test_gates_are_written_and_read() -> None:
    """The text of a gate is read back unchanged."""
    gate = (("A", "B"), ("C",))

    assert "A|B C" == write_gate(gate)
    assert gate == read_gate(write_gate(gate))


def test_the_map_is_written_and_read() -> None:
    """The map that `to_json` writes is read back unchanged."""
    assert KBUILD.to_json() == Kbuild.from_json(KBUILD.to_json()).to_json()


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"format": 2}', b'{"format": 1, "objects": 3}'])
def test_invalid_maps(text: bytes) -> None:
    """A file of another kind or format is rejected."""
    with pytest.raises(InvalidKbuildMap):
        Kbuild.from_json(text)
