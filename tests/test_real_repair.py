"""Repairs on real trees, from tinyconfig: each is resolved again, and nothing in it is superfluous."""

from __future__ import annotations

import os
import random

from typing import TYPE_CHECKING

import pytest

from derivations.kconfig.diagnosis.planner import NEVER
from derivations.kconfig.diagnosis.repair import Repair, proven, repair
from derivations.kconfig.language.values import MODULE, NO, YES, Value
from derivations.kconfig.symbols.dotconfig import compose
from derivations.kconfig.symbols.expression import Level
from derivations.kconfig.symbols.fits import holds
from tests.real_kconfig import Tree, tree


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real import Kernix

pytestmark = pytest.mark.kernel

COUNT = int(os.environ.get("KERNIX_REPAIRS", "8"))

GUIX: dict[str, Value] = dict.fromkeys(
    ("NET_9P", "NET_9P_VIRTIO", "VIRTIO_BLK", "VIRTIO_NET", "VIRTIO_PCI", "VIRTIO_BALLOON", "VIRTIO_MMIO", "FUSE_FS", "CIFS", "9P_FS"),
    MODULE,
)  # fmt: skip
"""%default-extra-linux-options of the guide, without DEVPTS_MULTIPLE_INSTANCES, which was removed."""

STATIC: dict[str, Value] = {
    **dict.fromkeys(
        (
            "DRM_AMDGPU", "BLK_DEV_NVME", "AMD_SFH_HID", "IWLWIFI", "USB_XHCI_HCD", "SND_HDA_INTEL", "PCIEPORTBUS",
            "CRYPTO_DEV_CCP", "I2C_PIIX4", "LRU_GEN", "TRANSPARENT_HUGEPAGE", "CGROUPS", "MEMCG", "PROC_FS", "DEBUG_FS",
            "SYSFS", "UNIX98_PTYS", "TMPFS", "DEVTMPFS", "ZRAM", "USER_NS", "NET_NS", "EXT4_FS", "EFI_STUB", "INPUT_EVDEV",
        ),
        YES,
    ),
    "MODULES": NO,
}  # fmt: skip
"""The machine of stal/IX' guide, and the options that the guide recommends, all built in."""


@pytest.fixture(scope="module", params=["linux_debian_6_1", "linux_debian_6_12"])
def linux(request: pytest.FixtureRequest, real: Kernix) -> Iterator[Tree]:
    with tree(real, request.param) as found:
        yield found


def repaired(linux: Tree, asked: dict[str, Value], *, alternatives: int = 0) -> Repair:
    """Return the repair of *asked*, after checking it."""
    found = repair(asked, linux.base, linux.model, linux.once, settle=linux.resolve, alternatives=alternatives)
    left = {name: value for name, value in asked.items() if name not in {it.option for it in found.unsolved}}
    for way in (found.best, *found.alternatives):
        assert hold(linux, left, {**asked, **way.options})
        assert not NEVER & way.options.keys()
    options = found.best.options
    opposite = {name: YES if value is NO else NO for name, value in options.items()}
    assert [] == [it for it in options if hold(linux, left, {**asked, **options, it: opposite[it]})]
    return found


def hold(linux: Tree, asked: dict[str, Value], requests: dict[str, Value]) -> bool:
    """Return whether all of *asked* hold with *requests*."""
    values = linux.values(requests)
    return all(holds(value, linux.model[name], values[name]) for name, value in asked.items())


@pytest.mark.parametrize(
    ("asked", "first", "second"),
    [
        pytest.param({"KGDB_SERIAL_CONSOLE": YES}, "TTY KGDB", "TTY KGDB", id="kgdb"),
        pytest.param({"ZRAM": YES}, "BLOCK SYSFS CRYPTO CRYPTO_LZO", "BLOCK SYSFS", id="zram"),
        pytest.param({"LRU_GEN": YES}, "", "", id="nothing-to-do"),
        pytest.param({"DRM_AMDGPU": MODULE}, "DRM PCI MODULES", "DRM PCI MODULES", id="amdgpu"),
        pytest.param({"DEBUG_INFO": YES}, "DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT", "DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT", id="debug-info"),
        pytest.param({"FRAME_POINTER": YES}, "UNWINDER_FRAME_POINTER", "UNWINDER_FRAME_POINTER", id="frame-pointer"),
        pytest.param({"SMP": YES, "NR_CPUS": 8000}, "CPUMASK_OFFSTACK DEBUG_PER_CPU_MAPS", "CPUMASK_OFFSTACK DEBUG_PER_CPU_MAPS", id="range"),
        pytest.param({"FUSE_FS": MODULE}, "MODULES", "MODULES", id="modules"),
        pytest.param(GUIX, "NET MODULES BLOCK NETDEVICES PCI VIRTIO_MENU INET", "NET MODULES BLOCK NETDEVICES PCI VIRTIO_MENU", id="guix"),
        pytest.param(
            dict.fromkeys(("DEBUG_KERNEL", "FRAME_POINTER", "KGDB", "KGDB_SERIAL_CONSOLE", "DEBUG_INFO"), YES),
            "TTY UNWINDER_FRAME_POINTER DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT",
            "TTY UNWINDER_FRAME_POINTER DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT",
            id="nixpkgs",
        ),
    ],
)  # fmt: skip
def test_repairs(asked: dict[str, Value], first: str, second: str, linux: Tree) -> None:
    """The further options are these: *first* on 6.1, *second* on 6.12."""
    found = repaired(linux, asked)

    assert ((first if linux.model.version.startswith("6.1.") else second).split(), ()) == (
        sorted(found.best.options, key=f"{first} {second}".split().index),
        found.unsolved,
    )


