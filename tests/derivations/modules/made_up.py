"""Trees of modules for tests: the lists that depmod and Kbuild write, and files that are modules as far as they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.modules.index import ModuleIndex
from tests.derivations.proof.elves import elf


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


RELEASE = "6.1.9-x"

DEP = """\
kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko kernel/fs/mbcache.ko
kernel/fs/jbd2/jbd2.ko:
kernel/fs/mbcache.ko:
kernel/fs/fat/fat.ko:
kernel/fs/fat/vfat.ko: kernel/fs/fat/fat.ko
kernel/fs/nls/nls_cp437.ko:
kernel/fs/nls/nls_ascii.ko:
kernel/fs/nls/nls_iso8859-1.ko:
kernel/drivers/md/dm-mod.ko:
kernel/drivers/md/dm-crypt.ko: kernel/drivers/md/dm-mod.ko
kernel/crypto/xts.ko:
kernel/crypto/ecb.ko:
kernel/crypto/cryptd.ko:
kernel/crypto/essiv.ko: kernel/crypto/authenc.ko
kernel/crypto/authenc.ko:
kernel/arch/x86/crypto/aesni-intel.ko: kernel/crypto/cryptd.ko
kernel/drivers/virtio/virtio.ko:
kernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio.ko
kernel/drivers/net/virtio_net.ko: kernel/drivers/virtio/virtio.ko
kernel/drivers/nvme/host/nvme-core.ko:
kernel/drivers/nvme/host/nvme.ko: kernel/drivers/nvme/host/nvme-core.ko
kernel/drivers/net/wifi.ko:
kernel/lib/crc32c_fast.ko:
kernel/lib/crc32c_slow.ko:
"""
ALIAS = """\
# Aliases extracted from modules themselves.
alias fs-ext4 ext4
alias fs-ext2 ext4
alias fs-vfat vfat
alias crypto-xts xts
alias crypto-ecb ecb
alias crypto-essiv essiv
alias crypto-aes aesni_intel
alias crypto-crc32c crc32c_fast
alias crypto-crc32c crc32c_slow
alias pci:v00001AF4d0000*sv*sd*bc*sc*i* virtio_pci
alias pci:v*d*sv*sd*bc01sc08i02* nvme
alias acpi*:PNP0C0A:* wifi
alias usb:v1645p0007d01[0-2]*dc* wifi
"""
SOFTDEP = """\
# Soft dependencies extracted from modules themselves.
softdep ext4 pre: crypto-crc32c
softdep xts pre: ecb
softdep wifi words that modprobe ignores post: virtio-net
"""
BUILTIN = (
    "kernel/fs/fuse/fuse.ko\nkernel/crypto/cbc.ko\nkernel/crypto/sha256_generic.ko\nkernel/crypto/aes_generic.ko\n"
)
BUILTIN_MODINFO = (
    "fuse.alias=fs-fuse\0cbc.alias=crypto-cbc\0sha256_generic.alias=crypto-sha256\0aes_generic.alias=crypto-aes\0"
    "fuse.firmware=fuse/plug.bin\0"
)

FILES = {
    "modules.dep": DEP,
    "modules.alias": ALIAS,
    "modules.softdep": SOFTDEP,
    "modules.builtin": BUILTIN,
    "modules.builtin.modinfo": BUILTIN_MODINFO,
}


def index(**texts: str) -> ModuleIndex:
    """Return the index of the tree, with other *texts* of files, such as `dep` of `modules.dep`."""
    files = {**FILES, **{f"modules.{name}": text for name, text in texts.items()}}
    return ModuleIndex.parse(RELEASE, {name: text.encode() for name, text in files.items()})


def module(firmware: Sequence[str] = (), weak: Sequence[str] = (), release: str = RELEASE) -> bytes:
    """Return the file of a module."""
    texts = [*(f"firmware={it}" for it in firmware), *(f"weakdep={it}" for it in weak)]
    texts += [f"vermagic={release} SMP mod_unload"] if release else []
    return elf({".text": b"\x90" * 8, ".modinfo": b"".join(it.encode() + b"\0" for it in texts)})


def tree(contents: Mapping[str, bytes] | None = None, release: str = RELEASE) -> dict[str, bytes]:
    """Return the files of `lib/modules/RELEASE`, path to contents; *contents* replaces those of some modules."""
    files = {f"lib/modules/{release}/{name}": text.encode() for name, text in FILES.items()}
    files[f"lib/modules/{release}/modules.order"] = b"kernel/fs/ext4/ext4.ko\n"
    for line in DEP.splitlines():
        path = line.partition(":")[0]
        files[f"lib/modules/{release}/{path}"] = (contents or {}).get(path, module(release=release))
    return files
