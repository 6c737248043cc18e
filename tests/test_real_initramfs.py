"""Real initramfs: booted, they find, check and mount the root file system, and hand over to it."""

from __future__ import annotations

import re
import shutil

from typing import TYPE_CHECKING

import pytest

from tests.real import ROOMY, path_of


if TYPE_CHECKING:
    from tests.real import Kernix

pytestmark = [pytest.mark.kernel, pytest.mark.long]  # ROOMY

LOCK = "images.lock"

DEFINITIONS = '''
from derivations.context import current
from derivations.debian.rootfs import root_file_system
from derivations.image.initramfs import File

lock = current().lock()
without_xz = kernels.linux_micro.override(extra_config={"RD_XZ": NO})

INIT = """#!/bin/busybox sh
export PATH=/bin
echo "ROOT release=$(uname -r)"
echo "ROOT started=$0 $*"
echo "ROOT mount=$(grep ' / ' /proc/mounts)"
echo "ROOT fact=$(cat /etc/fact)"
echo "ROOT modules=$(cut -d ' ' -f 1 /proc/modules | sort | tr '\\\\n' ' ')"
if [ -b /dev/vdb ]; then
    mount -o ro /dev/vdb /lib/modules && modprobe squashfs && echo "ROOT loaded=$(grep -c squashfs /proc/filesystems)"
fi
/bin/busybox reboot -f
"""
tree = Derivation(
    name="tree", system="x86_64-linux", builder="/bin/sh",
    args=["-euc", """
        cd /out/out && mkdir -p bin etc lib/modules sbin
        cp /busybox/bin/busybox bin/ && ln -s busybox bin/sh && cp /init sbin/init && chmod +x sbin/init && cp sbin/init sbin/other
        echo forty-two > etc/fact
    """.replace("cd /out/out", "mkdir /out/out && cd /out/out")],
    mounts={
        "/": root_file_system("disks", lock).out, "/init": text_file("init", INIT).out,
        "/busybox": fetch_deb(lock.package("busybox", "busybox-static")).out,
    },
)
root = make_root_disk(tree, kernel=roomy, format="raw")
squashed = make_root_disk(tree, kernel=roomy, filesystem="squashfs", format="raw")
module_disk = make_module_disk(roomy)

# A disk with a partition table, in which the file system is the second partition.
GPT = """
import struct, sys, uuid, zlib
disk, part = open("/out/out", "wb"), open("/root-disk", "rb").read()
first = 4096
last = first + len(part) // 512 - 1
total = last + 34
entries = bytearray(128 * 128)
for index, start, end, name in ((0, 2048, 2049, "first"), (1, first, last, "second")):
    kind = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4").bytes_le
    unique = uuid.UUID("12345678-9abc-4def-8123-456789abcde%d" % index).bytes_le
    struct.pack_into("<16s16sQQQ72s", entries, index * 128, kind, unique, start, end, 0, name.encode("utf-16-le"))
def header(here, other, table):
    def packed(crc):
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 65536, 92, crc, 0, here, other, 34, total - 34,
            uuid.UUID(int=1).bytes_le, table, 128, 128, zlib.crc32(entries))
    return packed(zlib.crc32(packed(0))).ljust(512, b"\\\\0")
mbr = bytearray(512)
struct.pack_into("<B3sB3sII", mbr, 446, 0, b"\\\\0\\\\2\\\\0", 0xEE, b"\\\\xff" * 3, 1, total - 1)
mbr[510:] = b"\\\\x55\\\\xaa"
disk.write(mbr + header(1, total - 1, 2) + entries)
disk.seek(first * 512)
disk.write(part)
disk.seek((total - 33) * 512)
disk.write(entries + header(total - 1, 1, total - 33))
"""
partitioned = Derivation(
    name="partitioned", system="x86_64-linux", builder="/usr/bin/python3", args=["-c", GPT],
    mounts={"/": root_file_system("gcc", lock).out, "/root-disk": root.out},
)

NAMES = ["virtio_blk", "virtio_pci", "ext4"]
plain = make_initramfs(roomy, modules=NAMES)
packed = make_initramfs(roomy, modules=["drivers/virtio", "drivers/block/*", "fs/squashfs"], compression="lz4")
common = make_initramfs(roomy, compression="gzip")
joined = join_initramfs([common, make_module_initramfs(roomy, NAMES)])
minivm = make_initramfs(
    roomy, template="template", modules="modules.ramfs", autoload="modules.autoload", programs=["busybox"], compression="gzip"
)
bare = make_initramfs(roomy, template="bare")
twice = make_initramfs(roomy, template="template", programs=["busybox", "busybox"], entries={"bin/split": File("x")})
cannot = make_initramfs(without_xz, compression="xz")
unknown = make_initramfs(roomy, modules=["no_such_module"])

# What a person types when there is a shell: the right root, and on.
TYPED = """(
    while ! grep -q 'goes on' /build/log; do sleep 0.5; done; sleep 2; echo 'echo typed $((6 * 7)) on $(tty)'
    echo 'echo LABEL=root > /run/initramfs/root'; sleep 2; echo 'exit 3'; sleep 60
) | """

def boot(name, initramfs, disk, append, *more, typed=""):
    disks = {"/disk-a": disk.out, **({"/disk-b": more[0].out} if more else {})}
    drives = " ".join(f"-drive file={it},if=virtio,format={'raw' if it == '/disk-a' else 'qcow2'},snapshot=on" for it in disks)
    command = (
        f"export TMPDIR=/build; : > /build/log; {typed}timeout 240 qemu-system-x86_64 -M pc -accel tcg -m 256 -nodefaults -no-user-config -display none "
        "-serial stdio -monitor none -no-reboot -net none -kernel /kernel/bzImage -initrd /initramfs "
        f"-append 'console=ttyS0 quiet no_timer_check {append}' {drives} {'' if typed else '< /dev/null'} > /build/log; cp /build/log /out/out"
    )
    mounts = {"/": root_file_system("qemu", lock).out, "/kernel": roomy.out, "/initramfs": initramfs.out, **disks}
    return Derivation(name=name, system="x86_64-linux", builder="/bin/sh", args=["-euc", command], mounts=mounts)

by_label = boot("by-label", plain, root, "panic=-1 root=LABEL=root single", module_disk)
by_partition = boot("by-partition", joined, partitioned, "panic=-1 root=PARTUUID=12345678-9ABC-4DEF-8123-456789ABCDE1 rw init=/sbin/other")
of_squashfs = boot("of-squashfs", packed, squashed, "panic=-1 root=/dev/vda rootflags=errors=panic")
of_minivm = boot("of-minivm", minivm, root, "panic=-1 root=/dev/vda")
of_none = boot("of-none", plain, root, "panic=-1 root=UUID=00000000-0000-4000-8000-000000000000 rootdelay=1")
by_hand = boot("by-hand", plain, root, "root=LABEL=none rootdelay=1", typed=TYPED)

'''

