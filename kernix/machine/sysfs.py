"""This machine, read from sysfs and procfs: devices, modules, file systems, firmware, what the root file system needs.

Everything is read below *root*, `/` by default; nothing is written, and no privileges are needed. Without permission to
read the kernel's log, the requested firmware is unknown.
"""

from __future__ import annotations

import contextlib
import os
import re

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.hardware.curated import BUILT_IN_FILESYSTEMS
from derivations.hardware.listings.kernel_log import firmware_in
from derivations.hardware.snapshot import Fact, FactKind, Snapshot


if TYPE_CHECKING:
    from collections.abc import Iterator


_RAID = re.compile(r"raid(\d+)")
_OCTAL = re.compile(r"\\([0-7]{3})")
_RAID_MODULES = {"4": "raid456", "5": "raid456", "6": "raid456"}
_TARGETS = {"CRYPT": ("dm_mod", "dm_crypt"), "LVM": ("dm_mod",), "RAID": ("dm_mod", "dm_raid"), "mpath": ("dm_mod",)}


@attrs.frozen
class Mount:
    """A mounted file system."""

    device: str
    place: str
    kind: str


def this_machine(name: str, root: Path = Path("/")) -> Snapshot:
    """Return a snapshot, called *name*, of the machine whose files are below *root*."""
    mounts = list(_mounts(root))
    needed = _root_stack(root, mounts)
    facts = [
        *_devices(root, needed.devices),
        *(Fact(FactKind.MODULE, it, root=it in needed.modules) for it in {*_modules(root), *needed.modules}),
        *(Fact(FactKind.FILESYSTEM, kind, root=kind in needed.filesystems) for kind in _filesystems(mounts)),
        *(Fact(FactKind.FIRMWARE, file) for file in _firmware(root)),
    ]
    return Snapshot.of(facts, name)


def _devices(root: Path, needed: set[Path]) -> Iterator[Fact]:
    """Yield every device that has a modalias."""
    top = root / "sys/devices"
    for directory, _, files in os.walk(top):
        if "modalias" not in files:
            continue
        device = Path(directory)
        modalias = _text(device / "modalias")
        if modalias:
            bus = _link(device / "subsystem")
            driver = _link(device / "driver")
            on_the_way = any(device == it or device in it.parents for it in needed)
            yield Fact(
                FactKind.DEVICE,
                modalias,
                f"{bus} {driver}" if driver else "",
                f"{bus} {device.name}".strip(),
                root=on_the_way and bool(driver),
            )


def _modules(root: Path) -> list[str]:
    return [line.split()[0] for line in _text(root / "proc/modules").splitlines() if line]


def _filesystems(mounts: list[Mount]) -> list[str]:
    return sorted({it.kind.partition(".")[0] for it in mounts} - BUILT_IN_FILESYSTEMS)


def _mounts(root: Path) -> Iterator[Mount]:
    """Yield the mounted file systems (proc(5), /proc/pid/mountinfo)."""
    for line in _text(root / "proc/self/mountinfo").splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split()
        if dash and len(fields) > 4 and after:  # noqa: PLR2004 -- the mount point is the fifth
            place = _OCTAL.sub(lambda it: chr(int(it[1], 8)), fields[4])
            yield Mount(fields[2], place, after.split()[0])


def _firmware(root: Path) -> list[str]:
    """Return the firmware files that the kernel's log mentions, if it may be read."""
    lines: list[str] = []
    with contextlib.suppress(OSError):
        log = os.open(root / "dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            while record := os.read(log, 1 << 14):  # bytes; a record that does not fit is an error
                lines.append(record.decode(errors="replace"))
        finally:
            os.close(log)
    return sorted({file for line in lines for file in firmware_in(line)})


@attrs.frozen
class _Needed:
    """What the root file system needs: devices, by their directories in sysfs, modules, file systems."""

    devices: set[Path] = attrs.field(factory=set)
    modules: set[str] = attrs.field(factory=set)
    filesystems: set[str] = attrs.field(factory=set)


def _root_stack(root: Path, mounts: list[Mount]) -> _Needed:
    """Return what the root file system needs, through crypt, LVM and RAID down to the controllers."""
    needed = _Needed()
    for mount in mounts:
        if mount.place == "/" and (block := root / "sys/dev/block" / mount.device).exists():
            needed.filesystems.add(mount.kind)
            _follow(block.resolve(), needed)
    return needed


def _follow(block: Path, needed: _Needed) -> None:
    """Add to *needed* what the block device *block* depends on."""
    pending, seen = [block], set()
    while pending:
        each = pending.pop()
        if each in seen:
            continue
        seen.add(each)
        disk = each.parent if (each / "partition").exists() else each
        needed.modules.update(_mapped_by(disk))
        slaves = sorted(disk.glob("slaves/*"))
        pending += [it.resolve() for it in slaves]
        if not slaves:
            needed.devices.add(disk)


def _mapped_by(block: Path) -> tuple[str, ...]:
    """Return the modules that build the block device *block* from others."""
    kind = _text(block / "dm/uuid").partition("-")[0]
    if kind:
        return _TARGETS.get(kind, ("dm_mod",))
    level = _RAID.fullmatch(_text(block / "md/level"))
    return ("md_mod", _RAID_MODULES.get(level[1], f"raid{level[1]}")) if level else ()


def _text(path: Path) -> str:
    """Return the content of the file *path*, stripped; empty if it does not exist or may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _link(path: Path) -> str:
    """Return the name of the target of the link *path*; empty if there is no link."""
    try:
        return path.readlink().name
    except OSError:
        return ""
