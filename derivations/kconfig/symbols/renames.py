"""Options that were renamed or removed, or lost their prompt: data, with its source.

A tree knows only the options that it has. What became of an option of an older guide is in the kernel's history: the
entries below give the title of the commit, as `git log --grep` finds it. All others that were removed between the trees
of Debian's linux-source packages are in `removals.txt`, which `python -m tests.removals.write` generates from these
trees, and for versions before them from whole configurations; for them only the two versions between which they were
removed are known, and the new name only where that is certain.
"""

from __future__ import annotations

import functools
import re

from pathlib import Path
from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.kconfig.symbols.model import Model


@attrs.frozen(kw_only=True)
class Replacement:
    """What became of the option *old*.

    Attributes:
        old: The old name.
        new: What to request instead; empty if unnecessary or impossible.
        since: The first version with the change; without *commit*, the first known to have it.
        commit: The title of the commit.
        last: Without *commit*, the last version known to lack the change; empty if none is.
        note: Advice, a clause.
    """

    old: str
    new: tuple[str, ...] = ()
    since: str
    commit: str = ""
    last: str = ""
    note: str = ""

    def applies(self, version: str) -> bool:
        """Return whether a kernel of *version* has the change; between two versions, where that is unknown, True."""
        if not self.commit:
            return _series(version) > _series(self.last)  # of no series at all, without *last*
        return _series(version) >= _series(self.since)

    def when(self, version: str) -> str:
        """Return when the change came to a kernel of *version*, and the source of that."""
        if self.commit:
            return f"in {self.since} (“{self.commit}”)"
        latest = min(self.since, ".".join(map(str, _series(version))), key=_series)
        return f"after {self.last}, in {latest} at the latest" if self.last else f"in {latest} or before"


def _series(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:2]]


def _renamed(since: str, commit: str, **names: str) -> list[Replacement]:
    return [Replacement(old=old, new=(new,), since=since, commit=commit) for old, new in names.items()]


def _gone(since: str, commit: str, note: str, *names: str) -> list[Replacement]:
    return [Replacement(old=old, since=since, commit=commit, note=note) for old in names]


def _lost(note: str, *names: str) -> list[Replacement]:
    return [Replacement(old=old, last="4.19", since="5.10", note=note) for old in names]


def _old_name(**names: str) -> list[Replacement]:
    return [Replacement(old=old, new=tuple(new.split()), since=_OLDEST) for old, new in names.items()]


def _old(note: str, *names: str) -> list[Replacement]:
    return [Replacement(old=old, since=_OLDEST, note=note) for old in names]


_OLDEST = "5.10"
"""The oldest tree of `removals.txt`: an option that it lacks was removed there or before."""

_MITIGATION = "x86/bugs: Rename CONFIG_{} => CONFIG_{}"
_MITIGATIONS = {
    "CALL_DEPTH_TRACKING": "MITIGATION_CALL_DEPTH_TRACKING",
    "CPU_IBPB_ENTRY": "MITIGATION_IBPB_ENTRY",
    "CPU_IBRS_ENTRY": "MITIGATION_IBRS_ENTRY",
    "CPU_SRSO": "MITIGATION_SRSO",
    "CPU_UNRET_ENTRY": "MITIGATION_UNRET_ENTRY",
    "PAGE_TABLE_ISOLATION": "MITIGATION_PAGE_TABLE_ISOLATION",
    "RETHUNK": "MITIGATION_RETHUNK",
    "RETPOLINE": "MITIGATION_RETPOLINE",
    "SLS": "MITIGATION_SLS",
}

