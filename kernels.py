"""The kernel set: every kernel is an attribute, and each is made by a call of a pure function.

    linux_micro             small, boots in a virtual machine with an initramfs; from Debian's newest source
    linux_stalix            the same, static: no modules, firmware in the image; for systems such as stal/IX
    linux_guest             linux_micro and what `kernix run` needs
    linux_debian_6_1, …     Debian's sources that the lock pins, with the architecture's defconfig
    linux_debian_cloud      Debian's kernel for cloud machines, as compiled and signed there
    linux_debian_amd64, …   the same, for any machine of an architecture
    linux_6_12, …           kernel.org's releases, pinned in kernels.json
    linux_latest, linux_lts, linux_testing

Nothing is fetched, and no lock is made, until an attribute is used that needs it.
"""

from __future__ import annotations

import functools

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from derivations.context import USUAL_SYSTEM, Context, current, lock_in_use, pins_in_use, system_in_use
from derivations.debian.pinned_kernel import linux_source, upstream_version
from derivations.debian.sets import linux_series
from derivations.fetch import fetch_url
from derivations.fixpoint import AttrSet, InvalidOverlay, stack
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import NO, YES, when_arch
from derivations.linux.firmware import Firmware
from derivations.linux.firmware_tree import debian_firmware
from derivations.linux.kernel import Kernel, make_linux
from derivations.linux.pins import InvalidPins, Release, parse_pins
from derivations.linux.prebuilt import PrebuiltKernel, debian_kernel
from derivations.systems import MACHINES
from derivations.version import Version
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from derivations.debian.lock import Lock, Package
    from derivations.fixpoint import Thunks
    from derivations.kconfig.language.values import Asked

    Overlay: TypeAlias = "Callable[[KernelSet, KernelSet], Thunks]"


__part_of__ = "kernix"

DEBIAN_SERIES = ("6.1", "6.12")
"""Debian's series of sources, assumed while there is no lock."""

SYSTEMS = tuple(name for name, it in MACHINES.items() if it.has_defconfig)
"""The systems that the defconfig of their architecture fits."""

MICRO_SYSTEMS = ("aarch64-linux", "armv7l-linux", "i686-linux", "riscv64-linux", "x86_64-linux")
"""The systems of `linux_micro`: those whose QEMU machine `MICRO` has the drivers of."""

MICRO: dict[str, Asked] = {
    "64BIT": when_arch("x86_64", YES),
    "PRINTK": YES,
    "EARLY_PRINTK": when_arch("x86", YES),
    "TTY": YES,
    "SERIAL_8250": when_arch(("i386", "riscv", "x86_64"), YES),
    "SERIAL_8250_CONSOLE": when_arch(("i386", "riscv", "x86_64"), YES),
    "SERIAL_OF_PLATFORM": when_arch("riscv", YES),
    "SERIAL_AMBA_PL011": when_arch(("arm", "arm64"), YES),
    "SERIAL_AMBA_PL011_CONSOLE": when_arch(("arm", "arm64"), YES),
    "MMU": when_arch("arm", YES),
    "ARCH_MULTI_V7": when_arch("arm", YES),
    "ARCH_VIRT": when_arch("arm", YES),
    "AEABI": when_arch("arm", YES),
    "VFP": when_arch("arm", YES),  # programs of Debian's armhf use it
    "BLK_DEV_INITRD": YES,
    "RD_GZIP": YES,
    "BINFMT_ELF": YES,
    "BINFMT_SCRIPT": YES,
    "PROC_FS": YES,
    "SYSFS": YES,
    "DEVTMPFS": YES,
    "SHMEM": YES,
    "TMPFS": YES,
    "FUTEX": YES,
    "EPOLL": YES,
    "POSIX_TIMERS": YES,
    "MULTIUSER": YES,
    "MODULES": YES,
    "MODULE_UNLOAD": YES,
}


