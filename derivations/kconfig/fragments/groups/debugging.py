"""Debugging: symbols, and KGDB over a serial console.

This is the example in nixpkgs' manual (DEBUG_KERNEL, FRAME_POINTER, KGDB, KGDB_SERIAL_CONSOLE,
DEBUG_INFO), with the options that have a prompt today.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.fragments.tried import tried
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import NO, YES, Priority, optional, when_arch, when_at_least, when_older


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Asked


OPTIONS: dict[str, Asked] = {
    # Documentation/process/debugging/kgdb.rst and gdb-kernel-debugging.rst (Documentation/dev-tools/ until 6.12)
    "DEBUG_KERNEL": YES,
    "DEBUG_INFO": when_older("5.18", YES),
    "DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT": when_at_least("5.18", YES),  # selects DEBUG_INFO (commit f9b3cd245784)
    "DEBUG_INFO_REDUCED": NO,  # gdb needs the types of variables
    "GDB_SCRIPTS": YES,  # lx-symbols, lx-dmesg, …
    "KALLSYMS": YES,
    "KALLSYMS_ALL": YES,
    "UNWINDER_FRAME_POINTER": when_arch("x86_64", YES),  # selects FRAME_POINTER; arm64 always has it
    "DEBUG_FS": YES,
    "KGDB": YES,
    "KGDB_KDB": YES,
    "KDB_KEYBOARD": optional(YES),  # needs a PC's keyboard controller, I8042
    "KGDB_SERIAL_CONSOLE": YES,
    "MAGIC_SYSRQ": YES,  # SysRq-g stops the kernel
    "MAGIC_SYSRQ_SERIAL": YES,
    # dependencies of the above
    "PRINTK": YES,
    "BUG": YES,
    "TTY": YES,
    "VT": YES,
    "SERIAL_8250": YES,
    "SERIAL_8250_CONSOLE": YES,
    "SERIAL_EARLYCON": YES,  # kgdboc_earlycon
    # lib/Kconfig.debug: report what goes wrong
    "DEBUG_BUGVERBOSE": YES,
    "DYNAMIC_DEBUG": YES,  # Documentation/admin-guide/dynamic-debug-howto.rst
    "PRINTK_TIME": YES,
    "STACKTRACE": YES,
    "FTRACE": YES,
    "FUNCTION_TRACER": YES,
    "FUNCTION_GRAPH_TRACER": YES,
    "DYNAMIC_FTRACE": YES,
    "DETECT_HUNG_TASK": YES,
    "SOFTLOCKUP_DETECTOR": YES,
}
# STRICT_KERNEL_RWX and RANDOMIZE_BASE stay on: gdb sets hardware breakpoints, and `nokaslr` is a boot parameter.

FRAGMENT = tried(
    Fragment("debugging", OPTIONS, description="symbols for gdb, KGDB over a serial console", priority=Priority.DEFAULT)
)
