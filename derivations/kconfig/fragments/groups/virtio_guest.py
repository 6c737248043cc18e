"""Guests of QEMU, Firecracker and others: virtio devices, built in, so that no initramfs is needed.

On `defconfig` this is all that a guest needs. On `tinyconfig` add 64BIT, PRINTK, BINFMT_ELF,
BINFMT_SCRIPT, PROC_FS, SYSFS, DEVTMPFS, DEVTMPFS_MOUNT, SHMEM, TMPFS, FUTEX, EPOLL, MULTIUSER,
and the file system of the root: a guest's programs need them, its devices do not.
On arm64 tinyconfig, PCI_HOST_GENERIC is QEMU's bus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.fragments.tried import tried
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import YES, Priority, optional, when_arch, when_at_least


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Asked


BUSES: dict[str, Asked] = {
    # kernel/configs/kvm_guest.config, drivers/virtio/Kconfig
    "HYPERVISOR_GUEST": when_arch("x86_64", YES),
    "PARAVIRT": YES,
    "KVM_GUEST": when_arch("x86_64", YES),
    "ACPI": YES,  # QEMU's machines describe themselves with it; on arm64 it needs EFI
    "PCI": YES,
    "PCI_MSI": YES,
    "PCI_HOST_GENERIC": when_arch("arm64", YES),
    "HOTPLUG_PCI": YES,
    "HOTPLUG_PCI_ACPI": YES,
    "VIRTIO_MENU": YES,
    "VIRTIO_PCI": YES,
    "VIRTIO_MMIO": YES,  # Firecracker, QEMU's microvm
    "VIRTIO_MMIO_CMDLINE_DEVICES": when_arch("x86_64", YES),
    "EFI": when_arch("arm64", YES),
}

DEVICES: dict[str, Asked] = {
    # see drivers/{block,scsi,net,char,vdpa,…}/Kconfig; most are in Guix' %default-extra-linux-options
    "BLOCK": YES,
    "BLK_DEV": YES,
    "VIRTIO_BLK": YES,
    "SCSI": YES,
    "BLK_DEV_SD": YES,
    "BLK_DEV_SR": YES,
    "SCSI_LOWLEVEL": YES,
    "SCSI_VIRTIO": YES,
    "NET": YES,
    "INET": YES,
    "PACKET": YES,
    "UNIX": YES,
    "NETDEVICES": YES,
    "NET_CORE": YES,
    "VIRTIO_NET": YES,
    "TTY": YES,
    "VIRTIO_CONSOLE": YES,
    "SERIAL_8250": YES,
    "SERIAL_8250_CONSOLE": YES,
    "SERIAL_AMBA_PL011": when_arch("arm64", YES),
    "SERIAL_AMBA_PL011_CONSOLE": when_arch("arm64", YES),
    "HW_RANDOM": YES,
    "HW_RANDOM_VIRTIO": YES,
    "VIRTIO_BALLOON": YES,
    "MEMORY_HOTPLUG": YES,
    "MEMORY_HOTREMOVE": YES,
    "INPUT": YES,
    "INPUT_EVDEV": YES,
    "VIRTIO_INPUT": YES,
    "DRM": YES,
    "DRM_VIRTIO_GPU": YES,
    "CRYPTO": YES,
    "VSOCKETS": YES,  # systemd's README: notifications and credentials over vsock
    "VIRTIO_VSOCKETS": YES,
    # needs ACPI's or a device tree's table
    "VIRTIO_IOMMU": (
        when_arch("arm64", when_at_least("5.3", optional(YES))),
        when_arch("x86", when_at_least("5.14", optional(YES))),
    ),
    "IOMMU_SUPPORT": YES,
    "POSIX_TIMERS": YES,
    "PTP_1588_CLOCK": YES,
    "PTP_1588_CLOCK_KVM": YES,  # the host's clock
    "FW_CFG_SYSFS": YES,  # systemd's credentials
    "SYSFS": YES,
}

SHARED: dict[str, Asked] = {
    # Documentation/filesystems/9p.rst and virtiofs.rst: a directory of the host
    "NETWORK_FILESYSTEMS": YES,
    "NET_9P": YES,
    "NET_9P_VIRTIO": YES,
    "9P_FS": YES,
    "9P_FS_POSIX_ACL": YES,
    "FUSE_FS": YES,
    "VIRTIO_FS": when_at_least("5.4", YES),
}

OPTIONS: dict[str, Asked] = {**BUSES, **DEVICES, **SHARED}

FRAGMENT = tried(
    Fragment(
        "virtio_guest", OPTIONS, description="virtio devices of a virtual machine, built in", priority=Priority.DEFAULT
    )
)
