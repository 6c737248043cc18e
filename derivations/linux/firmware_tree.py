"""Firmware from Debian's packages, in one tree of lib/firmware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.context import Context, current
from derivations.debian.names import is_firmware, parse_name
from derivations.debian.rootfs import root_file_system
from derivations.derivation import Derivation, Hints
from derivations.fetch import fetch_deb
from derivations.linux.arguments import InvalidArgument
from derivations.linux.script import SHELL, script
from derivations.systems import system_of


if TYPE_CHECKING:
    from derivations.debian.lock import Package


def debian_firmware(*packages: str, context: Context | None = None) -> Derivation:
    """Return the tree with `lib/firmware` of Debian's *packages*, which the lock pins in sets of the same names.

    Args:
        *packages: Names such as `firmware-iwlwifi` or `amd64-microcode`, also as `NAME=VERSION`. A metapackage such as
            `firmware-linux` brings those that it depends on.
        context: The lock; by default the one in use.

    Raises:
        InvalidArgument: one of them is not called as a package with firmware, or there are none.
        MissingSet: the lock does not pin one.
    """
    if not packages:
        raise InvalidArgument("packages", "name at least one, such as 'firmware-iwlwifi'")
    for name in packages:
        given: object = name
        pinned = parse_name(name) if isinstance(given, str) else None
        if pinned is None or not is_firmware(pinned.package):
            raise InvalidArgument(
                "packages", f"{name!r} is not the name of a package with firmware, such as 'firmware-iwlwifi'"
            )
    lock = (context or current()).lock()
    found: dict[str, Package] = {}
    for package in (it for name in dict.fromkeys(packages) for it in lock.set(name)):
        if found.setdefault(package.name, package) != package:
            versions = f"{found[package.name].version} and {package.version}"
            raise InvalidArgument("packages", f"the lock pins {package.name} in two versions, {versions}")
    return Derivation(
        name="debian-firmware",
        system=system_of(lock.architecture("gcc")),
        builder=SHELL,
        args=script("firmware"),
        mounts={
            "/": root_file_system("gcc", lock).out,
            **{f"/packages/{name}": fetch_deb(package).out for name, package in found.items()},
        },
        hints=Hints(description=f"join the firmware of {', '.join(sorted(found))}"),
    )
