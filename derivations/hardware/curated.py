"""Facts about hardware that are in no table of the tree: a small curated list, each with its source."""

from __future__ import annotations

import re

from typing import Final

import attrs


@attrs.frozen
class Companion:
    """Options that another option needs, but that cannot be found from the hardware.

    Attributes:
        option: The option that needs them.
        requires: The options it needs; those that a tree lacks are left out.
        why: The reason, in a few words.
        source: The file that shows this.
    """

    option: str
    requires: tuple[str, ...]
    why: str
    source: str


_SCSI = ("BLK_DEV_SD", "BLK_DEV_SR")
_INPUT = ("USB_HID", "HID_GENERIC", "USB_STORAGE")
_HDA = (
    "SND_HDA_GENERIC",
    "SND_HDA_CODEC_REALTEK",
    "SND_HDA_CODEC_HDMI",
    "SND_HDA_CODEC_CONEXANT",
    "SND_HDA_CODEC_ANALOG",
)

_SLOTS = (
    "MMC_REALTEK_PCI",
    "MMC_REALTEK_USB",
    "MMC_ALCOR",
    "MMC_TIFM_SD",
    "MMC_USHC",
    "MMC_VUB300",
    "MMC_TOSHIBA_PCI",
    "MMC_CB710",
)
_LIBATA = (
    "ATA", "SATA_AHCI", "SATA_AHCI_PLATFORM", "ATA_PIIX", "SATA_INIC162X", "SATA_MV", "SATA_NV", "SATA_PROMISE", "SATA_SIL",
    "SATA_SIL24", "SATA_SIS", "SATA_SVW", "SATA_ULI", "SATA_VIA", "SATA_VITESSE", "PATA_ACPI", "ATA_GENERIC", "PATA_AMD",
    "PATA_ATIIXP", "PATA_JMICRON", "PATA_MARVELL", "PATA_OLDPIIX", "PATA_SCH", "PATA_SIS", "PATA_VIA",
)  # fmt: skip
_CONTROLLERS = (
    "SCSI_VIRTIO", "MEGARAID_SAS", "MEGARAID_MAILBOX", "SCSI_MPT3SAS", "SCSI_MPT2SAS", "SCSI_MPI3MR", "FUSION_SPI", "FUSION_SAS",
    "FUSION_FC", "HYPERV_STORAGE", "VMWARE_PVSCSI", "XEN_SCSI_FRONTEND", "SCSI_HPSA", "SCSI_SMARTPQI", "SCSI_AACRAID", "SCSI_ARCMSR",
    "SCSI_3W_9XXX", "SCSI_3W_SAS", "SCSI_AIC7XXX", "SCSI_AIC79XX", "SCSI_AIC94XX", "SCSI_BFA_FC", "SCSI_BUSLOGIC", "SCSI_ESAS2R",
    "SCSI_FNIC", "SCSI_HPTIOP", "SCSI_IPR", "SCSI_ISCI", "SCSI_LPFC", "SCSI_MVSAS", "SCSI_MVUMI", "SCSI_PM8001", "SCSI_PMCRAID",
    "SCSI_QLA_FC", "SCSI_QLOGIC_1280", "SCSI_STEX", "SCSI_SYM53C8XX_2", "SCSI_AM53C974", "SCSI_UFSHCD_PCI",
)  # fmt: skip

