"""What the machine runs: the entry that it was booted with, and the command line for its next kernel."""

from __future__ import annotations

import contextlib
import os
import re

from pathlib import Path
from typing import TYPE_CHECKING

from derivations.image.boot_entry import check_command_line, identify
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.image.boot_entry import Entry


# The vendor's GUID of the Boot Loader Interface (https://systemd.io/BOOT_LOADER_INTERFACE/).
_SELECTED = "sys/firmware/efi/efivars/LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_ATTRIBUTES = 4  # bytes before the value of a variable in efivarfs
_MACHINE = re.compile(r"[0-9a-f]{32}", re.ASCII)
_OF_THE_LOADER = ("BOOT_IMAGE=", "initrd=")


class NoCommandLine(Error):
    """Nothing says what the command line of the new kernels is."""

    def __str__(self) -> str:
        return "there is no command line for the kernels: neither /etc/kernel/cmdline nor /proc/cmdline can be read"

    @property
    def hint(self) -> str:
        """Name the option."""
        return "give it with `--options 'root=UUID=… ro'`"


def booted(entries: Iterable[Entry], root: Path = Path("/"), release: str | None = None) -> frozenset[str]:
    """Return the ids of those *entries* that the machine may have been booted with.

    systemd-boot and others leave the name of the entry in a variable of the firmware. GRUB leaves the kernel's path in the
    command line. If neither names one of them, they are all those of the running kernel's *release*.
    """
    entries = list(entries)
    found = set()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        name = (root / _SELECTED).read_bytes()[_ATTRIBUTES:].decode("utf-16-le").rstrip("\0")
        known = identify(name if name.endswith((".conf", ".efi")) else f"{name}.conf")
        found |= {it.id for it in entries if known is not None and it.id == known[0]}
    with contextlib.suppress(OSError, UnicodeDecodeError):
        words = (root / "proc/cmdline").read_text().split()
        images = {it.removeprefix("BOOT_IMAGE=").rpartition(")")[2] for it in words if it.startswith("BOOT_IMAGE=")}
        found |= {it.id for it in entries if it.linux in images}
    running = release if release is not None else os.uname().release
    return frozenset(found or {it.id for it in entries if it.version == running})


def machine_id(root: Path = Path("/")) -> str:
    """Return the machine's id (machine-id(5)), empty if it has none."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = (root / "etc/machine-id").read_text().strip()
        return text if _MACHINE.fullmatch(text) else ""
    return ""


def command_line(root: Path = Path("/")) -> tuple[str, str]:
    """Return the command line for new kernels, and the file it is from, as kernel-install finds it.

    Raises:
        NoCommandLine: there is no such file.
        InvalidCommandLine: it is not a command line.
    """
    for place in ("etc/kernel/cmdline", "usr/lib/kernel/cmdline"):
        with contextlib.suppress(OSError):
            text = " ".join((root / place).read_text(errors="replace").split())
            return check_command_line(text), f"/{place}"
    with contextlib.suppress(OSError):
        words = (root / "proc/cmdline").read_text(errors="replace").split()
        text = " ".join(it for it in words if not it.startswith(_OF_THE_LOADER))
        return check_command_line(text), "/proc/cmdline"
    raise NoCommandLine
