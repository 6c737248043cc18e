"""Which entry the machine was booted with, and which command line its next kernel gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.image.boot_entry import Entry
from kernix.installation.running import NoCommandLine, booted, command_line, machine_id


if TYPE_CHECKING:
    from pathlib import Path


ENTRIES = [
    Entry(name="a+2-1.conf", id="a", linux="/kernix/a-linux", version="6.1.1"),
    Entry(name="b.conf", id="b", linux="/kernix/b-linux", version="6.1.2"),
]
VARIABLE = "sys/firmware/efi/efivars/LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


def write(root: Path, name: str, data: bytes) -> None:
    """Write a file of the machine."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(data)


@pytest.mark.parametrize("name", ["a.conf", "a+3.conf", "a+1-2.conf", "a"])
def test_by_the_loader(tmp_path: Path, name: str) -> None:
    """The loader has left the entry's name as it was then, in UTF-16, after four bytes of attributes."""
    write(tmp_path, VARIABLE, b"\6\0\0\0" + f"{name}\0".encode("utf-16-le"))

    assert booted(ENTRIES, tmp_path, "6.1.2") == {"a"}


def test_by_grub(tmp_path: Path) -> None:
    """GRUB has left the kernel's path, with its device, in the command line."""
    write(tmp_path, "proc/cmdline", b"BOOT_IMAGE=(hd0,gpt1)/kernix/b-linux ro\n")

    assert booted(ENTRIES, tmp_path, "6.1.1") == {"b"}


def test_by_release(tmp_path: Path) -> None:
    """If no loader has left anything, it may be any entry of the running release."""
    write(tmp_path, VARIABLE, b"\6\0\0\0\xff")

    assert (frozenset({"b"}), frozenset()) == (booted(ENTRIES, tmp_path, "6.1.2"), booted(ENTRIES, tmp_path, "5.0"))


def test_command_line(tmp_path: Path) -> None:
    """The machine's own file comes first; from the running kernel, what the loader added is left out."""
    with pytest.raises(NoCommandLine):
        command_line(tmp_path)
    write(tmp_path, "proc/cmdline", b"BOOT_IMAGE=/vmlinuz initrd=\\a root=LABEL=x ro\n")
    assert command_line(tmp_path) == ("root=LABEL=x ro", "/proc/cmdline")
    write(tmp_path, "etc/kernel/cmdline", b"root=LABEL=y\n  ro\n")
    assert command_line(tmp_path) == ("root=LABEL=y ro", "/etc/kernel/cmdline")


@pytest.mark.parametrize(("text", "found"), [("0" * 32 + "\n", "0" * 32), ("uninitialized\n", ""), ("", "")])
def test_machine_id(tmp_path: Path, text: str, found: str) -> None:
    """Only a complete id counts, and a machine may have none."""
    assert machine_id(tmp_path) == ""
    write(tmp_path, "etc/machine-id", text.encode())
    assert machine_id(tmp_path) == found
