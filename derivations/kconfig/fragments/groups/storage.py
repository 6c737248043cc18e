"""Disks: drivers of a root are built in; arrays, volumes and encryption, which need an initramfs, are modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.fragments.tried import only_on, tried
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import MODULE, YES, Priority, when_at_least


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Asked


DISKS: dict[str, Asked] = {
    # see drivers/{nvme,ata,scsi,mmc,ufs}/Kconfig
    "BLOCK": YES,
    "BLK_DEV": YES,
    "BLK_DEV_NVME": YES,
    "NVME_MULTIPATH": YES,
    "NVME_HWMON": when_at_least("5.5", YES),
    "NVME_TCP": when_at_least("5.0", MODULE),
    "ATA": YES,
    "SATA_AHCI": YES,
    "SATA_AHCI_PLATFORM": YES,
    "ATA_SFF": YES,
    "SCSI": YES,
    "BLK_DEV_SD": YES,
    "BLK_DEV_SR": YES,
    "CHR_DEV_SG": YES,
    "CHR_DEV_ST": MODULE,
    "BLK_DEV_BSG": YES,  # systemd's README: serial numbers of SCSI devices
    "SCSI_CONSTANTS": YES,
    "USB_STORAGE": YES,
    "USB_UAS": YES,
    "MMC": YES,
    "MMC_BLOCK": YES,
    "MMC_SDHCI": YES,
    "MMC_SDHCI_PCI": YES,
    "MMC_SDHCI_ACPI": YES,
    "MISC_RTSX_PCI": MODULE,
    "MISC_RTSX_USB": MODULE,
    "MMC_REALTEK_PCI": MODULE,
    "MMC_REALTEK_USB": MODULE,
    "SCSI_UFSHCD": MODULE,
    "SCSI_UFSHCD_PCI": MODULE,
    "PARTITION_ADVANCED": YES,
    "EFI_PARTITION": YES,
    "MSDOS_PARTITION": YES,
}

PC: dict[str, Asked] = {
    # drivers/ata/Kconfig: IDE of old machines and of QEMU
    "ATA_PIIX": YES,
    "PATA_AMD": YES,
    "PATA_ATIIXP": MODULE,
    "PATA_JMICRON": MODULE,
    "SATA_NV": MODULE,
    "SATA_SIL": MODULE,
    "SATA_VIA": MODULE,
}

SERVERS: dict[str, Asked] = {
    # drivers/scsi/Kconfig: the controllers of servers, and disks over the network
    "SCSI_LOWLEVEL": YES,
    "MEGARAID_SAS": MODULE,
    "SCSI_MPT3SAS": MODULE,
    "SCSI_MPI3MR": when_at_least("5.13", MODULE),
    "SCSI_AACRAID": MODULE,
    "SCSI_HPSA": MODULE,
    "SCSI_SMARTPQI": MODULE,
    "SCSI_ISCSI_ATTRS": MODULE,
    "ISCSI_TCP": MODULE,
    "BLK_DEV_NBD": MODULE,
    "BLK_DEV_RBD": MODULE,
}

VOLUMES: dict[str, Asked] = {
    # drivers/md/Kconfig: LVM, cryptsetup, mdadm, veritysetup; systemd's README
    "MD": YES,
    "BLK_DEV_MD": YES,
    "MD_RAID0": MODULE,
    "MD_RAID1": MODULE,
    "MD_RAID10": MODULE,
    "MD_RAID456": MODULE,
    "BCACHE": MODULE,
    "BLK_DEV_DM": YES,
    "DM_UEVENT": YES,
    "DM_CRYPT": MODULE,
    "DM_SNAPSHOT": MODULE,
    "DM_THIN_PROVISIONING": MODULE,
    "DM_CACHE": MODULE,
    "DM_WRITECACHE": MODULE,
    "DM_MIRROR": MODULE,
    "DM_RAID": MODULE,
    "DM_ZERO": MODULE,
    "DM_MULTIPATH": MODULE,
    "DM_VERITY": MODULE,
    "DM_VERITY_VERIFY_ROOTHASH_SIG": when_at_least("5.4", YES),
    "DM_INTEGRITY": MODULE,
}

QUEUES: dict[str, Asked] = {
    # block/Kconfig, block/Kconfig.iosched
    "MQ_IOSCHED_DEADLINE": YES,
    "MQ_IOSCHED_KYBER": MODULE,
    "IOSCHED_BFQ": MODULE,
    "BFQ_GROUP_IOSCHED": YES,
    "BLK_WBT": YES,
    "BLK_WBT_MQ": YES,
    "BLK_SED_OPAL": YES,
    "BLK_INLINE_ENCRYPTION": when_at_least("5.8", YES),
    "BLK_INLINE_ENCRYPTION_FALLBACK": when_at_least("5.8", YES),
}

OPTIONS: dict[str, Asked] = {**DISKS, **SERVERS, **VOLUMES, **QUEUES, **only_on("x86_64", PC)}

FRAGMENT = tried(Fragment("common storage", OPTIONS, priority=Priority.DEFAULT))
