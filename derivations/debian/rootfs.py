"""The root file system that a set of packages makes: what a builder sees as `/`.

Each package is unpacked once, whatever uses it; a root joins them by hard links. It has no
state: no database of packages, no alternatives, no caches; only files that its packages ship,
the links that its set names, and the few files of /etc that programs ask for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.debian.sets import package_set
from derivations.fetch import fetch_deb
from derivations.frozen_map import FrozenMap
from derivations.union import USR_MERGE, Layout, union
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
"""What `getpwuid` and the like read; the ids are those that builders run under."""

EXCLUDE = (
    # binutils loads every plugin in each of the hundreds of runs of ar, nm and ld of a build; they are for
    # link-time optimisation, where gcc-ar and the like name the plugin themselves.
    "usr/lib/bfd-plugins",
    *(f"usr/lib/{machine}-linux-gnu/bfd-plugins" for machine in ("aarch64", "riscv64", "x86_64")),
    *(f"usr/share/{name}" for name in ("applications", "bash-completion", "bug", "doc", "doc-base", "gdb", "icons")),
    *(f"usr/share/{name}" for name in ("info", "lintian", "locale", "man", "menu")),
    # Services of the packages' daemons, and what would run at times of its own.
    *(f"etc/{name}" for name in ("cron.daily", "cron.d", "default", "init.d", "logrotate.d", "pam.d")),
    "usr/lib/systemd",
)
"""What no builder reads."""


def root_file_system(name: str, lock: Lock) -> Derivation:
    """Return the root file system of the set *name*, of the packages that *lock* pins for it.

    Raises:
        MissingSet: the lock does not pin the set.
        MissingPackage: a newer kernix asks for a package that the lock's set is without.
        UnknownSet: there is no such set.
    """
    definition = package_set(name)
    packages = lock.set(name)
    lock.check(name, definition.packages)
    layout = Layout(merge=USR_MERGE, links=definition.links, files=FILES, exclude=EXCLUDE)
    return union(f"{name}-root", [fetch_deb(package) for package in packages], layout, retention=Retention.TOOLCHAIN)
