"""Tests for kernix.machine.sysfs."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import pytest

from derivations.hardware.snapshot import Fact, FactKind
from kernix.machine.sysfs import this_machine


if TYPE_CHECKING:
    from pathlib import Path


DISK = "devices/pci0000:00/0000:02:00.0"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return the files of a machine whose root is ext4 on LVM on LUKS on a partition of an NVMe disk."""

    def write(place: str, text: str) -> None:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)

    def link(place: str, target: str) -> None:
        path = tmp_path / "sys" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys" / target).mkdir(parents=True, exist_ok=True)
        path.symlink_to(os.path.relpath(tmp_path / "sys" / target, path.parent))

    write(f"sys/{DISK}/modalias", "pci:v0000144Dd0000A809sv0000144Dsd0000A801bc01sc08i02\n")
    link(f"{DISK}/driver", "bus/pci/drivers/nvme")
    link(f"{DISK}/subsystem", "bus/pci")
    write("sys/devices/pci0000:00/0000:03:00.0/modalias", "pci:v00001002d00001638sv0sd0bc03sc00i00\n")
    link("devices/pci0000:00/0000:03:00.0/subsystem", "bus/pci")
    block = f"{DISK}/nvme/nvme0/nvme0n1"
    write(f"sys/{block}/nvme0n1p2/partition", "2\n")
    for number, uuid, below in (
        ("253:0", "CRYPT-LUKS2-x", f"{block}/nvme0n1p2"),
        ("253:1", "LVM-y", "devices/virtual/block/dm-0"),
    ):
        dm = f"devices/virtual/block/dm-{number[-1]}"
        write(f"sys/{dm}/dm/uuid", f"{uuid}\n")
        link(f"{dm}/slaves/{below.rpartition('/')[2]}", below)
        link(f"dev/block/{number}", dm)
    write("proc/modules", "nvme 1 2 - Live 0x0\ndm_crypt 1 1 - Live 0x0\namdgpu 1 0 - Live 0x0\n")
    write(
        "proc/self/mountinfo",
        "22 1 253:1 / / rw - ext4 /dev/dm-1 rw\n23 22 0:5 / /proc rw - proc proc rw\n24 22 0:9 / /m\\040y rw - fuse.sshfs x rw\nbroken\n",
    )
    write("dev/kmsg", "6,1,2,-;amdgpu 0000:03:00.0: firmware: failed to load amdgpu/renoir_ta.bin (-2)\n")
    return tmp_path


def facts(machine: Path) -> dict[str, Fact]:
    return {it.name: it for it in this_machine("laptop", machine).facts}


def test_devices_have_their_drivers(machine: Path) -> None:
    """Each device with a modalias is reported, with its bus and its driver, if any."""
    found = facts(machine)

    assert "pci nvme" == found["pci:v0000144Dd0000A809sv0000144Dsd0000A801bc01sc08i02"].driver
    assert "pci 0000:02:00.0" == found["pci:v0000144Dd0000A809sv0000144Dsd0000A801bc01sc08i02"].label
    assert not found["pci:v00001002d00001638sv0sd0bc03sc00i00"].driver


def test_the_way_to_root_is_marked(machine: Path) -> None:
    """The root file system needs its file system, the crypt and LVM layers, and the controller below."""
    assert {"ext4", "dm_crypt", "dm_mod", "pci:v0000144Dd0000A809sv0000144Dsd0000A801bc01sc08i02"} == {
        name for name, it in facts(machine).items() if it.root
    }


def test_mounted_and_loaded(machine: Path) -> None:
    """File systems come from what is mounted, modules from what is loaded."""
    found = facts(machine)

    assert {"ext4", "fuse", "proc"} == {it.name for it in found.values() if it.kind is FactKind.FILESYSTEM}
    assert {"nvme", "amdgpu", "dm_crypt", "dm_mod"} == {it.name for it in found.values() if it.kind is FactKind.MODULE}


def test_firmware_comes_from_the_log(machine: Path) -> None:
    """The kernel's log has the firmware that drivers requested."""
    assert ["amdgpu/renoir_ta.bin"] == [it.name for it in facts(machine).values() if it.kind is FactKind.FIRMWARE]


def test_a_raid_needs_its_level(machine: Path) -> None:
    """A root file system on an array needs the module of its RAID level."""
    (machine / "sys/devices/virtual/block/dm-1/md").mkdir()
    (machine / "sys/devices/virtual/block/dm-1/md/level").write_text("raid5\n")
    (machine / "sys/devices/virtual/block/dm-1/dm/uuid").unlink()

    assert {"md_mod", "raid456"} <= {name for name, it in facts(machine).items() if it.root}


def test_a_machine_without_sysfs_has_no_facts(tmp_path: Path) -> None:
    """Without anything to read, nothing is reported and nothing fails."""
    assert () == this_machine("x", tmp_path).facts


def test_this_machine_can_be_read() -> None:
    """The machine that runs the tests can be read, and has mounted file systems."""
    found = this_machine("here")

    assert ("here",) == found.machines
    assert "proc" in {it.name for it in found.facts if it.kind is FactKind.FILESYSTEM}
