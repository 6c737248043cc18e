"""The recommended settings of the Kernel Self Protection Project, as rules.

The list is the project's page "Recommended Settings" (kspp.github.io/Recommended_Settings), complete for x86_64 and
arm64 except what only kernels before 4.19 need. Reasons and costs are in our own words; versions are from the kernel's
history. Rules from other sources name them.
"""

from __future__ import annotations

import functools

from derivations.kconfig.language.values import NO, YES, Hex, optional
from derivations.kconfig.rules.rule import Rule, on
from derivations.kconfig.rules.rule import rule as _any_rule


SETTINGS = "KSPP, Recommended Settings"
HARDENING_CONFIG = "Linux, kernel/configs/hardening.config"

_SIGNED = "reproducible builds, unless you keep a key: the default key is generated for each build"
_PLUGINS = "GCC's plugin headers"

_rule = functools.partial(_any_rule, source=SETTINGS)


_MEMORY = (
    _rule("STRICT_KERNEL_RWX", YES, "no page of the kernel is both writable and executable"),
    _rule("DEBUG_WX", YES, "pages that are both writable and executable are reported at boot"),
    _rule("VMAP_STACK", YES, "a stack that overflows hits a guard page"),
    _rule("INIT_ON_ALLOC_DEFAULT_ON", YES, "allocated memory contains nothing from its last owner", since="5.3"),
    _rule("INIT_ON_FREE_DEFAULT_ON", YES, "freed memory is cleared", since="5.3"),
    _rule(
        "INIT_STACK_ALL_ZERO", YES, "stack variables contain nothing from earlier calls", needs="GCC 12 or Clang",
        since="5.9", instead=(("INIT_STACK_ALL_PATTERN", YES),),
    ),
    _rule(
        "ZERO_CALL_USED_REGS", YES, "registers leak nothing out of a function, and gadgets lose their inputs",
        needs="GCC 11 or Clang 15", since="5.15",
    ),
    _rule("SLAB_FREELIST_RANDOM", YES, "the next allocated object is unpredictable"),
    _rule("SLAB_FREELIST_HARDENED", YES, "the allocator's own pointers are scrambled and checked"),
    _rule("SLAB_MERGE_DEFAULT", NO, "objects of different kinds do not share a cache"),
    _rule("RANDOM_KMALLOC_CACHES", YES, "callers of kmalloc() are spread over several caches", since="6.6", before="7.2"),
    _rule("KMALLOC_PARTITION_CACHES", YES, "callers of kmalloc() are spread over several caches", since="7.2"),
    _rule(
        "SLAB_BUCKETS", YES, "allocations whose size users control have their own caches", since="6.11", source=HARDENING_CONFIG,
    ),
    _rule("SLUB_DEBUG", YES, "the allocator's checks can be enabled at boot"),
    _rule("SHUFFLE_PAGE_ALLOCATOR", YES, "pages can be handed out in random order", since="5.2"),
    _rule("PAGE_TABLE_CHECK", YES, "no page is mapped to users in conflicting ways", since="5.17"),
    _rule("PAGE_TABLE_CHECK_ENFORCED", YES, "page tables are checked by default, without a boot parameter", since="5.17"),
    _rule("PAGE_POISONING", YES, "freed pages can be overwritten", unless=("INIT_ON_FREE_DEFAULT_ON", YES)),
    _rule(
        "PAGE_POISONING_NO_SANITY", YES, "freed pages are overwritten, but not checked when allocated, for speed", before="5.11",
        unless=("INIT_ON_FREE_DEFAULT_ON", YES),
    ),
    _rule(
        "PAGE_POISONING_ZERO", YES, "freed pages are overwritten with zeros", before="5.11",
        unless=("INIT_ON_FREE_DEFAULT_ON", YES),
    ),
    _rule("KFENCE", YES, "a sample of allocations is placed between guard pages", since="5.12"),
    _rule("KFENCE_SAMPLE_INTERVAL", 100, "ten allocations a second are put between guard pages", since="5.12"),
    _rule("COMPAT_BRK", NO, "the heap of a program starts at a random address"),
)  # fmt: skip

