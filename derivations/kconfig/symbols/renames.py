"""Options that are called otherwise now, are gone, or cannot be asked for any more: data, with its source.

A tree tells only what it has. What an option of an older guide became is in the kernel's history: for those below the
title of the commit is given, as `git log --grep` finds it. All others that went between the trees of Debian's
linux-source packages are in `removals.txt`, which `python -m tests.removals.write` makes of these trees; of them it is known
between which two versions they went, and what they became only where that is certain.
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
        old: What it was called.
        new: What to ask for instead; nothing if there is no need or no way.
        since: The first version with the change; the first that is known to have it if there is no *commit*.
        commit: The title of the commit.
        last: The last version that is known to be without it, if there is no *commit*.
        note: What to know about it, a clause.
    """

    old: str
    new: tuple[str, ...] = ()
    since: str
    commit: str = ""
    last: str = ""
    note: str = ""

    def applies(self, version: str) -> bool:
        """Return whether a kernel of *version* has the change; between two versions that is not known, and assumed."""
        return _series(version) > _series(self.last) if self.last else _series(version) >= _series(self.since)

    def when(self, version: str) -> str:
        """Return since when a kernel of *version* has the change, and how that is known."""
        if self.commit:
            return f"in {self.since} (“{self.commit}”)"
        latest = min(self.since, ".".join(map(str, _series(version))), key=_series)
        return f"after {self.last}, in {latest} at the latest"


def _series(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:2]]


def _renamed(since: str, commit: str, **names: str) -> list[Replacement]:
    return [Replacement(old=old, new=(new,), since=since, commit=commit) for old, new in names.items()]


def _gone(since: str, commit: str, note: str, *names: str) -> list[Replacement]:
    return [Replacement(old=old, since=since, commit=commit, note=note) for old in names]


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
        note="it has no prompt any more; the choice of a DWARF version switches it on",
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
           "full checks are always there; leave it out", "REFCOUNT_FULL"),
    *_gone("5.13", "drivers/char: remove /dev/kmem for good", "there is no /dev/kmem any more; leave it out", "DEVKMEM"),
    *_gone("5.16", "mm: remove HARDENED_USERCOPY_FALLBACK", "there is no fallback any more; leave it out",
           "HARDENED_USERCOPY_FALLBACK"),
    *_gone("6.1", "mm: memcontrol: drop dead CONFIG_MEMCG_SWAP config symbol",
           "MEMCG accounts for swap by itself; leave it out", "MEMCG_SWAP"),
    *_gone("6.2", "random: use random.trust_{bootloader,cpu} command line option only",
           "the command line decides: random.trust_cpu, random.trust_bootloader", "RANDOM_TRUST_CPU", "RANDOM_TRUST_BOOTLOADER"),
    *_gone("6.2", "netfilter: nft_objref: make it builtin", "it is a part of NF_TABLES; leave it out", "NFT_OBJREF"),
    *_gone("6.4", "driver core: remove CONFIG_SYSFS_DEPRECATED and CONFIG_SYSFS_DEPRECATED_V2",
           "the old layout of sysfs is gone; leave it out", "SYSFS_DEPRECATED", "SYSFS_DEPRECATED_V2"),
    *_gone("6.4", "selinux: remove the runtime disable functionality",
           "SELinux cannot be disabled at run time any more; boot with selinux=0", "SECURITY_SELINUX_DISABLE"),
    *_gone("6.5", "x86/cpu: Remove X86_FEATURE_NAMES", "the names are always there; leave it out", "X86_FEATURE_NAMES"),
    *_gone("6.9", "ubsan: Remove CONFIG_UBSAN_SANITIZE_ALL", "UBSAN alone does it; leave it out", "UBSAN_SANITIZE_ALL"),
    # From here on before the oldest of the trees in `removals.txt`, or more exactly than they tell it. The commits are those that
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
    *_gone("3.11", "Finally eradicate CONFIG_HOTPLUG", "hotplug is always there; leave it out", "HOTPLUG"),
    *_gone("3.13", "ipv6: Remove privacy config option.", "privacy extensions are always there; leave it out", "IPV6_PRIVACY"),
    *_gone("3.17", "scsi: Remove CONFIG_SCSI_MULTI_LUN", "all LUNs are probed; leave it out", "SCSI_MULTI_LUN"),
    *_gone("3.19", "PM: Eliminate CONFIG_PM_RUNTIME", "PM alone does it; leave it out", "PM_RUNTIME"),
    *_gone("4.3", "fs: Remove ext3 filesystem driver", "EXT4_FS mounts ext3", "EXT3_DEFAULTS_TO_ORDERED", "EXT3_FS_XATTR"),
    *_gone("4.11", "time: Remove CONFIG_TIMER_STATS", "tracing tells the same", "TIMER_STATS"),
    *_gone("4.15", "sound: Retire OSS", "ALSA's emulation is SND_MIXER_OSS and SND_PCM_OSS", "SOUND_OSS", "SOUND_PRIME"),
    *_gone("4.16", "net: tcp: Remove TCP probe module", "tracing tells the same", "NET_TCPPROBE"),
    *_gone("4.18", "kbuild: remove CONFIG_CROSS_COMPILE support", "the toolchain says it; leave it out", "CROSS_COMPILE"),
    *_gone("4.19", "cifs: simple stats should always be enabled", "they are always there; leave it out", "CIFS_STATS"),
    *_gone("5.0", "scsi: kill off the legacy IO path", "multiple queues are the only path; leave it out", "SCSI_MQ_DEFAULT"),
    *_gone("5.0", "block: remove legacy IO schedulers", "without a scheduler is called `none` now; leave it out", "IOSCHED_NOOP"),
    *_gone("5.0", "block: remove legacy IO schedulers", "its counterpart is BFQ_GROUP_IOSCHED", "CFQ_GROUP_IOSCHED"),
    *_gone("5.1", "scsi: fs: remove exofs", "the file system is gone", "EXOFS_FS"),
    *_gone("5.1", "scsi: remove the SCSI OSD library", "the library is gone", "SCSI_OSD_INITIATOR", "SCSI_OSD_ULD"),
    *_gone("5.1", "staging: xgifb: delete the driver", "the driver is gone", "FB_XGI"),
    *_gone("5.2", "block: remove CONFIG_LBDAF", "sectors are always 64 bits wide; leave it out", "LBDAF"),
    *_gone("5.2", "xfrm: make xfrm modes builtin", "the modes are always there; leave it out",
           "INET_XFRM_MODE_BEET", "INET_XFRM_MODE_TRANSPORT", "INET_XFRM_MODE_TUNNEL", "INET6_XFRM_MODE_BEET",
           "INET6_XFRM_MODE_ROUTEOPTIMIZATION", "INET6_XFRM_MODE_TRANSPORT", "INET6_XFRM_MODE_TUNNEL"),
    *_gone("5.2", "video: backlight: Remove useless BACKLIGHT_LCD_SUPPORT kernel symbol", "it did nothing; leave it out",
           "BACKLIGHT_LCD_SUPPORT"),
    *_gone("5.3", "scsi: osst: kill obsolete driver", "CHR_DEV_ST drives what is left", "CHR_DEV_OSST"),
    *_gone("5.4", "drm/tinydrm/Kconfig: Remove menuconfig DRM_TINYDRM", "its drivers need nothing in its place; leave it out",
           "DRM_TINYDRM"),
    *_gone("5.4", "net/wan: dscc4: remove broken dscc4 driver", "the driver is gone", "DSCC4"),
    *_gone("5.5", "kbuild: move headers_check rule to usr/include/Makefile", "the build does it; leave it out", "HEADERS_CHECK"),
    *_gone("5.5", "PCI/ASPM: Remove PCIEASPM_DEBUG Kconfig option and related code", "sysfs has it; leave it out", "PCIEASPM_DEBUG"),
    *_gone("5.6", "x86/mpx: remove MPX from arch/x86", "processors do not have it any more", "X86_INTEL_MPX"),
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
)  # fmt: skip
"""The changes that are known by their commits."""

