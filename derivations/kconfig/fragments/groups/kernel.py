"""Core features that every system expects: processes, memory, security, cryptography, initramfs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.fragments.tried import only_on, tried
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import MODULE, YES, Priority, when_arch, when_at_least, when_older


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Asked


PROCESSES: dict[str, Asked] = {
    # systemd's README; init/Kconfig, fs/Kconfig.binfmt
    "64BIT": YES,
    "SMP": YES,
    "MULTIUSER": YES,
    "FUTEX": YES,
    "EPOLL": YES,
    "SIGNALFD": YES,
    "TIMERFD": YES,
    "EVENTFD": YES,
    "POSIX_TIMERS": YES,
    "AIO": YES,
    "IO_URING": when_at_least("5.1", YES),
    "MEMBARRIER": YES,
    "RSEQ": YES,
    "KCMP": when_at_least("5.12", YES),
    "USERFAULTFD": YES,
    "CROSS_MEMORY_ATTACH": YES,
    "COREDUMP": YES,
    "SYSVIPC": YES,
    "POSIX_MQUEUE": YES,
    "BINFMT_ELF": YES,
    "BINFMT_SCRIPT": YES,
    "SCHED_AUTOGROUP": YES,
    "HIGH_RES_TIMERS": YES,
    "AUDIT": YES,
    "TASKSTATS": YES,  # iotop
    "TASK_DELAY_ACCT": YES,
    "TASK_XACCT": YES,
    "TASK_IO_ACCOUNTING": YES,
    "PROC_EVENTS": YES,
    "CONNECTOR": YES,
    "UNIX98_PTYS": YES,
    "IKCONFIG": YES,  # the configuration of a running kernel, in /proc/config.gz
    "IKCONFIG_PROC": YES,
}

MODULES: dict[str, Asked] = {
    # kernel/module/Kconfig, usr/Kconfig; Documentation/admin-guide/initrd.rst
    "MODULES": YES,
    "MODULE_UNLOAD": YES,
    "BLK_DEV_INITRD": YES,
    "RD_GZIP": YES,
    "RD_XZ": YES,
    "RD_LZ4": YES,
    "RD_ZSTD": when_at_least("5.9", YES),
}

MEMORY: dict[str, Asked] = {
    # mm/Kconfig; stal/IX' kernel guide asks for the multi-generational LRU, huge pages and zram
    "SWAP": YES,
    "TRANSPARENT_HUGEPAGE": YES,
    "LRU_GEN": when_at_least("6.1", YES),
    "LRU_GEN_ENABLED": when_at_least("6.1", YES),
    "COMPACTION": YES,
    "KSM": YES,
    "FRONTSWAP": when_older("5.17", YES),  # selected by ZSWAP since then
    "ZSWAP": YES,
    "HUGETLBFS": YES,
    "MEMORY_HOTPLUG": YES,
    "MEMORY_FAILURE": YES,
    "NUMA": YES,
    "BLK_DEV": YES,
    "ZSMALLOC": YES,
    "ZRAM": MODULE,
    "ZRAM_BACKEND_LZ4": when_at_least("6.12", YES),
    "ZRAM_BACKEND_ZSTD": when_at_least("6.12", YES),
}

BPF: dict[str, Asked] = {
    # kernel/bpf/Kconfig; systemd's README (IP accounting, device policies)
    "BPF_SYSCALL": YES,
    "BPF_JIT": YES,
    "BPF_JIT_ALWAYS_ON": YES,
    "BPF_UNPRIV_DEFAULT_OFF": when_at_least("5.13", YES),
    "CGROUP_BPF": YES,
    "PERF_EVENTS": YES,
    "KPROBES": YES,
    "UPROBES": YES,
    "FTRACE": YES,
    "BPF_EVENTS": YES,
}
# DEBUG_INFO_BTF is left out: it needs all debug information, and pahole before 1.26 writes types in a different order
# each time (scripts/Makefile.btf passes -j), which would make builds differ.

SECURITY: dict[str, Asked] = {
    # security/Kconfig; systemd's README; Documentation/admin-guide/LSM/
    "SECCOMP": YES,
    "SECCOMP_FILTER": YES,
    "KEYS": YES,
    "KEY_DH_OPERATIONS": YES,  # iwd
    "ENCRYPTED_KEYS": YES,
    "SECURITY": YES,
    "SECURITYFS": YES,
    "SECURITY_NETWORK": YES,
    "SECURITY_PATH": YES,
    "SECURITY_YAMA": YES,
    "SECURITY_LANDLOCK": when_at_least("5.13", YES),
    "SECURITY_APPARMOR": YES,  # along with SELinux: `lsm=` chooses the active one
    "SECURITY_SELINUX": YES,
    "STACKPROTECTOR_STRONG": YES,
    "STRICT_DEVMEM": YES,
}

CRYPTOGRAPHY: dict[str, Asked] = {
    # crypto/Kconfig; the lists of systemd's README, cryptsetup (LUKS) and iwd
    "CRYPTO": YES,
    "CRYPTO_USER_API_HASH": YES,
    "CRYPTO_USER_API_SKCIPHER": YES,
    "CRYPTO_USER_API_RNG": MODULE,
    "CRYPTO_USER_API_AEAD": MODULE,
    "CRYPTO_HMAC": YES,
    "CRYPTO_CMAC": YES,
    "CRYPTO_MD5": YES,
    "CRYPTO_SHA1": YES,
    "CRYPTO_SHA256": YES,
    "CRYPTO_SHA512": YES,
    "CRYPTO_AES": YES,
    "CRYPTO_CBC": YES,
    "CRYPTO_ECB": YES,
    "CRYPTO_CTR": YES,
    "CRYPTO_XTS": YES,
    "CRYPTO_ESSIV": when_at_least("5.4", MODULE),
    "CRYPTO_ADIANTUM": when_at_least("5.0", MODULE),
    "CRYPTO_CHACHA20POLY1305": MODULE,
    "CRYPTO_SERPENT": MODULE,
    "CRYPTO_TWOFISH": MODULE,
    "CRYPTO_DES": MODULE,
    "ASYMMETRIC_KEY_TYPE": YES,
    "ASYMMETRIC_PUBLIC_KEY_SUBTYPE": YES,
    "X509_CERTIFICATE_PARSER": YES,
    "PKCS8_PRIVATE_KEY_PARSER": when_at_least("4.20", MODULE),
    **only_on("x86_64", {"CRYPTO_AES_NI_INTEL": MODULE}),
    **only_on("arm64", {"CRYPTO_AES_ARM64_CE_BLK": YES}),
}

TROUBLE: dict[str, Asked] = {
    # diagnostics after a failure; lib/Kconfig.debug, fs/pstore/Kconfig, kernel/Kconfig.kexec
    "PRINTK": YES,
    "KALLSYMS": YES,
    "DEBUG_KERNEL": YES,
    "MAGIC_SYSRQ": YES,
    "DYNAMIC_DEBUG": YES,
    "DETECT_HUNG_TASK": YES,
    "PSTORE": YES,
    "PSTORE_RAM": MODULE,
    "EFI_VARS_PSTORE": MODULE,  # systemd-pstore; with EFI
    "KEXEC": YES,
    "KEXEC_FILE": YES,
    "CRASH_DUMP": YES,
    "PROC_VMCORE": YES,
    "SUSPEND": YES,
    "HIBERNATION": YES,
}

OPTIONS: dict[str, Asked] = {
    **PROCESSES,
    **MODULES,
    **MEMORY,
    **BPF,
    **SECURITY,
    **CRYPTOGRAPHY,
    **TROUBLE,
    # arch/x86/Kconfig: defconfig stops at 64 processors
    "NR_CPUS": when_arch("x86_64", 512),
}

FRAGMENT = tried(Fragment("common kernel", OPTIONS, priority=Priority.DEFAULT))
