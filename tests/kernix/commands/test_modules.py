"""`kernix modules closure`: what it prints, for which requests, and its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.derivations.modules.made_up import RELEASE, module, tree
from tests.derivations.modules.test_encryption import luks2


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.kernix.conftest import CommandLine


DEFINITIONS = """
from types import SimpleNamespace

from derivations.source import local_source, text_file
from derivations.union import UnionLayout, union

modules = local_source("modules")
firmware = local_source("firmware")
config = UnionLayout(files={"config": "CONFIG_FAT_DEFAULT_CODEPAGE=437\\n"})

class Kernel:
    modules = modules.out

    @property
    def out(self):
        return union("kernel", [], config).out

linux = Kernel()
hello = text_file("hello", "hello\\n")
"""
WIFI = "kernel/drivers/net/wifi.ko"
LAST = f"modules of Linux {RELEASE}"


def write(root: Path, files: Mapping[str, bytes]) -> None:
    """Write *files* below *root*."""
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


@pytest.fixture
def definitions(kernix: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a user's file with a kernel whose modules are made up, in the working directory."""
    file = kernix.write("mine.py", DEFINITIONS)
    monkeypatch.chdir(file.parent)
    write(file.parent / "modules", tree({WIFI: module(firmware=["a.bin", "b.bin"])}))
    write(file.parent / "firmware", {"a.bin": b"a"})
    return file


def test_text(kernix: CommandLine, definitions: Path) -> None:
    """Each module has a line with its size and its reason, in load order; totals and what is built in follow."""
    ran = kernix("modules", "closure", "-f", definitions, "linux", "virtio_net", "fuse", "--filesystem", "vfat")
    size = f"{len(module())} B"
    assert ran.lines == [
        f"{size}  virtio      dep of virtio_net",
        f"{size}  virtio_net  named",
        f"{size}  fat         dep of vfat",
        f"{size}  vfat        file system vfat",
        f"{size}  nls_cp437   rule for vfat: the character sets of file names",
        "",
        f"5 {LAST}, {5 * len(module()) / 1000:.1f} kB",
        "built in: fuse",
        "firmware: 1 name",
    ]


def test_json(kernix: CommandLine, definitions: Path) -> None:
    """As JSON it is complete, with the firmware that was found and that is missing."""
    ran = kernix("modules", "closure", "-f", definitions, "modules", "wifi", "--firmware", "firmware", "--json")
    assert ran.json["release"] == RELEASE
    assert [it["name"] for it in ran.json["modules"]] == ["wifi", "virtio", "virtio_net"]
    assert (ran.json["firmware_files"], ran.json["missing_firmware"]) == (["a.bin"], {"wifi": ["b.bin"]})
    assert "warning: wifi may load firmware that is missing: b.bin" in ran.err


def test_only_built_in(kernix: CommandLine, definitions: Path) -> None:
    """If all is built in, that is all there is."""
    assert kernix("modules", "closure", "-f", definitions, "linux", "fuse").lines[0] == f"0 {LAST}, 0 B"


def test_machines_and_headers(kernix: CommandLine, definitions: Path) -> None:
    """The devices of a listing and the ciphers of a LUKS header bring their modules."""
    here = definitions.parent
    (here / "disk").write_bytes(luks2({"segments": {"0": {"type": "crypt", "encryption": "aes-cbc-essiv:sha256"}}}))
    (here / "machine.json").write_text(
        '{"format": 1, "kind": "kernix hardware snapshot", "facts": [{"kind": "device", "driver": "", "label": "",'
        ' "name": "pci:v00001AF4d00001041sv00001AF4sd00001100bc02sc00i00", "root": false, "seen": ["a"]}]}'
    )
    ran = kernix(
        "modules", "closure", "-f", definitions, "linux", "--machine", here / "machine.json", "--luks", here / "disk"
    )
    names = [it.split()[2] for it in ran.lines if " B " in it]
    assert names == ["dm_mod", "dm_crypt", "cryptd", "aesni_intel", "authenc", "essiv", "virtio", "virtio_pci"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["linux"], 2, "invalid `MODULE`: nothing is requested"),
        (["linux", "virtio_nett"], 1, f"Linux {RELEASE} has no module 'virtio_nett'"),
        (["linux", "a\nb"], 2, "invalid `modules`: 'a\\nb' has a character that no name has"),
        (["linux", "--encryption", "AES"], 1, "'AES' is neither a cipher nor a line of a device-mapper table"),
        (["linux", "--luks", "mine.py"], 1, "the data is not a LUKS header"),
        (["hello", "ext4"], 1, "hello has no directory lib/modules/RELEASE"),
        (["two", "ext4"], 1, f"two has the modules of 2 kernels: {RELEASE}, 6.2"),
        (
            ["cut", "ext4"],
            1,
            "kernel/fs/ext4/ext4.ko is not a kernel module: it is cut off, or has no section .modinfo",
        ),
        (
            ["damaged", "ext4"],
            1,
            f"modules.dep of Linux {RELEASE} is damaged: its last line is cut off: 'kernel/fs/ext4/'",
        ),
        (
            ["foreign", "ext4"],
            1,
            f"kernel/fs/ext4/ext4.ko is built for Linux 5.4, but it is in the modules of {RELEASE}",
        ),
    ],
)
def test_errors(kernix: CommandLine, definitions: Path, words: list[str], code: int, message: str) -> None:
    """Bad input is one sentence."""
    here = definitions.parent
    ext4, dep = "kernel/fs/ext4/ext4.ko", f"lib/modules/{RELEASE}/modules.dep"
    write(here / "two", {**tree(), **tree(release="6.2")})
    write(here / "cut", tree({ext4: module()[:100]}))
    write(here / "foreign", tree({ext4: module(release="5.4")}))
    write(here / "damaged", {**tree(), dep: tree()[dep][:15]})
    with definitions.open("a") as file:
        file.writelines(f"{it} = local_source({it!r})\n" for it in ("two", "cut", "foreign", "damaged"))
    ran = kernix("modules", "closure", "-f", definitions, *words)
    errors = [it for it in ran.err.splitlines() if it.startswith("error: ")]
    assert (ran.code, errors) == (code, [f"error: {message}"])
    assert ran.out == ""
