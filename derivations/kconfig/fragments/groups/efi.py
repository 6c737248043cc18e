"""EFI: a kernel that the firmware starts directly, EFI variables, the system partition, the frame buffer.

Guix' post on custom kernels (2019) has a similar list, %efi-support.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.fragments.tried import tried
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import MODULE, YES, Priority, when_arch, when_at_least


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Asked


FIRMWARE: dict[str, Asked] = {
    # Documentation/admin-guide/efi-stub.rst, drivers/firmware/efi/Kconfig
    "MODULES": YES,
    "ACPI": YES,
    "EFI": YES,
    "EFI_STUB": YES,
    "EFI_MIXED": when_arch("x86_64", YES),  # 64-bit kernels under 32-bit firmware: first Atom tablets, old Macs
    "RELOCATABLE": YES,
    "EFIVAR_FS": YES,  # systemd's README; EFI_VARS, its predecessor, was removed in 6.0
    "EFI_BOOTLOADER_CONTROL": MODULE,
    "EFI_CAPSULE_LOADER": MODULE,  # fwupd
    "APPLE_PROPERTIES": when_arch("x86_64", YES),  # Macs' Thunderbolt and backlight
    "SYSFS": YES,
    "DMI": YES,
    "DMIID": YES,  # systemd's README
    "DMI_SYSFS": MODULE,
    "RTC_CLASS": YES,
    "RTC_DRV_EFI": when_arch("arm64", YES),
}

SYSTEM_PARTITION: dict[str, Asked] = {
    # block/partitions/Kconfig, fs/fat/Kconfig: the ESP is FAT in a GPT
    "BLOCK": YES,
    "PARTITION_ADVANCED": YES,
    "EFI_PARTITION": YES,
    "VFAT_FS": YES,
    "NLS_CODEPAGE_437": YES,
    "NLS_ISO8859_1": YES,
}

CONSOLE: dict[str, Asked] = {
    # Documentation/fb/efifb.rst, drivers/gpu/drm/tiny/Kconfig: a console before, and without, the card's own driver
    "TTY": YES,
    "VT": YES,
    "FB": YES,
    "DRM": YES,
    "DRM_FBDEV_EMULATION": YES,
    "DRM_SIMPLEDRM": when_at_least("5.14", YES),
    "SYSFB_SIMPLEFB": when_at_least("5.15", YES),
    "FRAMEBUFFER_CONSOLE": YES,
}

OPTIONS: dict[str, Asked] = {**FIRMWARE, **SYSTEM_PARTITION, **CONSOLE}

FRAGMENT = tried(
    Fragment("efi", OPTIONS, description="booting from EFI, its variables, its frame buffer", priority=Priority.DEFAULT)
)
