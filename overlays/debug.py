"""Every kernel with symbols for a debugger, and KGDB over its serial console.

    kernix build --overlay debug linux_6_12.debug      # vmlinux, for gdb
    kernix build --overlay debug linux_6_12            # boot it with `kgdboc=ttyS0 kgdbwait nokaslr`

The options are those of the kernel's Documentation/process/debugging/kgdb.rst and
gdb-kernel-debugging.rst. Options that only some architectures have are optional.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.fixpoint import each
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import NO, YES, optional
from derivations.linux.kernel import Kernel
from derivations.version import Version


if TYPE_CHECKING:
    from derivations.fixpoint import AttrSet, Thunks
    from derivations.kconfig.language.values import Asked


OPTIONS: dict[str, Asked] = {
    "DEBUG_KERNEL": YES,  # what the others depend on
    "DEBUG_INFO_REDUCED": NO,  # gdb needs the types of variables (gdb-kernel-debugging.rst)
    "GDB_SCRIPTS": optional(YES),  # lx-symbols, lx-dmesg, …: needs Python in the toolchain
    "KALLSYMS": YES,  # names in backtraces
    "KALLSYMS_ALL": optional(YES),  # also of variables, for kdb
    "KGDB": YES,
    "KGDB_KDB": optional(YES),  # a debugger in the kernel itself, for use without gdb
    "KGDB_SERIAL_CONSOLE": YES,
    "MAGIC_SYSRQ": YES,  # SysRq-g stops the kernel
    "RANDOMIZE_BASE": optional(NO),  # otherwise gdb needs the kernel's address
    "SERIAL_EARLYCON": optional(YES),  # kgdboc_earlycon: from before the driver of the console
    "TTY": YES,
    "UNWINDER_FRAME_POINTER": optional(YES),  # x86: FRAME_POINTER, which has no prompt there; arm64 always has it
    "VT": optional(YES),  # enables HW_CONSOLE, on which KGDB_SERIAL_CONSOLE depends
}


def overlay(final: AttrSet, prev: AttrSet) -> Thunks:  # noqa: ARG001 -- an overlay is called with both
    """Return every kernel of *prev* prepared for a debugger."""
    return each(prev, Kernel, debugged)


def debugged(kernel: Kernel) -> Kernel:
    """Return *kernel* with symbols, and with KGDB over its serial console; a compiled one as it is."""
    if kernel.is_prebuilt:
        return kernel
    return kernel.override(extra_config=Fragment("debug", {**OPTIONS, symbols(kernel.version): YES}))


def symbols(version: str) -> str:
    """Return the option that gives a kernel of *version* debug information.

    Since 5.18 DEBUG_INFO has no prompt: it follows from the choice of a format (lib/Kconfig.debug,
    commit f9b3cd245784).
    """
    return "DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT" if Version.parse(version) >= Version(5, 18) else "DEBUG_INFO"
