"""Tests of the scripts that take kernels and firmware out of packages, in a sandbox with this machine's programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.derivations.linux.script_machine import RELEASE, Machine


if TYPE_CHECKING:
    from pathlib import Path

    from tests.derivations.linux.script_machine import Run


TREE = f"package/lib/modules/{RELEASE}"
PACKAGE = {
    f"package/boot/vmlinuz-{RELEASE}": "image",
    f"package/boot/config-{RELEASE}": "CONFIG_MODULES=y\n",
    f"package/boot/System.map-{RELEASE}": "ffffffffffffffff B The real System.map is elsewhere\n",
    f"{TREE}/kernel/fs/ext4/ext4.ko": "module",
    f"{TREE}/modules.order": "kernel/fs/ext4/ext4.o\n",
}
INDEX = f"out/modules/lib/modules/{RELEASE}/modules.dep"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine with a package."""
    found = Machine(tmp_path)
    for name in ("build", "tools", "out"):
        (tmp_path / name).mkdir()
    found.write(PACKAGE)
    return found


def taken(machine: Machine, depmod: str) -> Run:
    """Take the package apart with a program in the place of depmod."""
    tool = machine.root / "tools/depmod"
    tool.write_text(f"#!/bin/sh\ncd /out/modules/lib/modules/{RELEASE}\n{depmod}\n")
    tool.chmod(0o755)
    return machine.run("/bin/sh", "prebuilt", RELEASE, "bzImage", "linux-image-x")


def test_a_kernel(machine: Machine) -> None:
    """The image has the name that a built one has; the stub of a System.map is left out."""
    machine.write({f"package/usr/lib/linux-image-{RELEASE}/board.dtb": "board"})
    done = taken(machine, "echo kernel/fs/ext4/ext4.ko: > modules.dep")
    assert done.code == 0, done.lines
    files = sorted(str(it.relative_to(machine.root / "out")) for it in (machine.root / "out/out").rglob("*.*"))
    assert files == ["out/dtbs/board.dtb"]
    assert sorted(it.name for it in (machine.root / "out/out").iterdir()) == ["bzImage", "config", "dtbs"]
    assert (machine.root / INDEX).exists()


def test_modules_below_usr(machine: Machine) -> None:
    """Newer packages have their modules below usr."""
    (machine.root / "package/usr").mkdir()
    (machine.root / "package/lib").rename(machine.root / "package/usr/lib")
    assert taken(machine, "echo kernel/fs/ext4/ext4.ko: > modules.dep").code == 0


def test_modules_that_depmod_cannot_read(machine: Machine) -> None:
    """An index without the modules, which depmod makes without a word, is not delivered."""
    machine.write({f"{TREE}/kernel/fs/fat/fat.ko.gz": "compressed"})
    done = taken(machine, "echo kernel/fs/ext4/ext4.ko: > modules.dep")
    assert done.error["kind"] == "index"
    assert "1 of 2 modules out, such as kernel/fs/fat/fat.ko.gz" in done.error["error"]


@pytest.mark.parametrize("words", ["echo depmod: ERROR: failed to load symbols", "exit 3"])
def test_modules_that_are_damaged(machine: Machine, words: str) -> None:
    """What depmod reports as an error, or with its exit code, is one."""
    done = taken(machine, f"echo kernel/fs/ext4/ext4.ko: > modules.dep\n{words}")
    assert done.error["kind"] == "index"
    assert words.removeprefix("echo ").replace("exit", "exit code") in done.error["error"]


@pytest.mark.parametrize("missing", ["boot/vmlinuz", "boot/config"])
def test_no_kernel(machine: Machine, missing: str) -> None:
    """A package without an image or a configuration is not a kernel."""
    (machine.root / f"package/{missing}-{RELEASE}").unlink()
    assert taken(machine, "").error["kind"] == "package"
    if missing == "boot/config":
        assert machine.run("/bin/sh", "prebuilt-config", RELEASE).error["kind"] == "package"


def test_headers_that_are_incomplete(machine: Machine) -> None:
    """Headers without a part that Kbuild needs are reported with the part."""
    headers = f"headers/usr/src/linux-headers-{RELEASE}"
    machine.write(
        {
            f"{headers}/.config": "",
            f"{headers}/include/config/kernel.release": "6.12",
            "common/usr/src/linux-headers-common/Makefile": "",
            "kbuild/usr/lib/linux-kbuild-6.12/scripts/mod/modpost": "",
        }
    )
    done = machine.run("/bin/sh", "prebuilt-dev", RELEASE)
    assert f"lack usr/src/linux-headers-{RELEASE}/Module.symvers" in done.error["error"]


# Firmware


def test_firmware(machine: Machine) -> None:
    """Firmware of several packages is joined, wherever they have it, and nothing else of them."""
    machine.write(
        {
            "packages/firmware-a/lib/firmware/a/one.bin": "1",
            "packages/firmware-a/usr/share/doc/a": "",
            "packages/firmware-b/usr/lib/firmware/a/two.bin": "2",
            "packages/firmware-c/usr/lib/firmware/a/two.bin": "2",
        }
    )
    assert machine.run("/bin/sh", "firmware").code == 0
    out = machine.root / "out/out"
    files = sorted(str(it.relative_to(out)) for it in out.rglob("*") if it.is_file())
    assert files == ["lib/firmware/a/one.bin", "lib/firmware/a/two.bin"]


def test_firmware_with_a_conflict(machine: Machine) -> None:
    """Two files of one name are an error."""
    machine.write({f"packages/firmware-{it}/lib/firmware/one.bin": it for it in ("a", "b")})
    done = machine.run("/bin/sh", "firmware")
    assert (done.error["kind"], "firmware-b" in done.error["error"]) == ("conflict", True)


def test_no_firmware(machine: Machine) -> None:
    """A package without firmware is an error."""
    machine.write({"packages/firmware-tools/usr/bin/tool": ""})
    assert machine.run("/bin/sh", "firmware").error["kind"] == "firmware"
