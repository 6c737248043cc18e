"""Debian's `*-dkms` packages: sources of modules, pinned by the lock.

A package is given by name; its version and hash come from the lock of the kernel that it is built for.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import attrs

from derivations.fetch import fetch_deb
from derivations.linux.arguments import InvalidArgument


if TYPE_CHECKING:
    from derivations.debian.lock import Lock, Package
    from derivations.derivation import Output


DIRECTORY = "usr/src/*"
"""Where the source is in such a package: the pattern matches only one directory."""

_SUFFIX = "-dkms"
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+", re.ASCII)
_NOT_IN_VERSIONS = re.compile(r"[^0-9A-Za-z.+_-]")


@attrs.frozen
class DkmsPackage:
    """The source of modules in a Debian package.

    Attributes:
        package: The name of the package, and of the set in the lock that pins it.
    """

    package: str

    @property
    def name(self) -> str:
        """Return the common name of its modules."""
        return self.package.removesuffix(_SUFFIX)

    def source(self, lock: Lock) -> Output:
        """Return the unpacked package.

        Raises:
            MissingSet: *lock* does not pin it.
        """
        return fetch_deb(self._pinned(lock)).out

    def version(self, lock: Lock) -> str:
        """Return the version that *lock* pins, without its epoch."""
        return _NOT_IN_VERSIONS.sub("_", self._pinned(lock).version.rpartition(":")[2])

    def _pinned(self, lock: Lock) -> Package:
        return lock.package(self.package, self.package)


def dkms_package(name: str) -> DkmsPackage:
    """Return the source of modules in Debian's package *name* for `make_linux_module`; the suffix `-dkms` is optional.

    Raises:
        InvalidArgument: *name* is not a valid name of a package.
    """
    given: object = name
    if not isinstance(given, str) or not _NAME.fullmatch(name):
        raise InvalidArgument("name", f"{name!r} is not the name of a Debian package")
    return DkmsPackage(name.removesuffix(_SUFFIX) + _SUFFIX)