CHANGES: tuple[Replacement, ...] = (
    *(
        Replacement(old=old, new=(new,), since="6.9", commit=_MITIGATION.format(old, new))
        for old, new in _MITIGATIONS.items()
    ),
    *_renamed(
        "4.11", "arch: Rename CONFIG_DEBUG_RODATA and CONFIG_DEBUG_MODULE_RONX",
        DEBUG_RODATA="STRICT_KERNEL_RWX", DEBUG_SET_MODULE_RONX="STRICT_MODULE_RWX",
    ),
    *_renamed(
        "4.11", "perf/core: Rename CONFIG_[UK]PROBE_EVENT to CONFIG_[UK]PROBE_EVENTS",
        KPROBE_EVENT="KPROBE_EVENTS", UPROBE_EVENT="UPROBE_EVENTS",
    ),
    *_renamed(
        "4.15", "x86/unwind: Rename unwinder config options to 'CONFIG_UNWINDER_*'",
        FRAME_POINTER_UNWINDER="UNWINDER_FRAME_POINTER", GUESS_UNWINDER="UNWINDER_GUESS", ORC_UNWINDER="UNWINDER_ORC",
    ),
    *_renamed(
        "4.18", "Kbuild: rename CC_STACKPROTECTOR[_STRONG] config variables",
        CC_STACKPROTECTOR="STACKPROTECTOR", CC_STACKPROTECTOR_REGULAR="STACKPROTECTOR",
        CC_STACKPROTECTOR_STRONG="STACKPROTECTOR_STRONG",
    ),
    *_renamed("4.19", "netfilter: conntrack: remove l3proto abstraction",
              NF_CONNTRACK_IPV4="NF_CONNTRACK", NF_CONNTRACK_IPV6="NF_CONNTRACK"),
    *_renamed("5.1", "netfilter: nat: merge nf_nat_ipv4,6 into nat core", NF_NAT_IPV4="NF_NAT", NF_NAT_IPV6="NF_NAT"),
    *_renamed("5.9", "security: allow using Clang's zero initialization for stack variables",
              INIT_STACK_ALL="INIT_STACK_ALL_PATTERN"),
    *_renamed("5.18", "x86: Remove toolchain check for X32 ABI capability", X86_X32="X86_X32_ABI"),
    *_renamed(
        "5.19", "randstruct: Reorganize Kconfigs and attribute macros",
        GCC_PLUGIN_RANDSTRUCT="RANDSTRUCT_FULL", GCC_PLUGIN_RANDSTRUCT_PERFORMANCE="RANDSTRUCT_PERFORMANCE",
    ),
    *_renamed("6.0", "efi: vars: Remove deprecated 'efivars' sysfs interface", EFI_VARS="EFIVAR_FS"),
    *_renamed("6.6", "treewide: drop CONFIG_EMBEDDED", EMBEDDED="EXPERT"),
    *_renamed("6.6", "x86/microcode: Hide the config knob", MICROCODE_AMD="MICROCODE", MICROCODE_INTEL="MICROCODE"),
    *_renamed("6.7", "iommu/amd: Remove iommu_v2 module", AMD_IOMMU_V2="AMD_IOMMU"),
    *_renamed("6.8", "mm/slab: remove CONFIG_SLAB from all Kconfig and Makefile", DEBUG_SLAB="SLUB_DEBUG", SLAB="SLUB"),
    *_renamed("6.10", "usb: misc: onboard_usb_hub: rename to onboard_usb_dev", USB_ONBOARD_HUB="USB_ONBOARD_DEV"),
    *_renamed("6.11", "mm: remove CONFIG_MEMCG_KMEM", MEMCG_KMEM="MEMCG"),
    *_renamed("7.0", "NFS: Merge CONFIG_NFS_V4_1 with CONFIG_NFS_V4", NFS_V4_1="NFS_V4"),
    *_renamed("7.2", "slab: support for compiler-assisted type-based slab cache partitioning",
              RANDOM_KMALLOC_CACHES="KMALLOC_PARTITION_CACHES"),
    Replacement(
        old="DEBUG_INFO", since="5.18", commit="Kconfig.debug: make DEBUG_INFO selectable from a choice",
        new=("DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT", "DEBUG_INFO_DWARF5", "DEBUG_INFO_DWARF4"),
        note="it no longer has a prompt; the choice of a DWARF version selects it",
    ),
    Replacement(
        old="SLOB", since="6.4", commit="mm/slob: remove CONFIG_SLOB", new=("SLUB_TINY",),
        note="SLUB_TINY is for machines with little memory",
    ),
    Replacement(
        old="IOSCHED_DEADLINE", since="5.0", commit="block: remove legacy IO schedulers", new=("MQ_IOSCHED_DEADLINE",),
    ),
    *_gone("5.0", "block: remove legacy IO schedulers", "its counterpart is BFQ", "IOSCHED_CFQ"),
    *_gone("4.7", "devpts: Make each mount of devpts an independent filesystem",
           "every mount of devpts is its own instance now; leave it out", "DEVPTS_MULTIPLE_INSTANCES"),
    *_gone("5.5", "locking/refcount: Consolidate implementations of refcount_t",
           "full checks are always on; leave it out", "REFCOUNT_FULL"),
    *_gone("5.13", "drivers/char: remove /dev/kmem for good", "/dev/kmem was removed; leave it out", "DEVKMEM"),
    *_gone("5.16", "mm: remove HARDENED_USERCOPY_FALLBACK", "the fallback was removed; leave it out",
           "HARDENED_USERCOPY_FALLBACK"),
    *_gone("6.1", "mm: memcontrol: drop dead CONFIG_MEMCG_SWAP config symbol",
           "MEMCG accounts for swap by itself; leave it out", "MEMCG_SWAP"),
    *_gone("6.2", "random: use random.trust_{bootloader,cpu} command line option only",
           "the command line decides: random.trust_cpu, random.trust_bootloader", "RANDOM_TRUST_CPU", "RANDOM_TRUST_BOOTLOADER"),
    *_gone("6.2", "netfilter: nft_objref: make it builtin", "it is a part of NF_TABLES; leave it out", "NFT_OBJREF"),
    *_gone("6.4", "driver core: remove CONFIG_SYSFS_DEPRECATED and CONFIG_SYSFS_DEPRECATED_V2",
           "the old layout of sysfs is gone; leave it out", "SYSFS_DEPRECATED", "SYSFS_DEPRECATED_V2"),
    *_gone("6.4", "selinux: remove the runtime disable functionality",
           "SELinux can no longer be disabled at run time; boot with selinux=0", "SECURITY_SELINUX_DISABLE"),
    *_gone("6.5", "x86/cpu: Remove X86_FEATURE_NAMES", "the names are always built in; leave it out", "X86_FEATURE_NAMES"),
    *_gone("6.9", "ubsan: Remove CONFIG_UBSAN_SANITIZE_ALL", "UBSAN alone does it; leave it out", "UBSAN_SANITIZE_ALL"),
    # Changes before the oldest tree in `removals.txt`, or known more exactly than from the trees. The commits are those that
    # Lukas Bulwahn collected on linux-kernel, 2022-09-29, “Update config files to current config definitions”.
    *_renamed("2.6.39", "netfilter: ipt_addrtype: rename to xt_addrtype", IP_NF_MATCH_ADDRTYPE="NETFILTER_XT_MATCH_ADDRTYPE"),
    *_renamed("3.4", "netfilter: merge ipt_LOG and ip6_LOG into xt_LOG", IP_NF_TARGET_LOG="NETFILTER_XT_TARGET_LOG"),
    *_renamed("4.0", "vfs,ext2: remove CONFIG_EXT2_FS_XIP and rename CONFIG_FS_XIP to CONFIG_FS_DAX", EXT2_FS_XIP="FS_DAX"),
    *_renamed("4.11", "cpufreq: Remove CONFIG_CPU_FREQ_STAT_DETAILS config option", CPU_FREQ_STAT_DETAILS="CPU_FREQ_STAT"),
    *_renamed("4.19", "net: ethernet: Add missing VENDOR to Cadence and Packet Engines symbols", NET_CADENCE="NET_VENDOR_CADENCE"),
    *_renamed("4.20", "remoteproc: qcom: Rename Hexagon v5 PAS driver", QCOM_ADSP_PIL="QCOM_Q6V5_PAS"),
    *_renamed("5.2", "mtd: rawnand: Clarify Kconfig entry MTD_NAND", MTD_NAND="MTD_RAW_NAND"),
    *_renamed("5.4", "mtd: spi-nor: Move m25p80 code in spi-nor.c", MTD_M25P80="MTD_SPI_NOR"),
    *_renamed("5.6", "thunderbolt: Update Kconfig entries to USB4", THUNDERBOLT="USB4"),
    *_renamed("5.9", "net: mscc: ocelot: rename MSCC_OCELOT_SWITCH_OCELOT to MSCC_OCELOT_SWITCH",
              MSCC_OCELOT_SWITCH_OCELOT="MSCC_OCELOT_SWITCH"),
    *_gone("3.11", "Finally eradicate CONFIG_HOTPLUG", "hotplug is always built in; leave it out", "HOTPLUG"),
    *_gone("3.13", "ipv6: Remove privacy config option.", "privacy extensions are always built in; leave it out", "IPV6_PRIVACY"),
    *_gone("3.17", "scsi: Remove CONFIG_SCSI_MULTI_LUN", "all LUNs are probed; leave it out", "SCSI_MULTI_LUN"),
    *_gone("3.19", "PM: Eliminate CONFIG_PM_RUNTIME", "PM alone does it; leave it out", "PM_RUNTIME"),
    *_gone("4.3", "fs: Remove ext3 filesystem driver", "EXT4_FS mounts ext3", "EXT3_DEFAULTS_TO_ORDERED", "EXT3_FS_XATTR"),
    *_gone("4.11", "time: Remove CONFIG_TIMER_STATS", "tracing reports the same", "TIMER_STATS"),
    *_gone("4.15", "sound: Retire OSS", "ALSA's emulation is SND_MIXER_OSS and SND_PCM_OSS", "SOUND_OSS", "SOUND_PRIME"),
    *_gone("4.16", "net: tcp: Remove TCP probe module", "tracing reports the same", "NET_TCPPROBE"),
    *_gone("4.18", "kbuild: remove CONFIG_CROSS_COMPILE support", "the toolchain determines it; leave it out", "CROSS_COMPILE"),
    *_gone("4.19", "cifs: simple stats should always be enabled", "they are always available; leave it out", "CIFS_STATS"),
    *_gone("5.0", "scsi: kill off the legacy IO path", "multiple queues are the only path; leave it out", "SCSI_MQ_DEFAULT"),
    *_gone("5.0", "block: remove legacy IO schedulers", "running without a scheduler is now named `none`; leave it out", "IOSCHED_NOOP"),
    *_gone("5.0", "block: remove legacy IO schedulers", "its counterpart is BFQ_GROUP_IOSCHED", "CFQ_GROUP_IOSCHED"),
    *_gone("5.1", "scsi: fs: remove exofs", "the file system is gone", "EXOFS_FS"),
    *_gone("5.1", "scsi: remove the SCSI OSD library", "the library is gone", "SCSI_OSD_INITIATOR", "SCSI_OSD_ULD"),
    *_gone("5.1", "staging: xgifb: delete the driver", "the driver is gone", "FB_XGI"),
    *_gone("5.2", "block: remove CONFIG_LBDAF", "sectors are always 64 bits wide; leave it out", "LBDAF"),
    *_gone("5.2", "xfrm: make xfrm modes builtin", "the modes are always built in; leave it out",
           "INET_XFRM_MODE_BEET", "INET_XFRM_MODE_TRANSPORT", "INET_XFRM_MODE_TUNNEL", "INET6_XFRM_MODE_BEET",
           "INET6_XFRM_MODE_ROUTEOPTIMIZATION", "INET6_XFRM_MODE_TRANSPORT", "INET6_XFRM_MODE_TUNNEL"),
    *_gone("5.2", "video: backlight: Remove useless BACKLIGHT_LCD_SUPPORT kernel symbol", "it did nothing; leave it out",
           "BACKLIGHT_LCD_SUPPORT"),
    *_gone("5.3", "scsi: osst: kill obsolete driver", "CHR_DEV_ST drives what is left", "CHR_DEV_OSST"),
    *_gone("5.4", "drm/tinydrm/Kconfig: Remove menuconfig DRM_TINYDRM", "its drivers need no replacement; leave it out",
           "DRM_TINYDRM"),
    *_gone("5.4", "net/wan: dscc4: remove broken dscc4 driver", "the driver is gone", "DSCC4"),
    *_gone("5.5", "kbuild: move headers_check rule to usr/include/Makefile", "the build does it; leave it out", "HEADERS_CHECK"),
    *_gone("5.5", "PCI/ASPM: Remove PCIEASPM_DEBUG Kconfig option and related code", "sysfs has it; leave it out", "PCIEASPM_DEBUG"),
    *_gone("5.6", "x86/mpx: remove MPX from arch/x86", "processors no longer have it", "X86_INTEL_MPX"),
    *_gone("5.6", "i2c: parport-light: remove driver", "I2C_PARPORT drives these adapters", "I2C_PARPORT_LIGHT"),
    *_gone("5.7", "staging: remove hp100 driver", "the driver is gone", "HP100", "NET_VENDOR_HP"),
    *_gone("5.7", "Staging: remove wusbcore and UWB from the kernel tree.", "wireless USB is gone", "USB_WUSB_CBAF"),
    *_gone("5.8", "Input: remove msm-vibrator driver", "the driver is gone", "INPUT_MSM_VIBRATOR"),
    *_gone("5.11", "Compiler Attributes: remove CONFIG_ENABLE_MUST_CHECK", "it is always on; leave it out", "ENABLE_MUST_CHECK"),
    *_gone("5.12", "crypto: salsa20 - remove Salsa20 stream cipher algorithm", "CRYPTO_CHACHA20 is its successor", "CRYPTO_SALSA20"),
    *_gone("5.12", "crypto: tgr192 - remove Tiger 128/160/192 hash algorithms", "the algorithm is gone", "CRYPTO_TGR192"),
    *_gone("5.14", "ide: remove the legacy ide driver", "libata drives these disks: ATA", "BLK_DEV_IDECD"),
    *_gone("5.14", "remove the raw driver", "O_DIRECT does the same", "RAW_DRIVER"),
    *_gone("5.16", "block: remove support for cryptoloop and the xor transfer", "DM_CRYPT does it", "BLK_DEV_CRYPTOLOOP"),
    *_gone("5.17", "netfilter: nf_tables: make counter support built-in", "it is a part of NF_TABLES; leave it out", "NFT_COUNTER"),
    *_gone("5.18", "staging: remove ashmem", "memfd is its successor", "ASHMEM"),
    *_gone("6.0", "eth: remove neterion/vxge", "the driver is gone", "VXGE"),
    *_gone("6.0", "scsi: dpt_i2o: Remove obsolete driver", "the driver is gone", "SCSI_DPT_I2O"),
    *_gone("6.1", "Remove DECnet support from kernel", "the protocol is gone", "DECNET"),
    # Options of 4.19 or older that the oldest tree of `removals.txt` lacks; the titles are from the commits' own mails and from
    # mails that cite them.
    *_renamed("4.15", "mm: slabinfo: remove CONFIG_SLABINFO", SLABINFO="SLUB_DEBUG"),
    *_renamed("4.19", "net: ethernet: Add missing VENDOR to Cadence and Packet Engines symbols",
              NET_PACKET_ENGINE="NET_VENDOR_PACKET_ENGINES"),
    *_renamed("5.0", "x86/resctrl: Rename the config option INTEL_RDT to RESCTRL", INTEL_RDT="X86_CPU_RESCTRL"),
    *_renamed("5.0", "x86/resctrl: Avoid confusion over the new X86_RESCTRL config",
              RESCTRL="X86_CPU_RESCTRL", X86_RESCTRL="X86_CPU_RESCTRL"),
    *_renamed("5.1", "netfilter: nat: merge ipv4 and ipv6 masquerade functionality",
              NF_NAT_MASQUERADE_IPV4="NF_NAT_MASQUERADE", NF_NAT_MASQUERADE_IPV6="NF_NAT_MASQUERADE"),
    *_renamed("5.2", "netfilter: nf_tables: merge ipv4 and ipv6 nat chain types",
              NFT_CHAIN_NAT_IPV4="NFT_NAT", NFT_CHAIN_NAT_IPV6="NFT_NAT"),
    *_renamed("5.2", "netfilter: nft_masq: add inet support", NFT_MASQ_IPV4="NFT_MASQ", NFT_MASQ_IPV6="NFT_MASQ"),
    *_renamed("5.2", "netfilter: nft_redir: add inet support", NFT_REDIR_IPV4="NFT_REDIR", NFT_REDIR_IPV6="NFT_REDIR"),
    *_gone("5.3", "mm: rename CONFIG_HAVE_GENERIC_GUP to CONFIG_HAVE_FAST_GUP",
           "architectures select what replaces it; leave it out", "HAVE_GENERIC_GUP"),
    *_renamed("5.5", "x86/Kconfig: Rename UMIP config parameter", X86_INTEL_UMIP="X86_UMIP"),
    *_renamed("5.5", 'crypto: skcipher - remove the "blkcipher" algorithm type',
              CRYPTO_BLKCIPHER="CRYPTO_SKCIPHER", CRYPTO_BLKCIPHER2="CRYPTO_SKCIPHER2"),
    *_gone("3.16", "memcg: kill CONFIG_MM_OWNER", "MEMCG alone does it; leave it out", "MM_OWNER"),
    *_gone("3.18", "kernel: res_counter: remove the unused API", "MEMCG alone does it; leave it out", "RESOURCE_COUNTERS"),
    *_gone("4.14", "x86/lguest: Remove lguest support", "KVM is its successor", "LGUEST", "LGUEST_GUEST"),
    *_gone("4.15", "cfg80211: reg: remove support for built-in regdb", "the database is now a firmware file, regulatory.db",
           "CFG80211_INTERNAL_REGDB"),
    *_gone("4.16", "firmware: Drop FIRMWARE_IN_KERNEL Kconfig option", "EXTRA_FIRMWARE names the files; leave it out",
           "FIRMWARE_IN_KERNEL"),
    *_gone("4.17", "staging: irda: remove the irda network stack and drivers", "the protocol is gone", "IRDA", "IRNET"),
    *_gone("4.18", "staging: ipx: delete it from the tree", "the protocol is gone", "IPX"),
    *_gone("4.18", "staging: ncpfs: delete it", "the file system is gone", "NCP_FS"),
    *_gone("4.18", "lib/ubsan: remove null-pointer checks", "the processor detects these; leave it out", "UBSAN_NULL"),
    *_gone("4.18", "crypto: x86/salsa20 - remove x86 salsa20 implementations", "CRYPTO_CHACHA20 is its successor",
           "CRYPTO_SALSA20_586", "CRYPTO_SALSA20_X86_64"),
    *_gone("4.20", "crypto: speck - remove Speck", "the algorithm is gone; CRYPTO_ADIANTUM is for such machines", "CRYPTO_SPECK"),
    *_gone("4.20", "crypto: x86 - remove SHA multibuffer routines and mcryptd", "the driver is gone; leave it out",
           "CRYPTO_MCRYPTD", "CRYPTO_SHA1_MB", "CRYPTO_SHA256_MB", "CRYPTO_SHA512_MB"),
    *_gone("4.20", "mm: remove CONFIG_NO_BOOTMEM", "it is always on; leave it out", "NO_BOOTMEM"),
    *_gone("4.20", "mm: remove CONFIG_HAVE_MEMBLOCK", "it is always on; leave it out", "HAVE_MEMBLOCK"),
    *_gone("5.0", "block: remove legacy IO schedulers", "a scheduler is chosen for each disk, in sysfs; leave it out",
           "DEFAULT_CFQ", "DEFAULT_DEADLINE", "DEFAULT_IOSCHED", "DEFAULT_NOOP"),
    *_gone("5.0", "dm: remove legacy request-based IO path", "multiple queues are the only path; leave it out", "DM_MQ_DEFAULT"),
    *_gone("5.1", "apparmor: Remove SECURITY_APPARMOR_BOOTPARAM_VALUE", "LSM says which modules there are, in order; leave it out",
           "SECURITY_APPARMOR_BOOTPARAM_VALUE"),
    *_gone("5.1", "selinux: Remove SECURITY_SELINUX_BOOTPARAM_VALUE", "LSM says which modules there are, in order; leave it out",
           "SECURITY_SELINUX_BOOTPARAM_VALUE"),
    *_gone("5.2", "netfilter: nf_tables: merge route type into core", "it is a part of NF_TABLES; leave it out",
           "NFT_CHAIN_ROUTE_IPV4", "NFT_CHAIN_ROUTE_IPV6"),
    *_gone("5.2", "locking/rwsem: Remove rwsem-spinlock.c & use rwsem-xadd.c for all archs", "only one implementation is left; leave it out",
           "RWSEM_GENERIC_SPINLOCK", "RWSEM_XCHGADD_ALGORITHM"),
    *_gone("5.3", "xen: remove tmem driver", "the driver is gone", "XEN_SELFBALLOONING", "XEN_TMEM"),
    *_gone("5.3", "isdn: remove hisax driver", "mISDN has drivers for some of these cards", "ISDN_DRV_HISAX"),
    *_gone("5.3", "isdn: remove isdn4linux", "mISDN is its successor", "ISDN_I4L"),
    *_gone("5.4", "crypto: aegis128l/aegis256 - remove x86 and generic implementations", "CRYPTO_AEGIS128 is the only variant left",
           "CRYPTO_AEGIS128L", "CRYPTO_AEGIS128L_AESNI_SSE2", "CRYPTO_AEGIS256", "CRYPTO_AEGIS256_AESNI_SSE2"),
    *_gone("5.4", "crypto: morus - remove generic and x86 implementations", "the algorithm is gone",
           "CRYPTO_MORUS1280", "CRYPTO_MORUS1280_AVX2", "CRYPTO_MORUS1280_GLUE", "CRYPTO_MORUS1280_SSE2",
           "CRYPTO_MORUS640", "CRYPTO_MORUS640_GLUE", "CRYPTO_MORUS640_SSE2"),
    *_gone("5.4", "crypto: x86/aes - drop scalar assembler implementations", "CRYPTO_AES is as fast; leave it out",
           "CRYPTO_AES_586", "CRYPTO_AES_X86_64"),
    *_gone("5.5", "x86: Remove the calgary IOMMU driver", "the driver is gone", "CALGARY_IOMMU", "CALGARY_IOMMU_ENABLED_BY_DEFAULT"),
    *_gone("5.5", "sysctl: Remove the sysctl system call", "/proc/sys replaces it; leave it out", "SYSCTL_SYSCALL"),
    *_gone("5.5", "KEYS: remove CONFIG_KEYS_COMPAT", "COMPAT alone does it; leave it out", "KEYS_COMPAT"),
    *_gone("5.7", "compiler: remove CONFIG_OPTIMIZE_INLINING entirely", "the compiler always decides; leave it out", "OPTIMIZE_INLINING"),
    *_gone("5.7", "netfilter: nf_tables: make sets built-in", "they are a part of NF_TABLES; leave it out", "NF_TABLES_SET"),
    *_gone("5.7", "Staging: remove wusbcore and UWB from the kernel tree.", "wireless USB is gone",
           "USB_HWA_HCD", "USB_WHCI_HCD", "USB_WUSB", "UWB", "UWB_HWA", "UWB_I1480U", "UWB_WHCI"),
    *_gone("5.8", "mm: remove CONFIG_TRANSPARENT_HUGE_PAGECACHE", "TRANSPARENT_HUGEPAGE alone does it; leave it out",
           "TRANSPARENT_HUGE_PAGECACHE"),
    *_gone("5.8", "mm: memcontrol: make swap tracking an integral part of memory control", "MEMCG alone does it; leave it out",
           "MEMCG_SWAP_ENABLED"),
    *_gone("5.8", "mm: remove CONFIG_HAVE_MEMBLOCK_NODE_MAP option", "it is always on; leave it out", "HAVE_MEMBLOCK_NODE_MAP"),
    *_gone("5.9", "arch: rename copy_thread_tls() back to copy_thread()", "it is always on; leave it out", "HAVE_COPY_THREAD_TLS"),
    *_renamed("5.4", "kexec_file: split KEXEC_VERIFY_SIG into KEXEC_SIG and KEXEC_SIG_FORCE", KEXEC_VERIFY_SIG="KEXEC_SIG"),
    *_renamed("5.4", "lib/plist: rename DEBUG_PI_LIST to DEBUG_PLIST", DEBUG_PI_LIST="DEBUG_PLIST"),
    *_renamed("5.6", "x86: mm: convert dump_pagetables to use walk_page_range",
              X86_PTDUMP="PTDUMP_DEBUGFS"),
    *_gone("5.6", "x86: mm: convert dump_pagetables to use walk_page_range",
           "PTDUMP_DEBUGFS selects what replaces it; leave it out", "X86_PTDUMP_CORE"),
    *_renamed("5.6", "arm64: mm: convert mm/dump.c to use walk_page_range()", ARM64_PTDUMP_DEBUGFS="PTDUMP_DEBUGFS"),
    *_gone("5.6", "arm64: mm: convert mm/dump.c to use walk_page_range()",
           "PTDUMP_DEBUGFS selects what replaces it; leave it out", "ARM64_PTDUMP_CORE"),
    *_renamed("5.8", "platform/x86: intel_pmc_ipc: Convert to MFD", INTEL_PMC_IPC="MFD_INTEL_PMC_BXT"),
    *_renamed("5.10", "rcuperf: Change rcuperf to rcuscale", RCU_PERF_TEST="RCU_SCALE_TEST"),
    *_gone("4.13", "mm, memory_hotplug: drop CONFIG_MOVABLE_NODE", "it is always on; leave it out", "MOVABLE_NODE"),
    *_gone("4.17", 'x86/vsyscall/64: Drop "native" vsyscalls', "LEGACY_VSYSCALL_XONLY does nearly the same",
           "LEGACY_VSYSCALL_NATIVE"),
    *_gone("5.2", "net: dsa: Remove legacy probing support", "drivers are found by the device tree; leave it out", "NET_DSA_LEGACY"),
    *_gone("5.3", "isdn: remove hisax driver", "mISDN has drivers for some of these cards",
           "HISAX_EURO", "HISAX_1TR6", "HISAX_NI1", "HISAX_16_0", "HISAX_16_3", "HISAX_FRITZPCI", "HISAX_ELSA", "HISAX_NETJET",
           "HISAX_SEDLBAUER"),
    *_gone("5.3", "isdn: remove isdn4linux", "mISDN is its successor",
           "ISDN_PPP", "ISDN_PPP_VJ", "ISDN_MPP", "ISDN_PPP_BSDCOMP", "ISDN_AUDIO", "ISDN_TTY_FAX", "ISDN_DIVERSION", "IPPP_FILTER"),
    *_gone("5.4", "mm: remove CONFIG_MIGRATE_VMA_HELPER", "it is always on; leave it out", "MIGRATE_VMA_HELPER"),
    *_gone("5.4", "USB: rio500: Remove Rio 500 kernel driver", "programs drive it by libusb", "USB_RIO500"),
    *_gone("5.10", "arm64: Remove Spectre-related CONFIG_* options", "the mitigation is always on; leave it out", "ARM64_SSBD"),
    *_gone("5.10", "misc: mic: remove the MIC drivers", "the drivers are gone",
           "INTEL_MIC_BUS", "INTEL_MIC_CARD", "INTEL_MIC_HOST", "MIC_COSM", "SCIF", "SCIF_BUS", "VOP", "VOP_BUS"),
    *_gone("5.10", "nfsd: remove fault injection code", "tests of the kernel's error paths use FAULT_INJECTION", "NFSD_FAULT_INJECTION"),
    *_gone("5.10", "mm/zsmalloc.c: drop ZSMALLOC_PGTABLE_MAPPING", "ZSMALLOC copies instead; leave it out",
           "PGTABLE_MAPPING", "ZSMALLOC_PGTABLE_MAPPING"),
    *_gone("5.10", "ASoC: Intel: Remove baytrail solution", "SND_SST_ATOM_HIFI2_PLATFORM_ACPI drives these machines",
           "SND_SOC_INTEL_BAYTRAIL", "SND_SOC_INTEL_BYT_MAX98090_MACH", "SND_SOC_INTEL_BYT_RT5640_MACH"),
    *_gone("5.6", "staging: remove isdn capi drivers", "the drivers are gone",
           "CAPI_AVM", "ISDN_DRV_AVMB1_B1PCI", "ISDN_DRV_AVMB1_C4", "ISDN_DRV_GIGASET", "GIGASET_CAPI"),
    # Trees of 4.19 have these, and trees of 5.10 do not; the commits are not known.
    *(
        Replacement(old=old, new=("FS_ENCRYPTION",), last="4.19", since="5.10")
        for old in ("EXT4_ENCRYPTION", "EXT4_FS_ENCRYPTION", "F2FS_FS_ENCRYPTION", "UBIFS_FS_ENCRYPTION")
    ),
    *_lost("the driver is gone", "INFINIBAND_CXGB3", "INFINIBAND_NES", "R8822BE", "SGI_IOC4", "SOC_CAMERA", "CAPI_EICON"),
    *_lost("SCSI_MYRB and SCSI_MYRS drive these controllers", "BLK_DEV_DAC960"),
    *_lost("it is always on; leave it out", "ARCH_HAS_REFCOUNT", "CIFS_ACL", "HARDEN_EL2_VECTORS", "HMM", "NF_NAT_NEEDED",
           "MAC80211_RC_MINSTREL_HT", "MAC80211_RC_MINSTREL_VHT"),
    *_lost("multiple queues are the only path: BLK_WBT_MQ", "BLK_WBT_SQ"),
    *_lost("LSM says which modules there are, in order; leave it out", "DEFAULT_SECURITY"),
    *_lost("DEBUG_KMEMLEAK finds what is not freed", "DEBUG_SLAB_LEAK"),
    *_lost("sysfs has it: /sys/class/power_supply", "ACPI_PROCFS_POWER"),
    *_lost("leave it out", "CHASH_SELFTEST", "CHASH_STATS", "DRM_AMD_DC_DCN1_0", "DRM_AMD_DC_FBC", "IWLWIFI_PCIE_RTPM"),
    *_lost("DRM_I915_FORCE_PROBE names the devices", "DRM_I915_ALPHA_SUPPORT"),
    # Older than the trees: what people know of them, and when they went as far as `removals.txt` has it.
    *_old_name(
        LIRC_SERIAL="IR_SERIAL", LIRC_SERIAL_TRANSMITTER="IR_SERIAL_TRANSMITTER", LIRC_ZILOG="VIDEO_IR_I2C", LIRC_I2C="VIDEO_IR_I2C",
        LIRC_IMON="IR_IMON_RAW", LIRC_IGORPLUGUSB="IR_IGORPLUGUSB", LIRC_ENE0100="IR_ENE", LIRC_IT87="IR_ITE_CIR", LIRC_MCEUSB="IR_MCEUSB",
        LIRC_STREAMZAP="IR_STREAMZAP", LIRC_STAGING="LIRC", IR_LIRC_CODEC="LIRC", IR_CORE="RC_CORE", VIDEO_IR="RC_CORE",
        MFD_CROS_EC="CROS_EC", MFD_CROS_EC_CHARDEV="CROS_EC_CHARDEV", EDAC_MM_EDAC="EDAC", SOUNDWIRE_BUS="SOUNDWIRE",
        LEDS_TRIGGER_IDE_DISK="LEDS_TRIGGER_DISK", USB_OTG_WHITELIST="USB_OTG_PRODUCTLIST",
        USB_OTG_BLACKLIST_HUB="USB_OTG_DISABLE_EXTERNAL_HUB", ACPI_INITRD_TABLE_OVERRIDE="ACPI_TABLE_UPGRADE",
        CGROUP_MEM_RES_CTLR="MEMCG", CGROUP_MEM_RES_CTLR_SWAP="MEMCG", NETPRIO_CGROUP="CGROUP_NET_PRIO", GROUP_SCHED="CGROUP_SCHED",
        CLS_CGROUP="CGROUP_NET_CLASSID", DEBUG_KMEMLEAK_EARLY_LOG_SIZE="DEBUG_KMEMLEAK_MEM_POOL_SIZE", SYNC="SYNC_FILE",
        EXT4_USE_FOR_EXT23="EXT4_USE_FOR_EXT2", STAGING_EXFAT_FS="EXFAT_FS", DVB_FIRESAT="DVB_FIREDTV", LINE6_USB="SND_USB_LINE6",
        VIDEO_HELPER_CHIPS_AUTO="MEDIA_SUBDRV_AUTOSELECT", DM_CACHE_MQ="DM_CACHE_SMQ", MTD_SPINAND_MT29F="MTD_SPI_NAND",
        IP_NF_QUEUE="NETFILTER_NETLINK_QUEUE", IP_NF_TARGET_ULOG="NETFILTER_XT_TARGET_NFLOG", BRIDGE_EBT_ULOG="BRIDGE_EBT_NFLOG",
        SND_HDA_POWER_SAVE="SND_HDA_POWER_SAVE_DEFAULT", CRYPTO_ABLK_HELPER="CRYPTO_SIMD", USB_SUSPEND="PM",
        SCSI_DC390T="SCSI_AM53C974", SERIAL_MFD_HSU="SERIAL_8250_MID",
    ),
    *_old("libata drives these disks: ATA", "BLK_DEV_IDE", "BLK_DEV_IDEDISK", "BLK_DEV_HD", "BLK_DEV_HD_IDE", "BLK_DEV_HD_ONLY",
          "BLK_DEV_IDEFLOPPY", "BLK_DEV_IDESCSI", "BLK_DEV_CELLEB", "BLK_DEV_IDE_AU1XXX", "IDEDISK_MULTI_MODE"),
    *_old("it is always on; leave it out", "EXPERIMENTAL", "GENERIC_HARDIRQS", "SECURITY_FILE_CAPABILITIES", "CPU_FREQ_TABLE",
          "STOP_MACHINE", "LEDS_GPIO_OF", "SND_HDA_INPUT_JACK", "MMC_CLKGATE", "MMC_UNSAFE_RESUME", "WIRELESS_EXT_SYSFS",
          "UIDGID_STRICT_TYPE_CHECKS", "DRM_I915_KMS", "DRM_RADEON_KMS", "MEDIA_TUNER_CUSTOMISE", "USB_DEVICEFS", "CIFS_SMB2"),
    *_old("the code is gone", "DRM_I915_UMS", "DRM_RADEON_UMS", "NET_DMA", "BLK_DEV_XD", "BLK_DEV_UB", "BLK_CPQ_DA", "LEDS_PCA963",
          "ACPI_PROC_EVENT", "ACPI_SYSFS_POWER", "ACPI_PROCFS", "PCMCIA_IOCTL", "MMC_TIFM", "SFI_CPUFREQ", "INTEL_MID_DMAC",
          "RTC_DRV_MRST", "USB_DEVICE_CLASS", "USB_LIBUSUAL", "USB_EZUSB", "SND_RTCTIMER", "SND_SEQ_RTCTIMER_DEFAULT",
          "TINY_PREEMPT_RCU", "RCU_FANOUT_EXACT", "RCU_KTHREAD_PRIO", "RCU_USER_QS", "PROVE_RCU_REPEATEDLY", "RCU_TORTURE_TEST_RUNNABLE",
          "NF_CONNTRACK_PROC_COMPAT", "ECONET", "SCSI_TGT", "SCSI_WAIT_SCAN", "BUILD_DOCSRC", "RT_MUTEX_TESTER", "PROFILE_NMI",
          "CGROUP_NS", "FAIR_USER_SCHED", "USER_SCHED", "XEN_MAX_DOMAIN_MEMORY", "SYSCTL_SYSCALL_CHECK", "VIDEO_V4L1", "VIDEO_ALLOW_V4L1",
          "VIDEO_STRADIS", "VIDEO_TLG2300", "VIDEO_BWQCAM", "VIDEO_CQCAM", "VIDEO_W9966", "FT1000", "BCM_WIMAX", "CRYSTALHD", "RAMSTER",
          "DX_SEP", "CXT1E1", "DGRP", "CED1401", "WLAGS49_H2", "USB_ENESTORAGE", "W35UND", "R8821AE", "IDE_PHISON", "FWSERIAL",
          "ANDROID_LOGGER", "ANDROID_TIMED_OUTPUT", "ANDROID_LOW_MEMORY_KILLER", "ANDROID_INTF_ALARM_DEV"),
    *_old("the driver is gone, with its bus", "NET_ISA", "DE600", "DE620", "AT1700", "SEEQ8005", "NI52", "ZNET", "DEPCA", "EEXPRESS", "LP486E",
          "3C505", "3C501", "E2100", "ES3210", "EWRK3", "HPLAN", "HPLAN_PLUS", "NE3210", "APRICOT", "TR", "IBMTR", "TMS380TR", "ABYSS",
          "3C359", "IBMOL", "DIGIEPCA", "RISCOM8", "SPECIALIX", "STALDRV", "STALLION", "ISTALLION", "COMPUTONE"),
    *_old("drivers are sorted by vendor: NET_VENDOR_…; leave it out", "NET_ETHERNET", "NETDEV_1000", "NETDEV_10000", "NET_PCI", "NET_POCKET"),
    *_old("KASAN finds the same and more", "KMEMCHECK"),
    *_old("the only rate control left is minstrel; leave it out", "MAC80211_RC_PID"),
    *_old("the command line names the processors: rcu_nocbs", "RCU_NOCB_CPU_ALL", "RCU_NOCB_CPU_NONE", "RCU_NOCB_CPU_ZERO"),
    *_old("the compiler's version decides; leave it out", "GCOV_FORMAT_AUTODETECT", "GCOV_FORMAT_3_4", "GCOV_FORMAT_4_7"),
    # The stable series backported these, so the trees do not say when.
    *_gone("6.3", "net/sched: Retire ATM qdisc", "the queue is gone", "NET_SCH_ATM"),
    *_gone("6.3", "net/sched: Retire CBQ qdisc", "NET_SCH_HTB and NET_SCH_HFSC do what it did", "NET_SCH_CBQ"),
    *_gone("6.3", "net/sched: Retire dsmark qdisc", "the queue is gone", "NET_SCH_DSMARK"),
    *_gone("6.3", "net/sched: Retire rsvp classifier", "the classifier is gone", "NET_CLS_RSVP", "NET_CLS_RSVP6"),
    *_gone("6.3", "net/sched: Retire tcindex classifier", "the classifier is gone", "NET_CLS_TCINDEX"),
    *_gone("6.6", "net: appletalk: remove cops support", "the driver is gone", "COPS", "COPS_DAYNA", "COPS_TANGENT"),
)  # fmt: skip
"""The changes that users meet, most with their commit."""