_BOUNDS = (
    _rule("BUG", YES, "a process that trips a check is stopped"),
    _rule("BUG_ON_DATA_CORRUPTION", YES, "damaged structures stop the kernel instead of serving an attack"),
    _rule("STACKPROTECTOR", YES, "an overwritten return address is detected"),
    _rule("STACKPROTECTOR_STRONG", YES, "return addresses are guarded in every function with an array, or a variable whose address is taken"),
    _rule("HARDENED_USERCOPY", YES, "copies to and from users stay inside one object"),
    _rule("HARDENED_USERCOPY_FALLBACK", NO, "copies to and from users stay inside the part of an object that may be copied", before="5.16"),
    _rule("HARDENED_USERCOPY_PAGESPAN", NO, "a debugging aid with false positives stays off", before="5.18"),
    _rule("FORTIFY_SOURCE", YES, "str*() and mem*() stay inside what they write to"),
    _rule("UBSAN", YES, "required by the checks of array indices"),
    _rule("UBSAN_BOUNDS", YES, "array indices are checked", since="5.7"),
    _rule(
        "UBSAN_TRAP", YES, "a wrong index stops the kernel", since="5.7",
        takes="the report of the wrong index, and the machine: it traps instead of warning",
    ),
    _rule("UBSAN_SANITIZE_ALL", YES, "array indices are checked in the whole kernel", before="6.9"),
    _rule("UBSAN_LOCAL_BOUNDS", YES, "indices of arrays of unknown size are checked too", needs="Clang", since="5.12"),
    _rule("UBSAN_SHIFT", NO, "only the sanitizer checks that stop attacks are on", since="5.11"),
    _rule("UBSAN_DIV_ZERO", NO, "only the sanitizer checks that stop attacks are on", since="5.11"),
    _rule("UBSAN_UNREACHABLE", NO, "only the sanitizer checks that stop attacks are on", since="5.11"),
    _rule("UBSAN_SIGNED_WRAP", NO, "only the sanitizer checks that stop attacks are on", since="6.9", before="6.15", source=HARDENING_CONFIG),
    _rule("UBSAN_BOOL", NO, "only the sanitizer checks that stop attacks are on", since="5.11"),
    _rule("UBSAN_ENUM", NO, "only the sanitizer checks that stop attacks are on", since="5.11"),
    _rule("UBSAN_ALIGNMENT", NO, "only the sanitizer checks that stop attacks are on"),
    _rule("REFCOUNT_FULL", YES, "reference counters saturate instead of wrapping", before="5.5"),
    _rule("LIST_HARDENED", YES, "list links are checked inline", since="6.6"),
    _rule("DEBUG_LIST", YES, "list links are checked in full", instead=(("LIST_HARDENED", YES),)),
    _rule("DEBUG_SG", YES, "scatter-gather lists are checked"),
    _rule("DEBUG_NOTIFIERS", YES, "notifier chains are checked"),
    _rule("DEBUG_CREDENTIALS", YES, "credentials are checked", before="6.6"),
    _rule("DEBUG_VIRTUAL", YES, "address translations are checked"),
    _rule("SCHED_STACK_END_CHECK", YES, "the end of the stack is checked at every switch"),
    _rule("WERROR", YES, "compiler warnings are not overlooked", since="5.15",
          takes="builds with a newer compiler, which has more warnings"),
)  # fmt: skip

_LAYOUT = (
    _rule("RANDOMIZE_BASE", YES, "the kernel's address is unpredictable", needs="RELOCATABLE"),
    _rule("RANDOMIZE_KSTACK_OFFSET_DEFAULT", YES, "the stack offset of each system call is unpredictable", since="5.13"),
    _rule(
        "RANDSTRUCT_FULL", YES, "the order of fields in structures is unpredictable", since="5.19", needs=f"{_PLUGINS}, or Clang 15",
        takes="a tenth of the speed, and external modules from another build",
    ),
    _rule("GCC_PLUGINS", YES, "required by the protections that are compiler plugins", needs=_PLUGINS),
    _rule(
        "GCC_PLUGIN_LATENT_ENTROPY", YES, "randomness at boot for machines with no other source", needs=_PLUGINS,
        takes="reproducible builds: the plugin uses random numbers at compile time",
    ),
    _rule(
        "GCC_PLUGIN_STRUCTLEAK", YES, "structures passed to users are cleared", needs=_PLUGINS,
        unless=("INIT_STACK_ALL_ZERO", YES), before="5.2",
    ),
    _rule(
        "GCC_PLUGIN_STRUCTLEAK_BYREF_ALL", YES, "variables passed by reference are cleared", needs=_PLUGINS,
        unless=("INIT_STACK_ALL_ZERO", YES),
    ),
    _rule("GCC_PLUGIN_STACKLEAK", YES, "the stack is cleared after each system call", needs=_PLUGINS, before="6.17"),
    _rule("KSTACK_ERASE", YES, "the stack is cleared after each system call", needs=f"{_PLUGINS}, or Clang", since="6.17"),
    _rule("STACKLEAK_METRICS", NO, "stack depth is not published", before="6.17"),
    _rule("STACKLEAK_RUNTIME_DISABLE", NO, "clearing the stack cannot be turned off", before="6.17"),
)  # fmt: skip

