"""Boots through a firmware: a unified kernel image, and systemd-boot with entries that `kernix install` wrote."""

from __future__ import annotations

import shutil

from typing import TYPE_CHECKING

import pytest

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


def boot(name, files, mounts):
    # A FAT partition with *files*, by path, booted with a firmware in emulation; the output is the console.
    copies = "".join(f"mcopy -i esp -Q {source} '::{place}'; " for place, source in files.items())
    directories = sorted({it for place in files for it in parents(place)})
    return Derivation(
        name=name, system="x86_64-linux", builder="/bin/sh",
        mounts={
            "/": root_file_system("qemu", LOCK).out, "/mtools": fetch_deb(LOCK.package("uefi", "mtools")).out,
            "/ovmf": fetch_deb(LOCK.package("uefi", "ovmf")).out, **mounts,
        },
        args=["-euc", f'''
            cd /build
            export PATH=$PATH:/mtools/usr/bin MTOOLS_SKIP_CHECK=1 TZ=UTC
            mformat -C -i esp -T 262144 -N 12345678 ::
            for it in {" ".join(directories)}; do mmd -i esp "::$it"; done
            {copies}
            if [ -d /esp ]; then mcopy -i esp -Q -s -n -D s /esp/* ::/; fi
            timeout 280 qemu-system-x86_64 -M q35 -accel tcg -m 1024 -nodefaults -no-user-config -display none -net none \\\\
                -no-reboot -monitor none -serial stdio -bios /ovmf/usr/share/ovmf/OVMF.fd \\\\
                -drive file=esp,format=raw,if=virtio < /dev/null > /out/out || echo "ended with $?"
            mdir -/ -b -i esp :: >> /out/out
            cat /out/out
        '''],
        hints=Hints(timeout=300),
    )


def parents(place):
    while "/" in place.strip("/"):
        place = place.rpartition("/")[0]
        yield place


unified = boot("unified-boot", {"/EFI/BOOT/BOOTX64.EFI": "/uki"}, {"/uki": uki.out})

SYSTEMD = fetch_deb(LOCK.package("systemd-boot", "systemd-boot-efi")).out
LOADER = {"/EFI/BOOT/BOOTX64.EFI": "/systemd/usr/lib/systemd/boot/efi/systemd-bootx64.efi"}


def loaded(directory):
    # The tree has no links, owners or times of its own, and FAT no modes: nothing of them can matter.
    return boot("loader-boot", LOADER, {"/systemd": SYSTEMD, "/esp": local_source(directory).out})
"""


@pytest.fixture
def kernix(real: Kernix) -> Kernix:
    """Return kernix with a lock of its own that has a compiled kernel, a firmware and a loader."""
    real.add_lock(LOCK, "linux-image-cloud-amd64", "systemd-boot", "uefi")
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


def install(kernix: Kernix, *words: str) -> Path:
    """Run `kernix install` with *words* on the partition, in a directory; return the path of the default entry."""
    kernix.run("install", "--lock", LOCK, "-f", "uefi.py", "--esp", "esp", "--profile", "uefi", *words)
    esp = kernix.home / "esp"
    (entry,) = esp.rglob((esp / "loader/loader.conf").read_text().removeprefix("default ").strip())
    return entry


def test_a_loader_boots_what_was_installed(kernix: Kernix) -> None:
    """systemd-boot starts the entry that is the default, then the one that was installed after it, then a unified image."""
    esp = kernix.home / "esp"
    shutil.rmtree(esp, ignore_errors=True)
    shutil.rmtree(kernix.home / "kernix/profiles/uefi", ignore_errors=True)
    (esp / "EFI").mkdir(parents=True)
    common = "console=ttyS0 panic=-1 no_timer_check"
    seen = []
    for name, *words in (
        ("first", "CLOUD"),
        ("second", "CLOUD", "--slot", "another", "--tries", "3"),
        ("third", "CLOUD", "--uki", "--tries", "3"),
    ):
        entry = install(kernix, *words, "--initrd", "ramdisk", "--options", f"{common} which={name}")
        assert entry.is_file()
        for it in esp.rglob("*"):
            assert not it.is_symlink()
            assert not set(it.name) & set('"*:<>?|\\\\')
            assert it.name == it.name.strip(" .")
        names = [str(it.relative_to(esp)).lower() for it in esp.rglob("*")]
        assert len(names) == len({*names})
        kernix.define(f"boot_{name}.py", f"from uefi import *\n\n{name} = loaded('esp')\n")
        console = path_of(kernix.run("build", "--lock", LOCK, "-f", f"boot_{name}.py", "--no-link", name).stdout)
        seen.append(guest(console)["cmdline"].split()[-1])
        # The loader has counted a try in the name.
        if "--tries" in words:
            assert entry.name.replace("+3.", "+2-1.") in console.read_text(errors="replace")
    assert seen == ["which=first", "which=second", "which=third"]


def test_a_unified_image_is_reproducible(kernix: Kernix) -> None:
    """Under another user, umask, host name and time zone, it has the same bytes."""
    done = kernix.run("build", "--lock", LOCK, "-f", "uefi.py", "--no-link", "--rounds", "2", "uki")
    assert "came out the same in 2 rounds" in done.stderr
