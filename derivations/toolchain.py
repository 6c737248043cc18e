"""Toolchains: a root file system to compile a kernel in, and the variables to pass to Kbuild.

A system such as `aarch64-linux` is where a kernel runs; the lock decides on which machines it is
built, since it pins their packages. If the two differ, the set with the cross compiler is used.
"""

from __future__ import annotations

import functools

from typing import TYPE_CHECKING

import attrs

from derivations.debian.rootfs import root_file_system
from derivations.debian.sets import SETS
from derivations.frozen_map import FrozenMap
from derivations.suggest import suggestion
from store.errors import Error


if TYPE_CHECKING:
    from derivations.debian.lock import Lock
    from derivations.derivation import Output


class UnknownSystem(Error):
    """kernix does not build kernels for, or on, this system."""

    exit_code = 2

    name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"unknown system {self.name!r}"

    @property
    def hint(self) -> str:
        """Suggest systems with a similar spelling, or list all of them."""
        return suggestion(self.name, self.known) or f"the systems are {', '.join(self.known)}"


class UnknownToolchain(Error):
    """There is no such toolchain."""

    exit_code = 2

    name: str

    def __str__(self) -> str:
        return f"unknown toolchain {self.name!r}"

    @property
    def hint(self) -> str:
        """Suggest toolchains with a similar spelling, or list all of them."""
        return suggestion(self.name, TOOLCHAINS) or f"the toolchains are {', '.join(TOOLCHAINS)}"


@attrs.frozen(kw_only=True)
class Machine:
    """A kind of machine, and its names in Debian, GNU, Kbuild and QEMU.

    Attributes:
        debian: Debian's architecture.
        triplet: The prefix of the names of cross compilers.
        arch: Kbuild's ARCH.
        srcarch: The directory below `arch/` in the kernel's source.
        image: The target of `make` for the bootable image, in a form that QEMU can also load.
        set_name: The suffix of the package sets for this machine.
        qemu: The command that emulates it.
        qemu_set: The package set with that command.
        console: The serial console that QEMU gives it.
        has_defconfig: Whether the defconfig of `arch` fits this machine.
        compiled_by: Debian's architecture of other machines whose native compiler builds kernels for it.
    """

    debian: str
    triplet: str
    arch: str
    srcarch: str
    image: str
    set_name: str
    qemu: str
    qemu_set: str
    console: str
    has_defconfig: bool = True
    compiled_by: str | None = None


MACHINES: FrozenMap[Machine] = FrozenMap(
    {
        "aarch64-linux": Machine(
            debian="arm64",
            triplet="aarch64-linux-gnu",
            arch="arm64",
            srcarch="arm64",
            image="Image",
            set_name="aarch64",
            qemu="qemu-system-aarch64 -machine virt -cpu cortex-a57",
            qemu_set="qemu-arm",
            console="ttyAMA0",
        ),
        "armv7l-linux": Machine(
            debian="armhf",
            triplet="arm-linux-gnueabihf",
            arch="arm",
            srcarch="arm",
            image="zImage",
            set_name="arm",
            qemu="qemu-system-arm -machine virt",
            qemu_set="qemu-arm",
            console="ttyAMA0",
        ),
        "i686-linux": Machine(
            debian="i386",
            triplet="i686-linux-gnu",
            arch="i386",
            srcarch="x86",
            image="bzImage",
            set_name="i686",
            qemu="qemu-system-i386",
            qemu_set="qemu",
            console="ttyS0",
            compiled_by="amd64",
        ),
        "mips64el-linux": Machine(
            debian="mips64el",
            triplet="mips64el-linux-gnuabi64",
            arch="mips",
            srcarch="mips",
            image="vmlinux",
            set_name="mips64el",
            qemu="qemu-system-mips64el -machine malta -cpu MIPS64R2-generic",
            qemu_set="qemu-mips",
            console="ttyS0",
            has_defconfig=False,  # it is for 32 bits
        ),
        "powerpc64le-linux": Machine(
            debian="ppc64el",
            triplet="powerpc64le-linux-gnu",
            arch="powerpc",
            srcarch="powerpc",
            image="zImage",
            set_name="powerpc64le",
            qemu="qemu-system-ppc64 -machine pseries",
            qemu_set="qemu-ppc",
            console="hvc0",
            has_defconfig=False,  # it is for the other byte order
        ),
        "riscv64-linux": Machine(
            debian="riscv64",
            triplet="riscv64-linux-gnu",
            arch="riscv",
            srcarch="riscv",
            image="Image",
            set_name="riscv64",
            qemu="qemu-system-riscv64 -machine virt",
            qemu_set="qemu-riscv64",
            console="ttyS0",
        ),
        "s390x-linux": Machine(
            debian="s390x",
            triplet="s390x-linux-gnu",
            arch="s390",
            srcarch="s390",
            image="bzImage",
            set_name="s390x",
            qemu="qemu-system-s390x",
            qemu_set="qemu-misc",
            console="ttysclp0",
        ),
        "x86_64-linux": Machine(
            debian="amd64",
            triplet="x86_64-linux-gnu",
            arch="x86_64",
            srcarch="x86",
            image="bzImage",
            set_name="x86-64",
            qemu="qemu-system-x86_64",
            qemu_set="qemu",
            console="ttyS0",
        ),
    }
)
"""The systems that kernels can be built for, by Nix's names."""