_INTERFACES = (
    _rule("DEVMEM", NO, "physical memory is not accessible as a file", takes="/dev/mem: dmidecode on old machines, flashrom"),
    _rule("STRICT_DEVMEM", YES, "/dev/mem excludes the kernel's memory", unless=("DEVMEM", NO)),
    _rule("IO_STRICT_DEVMEM", YES, "/dev/mem excludes the memory of devices in use", unless=("DEVMEM", NO)),
    _rule("DEVKMEM", NO, "the kernel's memory is not accessible as a file", before="5.13"),
    _rule("PROC_KCORE", NO, "the kernel's memory is not accessible as a file for debuggers"),
    _rule("ACPI_CUSTOM_METHOD", NO, "root cannot write code into ACPI tables", before="6.4"),
    _rule("KEXEC", NO, "the running kernel cannot be replaced", takes="kexec, and kdump with it"),
    _rule("HIBERNATION", NO, "the running kernel cannot be replaced by an image on disk", takes="hibernation"),
    _rule("BINFMT_MISC", NO, "no interpreter is chosen by a file's content", takes="programs for other machines"),
    _rule("INET_DIAG", NO, "socket internals are not exposed", takes="most of what `ss` shows"),
    _rule("LEGACY_PTYS", NO, "terminals come from devpts only"),
    _rule("LEGACY_TIOCSTI", NO, "no process can type into another's terminal", since="6.2"),
    _rule("LDISC_AUTOLOAD", NO, "users cannot load line disciplines", since="5.1"),
    _rule("SYN_COOKIES", YES, "a SYN flood does not fill the connection table", needs="INET", given=("INET",)),
    _rule("MODULES", NO, "root cannot load code into the kernel", takes="modules"),
    _rule("STRICT_MODULE_RWX", YES, "no page of a module is both writable and executable", unless=("MODULES", NO)),
    _rule("MODULE_SIG", YES, "modules carry a signature", takes=_SIGNED, unless=("MODULES", NO)),
    _rule("MODULE_SIG_FORCE", YES, "unsigned modules are rejected", takes="modules from elsewhere", unless=("MODULES", NO)),
    _rule("MODULE_SIG_ALL", YES, "the build signs all modules", takes=_SIGNED, unless=("MODULES", NO)),
    _rule("MODULE_SIG_SHA512", YES, "modules are signed with a strong hash", takes=_SIGNED, unless=("MODULES", NO),
          instead=tuple((f"MODULE_SIG_{it}", YES) for it in ("SHA384", "SHA3_384", "SHA3_512"))),
    _rule("MODULE_SIG_HASH", "sha512", "modules are signed with a strong hash", takes=_SIGNED, unless=("MODULES", NO),
          also=("sha384", "sha3-384", "sha3-512")),
    _rule("MODULE_SIG_KEY", "certs/signing_key.pem", "modules are signed with a key of this build", takes=_SIGNED, unless=("MODULES", NO)),
    _rule("MODULE_FORCE_LOAD", NO, "modules of another version are rejected", unless=("MODULES", NO)),
    _rule("STATIC_USERMODEHELPER", YES, "one program filters everything that the kernel starts",
          takes="modprobe and core dumps, unless that program is installed"),
    _rule("MAGIC_SYSRQ_DEFAULT_ENABLE", Hex(176), "the keyboard can only sync, unmount and reboot", also=(Hex(0),),
          takes="SysRq's other keys", unless=("MAGIC_SYSRQ", NO)),
    _rule("PANIC_ON_OOPS", YES, "the kernel stops after an oops", takes="survival of driver bugs"),
    _rule("PANIC_TIMEOUT", -1, "the kernel reboots at once after a panic", takes="time to read the screen"),
)  # fmt: skip

