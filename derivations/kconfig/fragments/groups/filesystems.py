"""File systems of disks, sticks, images and servers.

Those of a root without an initramfs, and those that every system mounts, are built in; all others
are modules. Guix' post on custom kernels (2019) has a similar list, %filesystems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.fragments.tried import tried
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import MODULE, YES, Priority, optional, when_at_least, when_between, when_older


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Asked


DISKS: dict[str, Asked] = {
    # fs/Kconfig, fs/*/Kconfig; Documentation/filesystems
    "BLOCK": YES,
    "MODULES": YES,
    "EXT4_FS": YES,
    "EXT4_FS_POSIX_ACL": YES,  # systemd's README: ACLs for users of devices and of the journal
    "EXT4_FS_SECURITY": YES,
    "BTRFS_FS": MODULE,
    "BTRFS_FS_POSIX_ACL": YES,
    "XFS_FS": MODULE,
    "XFS_POSIX_ACL": YES,
    "XFS_QUOTA": YES,
    "F2FS_FS": MODULE,
    "F2FS_FS_SECURITY": YES,
    "F2FS_FS_COMPRESSION": when_at_least("5.6", YES),
    "BCACHEFS_FS": when_between("6.7", "6.18", MODULE),
    "BCACHEFS_QUOTA": when_between("6.7", "6.18", YES),
    "BCACHEFS_POSIX_ACL": when_between("6.7", "6.18", YES),
    "QUOTA": YES,
    "QUOTA_NETLINK_INTERFACE": YES,
    "QFMT_V2": YES,  # systemd's README
    "FS_ENCRYPTION": YES,  # fscrypt.rst
    "FS_VERITY": when_at_least("5.4", YES),  # fsverity.rst
    "UNICODE": when_at_least("5.2", YES),  # directories that ignore case (ext4, F2FS)
}

EXCHANGED: dict[str, Asked] = {
    # formats of other systems: sticks, cards, discs, dual boot; fs/{fat,exfat,ntfs3,isofs,udf,hfsplus}/Kconfig
    "VFAT_FS": YES,
    "NLS_CODEPAGE_437": YES,  # FAT_DEFAULT_CODEPAGE
    "NLS_ISO8859_1": YES,  # FAT_DEFAULT_IOCHARSET
    "NLS_ASCII": YES,
    "NLS_UTF8": YES,
    "EXFAT_FS": when_at_least("5.7", MODULE),
    "NTFS3_FS": when_at_least("5.15", MODULE),
    "NTFS3_LZX_XPRESS": when_at_least("5.15", YES),
    "NTFS3_FS_POSIX_ACL": when_at_least("5.15", YES),
    "ISO9660_FS": MODULE,
    "JOLIET": YES,
    "ZISOFS": YES,
    "UDF_FS": MODULE,
    "MISC_FILESYSTEMS": YES,
    "HFS_FS": MODULE,
    "HFSPLUS_FS": MODULE,
    "PARTITION_ADVANCED": YES,
    "MSDOS_PARTITION": YES,
    "EFI_PARTITION": YES,
    "MAC_PARTITION": YES,
}

IMAGES: dict[str, Asked] = {
    # read-only images and layers; fs/{squashfs,erofs,overlayfs}/Kconfig, systemd's README (portable services, sysext)
    "SQUASHFS": MODULE,
    "SQUASHFS_XATTR": YES,
    "SQUASHFS_ZLIB": YES,
    "SQUASHFS_LZ4": YES,
    "SQUASHFS_LZO": YES,
    "SQUASHFS_XZ": YES,
    "SQUASHFS_ZSTD": YES,
    "EROFS_FS": when_at_least("5.4", MODULE),
    "EROFS_FS_XATTR": when_at_least("5.4", YES),
    "EROFS_FS_POSIX_ACL": when_at_least("5.4", YES),
    "EROFS_FS_SECURITY": when_at_least("5.4", YES),
    "EROFS_FS_ZIP": when_at_least("5.4", YES),
    "EROFS_FS_ZIP_LZMA": when_at_least("5.16", YES),
    "OVERLAY_FS": MODULE,
    "FUSE_FS": YES,  # the root may be a virtiofs; a module in Guix' %default-extra-linux-options
    "CUSE": MODULE,
    "BLK_DEV": YES,
    "BLK_DEV_LOOP": YES,
}

SERVERS: dict[str, Asked] = {
    # fs/{nfs,smb,ceph}/Kconfig; CIFS is in Guix' %default-extra-linux-options
    "NET": YES,
    "INET": YES,
    "NETWORK_FILESYSTEMS": YES,
    "NFS_FS": MODULE,
    "NFS_V3_ACL": YES,
    "NFS_V4": MODULE,
    "NFS_V4_1": when_older("7.0", YES),
    "NFS_V4_2": YES,
    "NFSD": MODULE,
    "NFSD_V3_ACL": YES,
    "NFSD_V4": YES,
    "CIFS": MODULE,
    "CIFS_XATTR": YES,
    "CIFS_POSIX": optional(YES),  # with CIFS_ALLOW_INSECURE_LEGACY
    "CIFS_UPCALL": YES,
    "CIFS_DFS_UPCALL": YES,
    "KEYS": YES,
    "CEPH_FS": MODULE,
    "CEPH_FS_POSIX_ACL": YES,
}

PSEUDO: dict[str, Asked] = {
    # systemd's README; stal/IX' kernel guide: "all the usual pseudo filesystems"
    "MULTIUSER": YES,
    "FILE_LOCKING": YES,
    "SHMEM": YES,
    "PROC_FS": YES,
    "SYSFS": YES,
    "TMPFS": YES,
    "TMPFS_POSIX_ACL": YES,
    "TMPFS_XATTR": YES,
    "DEVTMPFS": YES,
    "DEVTMPFS_MOUNT": YES,  # for a root without an initramfs
    "HUGETLBFS": YES,
    "CONFIGFS_FS": YES,
    "DEBUG_FS": YES,
    "FHANDLE": YES,
    "INOTIFY_USER": YES,
    "FANOTIFY": YES,
    "AUTOFS_FS": when_at_least("4.18", YES),  # systemd's automount units
}

OPTIONS: dict[str, Asked] = {**DISKS, **EXCHANGED, **IMAGES, **SERVERS, **PSEUDO}

FRAGMENT = tried(
    Fragment(
        "filesystems", OPTIONS, description="file systems of disks, sticks, images, servers", priority=Priority.DEFAULT
    )
)
