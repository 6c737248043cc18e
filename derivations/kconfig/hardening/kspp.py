"""The recommended settings of the Kernel Self Protection Project, as rules.

The list is the project's page "Recommended Settings" (kspp.github.io/Recommended_Settings), in
full for x86_64 and arm64, but for what kernels before 4.19 need; reasons and costs are in our
own words, versions from the kernel's history. Other sources are named in the rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from derivations.kconfig.language.condition import ALWAYS, Condition
from derivations.kconfig.language.values import NO, YES, Hex, optional


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.kconfig.language.values import Asked, Value


SETTINGS = "KSPP, Recommended Settings"
HARDENING_CONFIG = "Linux, kernel/configs/hardening.config"

_SIGNED = "the same bytes from every build, or a key to keep: the default key is made anew each time"
_PLUGINS = "GCC's plugin headers"


@attrs.frozen(kw_only=True)
class Rule:
    """An option, and the value that it should have.

    Attributes:
        option: Its name.
        wanted: The value.
        reason: What it protects from.
        takes: What users lose by it; empty if it is nothing but some speed.
        needs: What a kernel, its compiler or its machine may be without.
        unless: Another option with a value that makes this one pointless.
        given: Options without any of which the rule is about nothing, for what it guards is not there.
        any_of: Options of which one at least has to be there, likewise.
        instead: Other options with values that are as good.
        also: Other values that are as good.
        or_more: Whether a greater number is as good.
        condition: The versions and architectures that have it.
        source: Who recommends it.
    """

    option: str
    wanted: Value
    reason: str
    takes: str = ""
    needs: str = ""
    unless: tuple[str, Value] | None = None
    given: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    instead: tuple[tuple[str, Value], ...] = ()
    also: tuple[Value, ...] = ()
    or_more: bool = False
    condition: Condition = ALWAYS
    source: str = SETTINGS


def _rule(
    option: str,
    wanted: Value,
    reason: str,
    *,
    takes: str = "",
    needs: str = "",
    unless: tuple[str, Value] | None = None,
    since: str | None = None,
    before: str | None = None,
    source: str = SETTINGS,
    **more: Any,  # noqa: ANN401 -- fields of a rule that few have
) -> Rule:
    condition = ALWAYS
    if since is not None:
        condition &= Condition.at_least(since)
    if before is not None:
        condition &= Condition.older(before)
    return Rule(
        option=option, wanted=wanted, reason=reason, takes=takes, needs=needs,
        unless=unless, condition=condition, source=source, **more,
    )  # fmt: skip


def _on(arch: str, *rules: Rule) -> tuple[Rule, ...]:
    """Return *rules* as those of *arch* alone."""
    return tuple(attrs.evolve(it, condition=it.condition & Condition.on(arch)) for it in rules)


_MEMORY = (
    _rule("STRICT_KERNEL_RWX", YES, "no page of the kernel is both writable and executable"),
    _rule("DEBUG_WX", YES, "pages that are both are looked for at boot"),
    _rule("VMAP_STACK", YES, "a stack that overflows hits a guard page"),
    _rule("INIT_ON_ALLOC_DEFAULT_ON", YES, "allocated memory holds nothing of its last owner", since="5.3"),
    _rule("INIT_ON_FREE_DEFAULT_ON", YES, "freed memory holds nothing any more", since="5.3"),
    _rule(
        "INIT_STACK_ALL_ZERO", YES, "variables on the stack hold nothing of earlier calls", needs="GCC 12 or Clang",
        since="5.9", instead=(("INIT_STACK_ALL_PATTERN", YES),),
    ),
    _rule(
        "ZERO_CALL_USED_REGS", YES, "registers carry nothing out of a function, and gadgets lose their inputs",
        needs="GCC 11 or Clang 15", since="5.15",
    ),
    _rule("SLAB_FREELIST_RANDOM", YES, "which object is allocated next cannot be foretold"),
    _rule("SLAB_FREELIST_HARDENED", YES, "the allocator's own pointers are scrambled and checked"),
    _rule("SLAB_MERGE_DEFAULT", NO, "objects of different kinds do not share a cache"),
    _rule("RANDOM_KMALLOC_CACHES", YES, "each caller of kmalloc() has one of several caches", since="6.6", before="7.2"),
    _rule("KMALLOC_PARTITION_CACHES", YES, "each caller of kmalloc() has one of several caches", since="7.2"),
    _rule(
        "SLAB_BUCKETS", YES, "what users size has caches of its own", since="6.11", source=HARDENING_CONFIG,
    ),
    _rule("SLUB_DEBUG", YES, "the allocator's checks can be switched on at boot"),
    _rule("SHUFFLE_PAGE_ALLOCATOR", YES, "pages can be handed out in random order", since="5.2"),
    _rule("PAGE_TABLE_CHECK", YES, "no page is mapped to users twice in ways that exclude each other", since="5.17"),
    _rule("PAGE_TABLE_CHECK_ENFORCED", YES, "the check of page tables is on without being asked for at boot", since="5.17"),
    _rule("PAGE_POISONING", YES, "freed pages can be overwritten", unless=("INIT_ON_FREE_DEFAULT_ON", YES)),
    _rule(
        "PAGE_POISONING_NO_SANITY", YES, "freed pages are overwritten, but not checked when allocated, for speed", before="5.11",
        unless=("INIT_ON_FREE_DEFAULT_ON", YES),
    ),
    _rule(
        "PAGE_POISONING_ZERO", YES, "freed pages are overwritten by zeros", before="5.11",
        unless=("INIT_ON_FREE_DEFAULT_ON", YES),
    ),
    _rule("KFENCE", YES, "a sample of allocations lies between guard pages", since="5.12"),
    _rule("KFENCE_SAMPLE_INTERVAL", 100, "ten allocations a second are put between guard pages", since="5.12"),
    _rule("COMPAT_BRK", NO, "the heap of a program begins at a random place"),
)  # fmt: skip

_BOUNDS = (
    _rule("BUG", YES, "a process that trips a check is stopped"),
    _rule("BUG_ON_DATA_CORRUPTION", YES, "damaged structures stop the kernel instead of serving an attack"),
    _rule("STACKPROTECTOR", YES, "a return address behind an overflowed buffer is noticed"),
    _rule("STACKPROTECTOR_STRONG", YES, "return addresses are guarded in every function with an array, or a variable whose address is taken"),
    _rule("HARDENED_USERCOPY", YES, "copies to and from users stay inside one object"),
    _rule("HARDENED_USERCOPY_FALLBACK", NO, "copies to and from users stay inside the part of an object that may be copied", before="5.16"),
    _rule("HARDENED_USERCOPY_PAGESPAN", NO, "a debugging aid with false alarms stays off", before="5.18"),
    _rule("FORTIFY_SOURCE", YES, "str*() and mem*() stay inside what they write to"),
    _rule("UBSAN", YES, "the base of the checks of array indices"),
    _rule("UBSAN_BOUNDS", YES, "array indices are checked", since="5.7"),
    _rule(
        "UBSAN_TRAP", YES, "a wrong index stops the kernel", since="5.7",
        takes="the report of which index it was, and the machine with it: a trap instead of a warning",
    ),
    _rule("UBSAN_SANITIZE_ALL", YES, "array indices are checked in the whole kernel", before="6.9"),
    _rule("UBSAN_LOCAL_BOUNDS", YES, "indices of arrays of unknown size are checked too", needs="Clang", since="5.12"),
    _rule("UBSAN_SHIFT", NO, "of the sanitizer only what stops attacks", since="5.11"),
    _rule("UBSAN_DIV_ZERO", NO, "of the sanitizer only what stops attacks", since="5.11"),
    _rule("UBSAN_UNREACHABLE", NO, "of the sanitizer only what stops attacks", since="5.11"),
    _rule("UBSAN_SIGNED_WRAP", NO, "of the sanitizer only what stops attacks", since="6.9", before="6.15", source=HARDENING_CONFIG),
    _rule("UBSAN_BOOL", NO, "of the sanitizer only what stops attacks", since="5.11"),
    _rule("UBSAN_ENUM", NO, "of the sanitizer only what stops attacks", since="5.11"),
    _rule("UBSAN_ALIGNMENT", NO, "of the sanitizer only what stops attacks"),
    _rule("REFCOUNT_FULL", YES, "reference counters saturate instead of wrapping", before="5.5"),
    _rule("LIST_HARDENED", YES, "links of lists are checked inline", since="6.6"),
    _rule("DEBUG_LIST", YES, "links of lists are checked in full", instead=(("LIST_HARDENED", YES),)),
    _rule("DEBUG_SG", YES, "scatter-gather lists are checked"),
    _rule("DEBUG_NOTIFIERS", YES, "chains of notifiers are checked"),
    _rule("DEBUG_CREDENTIALS", YES, "credentials are checked", before="6.6"),
    _rule("DEBUG_VIRTUAL", YES, "translations of addresses are checked"),
    _rule("SCHED_STACK_END_CHECK", YES, "the end of the stack is checked at every switch"),
    _rule("WERROR", YES, "a warning of the compiler is not overlooked", since="5.15",
          takes="builds with a newer compiler, which warns of more"),
)  # fmt: skip

_LAYOUT = (
    _rule("RANDOMIZE_BASE", YES, "where the kernel lies is not known", needs="RELOCATABLE"),
    _rule("RANDOMIZE_KSTACK_OFFSET_DEFAULT", YES, "where a system call's frame lies on the stack is not known", since="5.13"),
    _rule(
        "RANDSTRUCT_FULL", YES, "the order of fields in structures is not known", since="5.19", needs=f"{_PLUGINS}, or Clang 15",
        takes="a tenth of the speed, and external modules from another build",
    ),
    _rule("GCC_PLUGINS", YES, "the base of the protections that are plugins of the compiler", needs=_PLUGINS),
    _rule(
        "GCC_PLUGIN_LATENT_ENTROPY", YES, "randomness at boot for machines without any", needs=_PLUGINS,
        takes="the same bytes from every build: the plugin draws random numbers while it compiles",
    ),
    _rule(
        "GCC_PLUGIN_STRUCTLEAK", YES, "structures for users are cleared", needs=_PLUGINS,
        unless=("INIT_STACK_ALL_ZERO", YES), before="5.2",
    ),
    _rule(
        "GCC_PLUGIN_STRUCTLEAK_BYREF_ALL", YES, "variables passed by reference are cleared", needs=_PLUGINS,
        unless=("INIT_STACK_ALL_ZERO", YES),
    ),
    _rule("GCC_PLUGIN_STACKLEAK", YES, "the stack is cleared after each system call", needs=_PLUGINS, before="6.17"),
    _rule("KSTACK_ERASE", YES, "the stack is cleared after each system call", needs=f"{_PLUGINS}, or Clang", since="6.17"),
    _rule("STACKLEAK_METRICS", NO, "how deep the stack was used is not published", before="6.17"),
    _rule("STACKLEAK_RUNTIME_DISABLE", NO, "clearing the stack cannot be switched off", before="6.17"),
)  # fmt: skip

_INTERFACES = (
    _rule("DEVMEM", NO, "physical memory is no file", takes="/dev/mem: dmidecode on old machines, flashrom"),
    _rule("STRICT_DEVMEM", YES, "/dev/mem is without the kernel's memory", unless=("DEVMEM", NO)),
    _rule("IO_STRICT_DEVMEM", YES, "/dev/mem is without the memory of devices in use", unless=("DEVMEM", NO)),
    _rule("DEVKMEM", NO, "the kernel's memory is no file", before="5.13"),
    _rule("PROC_KCORE", NO, "the kernel's memory is no file for debuggers"),
    _rule("ACPI_CUSTOM_METHOD", NO, "root writes no code into ACPI's tables", before="6.4"),
    _rule("KEXEC", NO, "the running kernel is not replaced", takes="kexec, and kdump by it"),
    _rule("HIBERNATION", NO, "the running kernel is not replaced by an image on a disk", takes="hibernation"),
    _rule("BINFMT_MISC", NO, "no interpreter is run by the look of a file", takes="programs of other machines"),
    _rule("INET_DIAG", NO, "sockets' internals are not shown", takes="most of what `ss` shows"),
    _rule("LEGACY_PTYS", NO, "terminals are those of devpts"),
    _rule("LEGACY_TIOCSTI", NO, "nobody types into another one's terminal", since="6.2"),
    _rule("LDISC_AUTOLOAD", NO, "users load no line disciplines", since="5.1"),
    _rule("SYN_COOKIES", YES, "a flood of connections does not fill the table", needs="INET", given=("INET",)),
    _rule("MODULES", NO, "root loads no code into the kernel", takes="modules"),
    _rule("STRICT_MODULE_RWX", YES, "modules' pages are not writable and executable either", unless=("MODULES", NO)),
    _rule("MODULE_SIG", YES, "modules carry a signature", takes=_SIGNED, unless=("MODULES", NO)),
    _rule("MODULE_SIG_FORCE", YES, "no module without a signature is loaded", takes="modules from elsewhere", unless=("MODULES", NO)),
    _rule("MODULE_SIG_ALL", YES, "the build signs all modules", takes=_SIGNED, unless=("MODULES", NO)),
    _rule("MODULE_SIG_SHA512", YES, "modules are signed by a strong hash", takes=_SIGNED, unless=("MODULES", NO),
          instead=tuple((f"MODULE_SIG_{it}", YES) for it in ("SHA384", "SHA3_384", "SHA3_512"))),
    _rule("MODULE_SIG_HASH", "sha512", "modules are signed by a strong hash", takes=_SIGNED, unless=("MODULES", NO),
          also=("sha384", "sha3-384", "sha3-512")),
    _rule("MODULE_SIG_KEY", "certs/signing_key.pem", "modules are signed by a key of this build", takes=_SIGNED, unless=("MODULES", NO)),
    _rule("MODULE_FORCE_LOAD", NO, "no module of another version is loaded", unless=("MODULES", NO)),
    _rule("STATIC_USERMODEHELPER", YES, "one program filters all that the kernel starts",
          takes="modprobe and core dumps, unless that program is installed"),
    _rule("MAGIC_SYSRQ_DEFAULT_ENABLE", Hex(176), "the keyboard can only sync, unmount and reboot", also=(Hex(0),),
          takes="SysRq's other keys", unless=("MAGIC_SYSRQ", NO)),
    _rule("PANIC_ON_OOPS", YES, "a kernel that went wrong does not go on", takes="machines that survive a bug in a driver"),
    _rule("PANIC_TIMEOUT", -1, "a kernel that stopped reboots at once", takes="time to read the screen"),
)  # fmt: skip

_POLICIES = (
    _rule("SECURITY", YES, "security modules can be there"),
    _rule("SECURITY_DMESG_RESTRICT", YES, "addresses in the log are root's alone"),
    _rule("SECURITY_YAMA", YES, "a process traces its children only"),
    _rule("SECURITY_LANDLOCK", YES, "programs can lock themselves in", since="5.13"),
    _rule(
        "BPF_UNPRIV_DEFAULT_OFF", YES, "only root loads BPF programs", unless=("BPF_SYSCALL", NO), since="5.13",
        source=f"{SETTINGS} (kernel.unprivileged_bpf_disabled)",
    ),
    _rule("SECCOMP", YES, "programs can give up system calls"),
    _rule("SECCOMP_FILTER", YES, "programs can give up system calls by filters", needs="NET", given=("NET",)),
    _rule("SECURITY_SELINUX_BOOTPARAM", NO, "SELinux is not switched off at boot", takes="`selinux=0`",
          unless=("SECURITY_SELINUX", NO)),
    _rule("SECURITY_SELINUX_DEVELOP", NO, "SELinux is not made permissive", takes="SELinux' permissive mode",
          unless=("SECURITY_SELINUX", NO)),
    _rule("SECURITY_SELINUX_DISABLE", NO, "SELinux is not switched off while it runs", before="6.4", unless=("SECURITY_SELINUX", NO)),
    _rule("SECURITY_SELINUX_DEBUG", NO, "SELinux does not tell its internals", since="6.5", unless=("SECURITY_SELINUX", NO)),
    _rule("SECURITY_WRITABLE_HOOKS", NO, "the table of security modules' hooks is read-only", before="6.4"),
    _rule("SECURITY_LOCKDOWN_LSM", YES, "root can be kept out of the kernel", since="5.4"),
    _rule("SECURITY_LOCKDOWN_LSM_EARLY", YES, "root can be kept out of the kernel from the first moment", since="5.4"),
    _rule("LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY", YES, "root is kept out of the kernel", since="5.4",
          takes="unsigned modules, hibernation, kexec, kprobes, most of BPF's tracing"),
    _rule("SCHED_CORE", YES, "programs can keep others off their core's second thread", needs="SCHED_SMT", given=("SCHED_SMT",), since="5.14"),
)  # fmt: skip

_DEVICES = (
    _rule("IOMMU_SUPPORT", YES, "devices reach only the memory that they were given"),
    _rule("IOMMU_DEFAULT_DMA_STRICT", YES, "devices reach memory no longer than they were allowed to", needs="an IOMMU", since="5.14"),
    _rule("IOMMU_DEFAULT_PASSTHROUGH", NO, "no device is let past the IOMMU by default", since="4.14"),
    _rule("EFI_DISABLE_PCI_DMA", YES, "no device writes to memory between the firmware and the IOMMU", needs="EFI_STUB", given=("EFI_STUB",), since="5.6"),
    _rule("RESET_ATTACK_MITIGATION", YES, "memory is cleared at a reboot", needs="EFI_STUB", given=("EFI_STUB",)),
    _rule("HW_RANDOM_TPM", YES, "a TPM feeds the pool of randomness", needs="TCG_TPM", given=("TCG_TPM",)),
    _rule("RANDOM_TRUST_BOOTLOADER", YES, "the boot loader feeds the pool of randomness", since="5.4", before="6.2"),
    _rule("RANDOM_TRUST_CPU", YES, "the processor feeds the pool of randomness", before="6.2"),
)  # fmt: skip

_X86_64 = _on(
    "x86_64",
    _rule("X86_64", YES, "64-bit pages can be not executable"),
    _rule("DEFAULT_MMAP_MIN_ADDR", 65536, "a null pointer leads nowhere", or_more=True),
    _rule("X86_MSR", NO, "the processor's registers are no file", takes="turbostat, undervolting, rdmsr"),
    _rule("RANDOMIZE_MEMORY", YES, "where the kernel maps memory is not known", needs="RANDOMIZE_BASE", given=("RANDOMIZE_BASE",)),
    _rule("X86_VSYSCALL_EMULATION", NO, "no code lies at a known place", needs="EXPERT", instead=(("LEGACY_VSYSCALL_NONE", YES),),
          takes="programs linked statically with a C library of before 2013"),
    _rule("LEGACY_VSYSCALL_NONE", YES, "no code lies at a known place", unless=("X86_VSYSCALL_EMULATION", NO)),
    _rule("COMPAT_VDSO", NO, "no code lies at a known place of 32-bit programs"),
    _rule("PAGE_TABLE_ISOLATION", YES, "the kernel's memory is not mapped while users run (Meltdown)", before="6.9"),
    _rule("MITIGATION_PAGE_TABLE_ISOLATION", YES, "the kernel's memory is not mapped while users run (Meltdown)", since="6.9"),
    _rule("SLS", YES, "no speculation behind a return", since="5.17", before="6.9"),
    _rule("MITIGATION_SLS", YES, "no speculation behind a return", since="6.9"),
    _rule("X86_KERNEL_IBT", YES, "indirect calls land where functions begin", needs="binutils 2.31", since="5.18"),
    _rule("X86_USER_SHADOW_STACK", YES, "programs can have a second stack of return addresses", needs="binutils 2.31",
          since="6.6"),
    _rule("IA32_EMULATION", NO, "the system calls of i386 are not there", takes="32-bit programs"),
    _rule("COMPAT", NO, "the system calls of 32-bit programs are not there", takes="32-bit programs"),
    _rule("X86_X32", NO, "the system calls of x32 are not there", before="5.18"),
    _rule("X86_X32_ABI", NO, "the system calls of x32 are not there", since="5.18"),
    _rule("MODIFY_LDT_SYSCALL", NO, "segments are not users' to make", needs="EXPERT", takes="16-bit programs"),
    _rule("INTEL_IOMMU", YES, "devices reach only the memory that they were given", needs="PCI and ACPI", given=("PCI", "ACPI")),
    _rule("INTEL_IOMMU_DEFAULT_ON", YES, "Intel's IOMMU is on without being asked for at boot", needs="INTEL_IOMMU", given=("INTEL_IOMMU",)),
    _rule("INTEL_IOMMU_SVM", YES, "devices work on programs' own addresses, through the IOMMU", needs="INTEL_IOMMU and PCI_PASID", given=("INTEL_IOMMU",)),
    _rule("AMD_IOMMU", YES, "devices reach only the memory that they were given", needs="PCI and ACPI", given=("PCI", "ACPI")),
    _rule("AMD_IOMMU_V2", YES, "devices work on programs' own addresses, through the IOMMU", needs="AMD_IOMMU", given=("AMD_IOMMU",), before="6.7"),
    _rule("CFI_CLANG", YES, "indirect calls reach functions of the right type only", needs="Clang 16", since="6.1",
          before="6.18"),
    _rule("CFI", YES, "indirect calls reach functions of the right type only", needs="Clang 16", since="6.18"),
    _rule("CFI_PERMISSIVE", NO, "an indirect call to a wrong function is stopped", any_of=("CFI_CLANG", "CFI"), since="6.1"),
)  # fmt: skip

_ARM64 = _on(
    "arm64",
    _rule("DEFAULT_MMAP_MIN_ADDR", 32768, "a null pointer leads nowhere", or_more=True),
    _rule("COMPAT", NO, "the system calls of 32-bit programs are not there", takes="32-bit programs"),
    _rule("ARM64_SW_TTBR0_PAN", YES, "the kernel does not follow users' pointers by mistake"),
    _rule("UNMAP_KERNEL_AT_EL0", YES, "the kernel's memory is not mapped while users run"),
    _rule("SHADOW_CALL_STACK", YES, "return addresses lie on a stack of their own", needs="GCC 12 or Clang", since="5.8"),
    _rule("UNWIND_PATCH_PAC_INTO_SCS", YES, "return addresses lie on a stack of their own where the processor does not sign them", needs="Clang 15", since="6.2"),
    _rule("ARM64_PTR_AUTH", YES, "the processor signs programs' return addresses", since="5.0"),
    _rule("ARM64_PTR_AUTH_KERNEL", YES, "the processor signs the kernel's return addresses", since="5.14"),
    _rule("ARM64_BTI", YES, "indirect branches of programs land where they may", since="5.8"),
    _rule("ARM64_BTI_KERNEL", YES, "indirect branches of the kernel land where they may", needs="Clang 12, or a GCC without bug 106671", since="5.8"),
    _rule("ARM64_MTE", YES, "memory can be tagged", since="5.10"),
    _rule("KASAN_HW_TAGS", YES, "the kernel's memory is tagged", needs="KASAN", given=("KASAN",), since="5.11",
          takes="an eighth of the memory where the processor has no tags"),
    _rule("ARM64_E0PD", YES, "whether an address is mapped cannot be told by time", since="5.6"),
    _rule("ARM64_EPAN", YES, "pages that users may only execute are not read for them", since="5.13"),
    _rule("CFI_CLANG", YES, "indirect calls reach functions of the right type only", needs="Clang 16", since="5.13",
          before="6.18"),
    _rule("CFI", YES, "indirect calls reach functions of the right type only", needs="Clang 16", since="6.18"),
    _rule("CFI_PERMISSIVE", NO, "an indirect call to a wrong function is stopped", any_of=("CFI_CLANG", "CFI"), since="5.13"),
)  # fmt: skip

RULES: tuple[Rule, ...] = (
    *(_MEMORY + _BOUNDS + _LAYOUT),
    *(_INTERFACES + _POLICIES + _DEVICES),
    *(_X86_64 + _ARM64),
)
"""All rules, in the order in which a report shows them."""


BESIDE: dict[str, dict[str, Asked]] = {
    # It selects MODULE_SIG (security/lockdown/Kconfig); a build that signs needs a key, and would differ by it.
    "SECURITY_LOCKDOWN_LSM": {"MODULE_SIG_ALL": optional(NO)},
}
"""What is asked for beside a rule's option, unless another rule has it."""


def needed(rules: Iterable[Rule]) -> list[Rule]:
    """Return *rules* without those that another one of them makes pointless."""
    kept = list(rules)
    asked = {(it.option, it.wanted) for it in kept}
    return [it for it in kept if it.unless not in asked]