_BY_OLD = {it.old: it for it in CHANGES}

REMOVALS = Path(__file__).with_name("removals.txt")
"""The table generated from trees."""


@functools.cache
def removals() -> Mapping[str, Replacement]:
    """Return the changes in the table, by old name."""
    lines = (it.split() for it in REMOVALS.read_text(encoding="utf-8").splitlines() if not it.startswith("#"))
    return {
        old: Replacement(old=old, new=tuple(new), last=_short(last), since=_short(gone))
        for old, last, gone, *new in lines
    }


def _short(version: str) -> str:
    return ".".join(version.split(".")[:2])


def known(name: str) -> Replacement | None:
    """Return the change to the option *name*: with its commit if known, else with the two versions in the table."""
    told, seen = _BY_OLD.get(name), removals().get(name)
    if told is None or seen is None or told.commit:
        return told or seen
    return attrs.evolve(told, last=seen.last, since=seen.since)


def changed(name: str, model: Model) -> Replacement | None:
    """Return what became of the option *name* up to the version of *model*; None if nothing is known."""
    change = known(name)
    if change is None or (not change.commit and name in model):  # between the two versions, the tree itself decides
        return None
    # Stable series backport some renames of later versions.
    if not (change.applies(model.version) or any(it in model for it in change.new)):
        return None
    new = tuple(dict.fromkeys(it for first in change.new for it in _followed(first, model)))
    return attrs.evolve(change, new=new)


def _followed(name: str, model: Model) -> tuple[str, ...]:
    """Return what became of *name*, itself a new name, if *model* does not have it either."""
    if name in model or (change := changed(name, model)) is None:
        return (name,)
    return change.new or (name,)


def formerly(name: str, model: Model) -> Replacement | None:
    """Return the change by which an option of *model* became *name* in a later version; None if none is known."""
    changes = (*CHANGES, *removals().values())
    return next((it for it in changes if name in it.new and it.old in model and not it.applies(model.version)), None)
