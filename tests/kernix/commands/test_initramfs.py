"""`kernix initramfs show`: what is in an initramfs."""

from __future__ import annotations

import gzip
import json
import stat

from typing import TYPE_CHECKING

import pytest

from derivations.image.newc import CpioEntry, archive
from tests.derivations.image.test_newc import node


if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernix.conftest import CommandLine


EARLY = b"".join(archive([node(b"kernel/x86/microcode/AuthenticAMD.bin", b"1" * 40)]))
MAIN = b"".join(
    archive(
        [
            node(b"init", b"#!/bin/sh\n", stat.S_IFREG | 0o755),
            node(b"bin/sh", b"busybox", stat.S_IFLNK | 0o777),
            CpioEntry(path=b"dev/console", mode=stat.S_IFCHR | 0o600, device=(5, 1)),
        ]
    )
)
SHOWN = """\
at byte 0, 688 B, not compressed: 4 entries, 40 B
drwxr-xr-x  0:0      kernel
drwxr-xr-x  0:0      kernel/x86
drwxr-xr-x  0:0      kernel/x86/microcode
-rw-r--r--  0:0  40  kernel/x86/microcode/AuthenticAMD.bin

at byte 1,024, N B, compressed with gzip: 5 entries, 17 B
drwxr-xr-x  0:0        bin
lrwxrwxrwx  0:0        bin/sh -> busybox
drwxr-xr-x  0:0        dev
crw-------  0:0  5, 1  dev/console
-rwxr-xr-x  0:0  10    init
"""


@pytest.fixture
def initrd(tmp_path: Path) -> Path:
    """Return an initramfs as distributions make it: early microcode, then the rest, compressed."""
    file = tmp_path / "initrd.img"
    file.write_bytes(EARLY + gzip.compress(MAIN))
    return file


def test_every_archive_is_listed(kernix: CommandLine, initrd: Path) -> None:
    """Each archive has a line with its place and form, and then what is in it."""
    packed = len(gzip.compress(MAIN))
    assert kernix("initramfs", "show", initrd).out == SHOWN.replace("N B", f"{packed} B")


def test_json(kernix: CommandLine, initrd: Path) -> None:
    """As JSON, modes, links and devices are told apart."""
    _, main = json.loads(kernix("initramfs", "show", "--json", initrd).out)
    entries = {it["path"]: it for it in main["entries"]}
    assert (main["offset"], main["compression"]) == (1024, "gzip")
    assert (entries["bin/sh"]["target"], entries["dev/console"]["device"]) == ("busybox", [5, 1])


def test_names_cannot_control_the_terminal(kernix: CommandLine, tmp_path: Path) -> None:
    """A name in an archive is outside text: what it has of escapes is shown, not sent."""
    file = tmp_path / "initrd.img"
    file.write_bytes(b"".join(archive([node(b"\x1b]0;title\x07\n"), node("naïve".encode()), node(b"\xff")])))
    shown = kernix("initramfs", "show", file).out
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 4
    assert "naïve" in shown


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hello", "it is not an initramfs"),
        (b"", "it is empty"),
        (gzip.compress(MAIN)[:-20], "the gzip data at byte 0 are cut off"),
    ],
    ids=["text", "empty", "cut"],
)
def test_other_files(kernix: CommandLine, tmp_path: Path, content: bytes, reason: str) -> None:
    """Another file, or one that is cut off, is an error in a sentence."""
    file = tmp_path / "initrd.img"
    file.write_bytes(content)
    ran = kernix("initramfs", "show", file)
    assert (ran.code, ran.out, ran.err) == (1, "", f"error: cannot read {file}: {reason}\n")


def test_a_directory(kernix: CommandLine, tmp_path: Path) -> None:
    """A directory is none."""
    ran = kernix("initramfs", "show", tmp_path)
    assert (ran.code, ran.err) == (1, f"error: cannot read {tmp_path}: is a directory\n")
