"""Prove that a closure is complete: boot it, use it, and look at what the kernel asks for.

A guest has the modules of the closure alone. It runs a script that mounts, unlocks, or configures something, and the kernel
reports each call of request_module by the event `module:module_request`. The test fails if the script fails, and if
the kernel asked for something that a module of its whole tree would have served, and the closure does not have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from derivations.derivation import Derivation, Hints
from derivations.fetch import ANY_SYSTEM, fetch_deb
from derivations.image.initramfs import Copy, Device, Directory, File, Link, make_initramfs
from derivations.linux import module_closure
from derivations.linux.arguments import InvalidArgument
from derivations.linux.boot import SENTINEL, boot
from derivations.modules.trace import REQUEST, STATUS


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.context import Context
    from derivations.image.initramfs import Entry


CONSOLE, MODULES, CLOSURE = "/console", "/modules", "/closure"
"""The mount points of the check."""

_INIT = f"""#!/bin/busybox sh
/bin/busybox --install -s /bin
PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tracefs tracing /sys/kernel/tracing
dmesg -n 1 # the kernel's own lines would break those below
echo /bin/modprobe > /proc/sys/kernel/modprobe
echo 1 > /sys/kernel/tracing/events/module/module_request/enable || exec reboot -f
sh /script
status=$?
printf '\\n'
sed -n 's/.* module_request: \\([^ ]*\\) .*/{REQUEST} \\1/p' /sys/kernel/tracing/trace
printf '{STATUS}%s\\n{SENTINEL} release=%s\\n' "$status" "$(uname -r)"
reboot -f
"""


class Kernel(module_closure.Kernel, Protocol):
    """The part of a kernel that a request test needs."""

    @property
    def context(self) -> Context:
        """Return the context with its lock."""
        ...


def request_test(
    kernel: Kernel, closure: Derivation, script: str, *, files: Mapping[str, Entry] | None = None, name: str | None = None
) -> Derivation:  # fmt: skip
    """Return the test that runs *script* on *kernel* with the modules of *closure*; its output lists what was asked for.

    Args:
        kernel: The kernel; it needs EVENT_TRACING, and what a boot test needs.
        closure: What `module_closure` returned for this kernel.
        script: Commands for BusyBox' shell. They fail if the last one does, or with `set -e` if any does.
        files: Further entries of the initramfs, path to entry, for the script.
        name: The name of the test.

    Raises:
        InvalidArgument: *closure* is not a closure.
        InvalidDerivation: a path is invalid.
    """
    if CLOSURE not in getattr(closure, "mounts", ()):
        raise InvalidArgument("closure", f"{closure!r} is not what module_closure returns")
    lock, toolchain = kernel.context.lock(), kernel.toolchain
    label = f"{closure.name}-requests" if name is None else name
    busybox = fetch_deb(lock.package(toolchain.busybox_set, "busybox-static"))
    initramfs = make_initramfs(
        {
            "init": File(text=_INIT, mode=0o755),
            "script": File(text=script),
            "bin/busybox": Copy(busybox, "bin/busybox"),
            "bin/sh": Link("busybox"),
            "dev/console": Device("c", 5, 1),
            **{place: Directory() for place in ("mnt", "proc", "sys", "tmp")},
            "lib/modules": Copy(closure, "lib/modules"),
            **(files or {}),
        },
        name=f"{label}-initramfs",
    )
    booted = boot(f"{label}-boot", kernel.out, kernel.release, first=initramfs.out, toolchain=toolchain, lock=lock)
    return Derivation(
        name=label,
        system=ANY_SYSTEM,
        builder="builtin:module-requests",
        mounts={CONSOLE: booted.out, MODULES: closure.mounts[CLOSURE].derivation.mounts[MODULES], CLOSURE: closure.out},
        hints=Hints(description=f"prove that {closure.name} has what the kernel asks for"),
    )
