"""Tests of derivations.toolchain."""

from __future__ import annotations

import pytest

from derivations.debian.lock import Lock, MissingSet
from derivations.debian.rootfs import root_file_system
from derivations.debian.sets import SETS
from derivations.systems import MACHINES, UnknownSystem, machine, system_of
from derivations.toolchain import TOOLCHAINS, UnknownToolchain, clang_toolchain, gcc_toolchain, named_toolchain
from tests.fakes import fake_lock, fake_package


def arm_lock() -> Lock:
    """Return a lock made on an arm64 machine."""
    packages = {name: [fake_package(it, "arm64") for it in SETS[name].packages] for name in ("gcc", "gcc-x86-64")}
    return Lock(
        packages=[package for members in packages.values() for package in members],
        sets={name: [package.identity for package in members] for name, members in packages.items()},
    )


def test_native() -> None:
    """A kernel for the machines that the lock is for is compiled by the native compiler."""
    lock = fake_lock()
    toolchain = gcc_toolchain(lock, "x86_64-linux")
    assert toolchain.root == root_file_system("gcc", lock).out
    assert toolchain.make_flags == ("ARCH=x86_64",)
    assert (toolchain.system, toolchain.image, toolchain.busybox_set) == ("x86_64-linux", "bzImage", "busybox")


def test_cross() -> None:
    """A kernel for other machines is compiled by the cross compiler, on the machines that the lock is for."""
    lock = fake_lock()
    toolchain = gcc_toolchain(lock, "aarch64-linux")
    assert toolchain.root == root_file_system("gcc-aarch64", lock).out
    assert toolchain.make_flags == ("ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-")
    assert (toolchain.system, toolchain.busybox_set) == ("x86_64-linux", "busybox-aarch64")


def test_other_machines_build_too() -> None:
    """On an arm64 machine aarch64 is native and x86_64 is cross-compiled."""
    lock = arm_lock()
    assert (
        gcc_toolchain(lock, "aarch64-linux").system,
        gcc_toolchain(lock, "aarch64-linux").make_flags,
    ) == ("aarch64-linux", ("ARCH=arm64",))
    assert gcc_toolchain(lock, "x86_64-linux").make_flags == ("ARCH=x86_64", "CROSS_COMPILE=x86_64-linux-gnu-")


def test_a_native_compiler_for_another_machine() -> None:
    """The native compiler of x86_64, unlike that of arm64, builds kernels for i686, but i686 has its own BusyBox."""
    lock = fake_lock()
    toolchain = gcc_toolchain(lock, "i686-linux")
    assert toolchain.root == root_file_system("gcc", lock).out
    assert toolchain.make_flags == ("ARCH=i386",)
    assert (toolchain.srcarch, toolchain.busybox_set) == ("x86", "busybox-i686")
    with pytest.raises(MissingSet) as caught:
        gcc_toolchain(arm_lock(), "i686-linux")
    assert caught.value.name == "gcc-i686"


def test_clang() -> None:
    """One Clang builds kernels for all machines; make flags select the machine and LLVM's tools."""
    lock = fake_lock()
    native, cross = (clang_toolchain(lock, it) for it in ("x86_64-linux", "aarch64-linux"))
    assert native.root == cross.root == root_file_system("clang", lock).out
    assert native.make_flags == ("ARCH=x86_64", "LLVM=1")
    assert cross.make_flags == ("ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", "LLVM=1")
    assert ("busybox", "busybox-aarch64") == (native.busybox_set, cross.busybox_set)


def test_a_specific_version_of_clang() -> None:
    """A specific version of Clang has the name `clang`, which works with all versions of Linux."""
    lock = fake_lock()
    toolchain = named_toolchain("clang-19", lock, "x86_64-linux")
    assert toolchain == clang_toolchain(lock, "x86_64-linux", "clang-19")
    assert toolchain.make_flags == ("ARCH=x86_64", "LLVM=1")
    assert ("clang-19", "ld.lld-19") == tuple(SETS["clang-19"].links[f"usr/bin/{it}"] for it in ("clang", "ld.lld"))


@pytest.mark.parametrize("name", TOOLCHAINS)
def test_toolchains_by_name(name: str) -> None:
    """Every toolchain has a set, and only that of `gcc` contains GCC."""
    root = named_toolchain(name, fake_lock(), "x86_64-linux").root
    assert f"{name}-root" == root.derivation.name
    assert ("gcc" in SETS[name].packages) is (name == "gcc")


def test_unknown_toolchain() -> None:
    """The error for an unknown toolchain suggests a similar one."""
    with pytest.raises(UnknownToolchain) as caught:
        named_toolchain("clang19", fake_lock(), "x86_64-linux")
    assert "`clang-19`" in caught.value.hint


def test_set_is_not_pinned() -> None:
    """The error for a lock without the compiler names the missing set."""
    with pytest.raises(MissingSet) as caught:
        gcc_toolchain(fake_lock(["gcc", "qemu"]), "aarch64-linux")
    assert caught.value.name == "gcc-aarch64"
    with pytest.raises(MissingSet) as caught:
        gcc_toolchain(fake_lock(["busybox"]), "x86_64-linux")
    assert caught.value.name == "gcc"


@pytest.mark.parametrize("name", MACHINES)
def test_every_system_has_its_sets(name: str) -> None:
    """Each system has sets with its compiler, its BusyBox and its emulator."""
    it = MACHINES[name]
    assert {f"gcc-{it.set_name}", f"busybox-{it.set_name}", it.qemu_set} <= set(SETS)
    assert SETS[f"busybox-{it.set_name}"].architecture == it.debian
    assert name == system_of(it.debian)


def test_unknown_system() -> None:
    """The error for an unknown system suggests a similar one."""
    with pytest.raises(UnknownSystem) as caught:
        machine("x86-64-linux")
    assert caught.value.name == "x86-64-linux"
    assert "`x86_64-linux`" in caught.value.hint
