"""The root file system made from a set of packages: what a builder sees as `/`.

Each package is unpacked once, whatever uses it; a root joins packages by hard links. It has no
state: no package database, no alternatives, no caches. It has only the files that its packages ship,
the links that its set lists, and the few files in /etc that programs need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.debian.sets import package_set
from derivations.fetch import fetch_deb
from derivations.frozen_map import FrozenMap
from derivations.union import USR_MERGE, UnionLayout, union
from store.gc.retention import Retention


if TYPE_CHECKING:
    from derivations.debian.lock import Lock
    from derivations.derivation import Derivation


FILES = FrozenMap(
    {
        "etc/group": "root:x:0:\nusers:x:100:\n",
        "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nbuilder:x:1000:100:builder:/homeless:/bin/sh\n",
    }
)
"""What `getpwuid` and the like read; the IDs are those that builders run as."""

EXCLUDE = (
    # ar, nm and ld would load every plugin in each of their hundreds of runs in a build. Plugins are for
    # link-time optimisation, where gcc-ar and the like name the plugin themselves.
    "usr/lib/bfd-plugins",
    *(f"usr/lib/{machine}-linux-gnu/bfd-plugins" for machine in ("aarch64", "riscv64", "x86_64")),
    *(f"usr/share/{name}" for name in ("applications", "bash-completion", "bug", "doc", "doc-base", "gdb", "icons")),
    *(f"usr/share/{name}" for name in ("info", "lintian", "locale", "man", "menu")),
    # Services and scheduled jobs of the packages' daemons.
    *(f"etc/{name}" for name in ("cron.daily", "cron.d", "default", "init.d", "logrotate.d", "pam.d")),
    "usr/lib/systemd",
)
"""Files that no builder reads."""


def root_file_system(name: str, lock: Lock) -> Derivation:
    """Return the root file system of the set *name*, made from the packages that *lock* pins.

    Raises:
        MissingSet: the lock does not pin the set.
        MissingPackage: the set needs a package that the lock, made by an older kernix, lacks.
        UnknownSet: the set does not exist.
    """
    definition = package_set(name)
    packages = lock.set(name)
    lock.check(name, definition.packages)
    layout = UnionLayout(merge=USR_MERGE, links=definition.links, files=FILES, exclude=EXCLUDE)
    return union(f"{name}-root", [fetch_deb(package) for package in packages], layout, retention=Retention.TOOLCHAIN)