def test_the_driver_that_people_have(linux: Tree) -> None:
    """VIRTIO, which has no prompt, comes with the PCI driver, not with the one for remote processors."""
    found = repaired(linux, {"VIRTIO_NET": MODULE}, alternatives=2)

    assert {"MODULES", "NET", "NETDEVICES", "PCI", "VIRTIO_MENU", "VIRTIO_PCI"} == found.best.options.keys()
    assert found.alternatives
    assert all(0 < it.cost <= found.best.changes + 1 for it in found.best.assignments)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        pytest.param({"VIRTIO_NET": MODULE, "MODULES": NO}, "MODULES is requested as n", id="contradiction"),
        pytest.param({"RUST": YES}, "RUST_IS_AVAILABLE cannot be enabled: the toolchain", id="toolchain"),
        pytest.param({"NOSUCHOPTION": YES}, "has no such option", id="unknown"),
        pytest.param({"KGDB": MODULE}, "it is a bool, never a module", id="invalid"),
        pytest.param({"PRINTK": YES, "LOG_BUF_SHIFT": 99}, "its range is 12 to 25", id="range"),
        pytest.param({"ARM64_PAN": YES}, "not available on x86_64", id="architecture"),
        pytest.param({"SATA_GEMINI": YES}, "COMPILE_TEST must not be enabled", id="only-to-test-compilers"),
        pytest.param({"PREEMPT_NONE": YES, "PREEMPT": YES}, "of the same choice, is requested too", id="choice"),
    ],
)
def test_no_repair(asked: dict[str, Value], reason: str, linux: Tree) -> None:
    """If nothing makes a request hold, the reason is given."""
    found = repaired(linux, asked)

    assert {} == found.best.options
    assert [True] == [reason in str(it) for it in found.unsolved]


def test_a_whole_machine(linux: Tree) -> None:
    """Two dozen requests for a kernel without modules are made to hold by few further options."""
    found = repaired(linux, STATIC)

    assert () == found.unsolved
    assert len(found.best.options) <= len(STATIC)
    assert "EXPERT" not in found.best.options


def test_everything_that_can_be_enabled(linux: Tree) -> None:
    """Every option that allyesconfig has without COMPILE_TEST can be enabled from tinyconfig."""
    full = linux.resolve(compose(linux.everything, {"COMPILE_TEST": NO}, linux.model))
    tiny = linux.values({})
    able = [
        name
        for name, symbol in linux.model.items()
        if symbol.prompts and symbol.type in {"bool", "tristate"} and full.level(name) and not tiny.level(name)
    ]

    for name in random.Random(linux.model.version).sample(able, COUNT):  # noqa: S311 -- the same ones every time
        wanted = YES if full.level(name) is Level.Y else MODULE
        assert () == repaired(linux, {name: wanted}).unsolved, name


def test_everything_on_behind_a_hidden_prompt(linux: Tree) -> None:
    """Every option that is on by default with a hidden prompt can be disabled, or that is proven impossible."""
    default = linux.resolve("")
    hidden = [
        name
        for name, symbol in linux.model.items()
        if symbol.prompts
        and symbol.type in {"bool", "tristate"}
        and symbol.choice is None
        and default.level(name)
        and not default[name].visible
    ]

    assert len(hidden) > 50
    assert "IO_URING" in hidden
    for name in ["IO_URING", "PCI_QUIRKS", *random.Random(linux.model.version).sample(hidden, COUNT)]:  # noqa: S311 -- as above
        asked: dict[str, Value] = {name: NO}
        found = repair(asked, "", linux.model, linux.once, settle=linux.resolve, alternatives=0)
        assert all(it.proven for it in found.unsolved), name
        values = linux.values({**asked, **found.best.options}, "")
        assert found.unsolved or holds(NO, linux.model[name], values[name]), name


@pytest.mark.parametrize("name", ["VIDEO_MT9M001", "VIDEO_THS7303", "SND_SOC_SOF_DEBUG"])
def test_what_check_proposes(name: str, linux: Tree) -> None:
    """A diagnosis's proposal is complete, even if a need shows only after part of it is set."""
    wanted = MODULE if linux.model[name].type == "tristate" else YES
    diagnoses = linux.diagnoses({name: wanted}).values()
    (found,) = proven(diagnoses, linux.base, linux.model, linux.once, settle=linux.resolve)

    assert found.change
    assert hold(linux, {name: wanted}, {name: wanted, **dict(found.change)})
