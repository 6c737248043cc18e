"""The sets of Debian packages used in builds, each resolved and pinned as a whole.

Every package here is run, linked or read by a builder; apt adds their dependencies. Nothing is
included just because distributions have it: essential packages are listed like the others, and
what only maintainer scripts or unused features need is listed in *without*. Maintainer scripts do
not run, so the links that they would make are listed, too (`links`).
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import attrs

from derivations.debian.names import architecture_of, headers_of, is_debug, is_firmware, is_image, parse_name
from derivations.frozen_map import FrozenMap
from derivations.suggest import suggestion
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class UnknownSet(Error):
    """A package set does not exist."""

    exit_code = 2

    name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"unknown package set {self.name!r}"

    @property
    def hint(self) -> str:
        """Suggest sets with a similar name, or list all of them."""
        return suggestion(self.name, self.known) or f"the sets are {', '.join(self.known)}"


def _texts(values: Mapping[str, str]) -> FrozenMap[str]:
    return FrozenMap(values)


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


@attrs.frozen(kw_only=True)
class PackageSet:
    """Packages that are used together.

    Attributes:
        description: Their purpose.
        packages: The packages requested by name.
        closure: Whether the set includes their dependencies.
        without: Dependencies that no builder uses; what only these depend on is left out, too.
        links: The symbolic links that maintainer scripts would make, path to target.
        architecture: Debian's name of the machines that they are for; None for that which makes the lock.
        optional: Not every release of Debian has them: a lock of all the usual sets may lack this one.
        version: The version of all of *packages*; None for the one that the archives offer.
        follow: Of the dependencies, only those with names that this pattern matches are in the set, at the versions
            that they are needed in; for sets without a closure.
        source: Whether the source of Linux that the first of *packages* was made from is added, if the archives have it.
    """

    description: str
    packages: tuple[str, ...] = attrs.field(converter=_names)
    closure: bool = True
    without: tuple[str, ...] = attrs.field(default=(), converter=_names)
    links: FrozenMap[str] = attrs.field(factory=FrozenMap, converter=_texts)
    architecture: str | None = None
    optional: bool = False
    version: str | None = None
    follow: str | None = None
    source: bool = False


_SHELL = (
    "bash",  # the first line of a few of the kernel's scripts
    "coreutils",
    "dash",  # /bin/sh
    "diffutils",  # cmp and diff in makefiles and builders
    "findutils",
    "grep",
    "mawk",  # awk; the smallest
    "sed",
)

_KERNEL_TOOLS = (
    "bc",  # kernel/time/timeconst.bc
    "binutils",
    "bison",  # the parsers of Kconfig, dtc, genksyms
    "bzip2",  # CONFIG_KERNEL_BZIP2, patches
    "ccache",  # the compile cache
    "cpio",  # an initramfs, kernel headers in the image (IKHEADERS), copies of selected files
    "debianutils",  # `which`, in old kernels' scripts
    "dwarves",  # pahole, for CONFIG_DEBUG_INFO_BTF
    "e2fsprogs",  # disk images
    "flex",  # the lexers of Kconfig, dtc, genksyms
    "gcc",  # the kernel, and the programs that its build compiles for itself
    "gzip",  # compressed images, patches
    "kmod",  # depmod
    "libc6-dev",  # the programs that the build compiles for itself
    "libdw-dev",  # gendwarfksyms, since 6.14
    "libelf-dev",  # objtool, resolve_btfids
    "libssl-dev",  # extract-cert, sign-file
    "lz4",  # CONFIG_KERNEL_LZ4
    "lzop",  # CONFIG_KERNEL_LZO
    "make",
    "openssl",  # keys and certificates of signed modules
    "patch",
    "perl",  # generators of assembly, headers_check, recordmcount
    "python3",  # generators of some drivers' headers (drm/msm)
    "rsync",  # headers_install
    "tar",  # kernel headers in the image (IKHEADERS)
    "xz-utils",  # CONFIG_KERNEL_XZ, CONFIG_KERNEL_LZMA, modules, patches
    "zlib1g-dev",  # objtool, resolve_btfids
    "zstd",  # CONFIG_KERNEL_ZSTD, modules
)

# Used by Debian's own tools and maintainer scripts, not by builders.
_ADMINISTRATION = (
    "adduser",
    "base-files",
    "debconf",
    "dpkg",
    "init-system-helpers",
    "media-types",
    "usr-is-merged",
    "usrmerge",
)

# Of the compiler: the run-time libraries of languages and sanitizers that no kernel is linked with; of the C
# library, Perl and Python: RPC, NIS and databases.
_UNUSED = (
    *("libasan8", "libcc1-0", "libhwasan0", "libitm1", "liblsan0", "libquadmath0", "libtsan2", "libubsan1"),
    *("libdb5.3", "libdb5.3t64", "libgdbm-compat4", "libgdbm-compat4t64", "libgdbm6", "libgdbm6t64"),
    *("libnsl-dev", "libnsl2", "libnsl2t64", "libtirpc-dev", "libtirpc3", "libtirpc3t64", "rpcsvc-proto"),
    *("libsqlite3-0", "logsave"),
)

_SHELL_LINKS = {"usr/bin/awk": "mawk"}

_KERNEL_LINKS = {
    **_SHELL_LINKS,
    "usr/bin/c89": "c89-gcc",
    "usr/bin/c99": "c99-gcc",
    "usr/bin/cc": "gcc",
    "usr/bin/lzcat": "xz",
    "usr/bin/lzma": "xz",
    "usr/bin/unlzma": "xz",
    "usr/bin/which": "which.debianutils",
    "usr/bin/yacc": "bison.yacc",
}

# The programs that Kbuild calls with LLVM=1.
_LLVM = (
    *("clang", "ld.lld", "llvm-ar", "llvm-nm", "llvm-objcopy", "llvm-objdump", "llvm-readelf", "llvm-strip"),
    "clang++",  # host programs, of which one or the other is C++
)

_CLANGS = range(14, 22)

_GCC = PackageSet(
    description="GCC and all that a kernel build runs",
    packages=(*_SHELL, *_KERNEL_TOOLS),
    without=(*_ADMINISTRATION, *_UNUSED),
    links=_KERNEL_LINKS,
)


def _cross(triplet: str, architecture: str) -> PackageSet:
    """Return the set that also compiles for *triplet*, Debian's *architecture*."""
    unused = [f"{name}-{architecture}-cross" for name in _UNUSED if name.startswith("lib")]
    return attrs.evolve(
        _GCC,
        description=f"GCC for {triplet} and all that a kernel build runs",
        packages=(*_GCC.packages, f"gcc-{triplet}"),
        without=(*_GCC.without, *unused),
    )


