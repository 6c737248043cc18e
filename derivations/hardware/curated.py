"""What no table in the tree tells about hardware: small, curated, each with its source."""

from __future__ import annotations

import re

from typing import Final

import attrs


@attrs.frozen
class Companion:
    """Options that are wanted with another one, though no mechanism of the kernel finds them by the hardware.

    Attributes:
        option: The option that wants them.
        wants: What it wants; those that a tree does not have are left out.
        why: A few words.
        source: Where that is to be seen.
    """

    option: str
    wants: tuple[str, ...]
    why: str
    source: str


_SCSI = ("BLK_DEV_SD", "BLK_DEV_SR")
_INPUT = ("USB_HID", "HID_GENERIC", "USB_STORAGE")
_HDA = (
    "SND_HDA_GENERIC",
    "SND_HDA_CODEC_REALTEK",
    "SND_HDA_CODEC_HDMI",
    "SND_HDA_CODEC_CONEXANT",
    "SND_HDA_CODEC_ANALOG",
)

COMPANIONS: Final[tuple[Companion, ...]] = (
    Companion(
        "IWLWIFI", ("IWLMVM", "IWLDVM", "IWLMLD"), "the half of the driver for the chip's firmware",
        "drivers/net/wireless/intel/iwlwifi/iwl-drv.c, request_module",
    ),
    Companion(
        "SND_HDA_INTEL", _HDA, "the codec on the other side of the controller",
        "sound/pci/hda/hda_bind.c, request_codec_module",
    ),
    Companion(
        "SND_SOC_AMD_RENOIR", ("SND_SOC_AMD_RENOIR_MACH", "SND_SOC_DMIC"), "the machine driver of the microphones",
        "sound/soc/amd/renoir/rn-pci-acp3x.c, platform_device_register_full",
    ),
    Companion(
        "DRM_AMDGPU", ("DRM_AMD_DC",), "without it newer cards show no picture",
        "drivers/gpu/drm/amd/display/Kconfig",
    ),
    Companion(
        "DRM_NOUVEAU", ("DRM_NOUVEAU_BACKLIGHT",), "brightness of a laptop's panel",
        "drivers/gpu/drm/nouveau/Kbuild",
    ),
    Companion("ATA", _SCSI, "disks of libata are SCSI disks", "drivers/ata/Kconfig, ATA selects SCSI alone"),
    Companion("SATA_AHCI", _SCSI, "disks of libata are SCSI disks", "drivers/ata/Kconfig, ATA selects SCSI alone"),
    Companion("ATA_PIIX", _SCSI, "disks of libata are SCSI disks", "drivers/ata/Kconfig, ATA selects SCSI alone"),
    Companion("SCSI_VIRTIO", _SCSI, "the disks behind the controller", "drivers/scsi/Kconfig, BLK_DEV_SD"),
    Companion("MEGARAID_SAS", _SCSI, "the disks behind the controller", "drivers/scsi/Kconfig, BLK_DEV_SD"),
    Companion("SCSI_MPT3SAS", _SCSI, "the disks behind the controller", "drivers/scsi/Kconfig, BLK_DEV_SD"),
    Companion("HYPERV_STORAGE", _SCSI, "the disks behind the controller", "drivers/scsi/Kconfig, BLK_DEV_SD"),
    Companion("VMWARE_PVSCSI", _SCSI, "the disks behind the controller", "drivers/scsi/Kconfig, BLK_DEV_SD"),
    Companion("USB_STORAGE", _SCSI, "its disks are SCSI disks", "drivers/usb/storage/Kconfig"),
    Companion("USB_UAS", _SCSI, "its disks are SCSI disks", "drivers/usb/storage/Kconfig"),
    Companion("USB_XHCI_PCI", _INPUT, "keyboards and sticks that are plugged in later", "drivers/hid/usbhid/Kconfig"),
    Companion("USB_EHCI_PCI", _INPUT, "keyboards and sticks that are plugged in later", "drivers/hid/usbhid/Kconfig"),
    Companion("USB_HID", ("INPUT_EVDEV",), "what user space reads keyboards and mice from", "drivers/input/Kconfig"),
    Companion("I2C_HID_ACPI", ("HID_MULTITOUCH", "INPUT_EVDEV"), "touchpads", "drivers/hid/Kconfig, HID_MULTITOUCH"),
    Companion("MMC_SDHCI_PCI", ("MMC_BLOCK",), "the cards as disks", "drivers/mmc/core/Kconfig, MMC_BLOCK"),
    Companion("MMC_SDHCI_ACPI", ("MMC_BLOCK",), "the cards as disks", "drivers/mmc/core/Kconfig, MMC_BLOCK"),
    Companion(
        "DM_CRYPT", ("CRYPTO_XTS", "CRYPTO_AES", "CRYPTO_SHA256", "CRYPTO_USER_API_SKCIPHER"),
        "aes-xts-plain64, what LUKS uses unless told otherwise",
        "Documentation/admin-guide/device-mapper/dm-crypt.rst",
    ),
    Companion("BT_HCIBTUSB", ("BT_RFCOMM", "BT_HIDP"), "the profiles above the controller", "net/bluetooth/Kconfig"),
)  # fmt: skip
"""Pairs of options, in the order in which they are followed."""