COMPANIONS: Final[tuple[Companion, ...]] = (
    Companion(
        "IWLWIFI", ("IWLMVM", "IWLDVM", "IWLMLD"), "the half of the driver for the chip's firmware",
        "drivers/net/wireless/intel/iwlwifi/iwl-drv.c, request_module",
    ),
    Companion(
        "SND_HDA_INTEL", _HDA, "the codec on the other side of the controller",
        "sound/pci/hda/hda_bind.c, request_codec_module",
    ),
    Companion(
        "SND_SOC_AMD_RENOIR", ("SND_SOC_AMD_RENOIR_MACH", "SND_SOC_DMIC"), "the machine driver of the microphones",
        "sound/soc/amd/renoir/rn-pci-acp3x.c, platform_device_register_full",
    ),
    Companion(
        "DRM_AMDGPU", ("DRM_AMD_DC",), "without it newer cards show no picture",
        "drivers/gpu/drm/amd/display/Kconfig",
    ),
    Companion(
        "DRM_NOUVEAU", ("DRM_NOUVEAU_BACKLIGHT",), "brightness of a laptop's panel",
        "drivers/gpu/drm/nouveau/Kbuild",
    ),
    *(Companion(it, _SCSI, "disks of libata are SCSI disks", "drivers/ata/Kconfig, ATA selects SCSI alone") for it in _LIBATA),
    *(Companion(it, _SCSI, "the disks behind the controller", "drivers/scsi/Kconfig, BLK_DEV_SD") for it in _CONTROLLERS),
    *(Companion(it, _SCSI, "its disks are SCSI disks", "drivers/usb/storage/Kconfig") for it in ("USB_STORAGE", "USB_UAS")),
    Companion("USB_XHCI_PCI", _INPUT, "keyboards and sticks that are plugged in later", "drivers/hid/usbhid/Kconfig"),
    Companion("USB_EHCI_PCI", _INPUT, "keyboards and sticks that are plugged in later", "drivers/hid/usbhid/Kconfig"),
    Companion("USB_HID", ("INPUT_EVDEV",), "what user space reads keyboards and mice from", "drivers/input/Kconfig"),
    Companion("I2C_HID_ACPI", ("HID_MULTITOUCH", "INPUT_EVDEV"), "touchpads", "drivers/hid/Kconfig, HID_MULTITOUCH"),
    Companion("MMC_SDHCI_PCI", ("MMC_BLOCK",), "the cards as disks", "drivers/mmc/core/Kconfig, MMC_BLOCK"),
    Companion("MMC_SDHCI_ACPI", ("MMC_BLOCK",), "the cards as disks", "drivers/mmc/core/Kconfig, MMC_BLOCK"),
    Companion(
        "DM_CRYPT", ("CRYPTO_XTS", "CRYPTO_AES", "CRYPTO_SHA256", "CRYPTO_USER_API_SKCIPHER"),
        "aes-xts-plain64, what LUKS uses unless told otherwise",
        "Documentation/admin-guide/device-mapper/dm-crypt.rst",
    ),
    # The device table of these covers, or is in, a part of the module with an option of its own.
    Companion("BRCMFMAC", ("BRCMFMAC_PCIE", "BRCMFMAC_USB"), "the bus that the chip is on", "drivers/net/wireless/broadcom/brcm80211/brcmfmac/Makefile"),
    Companion("BCMA", ("BCMA_HOST_PCI", "B43", "BRCMSMAC"), "the chips behind the bus", "drivers/bcma/Makefile; drivers/net/wireless/broadcom/"),
    Companion("SSB", ("SSB_PCIHOST", "B43", "B43LEGACY"), "the chips behind the bus", "drivers/ssb/Makefile; drivers/net/wireless/broadcom/"),
    Companion(
        "RT2800USB", ("RT2800USB_RT33XX", "RT2800USB_RT35XX", "RT2800USB_RT3573", "RT2800USB_RT53XX", "RT2800USB_RT55XX"),
        "the chips that it drives", "drivers/net/wireless/ralink/rt2x00/rt2800usb.c, rt2800usb_device_table",
    ),
    Companion(
        "RT2800PCI", ("RT2800PCI_RT33XX", "RT2800PCI_RT35XX", "RT2800PCI_RT53XX", "RT2800PCI_RT3290"),
        "the chips that it drives", "drivers/net/wireless/ralink/rt2x00/rt2800pci.c, rt2800pci_device_table",
    ),
    Companion("BT_HCIBTUSB", ("BT_HCIBTUSB_BCM", "BT_HCIBTUSB_MTK", "BT_HCIBTUSB_RTL"), "the maker's way to load firmware", "drivers/bluetooth/btusb.c"),
    Companion("MOUSE_PS2", ("MOUSE_PS2_ELANTECH",), "touchpads of laptops", "drivers/input/mouse/psmouse-base.c"),
    # The driver with the device table is only the bus of the driver that does the work.
    Companion("MISC_RTSX_PCI", ("MMC_REALTEK_PCI",), "the slot for cards", "drivers/misc/cardreader/rtsx_pcr.c, mfd_add_devices"),
    Companion("MISC_RTSX_USB", ("MMC_REALTEK_USB",), "the slot for cards", "drivers/misc/cardreader/rtsx_usb.c, mfd_add_hotplug_devices"),
    Companion("MISC_ALCOR_PCI", ("MMC_ALCOR",), "the slot for cards", "drivers/misc/cardreader/alcor_pci.c, mfd_add_devices"),
    *(Companion(it, ("MMC_BLOCK",), "the cards as disks", "drivers/mmc/core/Kconfig, MMC_BLOCK") for it in _SLOTS),
    Companion("MLX4_CORE", ("MLX4_EN",), "its network interfaces", "drivers/net/ethernet/mellanox/mlx4/main.c, request_module_nowait"),
    Companion("MLX5_CORE", ("MLX5_CORE_EN",), "its network interfaces", "drivers/net/ethernet/mellanox/mlx5/core/Kconfig"),
    Companion("QED", ("QEDE",), "its network interfaces", "drivers/net/ethernet/qlogic/Kconfig"),
    *(
        Companion(it, ("I2C_DESIGNWARE_PLATFORM",), "the controllers in it", "drivers/mfd/intel-lpss.c, intel_lpss_i2c_cell")
        for it in ("MFD_INTEL_LPSS_PCI", "MFD_INTEL_LPSS_ACPI")
    ),
    Companion("I2C_DESIGNWARE_PLATFORM", ("I2C_HID_ACPI",), "touchpads and touchscreens", "drivers/hid/i2c-hid/Kconfig"),
    Companion("LPC_ICH", ("ITCO_WDT",), "the watchdog", "drivers/mfd/lpc_ich.c, lpc_ich_init_wdt"),
    Companion("BT_HCIBTUSB", ("BT_RFCOMM", "BT_HIDP"), "the profiles above the controller", "net/bluetooth/Kconfig"),
)  # fmt: skip
"""The companions, in the order in which they are applied."""