def _clang(version: int | None = None) -> PackageSet:
    """Return the set with Clang of *version*, or of the release's default version."""
    suffix = "" if version is None else f"-{version}"
    return attrs.evolve(
        _GCC,
        description=f"Clang{suffix}, LLD and LLVM's tools, and all that a kernel build runs",
        packages=(*(it for it in _GCC.packages if it != "gcc"), *(f"{it}{suffix}" for it in ("clang", "lld", "llvm"))),
        links={
            **{place: target for place, target in _KERNEL_LINKS.items() if "gcc" not in target},
            "usr/bin/cc": "clang",
            **({f"usr/bin/{it}": f"{it}{suffix}" for it in _LLVM} if suffix else {}),
        },
        optional=version is not None,
    )


def _qemu(machines: str, package: str, *others: str) -> PackageSet:
    """Return the set with QEMU for *machines*, without displays and sound, which tests do not use."""
    return PackageSet(
        description=f"QEMU for {machines}",
        packages=("coreutils", "dash", "grep", "mawk", "sed", package, *others),
        without=(
            *_ADMINISTRATION,
            *("libasound2", "libasound2t64", "libbrlapi0.8", "libcacard0", "libepoxy0", "libgbm1", "libsndio7.0"),
            *(
                "libcap2-bin",
                "libncursesw6",
                "libsasl2-modules-db",
                "libspice-server1",
                "libusbredirparser1",
                "libusbredirparser1t64",
            ),
        ),
        links=_SHELL_LINKS,
    )


def _busybox(architecture: str | None = None) -> PackageSet:
    return PackageSet(
        description=f"BusyBox, static, for {architecture or 'this machine'}",
        packages=("busybox-static",),
        closure=False,
        architecture=architecture,
    )


def _e2fsck(architecture: str | None = None) -> PackageSet:
    return PackageSet(
        description=f"e2fsck, static, for {architecture or 'this machine'}",
        packages=("e2fsck-static",),
        closure=False,
        architecture=architecture,
    )


def _systemd_boot(architecture: str | None = None) -> PackageSet:
    return PackageSet(
        description=f"systemd's boot loader and stub, for {architecture or 'this machine'}",
        packages=("systemd-boot-efi",),
        closure=False,
        architecture=architecture,
    )


# For booting images of the others in QEMU: a firmware, and what makes the partition that it reads.
_UEFI = PackageSet(
    description="a UEFI firmware for QEMU, and FAT images",
    packages=("mtools", "ovmf"),
    closure=False,
)