TEMPLATE = {
    "init": """#!/bin/sh
/bin/busybox mount -t proc none /proc
mount -t sysfs none /sys
xargs /sbin/modprobe -a < /modules.autoload
find /sys -name modalias | xargs sort -u | xargs /sbin/modprobe -abq
mdev -s
mount -r /dev/vda /mnt/root
umount /sys
/bin/busybox mount -t proc none /mnt/root/proc
exec /bin/busybox switch_root /mnt/root /sbin/init "$@"
""",
    "bin/split": "#!/bin/sh\n",
    "mnt/root/": "",
}
RAMFS = "# what the root is on\n\ndrivers/virtio\t\t# all of it\nfs/ext4/ext4.ko\n"
AUTOLOAD = "virtio_blk\next4\n"


@pytest.fixture(scope="module")
def kernix(real: Kernix) -> Kernix:
    """Return kernix with a lock of its own that has the tools, and the definitions."""
    real.add_lock(LOCK, "disks", "e2fsck")
    for name in ("template", "bare"):
        shutil.rmtree(real.home / name, ignore_errors=True)
    for path, text in TEMPLATE.items():
        file = real.home / "template" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            file.mkdir()
        else:
            file.write_text(text)
            file.chmod(0o755)
    (real.home / "bare/etc").mkdir(parents=True)
    (real.home / "modules.ramfs").write_text(RAMFS)
    (real.home / "modules.autoload").write_text(AUTOLOAD)
    real.define("initramfs.py", ROOMY + DEFINITIONS)
    real.run("build", "linux_guest", "--no-link")  # its objects are most of the kernel's
    return real


def console(kernix: Kernix, name: str) -> str:
    """Return the console of the guest of the boot *name*."""
    done = kernix.run("build", "--lock", LOCK, "-f", "initramfs.py", "--no-link", name)
    return path_of(done.stdout).read_text(errors="replace").replace("\r", "")


def facts(text: str) -> dict[str, str]:
    """Return what the root file system's init printed."""
    found = dict(re.findall(r"^ROOT (\w+)=(.*)$", text, re.MULTILINE))
    assert found, text
    return found


