"""Disks with real tools: the same bytes under every condition, clean, and with all files in them."""

from __future__ import annotations

import subprocess

from typing import TYPE_CHECKING

import pytest

from tests.programs import program
from tests.real import path_of


if TYPE_CHECKING:
    from pathlib import Path

    from tests.real import Kernix

pytestmark = pytest.mark.kernel

LOCK = "images.lock"

DISKS = """
import attrs

from derivations.context import current
from derivations.debian.rootfs import root_file_system
from derivations.derivation import Derivation
from derivations.union import UnionLayout

FILES = {f"d/e/a{number}": f"file {number}\\n" * number for number in range(60)}
TREE = union("tree", [], UnionLayout(files=FILES, links={"d/link": "e/a1"}))
for kind in ("ext4", "squashfs", "erofs"):
    globals()[kind] = make_root_disk(TREE, filesystem=kind, format="raw")
    # The tree copied in another order, in which a file system lists it then.
    text = globals()[kind].args[1]
    other = text.replace('cp -R -P --reflink=auto "/tree/$directory/." "$tree/"', OTHER)
    assert other != text
    globals()[f"{kind}_other"] = attrs.evolve(globals()[kind], args=("-c", other, *globals()[kind].args[2:]))
written = make_root_disk(TREE, format="raw", free="8M", modes={"d": 0o700})
qcow2 = make_root_disk(TREE)
tools = Derivation(
    name="read", system="x86_64-linux", builder="/bin/sh", mounts={
        "/": root_file_system("disks", current().lock()).out, "/squashfs": squashfs.out, "/erofs": erofs.out, "/qcow2": qcow2.out,
    },
    args=["-euc", '''
        cd /build
        exec > /out/out 2>&1
        unsquashfs -lls /squashfs
        unsquashfs -cat /squashfs d/e/a29 | sed 's/^/squashfs /'
        fsck.erofs /erofs
        dump.erofs --path=/d/e/a29 /erofs
        qemu-img info /qcow2
        qemu-img check /qcow2
    '''],
)
tiny = make_module_disk(kernels.linux_micro)
missing = make_root_disk(TREE, modes={"nowhere": 0o700})
"""

OTHER = """(cd /tree && find . -type d | sort | while read -r it; do mkdir -p "$tree/$it"; done
    find . ! -type d | sort -r | while read -r it; do cp -P "$it" "$tree/$it"; done)"""


@pytest.fixture
def kernix(real: Kernix) -> Kernix:
    """Return kernix with a lock of its own that has the tools."""
    real.add_lock(LOCK, "disks", "e2fsck")
    real.define("disks.py", f"OTHER = {OTHER!r}\n{DISKS}")
    return real


def built(kernix: Kernix, *names: str) -> list[Path]:
    """Build the disks *names* and return their images."""
    lines = kernix.run("build", "--lock", LOCK, "-f", "disks.py", "--no-link", *names).stdout
    return [path_of(line) for line in lines.splitlines()]


KINDS = ("ext4", "squashfs", "erofs")


def test_disks_are_reproducible(kernix: Kernix) -> None:
    """Under another user, umask, host name and time zone, each disk has the same bytes."""
    done = kernix.run(
        "build", "--lock", LOCK, "-f", "disks.py", "--no-link", "--rounds", "2", *KINDS, "written", "qcow2"
    )
    assert done.stderr.count("came out the same in 2 rounds") == 5


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_directories_does_not_matter(kernix: Kernix, kind: str) -> None:
    """A tree whose files were written in another order gives the same bytes."""
    disk, other = built(kernix, kind, f"{kind}_other")
    assert disk.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("name", ["ext4", "written"])
def test_an_ext4_is_clean_and_readable(kernix: Kernix, name: str) -> None:
    """e2fsck finds no error, and files come back with their modes, owners and times."""
    (disk,) = built(kernix, name)
    checked = subprocess.run([program("e2fsck"), "-fn", disk], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    inode = debugfs(disk, "stat /d/e/a29")
    assert debugfs(disk, "cat /d/e/a29") == "file 29\n" * 29
    assert "Mode:  0644" in inode
    assert "User:     0   Group:     0" in inode
    assert inode.count("0x00000001:00000000") == 4  # ctime, atime, mtime, crtime
    assert "Mode:  0755" in debugfs(disk, "stat /d/e")
    assert 'Fast link dest: "e/a1"' in debugfs(disk, "stat /d/link")


def test_room_and_modes(kernix: Kernix) -> None:
    """What is to be written has the room that was asked for, and a journal; modes are as given."""
    plain, written = built(kernix, "ext4", "written")
    free = {name: superblock(disk) for name, disk in (("plain", plain), ("written", written))}
    assert int(free["written"]["Free blocks"]) * 4096 >= 8 << 20
    assert int(free["plain"]["Free blocks"]) * 4096 < 1 << 20
    assert "has_journal" in free["written"]["Filesystem features"]
    assert "has_journal" not in free["plain"]["Filesystem features"]
    assert free["plain"]["Filesystem volume name"] == "root"
    assert "Mode:  0700" in debugfs(written, "stat /d")
    assert "Mode:  01777" in debugfs(written, "stat /tmp")


def test_the_other_formats_are_readable(kernix: Kernix) -> None:
    """Files come back from squashfs, EROFS is clean, and qcow2 is compressed and whole."""
    (read,) = built(kernix, "tools")
    text = read.read_text()
    assert text.count("squashfs file 29") == 29
    assert "drwxrwxrwt root/root" in text
    assert "-rw-r--r-- root/root" in text
    assert "1970-01-01 00:00" in text
    assert "Uid: 0   Gid: 0  Access: 0644" in text
    assert "compression type: zstd" in text
    assert "No errors were found on the image." in text


def test_a_kernel_that_cannot_read_the_disk(kernix: Kernix) -> None:
    """A file system that the kernel is configured without is an error that names the option."""
    done = kernix.run("build", "--lock", LOCK, "-f", "disks.py", "--no-link", "tiny", code=100)
    assert "the kernel cannot read ext4: it is configured without EXT4_FS" in done.stderr
    assert '"EXT4_FS": YES' in done.stderr


def test_a_mode_for_nothing(kernix: Kernix) -> None:
    """A mode for a path that is not on the disk is an error that names the path."""
    done = kernix.run("build", "--lock", LOCK, "-f", "disks.py", "--no-link", "missing", code=100)
    assert "there is no file or directory nowhere on the disk" in done.stderr


def debugfs(disk: Path, request: str) -> str:
    """Return what debugfs prints for *request*."""
    return subprocess.run([program("debugfs"), "-R", request, disk], capture_output=True, text=True, check=True).stdout


def superblock(disk: Path) -> dict[str, str]:
    """Return the fields of the superblock of *disk*."""
    text = subprocess.run([program("dumpe2fs"), "-h", disk], capture_output=True, text=True, check=True).stdout
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name: value.strip() for name, _, value in pairs}
