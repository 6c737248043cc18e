"""Every kernel hardened as the Kernel Self Protection Project recommends.

    kernix build --overlay hardened linux_6_12

The options are those of the project's Recommended Settings
(kspp.github.io/Recommended_Settings), which names for each what it defends against. Required is
what every version from 5.10 on has on every architecture; what only some versions,
architectures or compilers have, or what depends on a subsystem that a small kernel is without,
is asked for as optional. Left out is what takes features away from users (modules, 32-bit
programs, hibernation, kexec), and module signatures, whose keys differ in every build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.values import NO, YES, optional
from derivations.linux.kernel import Kernel
from overlays.fixpoint import each


if TYPE_CHECKING:
    from derivations.kconfig.fragment import Asked
    from overlays.fixpoint import AttrSet, Thunks


MEMORY: dict[str, Asked] = {
    # mm/Kconfig.debug, mm/Kconfig, security/Kconfig.hardening
    "INIT_ON_ALLOC_DEFAULT_ON": YES,  # no stale data in what is allocated
    "INIT_ON_FREE_DEFAULT_ON": YES,  # nor in what is freed
    "INIT_STACK_ALL_ZERO": optional(YES),  # nor on the stack; GCC 12, Clang 8
    "ZERO_CALL_USED_REGS": optional(YES),  # nor in registers at the end of a function; since 5.15, GCC 11
    "SLAB_FREELIST_HARDENED": YES,  # pointers of free lists are scrambled
    "SLAB_FREELIST_RANDOM": YES,  # the order of objects is not known
    "SLAB_MERGE_DEFAULT": NO,  # a cache is overflowed only into itself
    "SLUB": YES,  # until 6.3, `tinyconfig` chooses SLOB, which has none of these; since 6.8 there is only this one
    "SLUB_TINY": NO,  # `tinyconfig` asks for the allocator without any of these
    "SHUFFLE_PAGE_ALLOCATOR": optional(YES),  # needs SPARSEMEM
    "RANDOM_KMALLOC_CACHES": optional(YES),  # since 6.6
    "SLAB_BUCKETS": optional(YES),  # since 6.11
    "PAGE_TABLE_CHECK": optional(YES),  # since 5.17
    "PAGE_TABLE_CHECK_ENFORCED": optional(YES),
    "KFENCE": optional(YES),  # since 5.12; needs SLUB or SLAB, and an architecture with it
    "COMPAT_BRK": NO,  # the heap begins at a random place
}

COPIES: dict[str, Asked] = {
    # lib/Kconfig.debug, security/Kconfig
    "HARDENED_USERCOPY": YES,  # copies to and from users stay within an object
    "HARDENED_USERCOPY_FALLBACK": optional(NO),  # until 5.15
    "FORTIFY_SOURCE": optional(YES),  # str*() and mem*() do too; needs ARCH_HAS_FORTIFY_SOURCE
    "UBSAN": optional(YES),  # lib/Kconfig.ubsan: of the sanitizer, only
    "UBSAN_BOUNDS": optional(YES),  # array indices,
    "UBSAN_TRAP": optional(NO),  # with a report instead of a panic
    "UBSAN_SHIFT": optional(NO),
    "UBSAN_BOOL": optional(NO),
    "UBSAN_ENUM": optional(NO),
    "UBSAN_SIGNED_WRAP": optional(NO),
}

CONTROL_FLOW: dict[str, Asked] = {
    # arch/Kconfig, init/Kconfig
    "STACKPROTECTOR": YES,
    "STACKPROTECTOR_STRONG": YES,
    "VMAP_STACK": optional(YES),  # a stack overflow hits a guard page; needs HAVE_ARCH_VMAP_STACK
    "RANDOMIZE_KSTACK_OFFSET_DEFAULT": optional(YES),  # since 5.13
    "RANDOMIZE_BASE": optional(YES),  # where the kernel lies; needs RELOCATABLE
    "RANDOMIZE_MEMORY": optional(YES),  # x86
    "STRICT_KERNEL_RWX": YES,  # no memory is both writable and executable
    "STRICT_MODULE_RWX": optional(YES),  # needs MODULES
    "DEBUG_WX": optional(YES),  # and it is checked at boot
    "SCHED_STACK_END_CHECK": optional(YES),  # needs DEBUG_KERNEL
    "LEGACY_VSYSCALL_NONE": optional(YES),  # x86: no code at a known place in every program
    "MODIFY_LDT_SYSCALL": optional(NO),  # x86, needs EXPERT: only 16-bit programs use it
    "ARM64_SW_TTBR0_PAN": optional(YES),  # arm64: the kernel does not follow users' pointers
    "UNMAP_KERNEL_AT_EL0": optional(YES),  # arm64
}

DATA: dict[str, Asked] = {
    # lib/Kconfig.debug
    "BUG": YES,
    "BUG_ON_DATA_CORRUPTION": YES,  # a corrupted list stops the kernel instead of serving the attacker
    "DEBUG_LIST": optional(YES),
    "LIST_HARDENED": optional(YES),  # since 6.6
    "DEBUG_SG": optional(YES),
    "DEBUG_NOTIFIERS": optional(YES),
    "DEBUG_VIRTUAL": optional(YES),
}

INTERFACES: dict[str, Asked] = {
    # drivers/char/Kconfig, lib/Kconfig.debug, drivers/tty/Kconfig, security/Kconfig
    "DEVMEM": optional(NO),  # physical memory as a file; some drivers select it
    "STRICT_DEVMEM": optional(YES),  # where it must be there
    "IO_STRICT_DEVMEM": optional(YES),
    "PROC_KCORE": NO,  # the kernel's memory as a file
    "LDISC_AUTOLOAD": NO,  # users load no line disciplines
    "LEGACY_TIOCSTI": optional(NO),  # since 6.2: no typing into another's terminal
    "LEGACY_PTYS": NO,
    "SECURITY": YES,
    "SECURITY_DMESG_RESTRICT": YES,  # addresses in the log are not for everybody
    "SECURITY_YAMA": YES,  # a process cannot trace its siblings
    "SECURITY_LANDLOCK": optional(YES),  # since 5.13
    "SECCOMP": YES,
    "SECCOMP_FILTER": optional(YES),  # needs NET
    "SYN_COOKIES": optional(YES),  # needs INET
    "BPF_UNPRIV_DEFAULT_OFF": optional(YES),  # since 5.13; needs BPF_SYSCALL
    "RESET_ATTACK_MITIGATION": optional(YES),  # EFI: memory is cleared at a reboot
    "EFI_DISABLE_PCI_DMA": optional(YES),  # EFI: no device writes before the IOMMU is set up
    "IOMMU_DEFAULT_DMA_STRICT": optional(YES),  # since 5.14: a device's mappings end at once
}

OPTIONS: dict[str, Asked] = {**MEMORY, **COPIES, **CONTROL_FLOW, **DATA, **INTERFACES}


def overlay(final: AttrSet, prev: AttrSet) -> Thunks:  # noqa: ARG001 -- an overlay is called with both
    """Return every kernel of *prev* hardened."""
    return each(prev, Kernel, hardened)


def hardened(kernel: Kernel) -> Kernel:
    """Return *kernel* with what the Kernel Self Protection Project recommends."""
    return kernel.override(extra_config=OPTIONS)