_POLICIES = (
    _rule("SECURITY", YES, "security modules are available"),
    _rule("SECURITY_DMESG_RESTRICT", YES, "only root can read the kernel log, which contains addresses"),
    _rule("SECURITY_YAMA", YES, "a process can trace only its children"),
    _rule("SECURITY_LANDLOCK", YES, "programs can sandbox themselves", since="5.13"),
    _rule(
        "BPF_UNPRIV_DEFAULT_OFF", YES, "only root can load BPF programs", unless=("BPF_SYSCALL", NO), since="5.13",
        source=f"{SETTINGS} (kernel.unprivileged_bpf_disabled)",
    ),
    _rule("SECCOMP", YES, "programs can give up system calls"),
    _rule("SECCOMP_FILTER", YES, "programs can give up system calls by filters", needs="NET", given=("NET",)),
    _rule("SECURITY_SELINUX_BOOTPARAM", NO, "SELinux cannot be turned off at boot", takes="`selinux=0`",
          unless=("SECURITY_SELINUX", NO)),
    _rule("SECURITY_SELINUX_DEVELOP", NO, "SELinux cannot be made permissive", takes="SELinux' permissive mode",
          unless=("SECURITY_SELINUX", NO)),
    _rule("SECURITY_SELINUX_DISABLE", NO, "SELinux cannot be turned off at run time", before="6.4", unless=("SECURITY_SELINUX", NO)),
    _rule("SECURITY_SELINUX_DEBUG", NO, "SELinux does not expose its internals", since="6.5", unless=("SECURITY_SELINUX", NO)),
    _rule("SECURITY_WRITABLE_HOOKS", NO, "the table of security modules' hooks is read-only", before="6.4"),
    # It selects MODULE_SIG (security/lockdown/Kconfig); signing needs a key, which would make builds differ.
    _rule(
        "SECURITY_LOCKDOWN_LSM", YES, "root can be kept out of the kernel", since="5.4",
        along=(("MODULE_SIG_ALL", optional(NO)),),
    ),
    _rule("SECURITY_LOCKDOWN_LSM_EARLY", YES, "root can be kept out of the kernel from early boot", since="5.4"),
    _rule("LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY", YES, "root is kept out of the kernel", since="5.4",
          takes="unsigned modules, hibernation, kexec, kprobes, most of BPF's tracing"),
    _rule("SCHED_CORE", YES, "programs can keep others off the sibling thread of their core", needs="SCHED_SMT", given=("SCHED_SMT",), since="5.14"),
)  # fmt: skip

_DEVICES = (
    _rule("IOMMU_SUPPORT", YES, "devices can access only the memory assigned to them"),
    _rule("IOMMU_DEFAULT_DMA_STRICT", YES, "devices lose access to memory as soon as it is unmapped", needs="an IOMMU", since="5.14"),
    _rule("IOMMU_DEFAULT_PASSTHROUGH", NO, "no device bypasses the IOMMU by default", since="4.14"),
    _rule("EFI_DISABLE_PCI_DMA", YES, "no device can write to memory before the IOMMU is set up", needs="EFI_STUB", given=("EFI_STUB",), since="5.6"),
    _rule("RESET_ATTACK_MITIGATION", YES, "memory is cleared on reboot", needs="EFI_STUB", given=("EFI_STUB",)),
    _rule("HW_RANDOM_TPM", YES, "a TPM feeds the entropy pool", needs="TCG_TPM", given=("TCG_TPM",)),
    _rule("RANDOM_TRUST_BOOTLOADER", YES, "the boot loader feeds the entropy pool", since="5.4", before="6.2"),
    _rule("RANDOM_TRUST_CPU", YES, "the processor feeds the entropy pool", before="6.2"),
)  # fmt: skip

