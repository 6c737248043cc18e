"""Boot a kernel in QEMU, and believe only what its guest says.

The test is a derivation: QEMU from pinned packages runs in the sandbox with an initramfs whose
init prints a line that neither the firmware, nor the kernel, nor its command line contains.
Without that line, with the expected release in it, the test fails, however QEMU ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.debian.rootfs import root_file_system
from derivations.derivation import Derivation, Hints, Output
from derivations.fetch import fetch_deb
from derivations.image.initramfs import Copy, Device, Directory, File, Link, make_initramfs
from derivations.linux.script import SHELL, script


if TYPE_CHECKING:
    from derivations.debian.lock import Lock
    from derivations.toolchain import Toolchain


TIMEOUT = 300
"""Seconds: software emulation of a large kernel on a busy machine takes one of these minutes or two."""

SENTINEL = "KERNIX-GUEST"

_INIT = f"""#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox printf '\\n{SENTINEL} release=%s\\n{SENTINEL} uname=%s\\n' "$(/bin/busybox uname -r)" "$(/bin/busybox uname -a)"
/bin/busybox reboot -f
"""
# A reboot and not a power-off: QEMU ends on it (-no-reboot), and it needs no ACPI, which a small kernel lacks.


def boot_test(name: str, kernel: Output, release: str, toolchain: Toolchain, lock: Lock) -> Derivation:
    """Return the test that boots *kernel*, an output with its image, and expects *release*; it leaves `console.log`."""
    return Derivation(
        name=f"{name}-boot",
        system=toolchain.system,
        builder=SHELL,
        args=script("boot", toolchain.qemu, toolchain.image, toolchain.console, release),
        mounts={
            "/": root_file_system(toolchain.qemu_set, lock).out,
            "/kernel": kernel,
            "/initramfs": initramfs(lock, toolchain).out,
        },
        hints=Hints(description=f"boot {name}", timeout=TIMEOUT, kvm=toolchain.srcarch == "x86"),
    )


def initramfs(lock: Lock, toolchain: Toolchain) -> Derivation:
    """Return the initramfs that says which kernel it runs on, and powers off."""
    busybox = fetch_deb(lock.package(toolchain.busybox_set, "busybox-static"))
    return make_initramfs(
        {
            "init": File(text=_INIT, mode=0o755),
            "bin/busybox": Copy(busybox, "bin/busybox"),
            "bin/sh": Link("busybox"),
            "dev/console": Device("c", 5, 1),
            "proc": Directory(),
        },
        name="initramfs-uname",
    )
