"""Firmware: drivers find their files, compressed ones too, and microcode is loaded early."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.fragments.tried import tried
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import NO, YES, Priority, when_arch, when_at_least, when_between, when_older


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Asked


OPTIONS: dict[str, Asked] = {
    # drivers/base/firmware_loader/Kconfig, Documentation/driver-api/firmware/
    "FW_LOADER": YES,
    "FW_LOADER_USER_HELPER": NO,  # systemd's README: udev no longer answers, so every missing file costs a minute
    "FW_LOADER_COMPRESS": when_at_least("5.3", YES),
    "FW_LOADER_COMPRESS_XZ": when_at_least("5.19", YES),
    "FW_LOADER_COMPRESS_ZSTD": when_at_least("5.19", YES),
    "FW_CACHE": YES,  # a driver finds its file after a suspend, before the disk is available
    "SUSPEND": YES,
    "UEVENT_HELPER": NO,  # systemd's README
    # arch/x86/Kconfig, Documentation/arch/x86/microcode.rst
    "BLK_DEV_INITRD": YES,
    "MICROCODE": when_arch("x86_64", YES),
    "MICROCODE_INTEL": when_arch("x86_64", when_older("6.6", YES)),
    "MICROCODE_AMD": when_arch("x86_64", when_older("6.6", YES)),
    "MICROCODE_LATE_LOADING": when_arch("x86_64", when_between("5.19", "6.6", NO)),  # tainted and not safe
}

FRAGMENT = tried(
    Fragment("firmware", OPTIONS, description="firmware files of drivers, microcode", priority=Priority.DEFAULT)
)
