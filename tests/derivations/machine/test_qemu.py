"""QEMU's arguments for a guest."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from derivations.machine.means import Link
from derivations.machine.qemu import CHANNELS, Disk, Machine, arguments, command_line


def words(**changes: Any) -> list[str]:  # noqa: ANN401 -- fields of a machine
    """Return the arguments for a machine with *changes*."""
    channels = {name: number for number, name in enumerate(("console", *CHANNELS), start=10)}
    given: dict[str, Any] = {"kernel": "/k", "initramfs": "/i", "link": Link.VIRTIO, "channels": channels}
    return arguments(Machine(**{**given, **changes}))


def after(option: str, found: list[str]) -> list[str]:
    """Return the values of *option* in *found*."""
    return [value for name, value in pairwise(found) if name == option]


def test_channels_are_inherited_sockets() -> None:
    """The console is the first serial port; the channels are ports of a virtio console, or further serial ports."""
    found = words()
    assert ["socket,id=console,fd=10", "socket,id=control,fd=11"] == after("-chardev", found)[:2]
    assert ["chardev:console"] == after("-serial", found)
    assert "virtserialport,nr=3,chardev=err,name=err" in after("-device", found)
    assert ["chardev:console", "chardev:control", "chardev:out", "chardev:err"] == after(
        "-serial", words(link=Link.SERIAL)
    )


def test_only_shares_are_writable() -> None:
    """The root is read-only for QEMU itself, whatever the guest does; commas in paths are no options."""
    root, share = after("-fsdev", words(root="/", shares={"rw0": "/a,readonly=on"}))
    assert root.endswith("path=/,security_model=none,multidevs=remap,readonly=on")
    assert share.endswith("path=/a,,readonly=on,security_model=none,multidevs=remap")
    assert [] == after("-fsdev", words())


def test_disks() -> None:
    """A disk's format is that of its name; one that the user may not write is read-only."""
    assert [
        "if=none,id=disk0,format=qcow2,read-only=off,file=/a.qcow2",
        "if=none,id=disk1,format=raw,read-only=on,file=/b.img",
    ] == after("-drive", words(disks=(Disk(path="/a.qcow2"), Disk(path="/b.img", read_only=True))))


def test_what_else_is_wanted() -> None:
    """Network, debugger, memory, processors, accelerator."""
    plain, full = words(), words(network=True, gdb=1234, memory=1 << 29, cpus=3, accelerator="kvm")
    assert (["none"], [], ["user,id=net"]) == (after("-nic", plain), after("-nic", full), after("-netdev", full))
    assert ([], ["tcp:127.0.0.1:1234"], "-S") == (after("-gdb", plain), after("-gdb", full), full[-1])
    assert (["size=536870912B"], ["cpus=3,sockets=3,cores=1,threads=1"], ["kvm"], ["host"]) == tuple(
        after(it, full) for it in ("-m", "-smp", "-accel", "-cpu")
    )


def test_the_users_words_come_last() -> None:
    """So they win over kernix' own."""
    assert command_line("loglevel=7").endswith(" quiet loglevel=7")
    assert not command_line("").endswith(" ")