STALIX: dict[str, Asked] = {
    **{name: value for name, value in MICRO.items() if name not in {"MODULES", "MODULE_UNLOAD"}},
    "MODULES": NO,
    "LRU_GEN": YES,
    "LRU_GEN_ENABLED": YES,
    "TRANSPARENT_HUGEPAGE": YES,
    "CGROUPS": YES,
    "NAMESPACES": YES,
    "NET": YES,
    "NET_NS": YES,
    "USER_NS": YES,
    "DEBUG_FS": YES,
    "UNIX98_PTYS": YES,
    "BLOCK": YES,
    "BLK_DEV": YES,
    "SWAP": YES,
    "ZRAM": YES,
}

STALIX_FIRMWARE = "firmware-linux-free"
"""The package with the firmware of `linux_stalix`: free, so that every Debian machine has it."""


class NoLinuxSource(Error):
    """The lock does not pin a Debian package of Linux's source."""

    def __str__(self) -> str:
        return "the lock does not pin a source of Linux"

    @property
    def hint(self) -> str:
        """Say how to pin one."""
        return "pin one with `kernix lock --add linux-source-6.12`; `apt-cache pkgnames linux-source-` lists the available ones"


class KernelSet(AttrSet):
    """The bundled kernels, and those that overlays add.

    The declarations are for editors and list the kernels of this release of kernix; the actual kernels depend on the
    pinned releases and on the lock.
    """

    linux_micro: Kernel
    linux_stalix: Kernel
    linux_guest: Kernel
    linux_latest: Kernel
    linux_lts: Kernel
    linux_testing: Kernel
    linux_6_18: Kernel
    linux_6_12: Kernel
    linux_6_6: Kernel
    linux_6_1: Kernel
    linux_5_15: Kernel
    linux_5_10: Kernel
    linux_debian_6_12: Kernel
    linux_debian_6_1: Kernel
    linux_debian_cloud: PrebuiltKernel
    linux_debian_amd64: PrebuiltKernel
    linux_debian_arm64: PrebuiltKernel

    if TYPE_CHECKING:

        def __getitem__(self, name: str) -> Kernel: ...

        def __getattr__(self, name: str) -> Kernel: ...


@functools.cache
def releases(file: Path | None = None) -> dict[str, Release]:
    """Return the releases pinned in *file*, by default the kernels.json beside this module, by series, and `testing`.

    Raises:
        InvalidPins: it is damaged.
    """
    file = file or Path(__file__).with_name("kernels.json")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidPins(str(error), str(file)) from None
    return parse_pins(text, str(file))


def kernel_set(overlays: Iterable[Overlay] = (), *, system: str | None = None, lock: Lock | None = None) -> KernelSet:
    """Return the kernels, with *overlays* applied, for *system*, with the toolchain of *lock*.

    *system* and *lock* default to those in use when a kernel is built (`derivations.context`).

    Raises:
        InvalidOverlay: *overlays* is not a list of functions, or one of them does not return thunks by name.
    """
    given: object = overlays
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidOverlay(repr(given), "overlays must be a list of functions `overlay(final, prev)`")
    return stack(KernelSet, [functools.partial(_kernels, _context(system, lock)), *overlays])


def _context(system: str | None, lock: Lock | None) -> Context | None:
    if system is None and lock is None:
        return None
    given = (lambda: lock) if lock is not None else (lambda: current().lock())
    return Context(lock=given, system=system or USUAL_SYSTEM, pinned=lock_in_use if lock is None else given)


