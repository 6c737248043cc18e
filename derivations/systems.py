"""Systems that kernels are built for, by Nix's names, such as `aarch64-linux`: what each is called elsewhere."""

from __future__ import annotations

import attrs

from derivations.frozen_map import FrozenMap
from derivations.suggest import suggestion
from store.errors import Error


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
