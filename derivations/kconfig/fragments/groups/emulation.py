"""Emulation: programs for other machines, 32-bit ones on the processor, all others by an interpreter.

Guix' post on custom kernels (2019) has a similar list, %emulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.fragments.tried import tried
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import MODULE, NO, YES, Priority, when_arch, when_at_least


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Asked


OPTIONS: dict[str, Asked] = {
    # fs/Kconfig.binfmt, Documentation/admin-guide/binfmt-misc.rst: QEMU's user mode, Java, Wine
    "MODULES": YES,
    "BINFMT_ELF": YES,
    "BINFMT_SCRIPT": YES,
    "BINFMT_MISC": MODULE,
    # arch/x86/Kconfig: i386 programs
    "IA32_EMULATION": when_arch("x86_64", YES),
    "IA32_EMULATION_DEFAULT_DISABLED": when_arch("x86_64", when_at_least("6.7", NO)),
    # arch/arm64/Kconfig: AArch32 programs, and what processors since ARMv8 leave to the kernel
    "COMPAT": when_arch("arm64", YES),
    "KUSER_HELPERS": when_arch("arm64", YES),
    "ARMV8_DEPRECATED": when_arch("arm64", YES),
    "SWP_EMULATION": when_arch("arm64", YES),
    "CP15_BARRIER_EMULATION": when_arch("arm64", YES),
    "SETEND_EMULATION": when_arch("arm64", YES),
    # drivers/misc/Kconfig: Windows' locks, for Wine
    "NTSYNC": when_at_least("6.14", MODULE),
}

FRAGMENT = tried(
    Fragment(
        "emulation",
        OPTIONS,
        description="32-bit programs, and those that need an interpreter",
        priority=Priority.DEFAULT,
    )
)
