"""Locks of two releases of Debian on one machine, made by its own apt, and a small build with each.

These need the network like `apt-get update`, but no kernel.
"""

from __future__ import annotations

import shutil

from pathlib import Path

import pytest

from derivations.debian.lock import parse
from tests.real import Kernix, path_of


pytestmark = pytest.mark.skipif(
    shutil.which("apt-get") is None or not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists(),
    reason="this is not a Debian machine",
)

PARTS = """
from derivations.context import current
from derivations.linux.boot import initramfs
from derivations.toolchain import gcc_toolchain

lock = current().lock()
initrd = initramfs(lock, gcc_toolchain(lock, "x86_64-linux"))
"""


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_a_release_on_any_machine(suite: str, tmp_path: Path) -> None:
    """A lock of either release is made on this machine, and its BusyBox is found, with or without a merged /usr."""
    home = Kernix(tmp_path)
    home.run("lock", "--suite", suite, "--lock", "kernix.lock")
    lock = parse((tmp_path / "kernix.lock").read_text(encoding="utf-8"))
    parts = home.define("parts.py", PARTS)
    archive = path_of(home.run("build", "-f", parts, "initrd", "--no-link").stdout).read_bytes()

    assert (suite, {"busybox", "gcc"} - set(lock.sets)) == (lock.suite, set())
    assert b"\x7fELF" in archive
    assert "linux_debian_6_12 " in home.run("list").stdout
