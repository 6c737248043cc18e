"""What the kernel asks for at run time, and no list of a tree of modules has: rules, as data.

A module calls `request_module`, or finds a device for which its alias is reported, after it has been loaded. Each rule names the
callers, what they ask for, and where in the kernel's source they do. `{OPTION}` is the value of an option of the kernel;
what needs an option that is not set is not asked for. A request that nothing serves is no error: the kernel goes on without.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING, Final

import attrs


if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen
class Rule:
    """What some modules ask for when they run.

    Attributes:
        why: The reason, in a few words.
        modules: The names of the modules.
        asks: The names or aliases that they ask for.
        unless: An option of the kernel; where it is known, they do not.
    """

    why: str
    modules: tuple[str, ...]
    asks: tuple[str, ...]
    unless: str = ""


DEFAULT_ENCRYPTION: Final = Rule(
    "cryptsetup's default cipher is aes-xts", ("dm_crypt",), ("crypto-xts", "crypto-aes", "crypto-ecb")
)
"""For encryption about which nothing else is known (crypto/api.c)."""

RULES: Final[tuple[Rule, ...]] = (
    Rule(  # fs/fat/inode.c
        "the character sets of file names",
        ("vfat", "msdos"),
        ("nls_cp{FAT_DEFAULT_CODEPAGE}", "nls_{FAT_DEFAULT_IOCHARSET}"),
    ),
    Rule("the character set of file names", ("exfat",), ("nls_{EXFAT_DEFAULT_IOCHARSET}",)),  # fs/exfat/super.c
    Rule(  # load_nls_default in fs/nls/nls_base.c, and its callers
        "the character set of file names",
        ("cifs", "hfs", "hfsplus", "isofs", "jfs", "ntfs", "ntfs3", "udf"),
        ("nls_{NLS_DEFAULT}",),
    ),
    Rule(  # fs/smb/client/cifsfs.c: its soft dependencies lack `pre:`, and modprobe ignores them
        "signing and encryption of SMB",
        ("cifs",),
        ("crypto-ccm", "crypto-gcm", "crypto-aes", "crypto-cmac", "crypto-hmac", "crypto-md5", "crypto-sha256", "crypto-sha512"),
    ),
    Rule("the transport of virtual machines", ("9p",), ("9p-virtio",)),  # net/9p/mod.c
    Rule("the versions of NFS", ("nfs",), ("nfsv3", "nfs4")),  # fs/nfs/client.c
    Rule("compression", ("ubifs",), ("crypto-lzo", "crypto-deflate", "crypto-zstd")),  # fs/ubifs/compress.c
    Rule("compression", ("zram",), ("crypto-{ZRAM_DEF_COMP}",), unless="ZRAM_BACKEND_LZO"),  # drivers/block/zram/zcomp.c
    Rule("checksums", ("dm_integrity", "libiscsi_tcp", "nvme_tcp"), ("crypto-crc32c",)),
    Rule("the usual hash of verity", ("dm_verity",), ("crypto-sha256",)),  # drivers/md/dm-verity-target.c
    Rule("discs of controllers", ("scsi_mod",), ("scsi:t-0x00",)),  # the alias of a disc (drivers/scsi/scsi_sysfs.c)
    Rule("memory cards", ("mmc_core",), ("mmc:block",)),  # the alias of a card (drivers/mmc/core/bus.c)
    Rule("keyboards without a driver of their own", ("hid_hyperv", "i2c_hid", "usbhid"), ("hid-generic",)),
    Rule("the firmware's side of the driver", ("iwlwifi",), ("iwlmvm", "iwldvm", "iwlmld")),  # iwl-drv.c
    Rule("encryption of wireless networks", ("mac80211",), ("crypto-ccm", "crypto-gcm", "crypto-cmac", "crypto-aes", "crypto-ctr")),
    Rule("pairing", ("bluetooth",), ("crypto-ecb", "crypto-cmac", "crypto-aes", "crypto-ecdh")),  # net/bluetooth/smp.c
)  # fmt: skip
"""The rules, each with its place in the kernel's source."""

ALWAYS_THERE: Final = frozenset({
    "bdev", "bpf", "cgroup", "cgroup2", "devpts", "devtmpfs", "hugetlbfs", "mqueue", "nsfs", "pipefs", "proc", "ramfs", "rootfs",
    "securityfs", "sockfs", "sysfs", "tmpfs", "tracefs",
})  # fmt: skip
"""The file systems that are never modules, and have no alias."""

FIRMWARE_PATTERNS: Final = {
    "brcmfmac": ("brcm/brcmfmac*.txt", "brcm/brcmfmac*.clm_blob"),
    "iwlwifi": ("iwlwifi-*.pnvm",),
}
"""By module: firmware that drivers load, and that their `.modinfo` does not have."""

_OPTION = re.compile(r"\{([A-Z0-9_]+)\}")


def by_module(rules: tuple[Rule, ...], config: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """Return what each module asks for by *rules* under the options of *config*: each a word, and the reason."""
    found: dict[str, list[tuple[str, str]]] = {}
    for rule in rules:
        if rule.unless and rule.unless in config:
            continue
        words = [it for ask in rule.asks if (it := _filled(ask, config)) is not None]
        for module in rule.modules:
            found.setdefault(module, []).extend((word, rule.why) for word in words)
    return found


def _filled(ask: str, config: Mapping[str, str]) -> str | None:
    if any(not config.get(name) for name in _OPTION.findall(ask)):
        return None
    return _OPTION.sub(lambda it: config[it[1]], ask)
