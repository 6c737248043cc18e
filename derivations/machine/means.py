"""How a guest can be reached, and what its root can be: read from the configuration of its kernel."""

from __future__ import annotations

import enum

from typing import TYPE_CHECKING

import attrs

from derivations.kconfig.language.values import YES
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from derivations.kconfig.language.values import Value


class Link(enum.Enum):
    """The channels between host and guest."""

    VIRTIO = "virtio"
    """Ports of a virtio console."""
    SERIAL = "serial"
    """Serial ports of a PC; slower, and the guest's root is its initramfs."""


BASIC = ("BINFMT_ELF", "BLK_DEV_INITRD", "DEVTMPFS", "PROC_FS", "SYSFS", "TTY")
"""Without these no guest runs a command."""

PORTS = ("PCI", "VIRTIO_PCI", "VIRTIO_CONSOLE")
SHARES = ("NET_9P_VIRTIO", "9P_FS", "OVERLAY_FS", "TMPFS", "TMPFS_XATTR")
SERIAL = ("SERIAL_8250",)
TERMINAL = ("UNIX98_PTYS",)
NETWORK = ("INET", "VIRTIO_NET")
DISKS = ("VIRTIO_BLK",)

_UARTS = 4  # the console and the three channels


class CannotRunCommands(Error):
    """A kernel is configured without what `kernix run` needs."""

    attribute: str
    purpose: str
    options: tuple[str, ...]

    def __str__(self) -> str:
        return f"`{self.attribute}` {self.purpose}: its configuration does not build in {', '.join(self.options)}"

    @property
    def hint(self) -> str:
        """Name the fragment that has them all."""
        return (
            "`from derivations.kconfig.fragments import vm_guest`, then "
            ".override(extra_config=lambda old: [*old, vm_guest]) makes a kernel that has all of it; "
            "`linux_guest` is one"
        )


@attrs.frozen(kw_only=True)
class Means:
    """What a kernel offers to a guest.

    Attributes:
        link: How it is reached.
        lacks: The options without which it has serial ports, and no files of this machine.
        terminal: Whether a command can have a terminal.
    """

    link: Link
    lacks: tuple[str, ...] = ()
    terminal: bool


def means(attribute: str, configuration: Mapping[str, Value]) -> Means:
    """Return what the kernel *attribute* with this *configuration*, as `dotconfig.parse` returns it, offers.

    Raises:
        CannotRunCommands: no command can be run on it.
    """
    lacks = missing(configuration, (*BASIC, *PORTS, *SHARES))
    terminal = not missing(configuration, TERMINAL)
    if not lacks:
        return Means(link=Link.VIRTIO, terminal=terminal)
    needed = missing(configuration, (*BASIC, *SERIAL))
    uarts = configuration.get("SERIAL_8250_RUNTIME_UARTS", 0)
    if needed or not isinstance(uarts, int) or uarts < _UARTS:
        raise CannotRunCommands(attribute, "cannot run commands", needed or lacks)
    return Means(link=Link.SERIAL, lacks=lacks, terminal=terminal)


def missing(configuration: Mapping[str, Value], options: Iterable[str]) -> tuple[str, ...]:
    """Return those of *options* that *configuration* does not build in."""
    return tuple(it for it in options if configuration.get(it) is not YES)


def require(attribute: str, configuration: Mapping[str, Value], purpose: str, options: Iterable[str]) -> None:
    """Check that the kernel *attribute* builds in all of *options*, which *purpose* needs.

    Raises:
        CannotRunCommands: it does not.
    """
    if lacks := missing(configuration, options):
        raise CannotRunCommands(attribute, purpose, lacks)