FILESYSTEMS: Final = {
    "autofs": "AUTOFS_FS",
    "bpf": "BPF_SYSCALL",
    "cgroup": "CGROUPS",
    "cgroup2": "CGROUPS",
    "configfs": "CONFIGFS_FS",
    "cpuset": "CPUSETS",
    "debugfs": "DEBUG_FS",
    "devpts": "UNIX98_PTYS",
    "devtmpfs": "DEVTMPFS",
    "efivarfs": "EFIVAR_FS",
    "fusectl": "FUSE_FS",
    "hugetlbfs": "HUGETLBFS",
    "mqueue": "POSIX_MQUEUE",
    "proc": "PROC_FS",
    "pstore": "PSTORE",
    "resctrl": "X86_CPU_RESCTRL",
    "securityfs": "SECURITYFS",
    "selinuxfs": "SECURITY_SELINUX",
    "sysfs": "SYSFS",
    "tmpfs": "TMPFS",
    "tracefs": "TRACING",
}
"""File systems that are a part of something else, by the name in /proc/filesystems: `register_filesystem`
in fs/, kernel/, security/ and the option of the file that calls it. Others have an alias `fs-NAME`."""

BUILT_IN_FILESYSTEMS: Final = frozenset({"anon_inodefs", "bdev", "pipefs", "ramfs", "rootfs", "sockfs"})
"""File systems that every kernel has."""

NO_DRIVER: Final = frozenset({"0500", "0580", "0600", "0601", "0680", "0880", "1101", "1180", "1300"})
"""PCI classes that work without a driver: memory, bridges to the processor and to ISA, signal processors and
instrumentation that a driver may serve but none must (PCI Code and ID Assignment Specification, chapter 1)."""

_VIRTIO = re.compile(r"pci:v00001AF4d0000(10[0-7][0-9A-F])")
_MODERN = 0x1040
_TRANSITIONAL = {0x1000: 1, 0x1001: 2, 0x1002: 5, 0x1003: 3, 0x1004: 8, 0x1005: 4, 0x1009: 9}


def virtio_modaliases(modalias: str) -> list[str]:
    """Return what the virtio bus shows behind the PCI device with *modalias* (Virtio 1.2, 4.1.2 and 5)."""
    match = _VIRTIO.match(modalias)
    if match is None:
        return []
    product = int(match[1], 16)
    device = product - _MODERN if product >= _MODERN else _TRANSITIONAL.get(product)
    return [f"virtio:d{device:08X}v00001AF4"] if device else []
