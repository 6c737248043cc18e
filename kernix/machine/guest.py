"""Running a command in a guest: what it takes is built, then QEMU is started, with KVM where that works."""

from __future__ import annotations

import contextlib
import os
import shlex

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.debian.rootfs import root_file_system
from derivations.machine.agent import agent, guest_initramfs
from derivations.machine.means import Link
from derivations.machine.protocol import Request
from derivations.machine.qemu import Machine, NoMachine, arguments
from derivations.realise.guest import emulator
from derivations.realise.guest.failures import GuestEnded, GuestPanicked, GuestSilent
from derivations.realise.guest.guest import Patience, Result, run
from derivations.realise.guest.streams import size
from derivations.realise.kvm import KvmRecord
from derivations.toolchain import gcc_toolchain
from kernix.building import realise
from kernix.output.messages import print_message, warn


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from socket import socket
    from subprocess import Popen

    from derivations.derivation import Output
    from derivations.linux.kernel import Kernel
    from derivations.machine.means import Means
    from derivations.machine.qemu import Disk
    from kernix.options import Chosen
    from kernix.session import Session


KVM = Path("/dev/kvm")
SYSTEM = "x86_64-linux"
PROGRAM = "qemu-system-x86_64"

_EMULATED_BOOT = 60.0  # seconds of silence: a large kernel that unpacks itself under emulation takes some
_KVM_BOOT = 15.0
_WINDOWS = {Link.VIRTIO: 1 << 18, Link.SERIAL: 2048}  # a serial port drops what its reader does not take
_PASSED_ON = ("LANG", "LC_ALL", "TERM", "TZ", "HOME")


@attrs.frozen(kw_only=True)
class GuestOptions:
    """What the user wants of a guest, as `kernix run` has it."""

    argv: Sequence[str]
    root: Path | None
    writable: Sequence[Path]
    memory: int
    cpus: int
    append: str
    disks: Sequence[Disk]
    network: bool
    timeout: float | None
    gdb: int | None
    terminal: bool


@attrs.frozen
class _Built:
    """The paths of what a guest is started from."""

    qemu: Path
    image: Path
    initramfs: Path


def check_system(kernel: Kernel) -> None:
    """Check that there is a virtual machine for *kernel*, before anything is built.

    Raises:
        NoMachine: there is none.
    """
    if kernel.context.system != SYSTEM or kernel.toolchain.system != SYSTEM:
        raise NoMachine(kernel.context.system)


def run_guest(
    session: Session, attribute: str, kernel: Kernel, found: Means, wishes: GuestOptions, *, chosen: Chosen
) -> Result:
    """Run the command of *wishes* on *kernel*, which offers *found*, and return its end.

    Raises:
        Error: something cannot be built, or the guest fails (`derivations.realise.guest.failures`).
    """
    built = _build(session, kernel, found, chosen)
    if found.lacks:
        print_message(
            f"`{attribute}` does not build in {', '.join(found.lacks)}: "
            "the command runs over serial ports, and its files are those of BusyBox"
        )
    if wishes.gdb is not None:
        symbols = session.store.path(realise(session, [kernel.debug], **chosen)[kernel.debug])
        print_message(
            f"the guest waits for a debugger: gdb -ex 'target remote :{wishes.gdb}' {shlex.quote(str(symbols / 'vmlinux'))}"
        )
    machine = _machine(built, found, wishes)
    request = _request(found, wishes)
    window = _WINDOWS[found.link]

    def attempt(accelerator: str, boot: float) -> Result:
        patience = Patience(boot=None if wishes.gdb else boot, whole=wishes.timeout)

        def start(sockets: Mapping[str, socket]) -> contextlib.AbstractContextManager[Popen[bytes]]:
            channels = {name: it.fileno() for name, it in sockets.items()}
            words = arguments(attrs.evolve(machine, channels=channels, accelerator=accelerator))
            return emulator.running(built.qemu, PROGRAM, words, sockets.values())

        return run(start, request, patience, window)

    record = KvmRecord.of(session.layout)
    if not _may_use_kvm(session, record):
        return attempt("tcg", _EMULATED_BOOT)
    try:
        return attempt("kvm", _KVM_BOOT)
    except (GuestSilent, GuestEnded, GuestPanicked) as error:
        if getattr(error, "begun", True) and not isinstance(error, GuestSilent):
            raise
        warn(f"with KVM {error}, so it starts again with emulation, which is slower")
        result = attempt("tcg", _EMULATED_BOOT)
        with contextlib.suppress(OSError):
            record.fail(str(error))
        return result


def _build(session: Session, kernel: Kernel, found: Means, chosen: Chosen) -> _Built:
    lock = kernel.context.lock()
    compiler = gcc_toolchain(lock, SYSTEM)
    first = agent(compiler.root, compiler.system)
    initramfs = guest_initramfs(first, lock, compiler.busybox_set if found.lacks else None).out
    qemu = root_file_system(compiler.qemu_set, lock).out
    outputs: list[Output] = [kernel.out, initramfs, qemu]
    paths = {it: session.store.path(path) for it, path in realise(session, outputs, **chosen).items()}
    return _Built(paths[qemu], paths[kernel.out] / kernel.toolchain.image, paths[initramfs])


def _machine(built: _Built, found: Means, wishes: GuestOptions) -> Machine:
    shared = not found.lacks
    return Machine(
        kernel=str(built.image),
        initramfs=str(built.initramfs),
        link=found.link,
        channels={},
        memory=wishes.memory,
        cpus=wishes.cpus,
        append=wishes.append,
        root=str((wishes.root or Path("/")).resolve()) if shared else None,
        shares={f"rw{number}": str(it) for number, it in enumerate(wishes.writable)} if shared else {},
        disks=tuple(wishes.disks),
        network=wishes.network,
        gdb=wishes.gdb,
    )


def _request(found: Means, wishes: GuestOptions) -> Request:
    env = {name: value for name in _PASSED_ON if (value := os.environb.get(name.encode())) is not None}
    shared = not found.lacks
    here = Path.cwd() if shared and wishes.root is None else Path("/")
    return Request(
        argv=[os.fsencode(it) for it in wishes.argv],
        env={
            **{name.encode(): value for name, value in env.items()},
            b"PATH": b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            b"USER": b"root",
        },
        directory=os.fsencode(here),
        host="guest",
        root="9p" if shared else None,
        shares={f"rw{number}": os.fsencode(it) for number, it in enumerate(wishes.writable)} if shared else {},
        terminal=size() if wishes.terminal else None,
        network=wishes.network,
    )


def _may_use_kvm(session: Session, record: KvmRecord) -> bool:
    """Return whether KVM is worth a try: it is there, and has not failed on this machine."""
    if session.configuration is not None and session.configuration.settings.get("kvm") is False:
        return False
    return os.access(KVM, os.R_OK | os.W_OK) and record.failure is None and os.uname().machine == "x86_64"