_X86_64 = on(
    "x86_64",
    _rule("X86_64", YES, "64-bit pages can be non-executable"),
    _rule("DEFAULT_MMAP_MIN_ADDR", 65536, "address zero cannot be mapped", or_more=True),
    _rule("X86_MSR", NO, "the processor's registers are not accessible as a file", takes="turbostat, undervolting, rdmsr"),
    _rule("RANDOMIZE_MEMORY", YES, "the addresses of the kernel's memory maps are unpredictable", needs="RANDOMIZE_BASE", given=("RANDOMIZE_BASE",)),
    _rule("X86_VSYSCALL_EMULATION", NO, "no code is at a known address", needs="EXPERT", instead=(("LEGACY_VSYSCALL_NONE", YES),),
          takes="programs linked statically with a C library from before 2013"),
    _rule("LEGACY_VSYSCALL_NONE", YES, "no code is at a known address", unless=("X86_VSYSCALL_EMULATION", NO)),
    _rule("COMPAT_VDSO", NO, "32-bit programs have no code at a known address"),
    _rule("PAGE_TABLE_ISOLATION", YES, "the kernel's memory is not mapped while users run (Meltdown)", before="6.9"),
    _rule("MITIGATION_PAGE_TABLE_ISOLATION", YES, "the kernel's memory is not mapped while users run (Meltdown)", since="6.9"),
    _rule("SLS", YES, "no speculation past a return", since="5.17", before="6.9"),
    _rule("MITIGATION_SLS", YES, "no speculation past a return", since="6.9"),
    _rule("X86_KERNEL_IBT", YES, "indirect calls can only reach the start of a function", needs="binutils 2.31", since="5.18"),
    _rule("X86_USER_SHADOW_STACK", YES, "programs can have a shadow stack for return addresses", needs="binutils 2.31",
          since="6.6"),
    _rule("IA32_EMULATION", NO, "there are no i386 system calls", takes="32-bit programs"),
    _rule("COMPAT", NO, "there are no system calls for 32-bit programs", takes="32-bit programs"),
    _rule("X86_X32", NO, "there are no x32 system calls", before="5.18"),
    _rule("X86_X32_ABI", NO, "there are no x32 system calls", since="5.18"),
    _rule("MODIFY_LDT_SYSCALL", NO, "users cannot create segments", needs="EXPERT", takes="16-bit programs"),
    _rule("INTEL_IOMMU", YES, "devices can access only the memory assigned to them", needs="PCI and ACPI", given=("PCI", "ACPI")),
    _rule("INTEL_IOMMU_DEFAULT_ON", YES, "Intel's IOMMU is on by default, without a boot parameter", needs="INTEL_IOMMU", given=("INTEL_IOMMU",)),
    _rule("INTEL_IOMMU_SVM", YES, "devices can use a program's own addresses, through the IOMMU", needs="INTEL_IOMMU and PCI_PASID", given=("INTEL_IOMMU",)),
    _rule("AMD_IOMMU", YES, "devices can access only the memory assigned to them", needs="PCI and ACPI", given=("PCI", "ACPI")),
    _rule("AMD_IOMMU_V2", YES, "devices can use a program's own addresses, through the IOMMU", needs="AMD_IOMMU", given=("AMD_IOMMU",), before="6.7"),
    _rule("CFI_CLANG", YES, "indirect calls can only reach functions of the right type", needs="Clang 16", since="6.1",
          before="6.18"),
    _rule("CFI", YES, "indirect calls can only reach functions of the right type", needs="Clang 16", since="6.18"),
    _rule("CFI_PERMISSIVE", NO, "an indirect call to a wrong function is fatal", any_of=("CFI_CLANG", "CFI"), since="6.1"),
)  # fmt: skip

_ARM64 = on(
    "arm64",
    _rule("DEFAULT_MMAP_MIN_ADDR", 32768, "address zero cannot be mapped", or_more=True),
    _rule("COMPAT", NO, "there are no system calls for 32-bit programs", takes="32-bit programs"),
    _rule("ARM64_SW_TTBR0_PAN", YES, "the kernel cannot dereference user pointers by mistake"),
    _rule("UNMAP_KERNEL_AT_EL0", YES, "the kernel's memory is not mapped while users run"),
    _rule("SHADOW_CALL_STACK", YES, "return addresses are on a separate stack", needs="GCC 12 or Clang", since="5.8"),
    _rule("UNWIND_PATCH_PAC_INTO_SCS", YES, "return addresses are on a separate stack if the processor does not sign them", needs="Clang 15", since="6.2"),
    _rule("ARM64_PTR_AUTH", YES, "the processor signs programs' return addresses", since="5.0"),
    _rule("ARM64_PTR_AUTH_KERNEL", YES, "the processor signs the kernel's return addresses", since="5.14"),
    _rule("ARM64_BTI", YES, "indirect branches in programs can only reach valid targets", since="5.8"),
    _rule("ARM64_BTI_KERNEL", YES, "indirect branches in the kernel can only reach valid targets", needs="Clang 12, or a GCC without bug 106671", since="5.8"),
    _rule("ARM64_MTE", YES, "memory can be tagged", since="5.10"),
    _rule("KASAN_HW_TAGS", YES, "the kernel's memory is tagged", needs="KASAN", given=("KASAN",), since="5.11",
          takes="an eighth of the memory if the processor has no tags"),
    _rule("ARM64_E0PD", YES, "timing does not reveal whether an address is mapped", since="5.6"),
    _rule("ARM64_EPAN", YES, "the kernel cannot read execute-only user pages", since="5.13"),
    _rule("CFI_CLANG", YES, "indirect calls can only reach functions of the right type", needs="Clang 16", since="5.13",
          before="6.18"),
    _rule("CFI", YES, "indirect calls can only reach functions of the right type", needs="Clang 16", since="6.18"),
    _rule("CFI_PERMISSIVE", NO, "an indirect call to a wrong function is fatal", any_of=("CFI_CLANG", "CFI"), since="5.13"),
)  # fmt: skip

RULES: tuple[Rule, ...] = (
    *(_MEMORY + _BOUNDS + _LAYOUT),
    *(_INTERFACES + _POLICIES + _DEVICES),
    *(_X86_64 + _ARM64),
)
"""All rules, in the order of a report."""
