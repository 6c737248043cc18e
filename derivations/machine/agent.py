"""The first process of a guest, `programs/agent.c`, and the initramfs that starts it.

It is one static program: it makes the root, runs a command in its own session, and relays its streams exactly. A shell
script with BusyBox could do neither that nor terminals and signals.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from derivations.derivation import Derivation, Hints
from derivations.fetch import fetch_deb
from derivations.image.initramfs import Copy, Device, Directory, Link, make_initramfs
from derivations.linux.script import SHELL
from derivations.source import text_file


if TYPE_CHECKING:
    from derivations.debian.lock import Lock
    from derivations.derivation import Output
    from derivations.image.initramfs import Entry


_SOURCE = Path(__file__).with_name("programs") / "agent.c"
_COMPILE = "cc -static -Os -Wall -Wextra -s -o /out/out /agent.c"


def agent(root: Output, system: str) -> Derivation:
    """Return the agent, compiled for *system* by the compiler in the root file system *root*."""
    source = text_file("agent.c", _SOURCE.read_text(encoding="utf-8"))
    return Derivation(
        name="guest-agent",
        system=system,
        builder=SHELL,
        args=("-euc", _COMPILE),
        mounts={"/": root, "/agent.c": source.out},
        hints=Hints(description="compile the first process of guests"),
    )


def guest_initramfs(first: Derivation, lock: Lock, busybox_set: str | None) -> Derivation:
    """Return the initramfs with *first* as its init, and with the BusyBox of *busybox_set* if it is also the root."""
    entries: dict[str, Entry] = {
        "init": Copy(first, mode=0o755),
        "dev/console": Device("c", 5, 1),
        "proc": Directory(),
        "sys": Directory(),
    }
    if busybox_set is not None:
        busybox = fetch_deb(lock.package(busybox_set, "busybox-static"))
        entries |= {
            "bin/busybox": Copy(busybox, "bin/busybox"),
            "bin/sh": Link("busybox"),
            "sbin": Link("bin"),
            "usr/bin": Link("../bin"),
            "usr/sbin": Link("../bin"),
            "root": Directory(mode=0o700),
            "tmp": Directory(mode=0o1777),
        }
    return make_initramfs(entries, name="initramfs-run" if busybox_set is None else "initramfs-run-busybox")
