"""Real initramfs on Debian's cloud kernel: what they unlock, activate, check and stop before. Nothing is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.real import path_of


if TYPE_CHECKING:
    from tests.real import Kernix

pytestmark = pytest.mark.kernel

LOCK = "unlock.lock"
SETS = ("linux-image-cloud-amd64", "cryptsetup", "disks", "e2fsck", "lvm")

DEFINITIONS = r'''
from pathlib import Path

from derivations.context import current
from derivations.debian.rootfs import root_file_system
from derivations.image.initramfs import Copy, File
from derivations.image.kernel_initramfs import DEFAULT_INIT

lock = current().lock()
cloud = kernels.linux_debian_cloud
UUID = "12345678-9abc-4def-8123-456789abcdef"

ROOT = """#!/bin/busybox sh
export PATH=/bin
echo "ROOT mount=$(grep ' / ' /proc/mounts)"
echo "ROOT fact=$(cat /etc/fact)"
/bin/busybox reboot -f
"""
tree = Derivation(
    name="tree", system="x86_64-linux", builder="/bin/sh",
    args=["-euc", """
        mkdir /out/out && cd /out/out && mkdir -p bin dev etc proc run sbin sys
        cp /busybox/bin/busybox bin/ && ln -s busybox bin/sh && cp /init sbin/init && chmod +x sbin/init
        echo forty-two > etc/fact
    """],
    mounts={
        "/": root_file_system("disks", lock).out, "/init": text_file("init", ROOT).out,
        "/busybox": fetch_deb(lock.package("busybox", "busybox-static")).out,
    },
)
root = make_root_disk(tree, kernel=cloud, format="raw")
# One that e2fsck mends by itself, and one that it does not: its root directory is gone.
mendable, broken = (
    Derivation(
        name=name, system="x86_64-linux", builder="/bin/sh",
        args=["-euc", f"cp /root-disk /out/out; chmod u+w /out/out; {''.join(f'debugfs -w -R {chr(39)}{it}{chr(39)} /out/out;' for it in requests)}"],
        mounts={"/": root_file_system("disks", lock).out, "/root-disk": root.out},
    )
    for name, requests in (("mendable", ["ssv state 0", "sif /etc/fact links_count 5"]), ("broken", ["ssv state 0", "clri <2>"]))
)

# Makes the encrypted disk of an empty one, in the guest, and then starts what is an initramfs of ours.
FORMAT = f"""#!/bin/busybox sh
export PATH=/sbin:/bin DM_DISABLE_UDEV=1
/bin/busybox mount -t proc proc /proc
mount -t devtmpfs dev /dev
mount -t sysfs sysfs /sys
modprobe -a virtio_pci virtio_blk dm_crypt
printf secret > /key
cryptsetup luksFormat -q --type luks2 --uuid {UUID} --pbkdf argon2id --pbkdf-memory 65536 --pbkdf-force-iterations 4 --pbkdf-parallel 2 /dev/vdb /key
cryptsetup open --key-file /key /dev/vdb made
lvm pvcreate -qq /dev/mapper/made && lvm vgcreate -qq made /dev/mapper/made && lvm lvcreate -qq -y -Wn -l 100%FREE -n root made
dd if=/dev/vda of=/dev/made/root bs=1M
lvm vgchange -qq -an made && cryptsetup close made
echo "FORMATTED $(ls /dev/mapper)"
rm /key
umount /sys /dev /proc
exec /second-init "$@"
"""
unlocking = make_initramfs(
    cloud, modules=["virtio_pci", "virtio_blk"], programs=["busybox", "cryptsetup", "lvm"], init=File(FORMAT, 0o755),
    entries={"second-init": File(DEFAULT_INIT, 0o755)}, prepend=[early_microcode(intel=local_source("microcode"))],
)
checking = make_initramfs(cloud, modules=["virtio_pci"], autoload=["drivers/block/virtio_*"])

def boot(name, initramfs, append, disks, typed, before=""):
    """Boot with *disks*, and type each of *typed* once its condition holds in the directory with the `log`."""
    drives = " ".join(f"-drive file={it},if=virtio,format=raw,snapshot=on" for it in disks)
    steps = "\n".join(f"until {it}; do kill -0 $! || exit 0; sleep 0.3; done; sleep 1; echo '{what}' >&3" for it, what in typed)
    command = (
        f"export TMPDIR=/build; cd /build; : > log; mkfifo keys; {before}\n"
        "timeout 500 qemu-system-x86_64 -M pc -accel tcg -cpu max -m 512 -nodefaults -no-user-config -display none -serial stdio "
        "-monitor none -no-reboot -net none -kernel /kernel/bzImage -initrd /initramfs "
        f"-append 'console=ttyS0 quiet no_timer_check {append}' {drives} < keys > log &\n"
        f"exec 3> keys; ({steps}) || true; wait $! || true; cp log /out/out"
    )
    mounts = {
        "/": root_file_system("qemu", lock).out, "/kernel": cloud.out, "/initramfs": initramfs.out, "/root-disk": root.out,
        "/mendable": mendable.out, "/broken": broken.out,
    }
    return Derivation(name=name, system="x86_64-linux", builder="/bin/sh", args=["-euc", command], mounts=mounts)

def seen(text, times=1):
    return f'test "$(grep -c "{text}" log)" -ge {times}'

of_luks = boot(
    "of-luks", unlocking, f"root=/dev/made/root rd.luks.uuid={UUID} rd.lvm.vg=made break=premount,bottom", ["/root-disk", "/build/empty"],
    [
        (seen("before premount"), "cat /kernel/x86/microcode/GenuineIntel.bin; exit"),
        (seen("Enter passphrase"), "wrong"),
        (seen("Enter passphrase", 2), "secret"),
        (seen("before bottom"), "echo found $(cat /root/etc/fact); exit"),
    ],
    before="truncate -s 64M empty",
)
of_broken = boot(
    "of-broken", checking, "root=/dev/vda", ["/broken", "/mendable"],
    [(seen("could not repair"), "echo /dev/vdb > /run/initramfs/root; exit")],
)
'''


@pytest.fixture(scope="module")
def kernix(real: Kernix) -> Kernix:
    """Return kernix with a lock of its own that has the kernel and the programs, and the definitions."""
    real.add_lock(LOCK, *SETS)
    microcode = real.home / "microcode/intel-ucode"
    microcode.mkdir(parents=True, exist_ok=True)
    (microcode / "06-01-01").write_text("made-up microcode\n")
    real.define("unlock.py", DEFINITIONS)
    return real


def console(kernix: Kernix, name: str) -> str:
    """Return the console of the guest of the boot *name*."""
    done = kernix.run("build", "--lock", LOCK, "-f", "unlock.py", "--no-link", name)
    return path_of(done.stdout).read_text(errors="replace").replace("\r", "")


def test_an_encrypted_root(kernix: Kernix) -> None:
    """A volume of LVM in LUKS2 with Argon2 is unlocked by the second passphrase, activated and mounted; `break=` stops twice."""
    text = console(kernix, "of_luks")
    assert "FORMATTED control" in text
    assert "made-up microcode\n" in text  # in an archive of its own, before the compressed one
    assert text.index("stopped before premount") < text.index("Enter passphrase") < text.index("stopped before bottom")
    assert "No key available with this passphrase" in text
    assert "\nfound forty-two" in text
    assert "ROOT mount=/dev/made/root / ext4 ro," in text
    assert "ROOT fact=forty-two" in text


def test_a_root_that_is_damaged(kernix: Kernix) -> None:
    """Where e2fsck gives up there is a shell, in which another root can be named; what it mends is mounted without asking."""
    text = console(kernix, "of_broken")
    assert "initramfs: fsck.ext4 could not repair /dev/vda (exit code 4)" in text
    assert "initramfs: fsck.ext4 has mended /dev/vdb" in text
    assert "ROOT mount=/dev/vdb / ext4 ro," in text