_MERGED = {
    "netfilter: conntrack: remove l3proto abstraction": {"nf_conntrack": "nf_conntrack_ipv4 nf_conntrack_ipv6"},
    "netfilter: nat: merge nf_nat_ipv4,6 into nat core": {"nf_nat": "nf_nat_ipv4 nf_nat_ipv6"},
    "netfilter: nat: merge ipv4 and ipv6 masquerade functionality": {"nf_nat": "nf_nat_masquerade_ipv4 nf_nat_masquerade_ipv6"},
    "netfilter: nf_tables: merge ipv4 and ipv6 nat chain types": {"nft_chain_nat": "nft_chain_nat_ipv4 nft_chain_nat_ipv6"},
    "netfilter: nf_tables: merge route type into core": {"nf_tables": "nft_chain_route_ipv4 nft_chain_route_ipv6"},
    "netfilter: nft_masq: add inet support": {"nft_masq": "nft_masq_ipv4 nft_masq_ipv6"},
    "netfilter: nft_redir: add inet support": {"nft_redir": "nft_redir_ipv4 nft_redir_ipv6"},
    "netfilter: nf_tables: make sets built-in": {"nf_tables": "nf_tables_set"},
    "netfilter: nf_tables: make counter support built-in": {"nf_tables": "nft_counter"},
    "netfilter: nft_objref: make it builtin": {"nf_tables": "nft_objref"},
    "netfilter: ipt_addrtype: rename to xt_addrtype": {"xt_addrtype": "ipt_addrtype"},
    "netfilter: merge ipt_LOG and ip6_LOG into xt_LOG": {"xt_LOG": "ipt_LOG ip6t_LOG"},
    "net/ipv4/netfilter/Kconfig, IP_NF_TARGET_MASQUERADE selects NETFILTER_XT_TARGET_MASQUERADE": {"xt_MASQUERADE": "ipt_MASQUERADE ip6t_MASQUERADE"},
    "net/ipv4/netfilter/Kconfig, NF_LOG_IPV4 selects NF_LOG_SYSLOG": {"nf_log_syslog": "nf_log_arp nf_log_ipv4 nf_log_ipv6"},
    "mtd: spi-nor: Move m25p80 code in spi-nor.c": {"spi_nor": "m25p80"},
    "crypto: x86/aes - drop scalar assembler implementations": {"aes_generic": "aes_x86_64 aes_i586"},
    "block: remove legacy IO schedulers": {"mq_deadline": "deadline_iosched"},
    "fs: Remove ext3 filesystem driver": {"ext4": "ext3"},
}  # fmt: skip
"""Modules that became others, by the title of the commit or the place that shows it: today's module, and those merged into it."""

