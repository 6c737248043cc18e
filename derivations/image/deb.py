"""A kernel as a Debian package: what dpkg installs, and the hooks that it runs.

    /boot/vmlinuz-RELEASE, config-RELEASE, System.map-RELEASE
    /lib/modules/RELEASE/
    /usr/lib/linux-image-RELEASE/      device trees, if the kernel has any

The names, and the order of the hooks in `/etc/kernel`, are those of Debian's own packages, so that initramfs-tools, dracut,
GRUB and DKMS treat it like one of them (deb-postinst(5), Debian Kernel Handbook, chapter 8).
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

from derivations.derivation import Derivation, Hints, InvalidDerivation, canonical_json
from derivations.fetch import ANY_SYSTEM
from derivations.frozen_map import FrozenMap
from derivations.systems import machine


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.derivation import Output


KERNEL, MODULES = "/kernel", "/modules"
"""The mount points of the kernel's outputs."""

_DEPENDS = "kmod, linux-base, initramfs-tools | linux-initramfs-tool"
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+", re.ASCII)
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~_-]*", re.ASCII)
_CANDIDATE = re.compile(r"-(?=rc[0-9])")
_UNVERSIONED = re.compile(r"[^A-Za-z0-9.+~]+", re.ASCII)

# run-parts runs the hooks in order, and gives each the release and the image, as Debian's kernels do.
_HEAD = """#!/bin/sh
set -e
release='{release}'
image=/boot/vmlinuz-$release
modules=/lib/modules/$release
hooks() {{
    [ ! -d "/etc/kernel/$1.d" ] ||
        DEB_MAINT_PARAMS="$params" run-parts --report --exit-on-error --arg="$release" --arg="$image" "/etc/kernel/$1.d"
}}
params="$*"
"""

_SCRIPTS: Mapping[str, str] = FrozenMap(
    {
        # A mark of a first installation, for linux-update-symlinks; it may fail and be repeated.
        "preinst": """
case $1 in
    install) mkdir -p "$modules"; : > "$modules/.fresh-install" ;;
    upgrade) ;;
    *) exit 0 ;;
esac
hooks preinst
""",
        "postinst": """
[ "$1" = configure ] || exit 0
depmod "$release"
if [ -e "$modules/.fresh-install" ]; then change=install; else change=upgrade; fi
linux-update-symlinks "$change" "$release" "$image"
rm -f "$modules/.fresh-install"
hooks postinst
""",
        "prerm": """
[ "$1" = remove ] || exit 0
linux-check-removal "$release"
hooks prerm
""",
        # After a removal linux-base may be gone. What depmod has written is in no package.
        "postrm": """
case $1 in
    remove | purge) ;;
    *) exit 0 ;;
esac
hooks postrm
if [ "$1" = remove ] && command -v linux-update-symlinks > /dev/null; then
    linux-update-symlinks remove "$release" "$image"
fi
rm -f "$modules"/modules.* "$modules/.fresh-install"
! [ -d "$modules" ] || rmdir --ignore-fail-on-non-empty "$modules"
""",
    }
)


def make_deb(
    *, title: str, version: str, release: str, description: str, system: str, kernel: Output, modules: Output
) -> Derivation:
    """Return the package of a kernel, a `.deb` file.

    Args:
        title: The kernel's full name.
        version: Its version.
        release: What `uname -r` prints on it.
        description: A sentence about it.
        system: The system that it is for.
        kernel: Its image, System.map and configuration.
        modules: Its `lib/modules/RELEASE`.

    Raises:
        InvalidDerivation: the release cannot be part of a package's name.
        UnknownSystem: there is no such system.
    """
    name = package_name(release)
    if not _NAME.fullmatch(name) or not _RELEASE.fullmatch(release):
        raise InvalidDerivation(title, (f"no package can be named after the release {release!r}",))
    fields = {
        "Package": name,
        "Version": package_version(version),
        "Architecture": machine(system).debian,
        "Section": "kernel",
        "Priority": "optional",
        "Maintainer": "kernix <kernix@localhost>",
        "Depends": _DEPENDS,
        "Description": " ".join(f"{title}: {description}".split()),
    }
    head = _HEAD.format(release=release)
    return Derivation(
        name=f"{title}.deb",
        system=ANY_SYSTEM,
        builder="builtin:deb",
        env={
            "control": canonical_json(fields).decode(),
            "release": release,
            "scripts": canonical_json({name: head + text for name, text in _SCRIPTS.items()}).decode(),
        },
        mounts={KERNEL: kernel, MODULES: modules},
        hints=Hints(description=f"make the package {name}"),
    )


def package_name(release: str) -> str:
    """Return the name of the package of the kernel with *release*; names have lower case only."""
    return f"linux-image-{release.lower().replace('_', '-')}"


def package_version(version: str) -> str:
    """Return the version of the package: a release candidate is before its release."""
    return f"{_UNVERSIONED.sub('.', _CANDIDATE.sub('~', version))}-1"