_BY_OLD = {it.old: it for it in CHANGES}

REMOVALS = Path(__file__).with_name("removals.txt")
"""The table of what trees tell."""


@functools.cache
def removals() -> Mapping[str, Replacement]:
    """Return the changes of the table, by the old name."""
    lines = (it.split() for it in REMOVALS.read_text(encoding="utf-8").splitlines() if not it.startswith("#"))
    return {
        old: Replacement(old=old, new=tuple(new), last=_short(last), since=_short(gone))
        for old, last, gone, *new in lines
    }


def _short(version: str) -> str:
    return ".".join(version.split(".")[:2])


def known(name: str) -> Replacement | None:
    """Return what is known of the option *name*: by its commit, else by the table."""
    return _BY_OLD.get(name) or removals().get(name)


def changed(name: str, model: Model) -> Replacement | None:
    """Return what became of the option *name* up to the version of *model*, None if nothing is known."""
    change = known(name)
    if change is None or (change.last and name in model):  # between the two versions, a tree tells itself
        return None
    # A stable series takes over some renames of later versions.
    if not (change.applies(model.version) or any(it in model for it in change.new)):
        return None
    new = tuple(dict.fromkeys(it for first in change.new for it in _followed(first, model)))
    return attrs.evolve(change, new=new)


def _followed(name: str, model: Model) -> tuple[str, ...]:
    """Return what *name*, which something became, became in turn where *model* does not have it either."""
    if name in model or (change := changed(name, model)) is None:
        return (name,)
    return change.new or (name,)


def formerly(name: str, model: Model) -> Replacement | None:
    """Return the change after which *name* is what *model* calls otherwise, None if none is known."""
    changes = (*CHANGES, *removals().values())
    return next((it for it in changes if name in it.new and it.old in model and not it.applies(model.version)), None)