MERGED_MODULES: Final = {
    old: (new, source) for source, merged in _MERGED.items() for new, olds in merged.items() for old in olds.split()
}
"""For each module that is a part of another one by now: that one, and where it is to be seen."""

FILESYSTEMS: Final = {
    "autofs": "AUTOFS_FS",
    "bpf": "BPF_SYSCALL",
    "cgroup": "CGROUPS",
    "cgroup2": "CGROUPS",
    "configfs": "CONFIGFS_FS",
    "cpuset": "CPUSETS",
    "debugfs": "DEBUG_FS",
    "devpts": "UNIX98_PTYS",
    "devtmpfs": "DEVTMPFS",
    "efivarfs": "EFIVAR_FS",
    "fusectl": "FUSE_FS",
    "hugetlbfs": "HUGETLBFS",
    "mqueue": "POSIX_MQUEUE",
    "proc": "PROC_FS",
    "pstore": "PSTORE",
    "resctrl": "X86_CPU_RESCTRL",
    "securityfs": "SECURITYFS",
    "selinuxfs": "SECURITY_SELINUX",
    "sysfs": "SYSFS",
    "tmpfs": "TMPFS",
    "tracefs": "TRACING",
}
"""File systems that are part of another feature, by their name in /proc/filesystems: from the calls of
`register_filesystem` in fs/, kernel/, security/, the option of the calling file. Others have an alias `fs-NAME`."""

BUILT_IN_FILESYSTEMS: Final = frozenset({"anon_inodefs", "bdev", "pipefs", "ramfs", "rootfs", "sockfs"})
"""File systems that every kernel has."""

NO_DRIVER: Final = frozenset({"0500", "0580", "0600", "0601", "0680", "0880", "1101", "1180", "1300"})
"""PCI classes that work without a driver: memory, bridges to the processor and to ISA, signal processors and
instrumentation, for which drivers are optional (PCI Code and ID Assignment Specification, chapter 1)."""

_VIRTIO = re.compile(r"pci:v00001AF4d0000(10[0-7][0-9A-F])")
_MODERN = 0x1040  # plus the virtio device's number: the PCI device's (Virtio 1.2, 4.1.2.1)
_TRANSITIONAL = {0x1000: 1, 0x1001: 2, 0x1002: 5, 0x1003: 3, 0x1004: 8, 0x1005: 4, 0x1009: 9}


def virtio_modaliases(modalias: str) -> list[str]:
    """Return the modalias on the virtio bus of the PCI device with *modalias* (Virtio 1.2, 4.1.2 and 5)."""
    match = _VIRTIO.match(modalias)
    if match is None:
        return []
    product = int(match[1], 16)
    device = product - _MODERN if product >= _MODERN else _TRANSITIONAL.get(product)
    return [f"virtio:d{device:08X}v00001AF4"] if device else []
