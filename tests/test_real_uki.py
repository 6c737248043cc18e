"""Boots through a firmware: a unified kernel image, and systemd-boot with entries that `kernix install` wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.debian.lock import dumps
from tests.real import path_of


if TYPE_CHECKING:
    from pathlib import Path

    from tests.real import Kernix

pytestmark = pytest.mark.kernel

LOCK = "uefi.lock"

DEFINITIONS = """
from derivations.context import current
from derivations.debian.rootfs import root_file_system
from derivations.image.entries import Copy, Device, Directory, File, Link

LOCK = current().lock()
CLOUD = kernels.linux_debian_cloud
BUSYBOX = fetch_deb(LOCK.package("busybox", "busybox-static"))

INIT = '''#!/bin/sh
/bin/busybox mount -t proc proc /proc
/bin/busybox printf '\\\\nGUEST release=%s cmdline=%s\\\\n' "$(/bin/busybox uname -r)" "$(/bin/busybox cat /proc/cmdline)"
/bin/busybox reboot -f
'''
ramdisk = make_initramfs(
    {
        "init": File(INIT, 0o755), "bin/busybox": Copy(BUSYBOX, "bin/busybox"), "bin/sh": Link("busybox"),
        "dev/console": Device("c", 5, 1), "proc": Directory(),
    },
    name="ramdisk",
)
COMMON = "console=ttyS0 panic=-1 no_timer_check"

uki = make_uki(CLOUD, initramfs=ramdisk, cmdline=f"{COMMON} which=unified")


def boot(name, files):
    # A FAT partition with *files*, by path, booted with a firmware in emulation; the output is the console.
    copies = "".join(f"mcopy -i esp -Q {source} '::{place}'; " for place, source in files.items())
    directories = sorted({it for place in files for it in parents(place)})
    return Derivation(
        name=name, system="x86_64-linux", builder="/bin/sh",
        mounts={
            "/": root_file_system("qemu", LOCK).out, "/mtools": fetch_deb(LOCK.package("uefi", "mtools")).out,
            "/ovmf": fetch_deb(LOCK.package("uefi", "ovmf")).out, **mounts(files),
        },
        args=["-euc", f'''
            cd /build
            export PATH=$PATH:/mtools/usr/bin MTOOLS_SKIP_CHECK=1 TZ=UTC
            mformat -C -i esp -T 262144 -N 12345678 ::
            for it in {" ".join(directories)}; do mmd -i esp "::$it"; done
            {copies}
            timeout 280 qemu-system-x86_64 -M q35 -accel tcg -m 1024 -nodefaults -no-user-config -display none -net none \\\\
                -no-reboot -monitor none -serial stdio -bios /ovmf/usr/share/ovmf/OVMF.fd \\\\
                -drive file=esp,format=raw,if=virtio < /dev/null > /out/out || echo "ended with $?"
            cat /out/out
        '''],
        hints=Hints(timeout=300),
    )


def parents(place):
    while "/" in place.strip("/"):
        place = place.rpartition("/")[0]
        yield place


def mounts(files):
    return {"/uki": uki.out} if "/uki" in files.values() else {}


unified = boot("unified-boot", {"/EFI/BOOT/BOOTX64.EFI": "/uki"})
"""


@pytest.fixture
def kernix(real: Kernix) -> Kernix:
    """Return kernix with a lock of its own that has a compiled kernel, a firmware and a loader."""
    if not (real.home / LOCK).exists():
        (real.home / "new.lock").write_text(dumps(real.lock()))
        sets = ("linux-image-cloud-amd64", "systemd-boot", "uefi")
        real.run("lock", "--lock", "new.lock", *(word for it in sets for word in ("--add", it)))
        (real.home / "new.lock").rename(real.home / LOCK)
    real.define("uefi.py", f"from derivations.derivation import Hints\n{DEFINITIONS}")
    return real


def built(kernix: Kernix, name: str) -> Path:
    """Build *name* and return its output."""
    return path_of(kernix.run("build", "--lock", LOCK, "-f", "uefi.py", "--no-link", name).stdout)


def guest(console: Path) -> dict[str, str]:
    """Return what the guest has said on the *console*."""
    text = console.read_text(errors="replace").replace("\r", "")
    line = next((it for it in text.splitlines() if it.startswith("GUEST ")), "")
    assert line, text[-3000:]
    release, _, cmdline = line.removeprefix("GUEST release=").partition(" cmdline=")
    return {"release": release, "cmdline": cmdline}


def test_a_unified_image_boots(kernix: Kernix) -> None:
    """The firmware starts it: its kernel runs with its command line, and unpacks its initramfs."""
    said = guest(built(kernix, "unified"))
    assert said["release"].endswith("-cloud-amd64")
    assert "which=unified" in said["cmdline"].split()


def test_a_unified_image_is_reproducible(kernix: Kernix) -> None:
    """Under another user, umask, host name and time zone, it has the same bytes."""
    done = kernix.run("build", "--lock", LOCK, "-f", "uefi.py", "--no-link", "--rounds", "2", "uki")
    assert "came out the same in 2 rounds" in done.stderr