def test_a_root_by_its_label(kernix: Kernix) -> None:
    """The root is found, checked and mounted read-only; its init gets the rest of the line, and loads from a module disk."""
    text = console(kernix, "by_label")
    root = facts(text)
    assert "root: clean" in text
    assert root["release"].startswith("6.")
    assert root["started"] == "/sbin/init single"
    assert root["mount"].startswith("/dev/vda / ext4 ro,")
    assert root["fact"] == "forty-two"
    assert {"ext4", "jbd2", "crc32c_generic", "virtio_blk", "virtio_pci"} <= {*root["modules"].split()}
    assert root["loaded"] == "1"


def test_a_root_by_its_partition(kernix: Kernix) -> None:
    """A partition of a GPT is found by its UUID, in any case, with modules from an archive that was joined; `rw` and `init=` count."""
    root = facts(console(kernix, "by_partition"))
    assert root["mount"].startswith("/dev/vda2 / ext4 rw,")
    assert root["started"].rstrip() == "/sbin/other"


def test_a_squashfs_root(kernix: Kernix) -> None:
    """An initramfs in lz4 boots, the type of the root is found, and `rootflags=` are its options."""
    root = facts(console(kernix, "of_squashfs"))
    assert root["mount"] == "/dev/vda / squashfs ro,relatime,errors=panic 0 0"


def test_a_template(kernix: Kernix) -> None:
    """MiniVM's three inputs, a template, modules.ramfs and modules.autoload, make an initramfs that boots."""
    root = facts(console(kernix, "of_minivm"))
    assert (root["fact"], "virtio_blk" in root["modules"]) == ("forty-two", True)


def test_a_root_that_is_missing(kernix: Kernix) -> None:
    """Without the root the machine says so, names the devices, and restarts where `panic=` forbids a shell."""
    text = console(kernix, "of_none")
    assert "initramfs: there is no UUID=00000000-0000-4000-8000-000000000000" in text
    assert "initramfs: devices: vda" in text
    assert "initramfs: restarting, because of panic=-1" in text


def test_a_shell(kernix: Kernix) -> None:
    """Where the root is missing there is a shell with a terminal, in which it can be named; whatever the shell's exit code, the boot goes on."""
    text = console(kernix, "by_hand")
    assert "typed 42 on /dev/ttyS0" in text
    assert facts(text)["mount"].startswith("/dev/vda / ext4 ro,")


@pytest.mark.parametrize(
    ("name", "said", "hint", "code"),
    [
        pytest.param("bare", "init: the template has none", "add an executable file `init`", 1, id="no-init"),
        pytest.param(
            "twice",
            "bin/split: the template and the programs and entries both have it",
            "leave one of them out",
            1,
            id="twice",
        ),
        pytest.param("cannot", "it is configured without RD_XZ", '"RD_XZ": YES', 1, id="compression"),
        pytest.param("unknown", "has no module 'no_such_module'", "", 1, id="module"),
    ],
)
def test_what_cannot_be_made(kernix: Kernix, name: str, said: str, hint: str, code: int) -> None:
    """What could not boot is not made: one sentence and a hint."""
    done = kernix.run("build", "--lock", LOCK, "-f", "initramfs.py", "--no-link", name, code=code)
    assert said in done.stderr
    assert hint in done.stderr


def test_what_is_inside(kernix: Kernix) -> None:
    """`kernix initramfs show` lists every archive of one that was joined."""
    kernix.run("build", "--lock", LOCK, "-f", "initramfs.py", "--no-link", "joined")
    listed = kernix.run("initramfs", "show", "--lock", LOCK, "-f", "initramfs.py", "joined").stdout
    assert re.findall(r"^at byte .*, compressed with (\w+): ", listed, re.MULTILINE) == ["gzip", "zstd"]
    assert re.search(r"^-rwxr-xr-x +0:0 +\d+ +init$", listed, re.MULTILINE)
    assert re.search(r"^-rw-r--r-- +0:0 +\d+ +lib/modules/[^/]+/kernel/fs/ext4/ext4\.ko$", listed, re.MULTILINE)


def test_they_are_reproducible(kernix: Kernix) -> None:
    """Built again, under another user, umask and time zone, each part of them has the same bytes."""
    names = ("plain", "packed", "joined", "minivm")
    done = kernix.run("build", "--lock", LOCK, "-f", "initramfs.py", "--no-link", "--check", *names)
    assert done.stderr.count("is the same: built again") == len(names)
