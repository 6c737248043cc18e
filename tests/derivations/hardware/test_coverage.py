"""Tests for derivations.hardware.coverage."""

from __future__ import annotations

import attrs
import pytest

from derivations.hardware.coverage import FindingKind, coverage, initramfs_modules
from derivations.hardware.drivers import DriverMap, Module
from derivations.hardware.mapping import map_hardware
from derivations.hardware.snapshot import EmptySnapshot, Fact, FactKind, Snapshot
from derivations.kconfig.symbols.model import Model, Symbol
from derivations.kconfig.symbols.values_table import Values


DRIVERS = DriverMap(
    modules={
        it.path: it
        for it in [
            Module(path="drivers/nvme/nvme.o", gates=((("NVME",),),), drivers=("pci nvme",)),
            Module(path="drivers/gpu/xgpu.o", gates=((("XGPU",),),), drivers=("pci xgpu",), firmware=("x/a.bin", "x/b.bin")),
            Module(path="fs/ext4/ext4.o", gates=((("EXT4",),),), aliases=("fs-ext4",)),
            Module(path="drivers/ata/ahci.o", gates=((("AHCI",),),), drivers=("pci ahci",)),
        ]
    }
)  # fmt: skip

MODEL = Model(
    {name: Symbol(name=name, type="tristate") for name in ("AHCI", "EXT4", "NVME", "XGPU")},
    arch="x86_64", srcarch="x86", version="6.12.1",
)  # fmt: skip

NVME = Fact(FactKind.DEVICE, "pci:v1d1sv1sd1bc01sc08i02", "pci nvme", "disk")
GPU = Fact(FactKind.DEVICE, "pci:v2d1sv1sd1bc03sc00i00", "pci xgpu", "gpu")
EXT4 = Fact(FactKind.FILESYSTEM, "ext4")


def troubles(*facts: Fact, firmware: str = "", **levels: str) -> list[tuple[FindingKind, str]]:
    """Return the findings for a kernel with its options at *levels*."""
    table = {name: f"2 1 {level}" for name, level in levels.items()}
    values = Values({**table, "EXTRA_FIRMWARE": f'2 1 "{firmware}'})
    return [(it.kind, str(it.fact)) for it in coverage(Snapshot.of(facts, "x"), DRIVERS, MODEL, values)]


def root(fact: Fact) -> Fact:
    return attrs.evolve(fact, root=True)


def test_covered_hardware() -> None:
    """A module or a built-in driver covers a device."""
    assert [] == troubles(NVME, EXT4, NVME="m", EXT4="y")


def test_missing_drivers_are_reported() -> None:
    """A device or a file system that the kernel has no driver for is reported with the option."""
    (finding,) = coverage(Snapshot.of([EXT4], "laptop"), DRIVERS, MODEL, Values({}))

    assert (FindingKind.ABSENT, ("EXT4",), ("laptop",)) == (finding.kind, finding.options, finding.seen)
    assert "file system ext4" in str(finding).replace("filesystem", "file system")
    assert finding.is_fatal


def test_root_on_a_module_needs_an_initramfs() -> None:
    """A module that root depends on must be in the initramfs; a built-in driver need not."""
    assert [(FindingKind.INITRAMFS, "disk")] == troubles(root(NVME), NVME="m", BLK_DEV_INITRD="y")
    assert [] == troubles(root(NVME), NVME="y", BLK_DEV_INITRD="y")


def test_root_on_a_module_and_no_initramfs() -> None:
    """A kernel that cannot read an initramfs cannot have root on a module."""
    assert [(FindingKind.NO_INITRAMFS, "disk")] == troubles(root(NVME), NVME="m")
    values = Values({"NVME": "2 1 m", "EXTRA_FIRMWARE": '2 1 "'})
    (finding,) = coverage(Snapshot.of([root(NVME)], "x"), DRIVERS, MODEL, values)
    assert ("BLK_DEV_INITRD",) == finding.options
    assert "set BLK_DEV_INITRD" in str(finding)


def test_built_in_without_firmware() -> None:
    """A built-in driver needs its firmware before a file system is mounted, so the kernel must contain it."""
    assert [(FindingKind.FIRMWARE, "gpu")] == troubles(GPU, XGPU="y")
    assert [] == troubles(GPU, XGPU="m")
    assert [] == troubles(GPU, XGPU="y", firmware="x/a.bin")


def test_unknown_modules_are_reported_but_not_fatal() -> None:
    """A module of another tree is reported, but no option of the kernel could add it."""
    (finding,) = coverage(Snapshot.of([Fact(FactKind.MODULE, "vboxguest")], "x"), DRIVERS, MODEL, Values({}))

    assert FindingKind.UNKNOWN is finding.kind
    assert not finding.is_fatal
    assert "vboxguest" in str(finding)


def test_an_empty_snapshot() -> None:
    """An empty snapshot is an error, not full coverage."""
    with pytest.raises(EmptySnapshot):
        coverage(Snapshot(), DRIVERS, MODEL, Values({}))


def test_the_initramfs_has_what_root_depends_on() -> None:
    """If it is known what root depends on, that is what the initramfs needs."""
    ahci = Fact(FactKind.DEVICE, "pci:v3d1sv1sd1bc01sc06i01", "pci ahci", "other disk")
    mapped = map_hardware(Snapshot.of([root(NVME), root(EXT4), ahci, GPU], "x"), DRIVERS, MODEL)

    assert ["ext4", "nvme"] == list(initramfs_modules(mapped))


def test_the_initramfs_of_a_listing() -> None:
    """A listing does not show it, so every storage controller is included."""
    assert ["nvme"] == list(initramfs_modules(map_hardware(Snapshot.of([NVME, GPU], "x"), DRIVERS, MODEL)))
