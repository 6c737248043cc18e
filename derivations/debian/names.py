"""Names of Debian's packages of kernels and firmware, and what follows from a name alone.

linux-image-amd64                        the newest kernel of a flavour: a metapackage, which depends on the real one
linux-image-6.1.0-50-cloud-amd64         one kernel; the part after `linux-image-` is its release
linux-image-cloud-amd64=6.1.176-1        either of them at one version, as apt writes it
firmware-iwlwifi, amd64-microcode        files for lib/firmware
"""

from __future__ import annotations

import re

import attrs

from derivations.frozen_map import FrozenMap


_VERSION = r"(?:[0-9]+:)?[0-9][A-Za-z0-9.+~-]*"  # Debian policy 5.6.12

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+", re.ASCII)
_PINNED = re.compile(rf"({_NAME.pattern})(?:=({_VERSION}))?", re.ASCII)
_IMAGE = re.compile(r"linux-image-[a-z0-9+.-]+(?<!-dbg)(?<!-template)", re.ASCII)
_DEBUG = re.compile(r"linux-image-[a-z0-9+.-]+-dbg", re.ASCII)
_FIRMWARE = re.compile(r"firmware-[a-z0-9+.-]+|[a-z0-9+.-]+-(?:firmware|microcode)", re.ASCII)
_UNSIGNED = "-unsigned"

_FLAVOURS: FrozenMap[str] = FrozenMap(
    {
        "5kc-malta": "mips64el",
        "686": "i386",
        "686-pae": "i386",
        "amd64": "amd64",
        "arm64": "arm64",
        "arm64-16k": "arm64",
        "armmp": "armhf",
        "armmp-lpae": "armhf",
        "loongson-3": "mips64el",
        "mips64r2el": "mips64el",
        "octeon": "mips64el",
        "powerpc64le": "ppc64el",
        "powerpc64le-64k": "ppc64el",
        "riscv64": "riscv64",
        "s390x": "s390x",
    }
)
"""Debian's architectures by the ends of their kernels' names (debian/config/*/defines of Debian's source `linux`)."""


@attrs.frozen
class PinnedName:
    """A package, at one version if that is given.

    Attributes:
        package: Its name.
        version: Its version; None for the one that the archives offer.
    """

    package: str
    version: str | None = None

    def __str__(self) -> str:
        return self.package if self.version is None else f"{self.package}={self.version}"


def parse_name(text: str) -> PinnedName | None:
    """Return the package that *text* names, `NAME` or `NAME=VERSION`; None if it is neither."""
    match = _PINNED.fullmatch(text)
    return PinnedName(match[1], match[2]) if match else None


def is_version(text: str) -> bool:
    """Return whether *text* can be a package's version."""
    return re.fullmatch(_VERSION, text, re.ASCII) is not None


def is_image(package: str) -> bool:
    """Return whether *package* is called as a kernel, rather than as its debug information or the template of a signature."""
    return _IMAGE.fullmatch(package) is not None


def is_debug(package: str) -> bool:
    """Return whether *package* is called as the debug information of a kernel."""
    return _DEBUG.fullmatch(package) is not None


def is_firmware(package: str) -> bool:
    """Return whether *package* is called as one with firmware or microcode."""
    return _FIRMWARE.fullmatch(package) is not None


def headers_of(image: str) -> str:
    """Return the package with the headers of the kernel in *image*."""
    return f"linux-headers-{release_of(image)}"


def release_of(image: str) -> str:
    """Return the release of the kernel in *image*, which is not a metapackage."""
    return image.removeprefix("linux-image-").removesuffix(_UNSIGNED)


def architecture_of(image: str) -> str | None:
    """Return Debian's name of the machines that the kernel in *image* is for; None if its name does not say it.

    The same holds for the package with its debug information.
    """
    flavour = image.removesuffix("-dbg").removesuffix(_UNSIGNED)
    return next((it for end, it in _FLAVOURS.items() if flavour.endswith(f"-{end}")), None)
