"""Boot a kernel in QEMU, and trust only the output of its guest.

The test is a derivation: QEMU from pinned packages runs in the sandbox with an initramfs whose
init prints a line that neither the firmware, nor the kernel, nor its command line contains.
Without that line, with the expected release in it, the test fails, regardless of how QEMU exits. The init is a script for
Debian's static BusyBox. For other machines than that which builds, whose packages the archives may lack (Debian 12 has none for
riscv64), it is a program without a C library.

If /dev/kvm is available, the builder tries it first, and falls back to emulation if anything goes wrong: on some
machines /dev/kvm opens, runs a few instructions, and then hangs every kernel. The builder reports such a machine to the
realiser (`derivations.realise.kvm`), which withholds /dev/kvm from later boots.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.debian.rootfs import root_file_system
from derivations.derivation import Derivation, Hints, Output
from derivations.fetch import fetch_deb
from derivations.image.initramfs import Copy, Device, Directory, File, Link, make_initramfs
from derivations.linux.script import SHELL, script
from derivations.source import text_file
from derivations.systems import machine


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.debian.lock import Lock
    from derivations.toolchain import Toolchain


@attrs.frozen
class BootPatience:
    """Timeouts in seconds for a guest: until its first output, between outputs, and in total."""

    first: int
    quiet: int
    whole: int

    def __str__(self) -> str:
        return f"{self.first} {self.quiet} {self.whole}"


WITH_KVM = BootPatience(first=15, quiet=30, whole=90)
"""With KVM, a kernel writes to its console within a second and finishes in five, a large one on a busy machine in 30."""

EMULATED = BootPatience(first=300, quiet=300, whole=300)
"""Emulating a large kernel on a busy machine takes a minute or two, including its decompression."""

MEMORY = 512  # MiB

_OPTIONS = ("BINFMT_ELF", "BLK_DEV_INITRD", "TTY")
_CONSOLE_OPTIONS = {
    "arm": ("SERIAL_AMBA_PL011_CONSOLE",),
    "arm64": ("SERIAL_AMBA_PL011_CONSOLE",),
    "mips": ("CPU_LITTLE_ENDIAN", "MIPS_MALTA", "SERIAL_8250_CONSOLE"),
    "powerpc": ("CPU_LITTLE_ENDIAN", "HVC_CONSOLE", "PPC_OF_BOOT_TRAMPOLINE", "PPC_PSERIES"),
    "riscv": ("SERIAL_8250_CONSOLE", "SERIAL_OF_PLATFORM"),
    "s390": ("SCLP_CONSOLE", "SCLP_TTY"),
    "x86": ("SERIAL_8250_CONSOLE",),
}
"""By the directory in `arch/`: the drivers for the console of QEMU's machine, and other options its kernels need."""

SENTINEL = "KERNIX-GUEST"

_SCRIPT = script("boot")

_OWN_INIT = frozenset({"arm", "arm64", "i386", "riscv"})
"""The values of Kbuild's ARCH whose system calls `programs/uname.c` knows."""

_SOURCE = Path(__file__).with_name("programs") / "uname.c"
_FREESTANDING = (
    "-static -nostdlib -ffreestanding -fno-builtin -fno-pic -fno-stack-protector -fomit-frame-pointer -Os -Wall -Wextra -s "
    "-Wl,--no-relax"  # on RISC-V, addresses relative to a register that the C library would set
)

_INIT = f"""#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox printf '\\n{SENTINEL} release=%s\\n{SENTINEL} uname=%s\\n' "$(/bin/busybox uname -r)" "$(/bin/busybox uname -a)"
/bin/busybox reboot -f
"""
# A reboot rather than a power-off: QEMU exits on it (-no-reboot), and it does not need ACPI, which a small kernel lacks.


def uname_test(name: str, kernel: Output, release: str, toolchain: Toolchain, lock: Lock) -> Derivation:
    """Return the test that boots *kernel*, an output with its image, and expects *release*; it leaves `console.log`."""
    return boot(f"{name}-boot", kernel, release, first=initramfs(lock, toolchain).out, toolchain=toolchain, lock=lock)