@attrs.frozen(kw_only=True)
class Toolchain:
    """What a kernel is compiled with, and the emulator to boot it in.

    Attributes:
        root: The root file system that everything runs in.
        system: The system of the machines that build with it.
        arch: Kbuild's ARCH.
        srcarch: The directory below `arch/` in the kernel's source.
        image: The target of `make` for the bootable image.
        cross_compile: The prefix of the names of the compiler and the linker; empty for the native ones.
        qemu: The command that emulates the kernel's machine.
        qemu_set: The package set with that command.
        busybox_set: The package set with a static BusyBox for that machine.
        console: The serial console of the emulated machine.
        flags: Further arguments of every run of `make`.
    """

    root: Output
    system: str
    arch: str
    srcarch: str
    image: str
    cross_compile: str = ""
    qemu: str
    qemu_set: str
    busybox_set: str
    console: str
    flags: tuple[str, ...] = ()

    @property
    def make_flags(self) -> tuple[str, ...]:
        """Return the arguments that every run of `make` gets."""
        cross = (f"CROSS_COMPILE={self.cross_compile}",) if self.cross_compile else ()
        return (f"ARCH={self.arch}", *cross, *self.flags)


def named_toolchain(name: str, lock: Lock, system: str) -> Toolchain:
    """Return the toolchain *name* (`gcc`, `clang` or `clang-19`), pinned by *lock*, for kernels that run on *system*.

    Raises:
        UnknownToolchain: there is no such toolchain.
        UnknownSystem, MissingSet, MissingPackage: as below.
    """
    check_toolchain(name)
    return gcc_toolchain(lock, system) if name == "gcc" else clang_toolchain(lock, system, name)


def check_toolchain(name: str) -> None:
    """Raise `UnknownToolchain` if there is no toolchain called *name*."""
    if name not in TOOLCHAINS:
        raise UnknownToolchain(name)


@functools.lru_cache(maxsize=16)
def gcc_toolchain(lock: Lock, system: str) -> Toolchain:
    """Return GCC and binutils as *lock* pins them, for kernels that run on *system*.

    Raises:
        UnknownSystem: there is no such system, or the lock is for machines that cannot build.
        MissingSet, MissingPackage: the lock does not pin everything that is needed.
    """
    target = machine(system)
    return _toolchain(lock, target, "gcc" if _is_native(lock, target) else f"gcc-{target.set_name}")


@functools.lru_cache(maxsize=16)
def clang_toolchain(lock: Lock, system: str, set_name: str = "clang") -> Toolchain:
    """Return Clang, LLD and LLVM's tools as *lock* pins them in the set *set_name*, for kernels that run on *system*.

    One Clang compiles for all machines. CROSS_COMPILE selects the target; old versions of Linux know no other way.

    Raises:
        UnknownSystem: there is no such system, or the lock is for machines that cannot build.
        MissingSet, MissingPackage: the lock does not pin everything that is needed.
    """
    return _toolchain(lock, machine(system), set_name, "LLVM=1")


def _toolchain(lock: Lock, target: Machine, set_name: str, *flags: str) -> Toolchain:
    return Toolchain(
        root=root_file_system(set_name, lock).out,
        system=system_of(lock.architecture(set_name)),
        arch=target.arch,
        srcarch=target.srcarch,
        image=target.image,
        cross_compile="" if _is_native(lock, target) else f"{target.triplet}-",
        qemu=target.qemu,
        qemu_set=target.qemu_set,
        busybox_set="busybox" if _builders(lock, target.debian) == target.debian else f"busybox-{target.set_name}",
        console=target.console,
        flags=flags,
    )


def _is_native(lock: Lock, target: Machine) -> bool:
    """Return whether the native compiler of the machines that *lock* is for builds kernels for *target*."""
    return _builders(lock, target.debian) in {target.debian, target.compiled_by}


def _builders(lock: Lock, default: str) -> str:
    """Return Debian's architecture of the machines that *lock* pins programs for; *default* if it pins no programs."""
    programs = (name for name in lock.sets if name.startswith(("gcc", "clang", "qemu")))
    return next((lock.architecture(name) for name in programs), default)


TOOLCHAINS = ("gcc", *(name for name in SETS if name.startswith("clang")))
"""The names that `named_toolchain` accepts; the first is the default."""


def machine(system: str) -> Machine:
    """Return the kind of machine that *system* is.

    Raises:
        UnknownSystem: there is no such system.
    """
    try:
        return MACHINES[system]
    except KeyError:
        raise UnknownSystem(system, tuple(MACHINES)) from None


def system_of(architecture: str) -> str:
    """Return the system with Debian's *architecture*.

    Raises:
        UnknownSystem: kernix does not build kernels on it.
    """
    for name, it in MACHINES.items():
        if it.debian == architecture:
            return name
    raise UnknownSystem(architecture, tuple(MACHINES))
