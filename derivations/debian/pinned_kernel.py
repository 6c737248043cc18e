"""The packages of one kernel in a lock."""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import attrs

from derivations.debian.lock import MissingPackage
from derivations.debian.names import headers_of, is_image, release_of
from derivations.fetch import fetch_deb
from derivations.unpack import unpack


if TYPE_CHECKING:
    from derivations.debian.lock import Lock, Package
    from derivations.derivation import Derivation


_COMMON = re.compile(r"linux-headers-.+-common(?:-[a-z0-9]+)?", re.ASCII)


@attrs.frozen
class PinnedKernel:
    """The packages in one set of a lock that a kernel consists of.

    Attributes:
        set_name: The set.
        packages: All of its packages.
        place: The lock's file, for messages; None for the default one.
    """

    set_name: str
    packages: tuple[Package, ...]
    place: str | None

    @property
    def image(self) -> Package:
        """Return the package with the image and the modules.

        Raises:
            MissingPackage: there is none.
        """
        found = [it for it in self.packages if is_image(it.name)]
        # The others are metapackages, of one or two kilobytes.
        return max(found, key=lambda it: it.size) if found else self._missing("linux-image-…")

    @property
    def release(self) -> str:
        """Return the kernel's release."""
        return release_of(self.image.name)

    @property
    def version(self) -> str:
        """Return the version of Linux, without Debian's revision."""
        return upstream_version(self.image)

    @property
    def series(self) -> str:
        """Return the first two numbers of the version."""
        return ".".join(self.version.split(".")[:2])

    @property
    def headers(self) -> Package:
        """Return the package with the headers of the kernel's flavour.

        Raises:
            MissingPackage: there is none.
        """
        return self._called(headers_of(self.image.name))

    @property
    def common_headers(self) -> Package:
        """Return the package with the headers that all flavours share.

        Raises:
            MissingPackage: there is none.
        """
        found = next((it for it in self.packages if _COMMON.fullmatch(it.name)), None)
        return found or self._missing("linux-headers-…-common")

    @property
    def kbuild(self) -> Package:
        """Return the package with the programs that build modules, for the kernel's own machines.

        Raises:
            MissingPackage: there is none.
        """
        found = next((it for it in self.packages if it.name.startswith("linux-kbuild-")), None)
        return found or self._missing("linux-kbuild-…")

    @property
    def source(self) -> Package | None:
        """Return the package with the source that the kernel was made from; None if the set has none."""
        return next((it for it in self.packages if it.name.startswith("linux-source-")), None)

    def _called(self, name: str) -> Package:
        return next((it for it in self.packages if it.name == name), None) or self._missing(name)

    def _missing(self, name: str) -> Package:
        raise MissingPackage(self.set_name, name, self.place)


def pinned_kernel(lock: Lock, set_name: str) -> PinnedKernel:
    """Return the kernel that *lock* pins in the set *set_name*.

    Raises:
        MissingSet: the lock has no such set.
    """
    return PinnedKernel(set_name, lock.set(set_name), lock.place)


def linux_source(package: Package) -> Derivation:
    """Return the tree in Debian's *package*, a `linux-source-…`."""
    return unpack(fetch_deb(package), member=f"usr/src/{package.name}.tar.xz")


def upstream_version(package: Package) -> str:
    """Return the kernel's own version of Debian's *package*."""
    return package.version.partition("-")[0].rpartition(":")[2].replace("~", "-")
