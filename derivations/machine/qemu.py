"""QEMU's arguments for a guest that runs a command (`qemu-system-x86_64(1)`).

The channels are sockets that QEMU inherits, so nothing waits for a path to appear. An image can be compressed: an ELF
`vmlinux` starts by PVH and saves unpacking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.machine.means import Link
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


CHANNELS = ("control", "out", "err")
"""The names of the guest's channels, as the agent knows them."""

_ALWAYS = ("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-monitor", "none")

# Each processor is a socket of its own: without ACPI a kernel finds them in the firmware's MP table, which lists sockets.
# This machine's programs may be compiled for any x86-64-v2 processor; with rdrand the guest has random numbers at once.
_EMULATED_CPU = "qemu64,+cx16,+lahf-lm,+popcnt,+sse4.1,+sse4.2,+ssse3,+rdrand"

# Without a ROM: nothing boots from this card.
_NETWORK = ("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=")

_FORMATS = {".qcow2": "qcow2", ".vdi": "vdi", ".vmdk": "vmdk"}


class NoMachine(Error):
    """There is no virtual machine to run commands in for kernels of this system."""

    system: str

    def __str__(self) -> str:
        return f"cannot run commands on a kernel for {self.system}, only for x86_64-linux"


@attrs.frozen(kw_only=True)
class Disk:
    """A disk of a guest: a file of the host, which the guest may change unless it is *read_only*."""

    path: str
    read_only: bool = False


@attrs.frozen(kw_only=True)
class Machine:
    """A virtual machine.

    Attributes:
        kernel: The image.
        initramfs: Its initramfs.
        link: The kind of its channels.
        channels: Name of a channel, or `console` -> the descriptor of its socket.
        accelerator: `kvm` or `tcg`.
        memory: Its memory, in bytes.
        cpus: The number of its processors.
        append: Words for the end of the kernel's command line.
        root: The host's directory that is its root, read-only; None if that is the initramfs.
        shares: Tag -> the host's directory that the guest may change.
        disks: Its disks, `/dev/vda` and so on.
        network: Whether it can reach the host's network.
        gdb: The port where it waits for a debugger before it starts.
    """

    kernel: str
    initramfs: str
    link: Link
    channels: Mapping[str, int]
    accelerator: str = "tcg"
    memory: int = 1 << 30
    cpus: int = 1
    append: str = ""
    root: str | None = None
    shares: Mapping[str, str] = attrs.field(factory=dict)
    disks: tuple[Disk, ...] = ()
    network: bool = False
    gdb: int | None = None


def arguments(machine: Machine) -> list[str]:
    """Return the arguments of QEMU that start *machine*."""
    emulated = machine.accelerator == "tcg"
    return [
        *_ALWAYS,
        *("-machine", "q35,usb=off,smbus=off,sata=off,vmport=off"),
        *("-accel", "tcg,thread=multi" if emulated else machine.accelerator),
        *("-cpu", _EMULATED_CPU if emulated else "host"),
        *("-m", f"size={machine.memory}B"),
        *("-smp", f"cpus={machine.cpus},sockets={machine.cpus},cores=1,threads=1"),
        *("-kernel", machine.kernel),
        *("-initrd", machine.initramfs),
        *("-append", command_line(machine.append)),
        *_chardevs(machine.channels),
        *("-serial", "chardev:console"),
        *_channels(machine.link),
        *_files(machine),
        *(_NETWORK if machine.network else ("-nic", "none")),
        *(("-gdb", f"tcp:127.0.0.1:{machine.gdb}", "-S") if machine.gdb is not None else ()),
    ]


def command_line(append: str) -> str:
    """Return the kernel's command line, with *append* at its end.

    A kernel that panics reports it in full, whatever its log level. The check of the timer fails where a busy host delays
    its interrupts, so it is left out.
    """
    return f"console=ttyS0 earlyprintk=serial,ttyS0 panic=-1 no_timer_check quiet {append}".rstrip()


def _chardevs(channels: Mapping[str, int]) -> Iterator[str]:
    for name, descriptor in channels.items():
        yield from ("-chardev", f"socket,id={name},fd={descriptor}")


def _channels(link: Link) -> Iterator[str]:
    if link is Link.SERIAL:
        for name in CHANNELS:
            yield from ("-serial", f"chardev:{name}")
        return
    yield from ("-device", f"virtio-serial-pci,max_ports={len(CHANNELS) + 1}")
    for number, name in enumerate(CHANNELS, start=1):
        yield from ("-device", f"virtserialport,nr={number},chardev={name},name={name}")


def _files(machine: Machine) -> Iterator[str]:
    if machine.root is not None:
        yield from _share("root", machine.root, ",readonly=on")
    for tag, path in machine.shares.items():
        yield from _share(tag, path, "")
    for number, disk in enumerate(machine.disks):
        kind = next((it for end, it in _FORMATS.items() if disk.path.endswith(end)), "raw")
        only = "on" if disk.read_only else "off"
        yield from ("-drive", f"if=none,id=disk{number},format={kind},read-only={only},file={_escaped(disk.path)}")
        yield from ("-device", f"virtio-blk-pci,drive=disk{number}")


def _share(tag: str, path: str, options: str) -> Iterable[str]:
    # multidevs: file systems mounted below are seen, too, and their inode numbers must not clash.
    local = f"local,id={tag},path={_escaped(path)},security_model=none,multidevs=remap{options}"
    return ("-fsdev", local, "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}")


def _escaped(path: str) -> str:
    return path.replace(",", ",,")