# Programs that an initramfs takes from here, each with the libraries that it loads (`derivations.image.programs`).
def _programs(description: str, *packages: str) -> PackageSet:
    # libgcc-s1 is opened by the C library where threads end, and nothing of these depends on it.
    return PackageSet(description=description, packages=(*packages, "libgcc-s1"), without=_ADMINISTRATION)


_CRYPTSETUP = _programs("cryptsetup, for encrypted disks in an initramfs", "cryptsetup-bin")
_LVM = _programs("LVM, for logical volumes in an initramfs", "dmsetup", "lvm2")

_DISKS = PackageSet(
    description="what makes disk images: ext4, squashfs, EROFS, qcow2",
    packages=(*_SHELL, "e2fsprogs", "erofs-utils", "qemu-utils", "squashfs-tools"),
    without=_ADMINISTRATION,
    links=_SHELL_LINKS,
)

# Merged below a toolchain, whose own libraries win; a separate set, so that pinning it changes no build.
_NCURSES = PackageSet(
    description="ncurses, for the kernel's own editors of configurations",
    packages=("libncurses-dev", "libncurses6", "libncursesw6", "libtinfo6", "ncurses-base", "ncurses-term"),
    closure=False,
)


# Preloaded by `kernix build --rounds` from beside a toolchain, whose C library it uses.
_FAKETIME = PackageSet(
    description="libfaketime, which shows another time to the programs of a build",
    packages=("libfaketime",),
    closure=False,
)


def _dkms(name: str) -> PackageSet:
    return PackageSet(
        description=f"the source of the kernel module {name}", packages=(f"{name}-dkms",), closure=False, optional=True
    )


def _linux_source(series: str) -> PackageSet:
    return PackageSet(
        description=f"Debian's source of Linux {series}",
        packages=(f"linux-source-{series}",),
        closure=False,
        optional=True,
    )


# Unpacked and indexed by `derivations.linux.debian`. What a kernel is booted or installed with (kmod, initramfs-tools) is
# not part of it.
def _linux_image(package: str, version: str | None = None) -> PackageSet:
    return PackageSet(
        description=f"the kernel {package}, its headers and its source",
        packages=(package, headers_of(package)),
        closure=False,
        architecture=architecture_of(package),
        optional=True,
        version=version,
        follow=r"linux-(image|headers|kbuild)-.+",
        source=True,
    )


def _linux_debug(package: str) -> PackageSet:
    return PackageSet(
        description=f"the debug information in {package}",
        packages=(package,),
        closure=False,
        architecture=architecture_of(package),
        optional=True,
    )


def _linux_kbuild(package: str) -> PackageSet:
    return PackageSet(
        description="programs of this machine that build modules for the kernels of other machines",
        packages=(package,),
        closure=False,
        optional=True,
    )


def _firmware(package: str, version: str | None = None) -> PackageSet:
    return PackageSet(
        description=f"the firmware in {package}",
        packages=(package,),
        closure=False,
        optional=True,
        version=version,
        follow=r"firmware-.+|.+-(firmware|microcode)",
    )