def boot(
    name: str,
    kernel: Output,
    release: str,
    *,
    first: Output,
    toolchain: Toolchain,
    lock: Lock,
    append: str = "",
    memory: int = MEMORY,
    disks: Iterable[Output] = (),
    timeout: int = EMULATED.whole,
) -> Derivation:
    """Return the boot of *kernel* with the initramfs *first*, which must print the release; it leaves `console.log`.

    Args:
        name: The derivation's name.
        kernel: An output with its image and `config`.
        release: The release that the guest must print.
        first: The initramfs.
        toolchain: The toolchain of its system, which names the emulator.
        lock: The lock with the emulator.
        append: Further words of the kernel's command line.
        memory: The guest's memory, in MiB.
        disks: Its disks, raw or qcow2, in order; what the guest writes to them is discarded.
        timeout: How long it may take under emulation, in seconds.
    """
    with_kvm = attrs.evolve(WITH_KVM, whole=max(WITH_KVM.whole, timeout)) if timeout > EMULATED.whole else WITH_KVM
    emulated = BootPatience(first=timeout, quiet=timeout, whole=timeout)
    return Derivation(
        name=name,
        system=toolchain.system,
        builder=SHELL,
        args=script(
            "boot",
            toolchain.qemu,
            toolchain.image,
            toolchain.console,
            release,
            " ".join(needed_options(toolchain)),
            str(with_kvm),
            str(emulated),
            str(memory),
            append,
        ),
        mounts={
            "/": root_file_system(toolchain.qemu_set, lock).out,
            "/kernel": kernel,
            "/initramfs": first,
            **{f"/disks/{number:02}": disk for number, disk in enumerate(disks)},
        },
        hints=Hints(
            description=f"boot {name.removesuffix('-boot')}",
            timeout=with_kvm.whole + emulated.whole + 60,
            kvm=_has_kvm(toolchain),
        ),
    )


def is_boot_test(derivation: Derivation) -> bool:
    """Return whether *derivation* is a boot made by `boot`."""
    return derivation.builder == SHELL and derivation.args[: len(_SCRIPT)] == _SCRIPT


def needed_options(toolchain: Toolchain) -> tuple[str, ...]:
    """Return the options that a kernel must have built in for a boot test: console, initramfs, its init."""
    common = _OPTIONS if toolchain.arch in _OWN_INIT else sorted((*_OPTIONS, "BINFMT_SCRIPT"))
    return (*common, *_CONSOLE_OPTIONS[toolchain.srcarch])


def _has_kvm(toolchain: Toolchain) -> bool:
    """Return whether KVM on the machine that runs the test could run the kernel: both must be x86.

    Other machines would need a processor and an interrupt controller that differ from those QEMU emulates.
    """
    return toolchain.srcarch == machine(toolchain.system).srcarch == "x86"


def initramfs(lock: Lock, toolchain: Toolchain) -> Derivation:
    """Return the initramfs that prints which kernel it runs on, and reboots."""
    if toolchain.arch in _OWN_INIT:
        return make_initramfs(
            {"init": Copy(own_init(toolchain), mode=0o755), "dev/console": Device("c", 5, 1)}, name="initramfs-uname"
        )
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


def own_init(toolchain: Toolchain) -> Derivation:
    """Return `programs/uname.c` compiled by *toolchain*: an init that needs no package of the kernel's machine."""
    source = text_file("uname.c", _SOURCE.read_text(encoding="utf-8"))
    return Derivation(
        name=f"init-uname-{toolchain.arch}",
        system=toolchain.system,
        builder=SHELL,
        args=("-euc", f"{_compiler(toolchain)} {_FREESTANDING} '-DSENTINEL=\"{SENTINEL}\"' -o /out/out /uname.c"),
        mounts={"/": toolchain.root, "/uname.c": source.out},
        hints=Hints(description=f"compile the init of a boot test for {toolchain.arch}"),
    )


def _compiler(toolchain: Toolchain) -> str:
    """Return the command that compiles programs for the machine of *toolchain*'s kernels."""
    narrow = " -m32" if toolchain.arch == "i386" else ""  # the compiler may be that of x86_64
    if "LLVM=1" not in toolchain.flags:
        return f"{toolchain.cross_compile}gcc{narrow}"
    target = f" --target={toolchain.cross_compile.rstrip('-')}" if toolchain.cross_compile else ""
    return f"clang{target} -fuse-ld=lld{narrow}"
