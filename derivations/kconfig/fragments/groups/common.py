"""The needs of an ordinary machine: laptop, desktop, server or virtual machine.

The counterpart of nixpkgs' common-config and of Guix' %default-extra-linux-options, over the
architecture's defconfig. Drivers and file systems of a root are built in (NVMe, AHCI, USB, SD
cards, virtio; ext4, FAT), so that a plain root needs no initramfs; what needs firmware or an
initramfs anyway is a module. It does not include `hardening` and `debugging`, and does not
conflict with them.
"""

from __future__ import annotations

from derivations.kconfig.fragments.groups import (
    containers,
    devices,
    efi,
    emulation,
    filesystems,
    firmware,
    kernel,
    network,
    platform,
    storage,
    virtio_guest,
)
from derivations.kconfig.fragments.tried import TRIED
from derivations.kconfig.language.fragment import Clause, Fragment


_PARTS = (
    *(filesystems, efi, emulation, firmware, virtio_guest, containers),
    *(kernel, platform, storage, network, devices),
)


def _clauses() -> dict[str, tuple[Clause, ...]]:
    found: dict[str, tuple[Clause, ...]] = {}
    for part in _PARTS:
        for option, clauses in part.FRAGMENT.options.items():
            found[option] = tuple(dict.fromkeys((*found.get(option, ()), *clauses)))
    return found


FRAGMENT = Fragment(
    "common",
    _clauses(),
    description="what an ordinary machine needs",
    binding=TRIED,
)