SETS: FrozenMap[PackageSet] = FrozenMap(
    {
        "acpi-call-dkms": _dkms("acpi-call"),
        "bbswitch-dkms": _dkms("bbswitch"),
        "busybox": _busybox(),
        "busybox-aarch64": _busybox("arm64"),
        "busybox-arm": _busybox("armhf"),
        "busybox-i686": _busybox("i386"),
        "busybox-mips64el": _busybox("mips64el"),
        "busybox-powerpc64le": _busybox("ppc64el"),
        "busybox-riscv64": _busybox("riscv64"),
        "busybox-s390x": _busybox("s390x"),
        "busybox-x86-64": _busybox("amd64"),
        "clang": _clang(),
        **{f"clang-{version}": _clang(version) for version in _CLANGS},
        "cryptsetup": _CRYPTSETUP,
        "disks": _DISKS,
        "e2fsck": _e2fsck(),
        "e2fsck-aarch64": _e2fsck("arm64"),
        "e2fsck-arm": _e2fsck("armhf"),
        "e2fsck-i686": _e2fsck("i386"),
        "e2fsck-mips64el": _e2fsck("mips64el"),
        "e2fsck-powerpc64le": _e2fsck("ppc64el"),
        "e2fsck-riscv64": _e2fsck("riscv64"),
        "e2fsck-s390x": _e2fsck("s390x"),
        "e2fsck-x86-64": _e2fsck("amd64"),
        "faketime": _FAKETIME,
        "firmware-linux-free": _firmware("firmware-linux-free"),
        "gcc": _GCC,
        "gcc-aarch64": _cross("aarch64-linux-gnu", "arm64"),
        "gcc-arm": _cross("arm-linux-gnueabihf", "armhf"),
        "gcc-i686": _cross("i686-linux-gnu", "i386"),
        "gcc-mips64el": _cross("mips64el-linux-gnuabi64", "mips64el"),
        "gcc-powerpc64le": _cross("powerpc64le-linux-gnu", "ppc64el"),
        "gcc-riscv64": _cross("riscv64-linux-gnu", "riscv64"),
        "gcc-s390x": _cross("s390x-linux-gnu", "s390x"),
        "gcc-x86-64": _cross("x86-64-linux-gnu", "amd64"),
        "lime-forensics-dkms": _dkms("lime-forensics"),
        "linux-source-6.1": _linux_source("6.1"),
        "linux-source-6.12": _linux_source("6.12"),
        "lvm": _LVM,
        "ncurses": _NCURSES,
        "qemu": _qemu("x86", "qemu-system-x86"),
        "qemu-arm": _qemu("arm and aarch64", "qemu-system-arm"),
        "qemu-mips": _qemu("mips", "qemu-system-mips"),
        "qemu-misc": _qemu("s390x and others", "qemu-system-misc"),
        "qemu-ppc": _qemu("powerpc", "qemu-system-ppc"),
        "qemu-riscv64": _qemu("riscv64 and others", "qemu-system-misc", "opensbi"),
        "systemd-boot": _systemd_boot(),
        "systemd-boot-aarch64": _systemd_boot("arm64"),
        "systemd-boot-arm": _systemd_boot("armhf"),
        "systemd-boot-i686": _systemd_boot("i386"),
        "systemd-boot-riscv64": _systemd_boot("riscv64"),
        "systemd-boot-x86-64": _systemd_boot("amd64"),
        "uefi": _UEFI,
        "v4l2loopback-dkms": _dkms("v4l2loopback"),
        "vpoll-dkms": _dkms("vpoll"),
    }
)
"""The fixed sets; `package_set` also accepts other names, for the sets of which one package is enough."""

_DKMS = re.compile(r"([a-z0-9][a-z0-9+.-]*)-dkms", re.ASCII)

_LINUX_SOURCE = re.compile(r"linux-source-([0-9]+\.[0-9]+)", re.ASCII)
_LINUX_KBUILD = re.compile(r"linux-kbuild-[0-9][a-z0-9+.-]*", re.ASCII)
_OTHER_QEMU = FrozenMap({"arm64": "qemu-arm", "armhf": "qemu-arm", "riscv64": "qemu-riscv64"})


def default_sets(architecture: str, offered: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the sets in a new lock made on machines of Debian's *architecture*.

    *offered* are the names of packages that the archives have: every Linux source among them is a set.
    """
    sources = (f"linux-source-{series}" for series in linux_series(offered))
    return ("busybox", "gcc", *sources, _OTHER_QEMU.get(architecture, "qemu"))


def linux_series(names: Iterable[str]) -> tuple[str, ...]:
    """Return the series of the Linux sources among *names* (`6.12` for `linux-source-6.12`), newest last."""
    found = {match[1] for name in names if (match := _LINUX_SOURCE.fullmatch(name))}
    return tuple(sorted(found, key=lambda series: tuple(map(int, series.split(".")))))


def package_set(name: str) -> PackageSet:
    """Return the set called *name*.

    It is one of `SETS`, a series of Linux sources, module sources in `NAME-dkms`, or a package with a kernel, firmware
    or the programs of `linux-kbuild-…`; kernels and firmware also as `NAME=VERSION`.

    Raises:
        UnknownSet: it does not exist.
    """
    if name in SETS:
        return SETS[name]
    found = _by_pattern(name) or _by_package(name)
    if found is None:
        raise UnknownSet(name, tuple(SETS))
    return found


def _by_pattern(name: str) -> PackageSet | None:
    if match := _LINUX_SOURCE.fullmatch(name):
        return _linux_source(match[1])
    if match := _DKMS.fullmatch(name):
        return _dkms(match[1])
    return _linux_kbuild(name) if _LINUX_KBUILD.fullmatch(name) else None


def _by_package(name: str) -> PackageSet | None:
    if is_debug(name):
        return _linux_debug(name)
    pinned = parse_name(name)
    if pinned is None:
        return None
    if is_image(pinned.package):
        return _linux_image(pinned.package, pinned.version)
    return _firmware(pinned.package, pinned.version) if is_firmware(pinned.package) else None
