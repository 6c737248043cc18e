"""What programs and libraries open when they run, and no list in their files has: as data.

A rule holds for a file by its name, or by a function that it calls. Each names its cause. What a tree does not have of it is
left out, except where the program fails without.
"""

from __future__ import annotations

import fnmatch

from typing import TYPE_CHECKING, Final

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet


@attrs.frozen(kw_only=True)
class Opens:
    """What some files open.

    Attributes:
        why: The reason, in a few words.
        files: Patterns for their names.
        calls: Functions; a file that calls one of them opens it, too.
        libraries: The names of libraries, to be found as those that are loaded at the start.
        paths: Patterns for files in the directories of libraries.
        required: Whether the program is of no use without.
    """

    why: str
    files: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    required: bool = False

    def holds(self, name: str, calls: AbstractSet[str]) -> bool:
        """Return whether the file *name*, which calls the functions *calls*, opens this."""
        return not calls.isdisjoint(self.calls) or any(fnmatch.fnmatchcase(name, it) for it in self.files)


OPENS: Final[tuple[Opens, ...]] = (
    Opens(  # sysdeps/nptl/unwind-forcedunwind.c of glibc: it aborts without. Argon2 ends its threads so.
        why="threads are ended by unwinding their stacks",
        calls=("pthread_cancel", "pthread_exit"),
        libraries=("libgcc_s.so.1",),
        required=True,
    ),
    Opens(  # crypto/provider_core.c of OpenSSL
        why="OpenSSL's providers, such as that of old algorithms",
        files=("libcrypto.so.3",),
        paths=("ossl-modules/*.so",),
    ),
    Opens(  # src/shared/dlfcn-util.c of systemd; since version 256 a note in its files lists them
        why="systemd opens libcryptsetup only where it is needed",
        files=("systemd-cryptsetup", "systemd-veritysetup", "systemd-integritysetup", "libsystemd-shared-*.so"),
        libraries=("libcryptsetup.so.12",),
    ),
    Opens(  # lib/luks2/luks2_token.c of cryptsetup
        why="what unlocks by tokens",
        files=("libcryptsetup.so.12",),
        paths=("cryptsetup/libcryptsetup-token-*.so",),
    ),
    Opens(  # daemons/dmeventd/dmeventd.c of LVM
        why="the plugins of the daemon that watches devices",
        files=("dmeventd",),
        paths=("libdevmapper-event-lvm2*.so", "device-mapper/libdevmapper-event-lvm2*.so"),
    ),
    Opens(  # nss/nsswitch.c of glibc; since 2.34 that of files is in the C library itself
        why="names of users and hosts",
        calls=("getaddrinfo", "gethostbyname", "getgrnam", "getgrgid", "getpwnam", "getpwuid"),
        libraries=("libnss_files.so.2",),
    ),
    Opens(
        why="names of hosts from name servers",
        calls=("getaddrinfo", "gethostbyname"),
        libraries=("libnss_dns.so.2", "libresolv.so.2"),
    ),
    Opens(  # lib/plugin.c of libkmod and others that read compressed modules only if there are any
        why="compressed modules",
        files=("libkmod.so.2",),
        libraries=("liblzma.so.5", "libzstd.so.1"),
    ),
)  # fmt: skip
"""The rules."""


def opened_by(name: str, calls: AbstractSet[str]) -> Iterator[Opens]:
    """Yield the rules for the file *name*, which calls the functions *calls*."""
    return (it for it in OPENS if it.holds(name, calls))
