"""Options that a kernel for specific machines keeps although no device needs them: a curated list of globs.

A listing shows devices. The modules below are loaded at run time without one: by a mount, a firewall rule, a
socket, a key, a device that is plugged in later; or for devices that are not listed by a bus, such as ACPI's, which
`lspci` does not show. The lists come from the callers: `request_module` in the kernel's fs/, crypto/, net/ and block/,
and from mkinitramfs' and dracut's lists of modules that a root file system may need.
"""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen
class KeepRule:
    """Options to keep.

    Attributes:
        why: The reason, in a few words.
        globs: Their names, with `*` for any text.
        without: Globs of exceptions.
    """

    why: str
    globs: tuple[str, ...]
    without: tuple[str, ...] = ()


KEEP_RULES: Final[tuple[KeepRule, ...]] = (
    KeepRule(
        "file systems that a disk, a stick or an image may bring",
        (
            "EXT4_FS", "BTRFS_FS", "XFS_FS", "F2FS_FS", "VFAT_FS", "MSDOS_FS", "EXFAT_FS", "NTFS3_FS", "ISO9660_FS", "UDF_FS",
            "SQUASHFS", "EROFS_FS", "OVERLAY_FS", "FUSE_FS", "CUSE", "AUTOFS_FS", "CONFIGFS_FS", "EFIVAR_FS", "BINFMT_MISC",
            "NFS_FS", "NFS_V[234]", "RPCSEC_GSS_KRB5", "CIFS", "QFMT_*", "NLS_*",
        ),
    ),
    KeepRule(
        "block devices that need no hardware, and disks behind controllers",
        (
            "BLK_DEV_LOOP", "BLK_DEV_NBD", "BLK_DEV_RAM", "ZRAM", "BLK_DEV_DM", "DM_CRYPT", "DM_INTEGRITY", "DM_VERITY", "DM_SNAPSHOT",
            "DM_THIN_PROVISIONING", "DM_MIRROR", "DM_RAID", "DM_CACHE*", "DM_WRITECACHE", "DM_MULTIPATH*", "SCSI_DH_*", "BCACHE", "BLK_DEV_MD", "MD_RAID*", "BLK_DEV_SD", "BLK_DEV_SR", "CHR_DEV_SG",
            "IOSCHED_*", "MQ_IOSCHED_*",
        ),
    ),
    KeepRule("what dm-crypt, TLS, wireless and file systems ask the crypto API for", ("CRYPTO_*", "CRC*"), ("CRYPTO_DEV_*",)),
    KeepRule(
        "rules of firewalls",
        (
            "NF_*", "NFT_*", "NETFILTER_*", "IP_NF_*", "IP6_NF_*", "IP_SET", "IP_SET_*", "BRIDGE_NF_*", "BRIDGE_EBT_*",
            "BRIDGE_NETFILTER",
        ),
    ),
    KeepRule(
        "virtual networks, queues and sockets",
        (
            "TUN", "TAP", "BRIDGE", "VETH", "VLAN_8021Q", "BONDING", "NET_TEAM*", "DUMMY", "IFB", "MACVLAN", "MACVTAP", "IPVLAN", "VXLAN",
            "WIREGUARD", "PPP", "PPPOE", "PPP_*", "NET_SCH_*", "NET_CLS_*", "NET_ACT_*", "TCP_CONG_*", "PACKET_DIAG", "UNIX_DIAG",
            "INET_*DIAG", "NETLINK_DIAG", "XFRM_*", "INET_*", "INET6_*", "NET_KEY", "NET_IPIP", "NET_IPGRE*", "IPV6_*", "VSOCKETS*", "MPTCP*",
            "RFKILL", "TLS",
        ),
    ),
    KeepRule("virtual machines and containers", ("KVM", "KVM_INTEL", "KVM_AMD", "VHOST*", "VFIO", "VFIO_PCI", "IRQ_BYPASS_MANAGER")),
    KeepRule(
        "keyboards, mice and sticks that are plugged in later",
        (
            "USB_HID", "HID_GENERIC", "HID_MULTITOUCH", "INPUT_EVDEV", "INPUT_JOYDEV", "INPUT_UINPUT", "UHID", "USB_STORAGE", "USB_UAS",
            "SND_SEQUENCER", "SND_SEQ_*", "SND_HRTIMER",
        ),
    ),
    KeepRule(
        "drivers of a whole class of USB devices, which plain `lsusb` does not show",
        (
            "BT_HCIBTUSB", "BT_RFCOMM*", "BT_BNEP*", "BT_HIDP", "USB_VIDEO_CLASS", "SND_USB_AUDIO", "USB_ACM", "USB_PRINTER",
            "USB_NET_CDCETHER", "USB_NET_CDC_NCM", "USB_NET_RNDIS_HOST",
        ),
    ),
    KeepRule(
        "keys, lids, batteries and sleep of laptops, and the management of servers, which the firmware lists",
        (
            "*_LAPTOP", "*_WMI", "THINKPAD_ACPI", "SURFACE_*", "INTEL_HID_EVENT", "INTEL_VBTN", "INTEL_PMC_CORE", "AMD_PMC", "TYPEC_UCSI",
            "UCSI_ACPI", "PERF_EVENTS_INTEL_RAPL", "IPMI_SI", "IPMI_DEVICE_INTERFACE",
        ),
    ),
    KeepRule(
        "what is not on a bus that `lspci` or `lsusb` lists: ACPI, the processor, old ports",
        (
            "ACPI_*", "TCG_*", "RTC_DRV_CMOS", "SERIO*", "KEYBOARD_ATKBD", "MOUSE_PS2*", "SERIAL_8250*", "I2C_HID_ACPI", "PINCTRL_*",
            "MFD_INTEL_LPSS_*", "I2C_DESIGNWARE_*", "SPI_PXA2XX*", "X86_ACPI_CPUFREQ", "CPU_FREQ_GOV_*", "DEVFREQ_GOV_*", "X86_PKG_TEMP_THERMAL", "SENSORS_CORETEMP", "INTEL_RAPL*",
            "X86_MSR", "X86_CPUID", "DRM_SIMPLEDRM", "FW_CFG_SYSFS", "DMI_SYSFS", "EFI_PSTORE", "BACKLIGHT_*", "LEDS_TRIGGER_*",
        ),
        ("ACPI_NFIT", "PINCTRL_SX150X", "PINCTRL_MCP23S08", "BACKLIGHT_*_*"),
    ),
)  # fmt: skip
"""The options in groups, each with its reason."""


@attrs.frozen
class KeepTogether:
    """Options to keep if others are kept.

    Attributes:
        why: The reason, in a few words.
        globs: The names of the others.
        companions: Globs of the options to keep with them.
    """

    why: str
    globs: tuple[str, ...]
    companions: tuple[str, ...]


KEEP_TOGETHER: Final[tuple[KeepTogether, ...]] = (
    KeepTogether(
        "machine drivers, which the firmware's tables choose (sound/soc/sof/intel/hda.c)",
        ("SND_SOC_SOF_INTEL_*",),
        ("SND_SOC_INTEL_SKL_HDA_DSP_GENERIC_MACH", "SND_SOC_DMIC"),
    ),
    KeepTogether(
        "machine drivers, which the firmware's tables choose (sound/soc/amd/acp-config.c)",
        ("SND_SOC_AMD_ACP*", "SND_SOC_AMD_RENOIR", "SND_SOC_SOF_AMD_*"),
        ("SND_SOC_AMD_*_MACH", "SND_SOC_DMIC"),
    ),
)
"""Options that need a driver that is in no device table."""
