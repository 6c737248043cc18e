"""The programs that an initramfs can have by name, from Debian's packages: static ones, and others with all that they load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from derivations.debian.rootfs import root_file_system
from derivations.fetch import fetch_deb
from derivations.frozen_map import FrozenMap
from derivations.image.entries import Copy, Link, Loaded
from derivations.toolchain import static_set


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from derivations.debian.lock import Lock
    from derivations.image.entries import Entry


def _texts(values: Mapping[str, str]) -> FrozenMap[str]:
    return FrozenMap(values)


@attrs.frozen(kw_only=True)
class Program:
    """One or several programs of a package set.

    Attributes:
        set_name: The set.
        package: The package, if it is static; else they are in the set's root file system, with their libraries.
        files: Where they go, to where they are.
        links: Links to them, path to target.
        modules: The modules without which they are of no use.
    """

    set_name: str
    package: str | None = None
    files: FrozenMap[str] = attrs.field(converter=_texts)
    links: FrozenMap[str] = attrs.field(factory=FrozenMap, converter=_texts)
    modules: tuple[str, ...] = ()


PROGRAMS: Final = FrozenMap(
    {
        "busybox": Program(
            set_name="busybox",
            package="busybox-static",
            files={"bin/busybox": "bin/busybox"},
            links={"bin/sh": "busybox", "sbin/modprobe": "../bin/busybox"},
        ),
        "cryptsetup": Program(
            set_name="cryptsetup", files={"sbin/cryptsetup": "usr/sbin/cryptsetup"}, modules=("dm_crypt",)
        ),
        "e2fsck": Program(
            set_name="e2fsck",
            package="e2fsck-static",
            files={"sbin/e2fsck": "sbin/e2fsck.static"},
            links={f"sbin/fsck.ext{it}": "e2fsck" for it in (2, 3, 4)},
        ),
        "lvm": Program(
            set_name="lvm",
            files={"sbin/lvm": "usr/sbin/lvm", "sbin/dmsetup": "usr/sbin/dmsetup"},
            modules=("dm_mod",),
        ),
    }
)
"""By the names that `make_initramfs` knows."""

DEFAULT_PROGRAMS: Final = ("busybox", "e2fsck")
"""What an initramfs has if nothing is said, and no template."""


def entries_of(programs: Iterable[Program], lock: Lock, system: str) -> dict[str, Entry]:
    """Return the entries of *programs*, pinned by *lock*, for kernels that run on *system*.

    Raises:
        MissingSet, MissingPackage: the lock does not pin one of them.
        UnknownSet: there is none for that system.
    """
    found: dict[str, Entry] = {}
    for program in programs:
        name = static_set(program.set_name, lock, system)
        if program.package is not None:
            package = fetch_deb(lock.package(name, program.package))
            found |= {place: Copy(package, source, 0o755) for place, source in program.files.items()}
        else:
            root = root_file_system(name, lock)
            found |= {place: Loaded(root, source) for place, source in program.files.items()}
        found |= {place: Link(target) for place, target in program.links.items()}
    return found
