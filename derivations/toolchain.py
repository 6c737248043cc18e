"""Toolchains: a root file system to compile a kernel in, and the variables to pass to Kbuild.

A system such as `aarch64-linux` is where a kernel runs; the lock decides on which machines it is
built, since it pins their packages. If the two differ, the set with the cross compiler is used.
`derivations.debian.sets` lists the packages of each set, `derivations.systems` the systems.
"""

from __future__ import annotations

import functools

from typing import TYPE_CHECKING

import attrs

from derivations.debian.rootfs import root_file_system
from derivations.debian.sets import SETS
from derivations.suggest import suggestion
from derivations.systems import Machine, machine, system_of
from store.errors import Error


if TYPE_CHECKING:
    from derivations.debian.lock import Lock
    from derivations.derivation import Output


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


@functools.lru_cache(maxsize=16)  # more than a run has locks and systems
def gcc_toolchain(lock: Lock, system: str) -> Toolchain:
    """Return GCC and binutils as *lock* pins them, for kernels that run on *system*.

    Raises:
        UnknownSystem: there is no such system, or the lock is for machines that cannot build.
        MissingSet, MissingPackage: the lock does not pin everything that is needed.
    """
    target = machine(system)
    return _toolchain(lock, target, "gcc" if _is_native(lock, target) else f"gcc-{target.set_name}")


@functools.lru_cache(maxsize=16)  # as above
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
        busybox_set=_static_set("busybox", lock, target),
        console=target.console,
        flags=flags,
    )


def static_set(program: str, lock: Lock, system: str) -> str:
    """Return the package set with the static *program*, `busybox` or `e2fsck`, for kernels that run on *system*.

    Raises:
        UnknownSystem: there is no such system.
    """
    return _static_set(program, lock, machine(system))


def _static_set(program: str, lock: Lock, target: Machine) -> str:
    return program if _builders(lock, target.debian) == target.debian else f"{program}-{target.set_name}"


def _is_native(lock: Lock, target: Machine) -> bool:
    """Return whether the native compiler of the machines that *lock* is for builds kernels for *target*."""
    return _builders(lock, target.debian) in {target.debian, target.compiled_by}


def _builders(lock: Lock, default: str) -> str:
    """Return Debian's architecture of the machines that *lock* pins programs for; *default* if it pins no programs."""
    programs = (name for name in lock.sets if name.startswith(("gcc", "clang", "qemu")))
    return next((lock.architecture(name) for name in programs), default)


TOOLCHAINS = ("gcc", *(name for name in SETS if name.startswith("clang")))
"""The names that `named_toolchain` accepts; the first is the default."""