def _kernels(context: Context | None, final: KernelSet, _: KernelSet) -> dict[str, Callable[[], Any]]:
    """Return the lowest layer: the bundled kernels."""
    pinned = releases(pins_in_use())
    attributes: dict[str, Callable[[], Any]] = {
        attribute_of(series): functools.partial(_kernel_org, context, release) for series, release in pinned.items()
    }
    attributes |= {
        f"linux_debian_{series.replace('.', '_')}": functools.partial(_debian, context, series)
        for series in _debian_series(context)
    }
    attributes |= {
        name: functools.partial(debian_kernel, package, context=context) for name, package in _prebuilt(context).items()
    }
    stable = sorted((Version.parse(it.version), series) for series, it in pinned.items() if series != "testing")
    maintained = [series for _, series in stable if not pinned[series].end_of_life] or [series for _, series in stable]
    longterm = [series for series in maintained if pinned[series].longterm] or maintained
    return {
        **attributes,
        "linux_micro": functools.partial(_micro, context),
        "linux_stalix": functools.partial(_stalix, context),
        "linux_guest": functools.partial(_guest, final),
        "linux_latest": lambda: final[attribute_of(maintained[-1])],
        "linux_lts": lambda: final[attribute_of(longterm[-1])],
    }


def attribute_of(series: str) -> str:
    """Return the attribute of the kernel.org *series*: `linux_6_12` for `6.12`."""
    return f"linux_{series.replace('.', '_')}"


def _kernel_org(context: Context | None, release: Release) -> Kernel:
    return make_linux(
        version=release.version,
        source=fetch_url(release.url, sha256=release.sha256),
        description=f"kernel.org's Linux {release.version}{', not maintained any more' if release.end_of_life else ''}",
        systems=SYSTEMS,
        enable_common_config=True,
        context=context,
    )


def _debian(context: Context | None, series: str) -> Kernel:
    package = _source_package(context, series)
    return make_linux(
        version=upstream_version(package),
        source=linux_source(package),
        description=f"Debian's Linux {series}",
        systems=SYSTEMS,
        context=context,
    )


def _micro(context: Context | None) -> Kernel:
    lock = (context or current()).lock()
    if not (series := linux_series(lock.sets)):
        raise NoLinuxSource
    package = _source_package(context, series[-1])
    return make_linux(
        name="linux-micro",
        version=upstream_version(package),
        source=linux_source(package),
        description="a small Linux for virtual machines with a serial console",
        systems=MICRO_SYSTEMS,
        base="tinyconfig",
        extra_config=Fragment("linux_micro", MICRO),
        context=context,
        compilations=717,
    )


def _stalix(context: Context | None) -> Kernel:
    return _micro(context).override(
        name="linux-stalix",
        description="a small Linux without modules, with firmware in the image",
        systems=[USUAL_SYSTEM],
        extra_config=lambda _: Fragment("linux_stalix", STALIX),
        firmware=Firmware(
            ["isci/isci_firmware.bin"], debian_firmware(STALIX_FIRMWARE, context=context), directory="lib/firmware"
        ),
        requires=["stalix"],
        compilations=820,
    )


def _prebuilt(context: Context | None) -> dict[str, str]:
    """Return the packages of compiled kernels by attribute; the cloud kernel is the one for the system."""
    system = context.system if context is not None else system_in_use()
    cloud = "arm64" if system == "aarch64-linux" else "amd64"
    return {
        "linux_debian_cloud": f"linux-image-cloud-{cloud}",
        "linux_debian_amd64": "linux-image-amd64",
        "linux_debian_arm64": "linux-image-arm64",
    }


def _guest(final: KernelSet) -> Kernel:
    from derivations.kconfig.fragments import vm_guest  # noqa: PLC0415 -- start-up: only this kernel needs it

    return final.linux_micro.override(
        name="linux-guest",
        description="a small Linux for `kernix run`: this machine's files are its root",
        systems=[USUAL_SYSTEM],
        extra_config=lambda old: [*old, vm_guest],
        compilations=1160,
    )


def _debian_series(context: Context | None) -> tuple[str, ...]:
    """Return the series of Debian's sources in the lock, or the usual ones if there is no lock yet."""
    lock = context.pinned() if context is not None and context.pinned is not None else lock_in_use()
    return (linux_series(lock.sets) if lock is not None else ()) or DEBIAN_SERIES


def _source_package(context: Context | None, series: str) -> Package:
    name = f"linux-source-{series}"
    return (context or current()).lock().package(name, name)
