"""Tests of derivations.modules.request."""

from __future__ import annotations

from typing import Any

import pytest

from derivations.hardware.snapshot import Fact, FactKind, Snapshot
from derivations.modules.encryption import InvalidEncryption
from derivations.modules.request import InvalidModuleRequest, ModulesNotFound, Request, asks
from tests.derivations.modules.made_up import index


MACHINE = Snapshot.of(
    [
        Fact(FactKind.DEVICE, "pci:v00001AF4d00001041sv00001AF4sd00001100bc02sc00i00", label="network"),
        Fact(FactKind.DEVICE, "pci:v0000FFFFd0000FFFFsv00000000sd00000000bc00sc00i00", label="unknown device"),
        Fact(FactKind.MODULE, "of_another_kernel"),
        Fact(FactKind.FILESYSTEM, "ext4"),
        Fact(FactKind.FIRMWARE, "a.bin"),
    ],
    "laptop",
)


def words(**request: Any) -> list[tuple[str, str]]:  # noqa: ANN401 -- the attributes of a request
    """Return the words of a request, each with its reason."""
    return [(it.word, str(it.reason)) for it in asks(Request(**request), index())]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("virtio-net", [("virtio-net", "named")]),
        ("fuse", [("fuse", "named")]),
        ("fs-ext4", [("fs-ext4", "named")]),
        ("acpi:PNP0C0A:", [("acpi:PNP0C0A:", "alias acpi:PNP0C0A:")]),
        ("virtio_*", [("virtio_pci", "glob virtio_*"), ("virtio_net", "glob virtio_*")]),
        ("dm-*", [("dm_mod", "glob dm-*"), ("dm_crypt", "glob dm-*")]),
        ("drivers/nvme", [("nvme_core", "directory drivers/nvme"), ("nvme", "directory drivers/nvme")]),
        ("kernel/fs/fuse/", [("fuse", "directory kernel/fs/fuse/")]),
        ("kernel/fs/fat/vfat.ko", [("vfat", "named")]),
        ("fs/fat/vfat.ko.xz", [("vfat", "named")]),
        ("fs/nls/*", [(f"nls_{it}", "glob fs/nls/*") for it in ("cp437", "ascii", "iso8859_1")]),
    ],
)
def test_forms(word: str, found: list[tuple[str, str]]) -> None:
    """A module is named, or matched, or in a directory, or has an alias; what is built in is found, too."""
    assert words(modules=[word]) == found


def test_filesystems_and_encryption() -> None:
    """A file system has an alias, and so has each algorithm; some file systems are always there."""
    found = words(filesystems=["ext4", "tmpfs"], encryption=["aes-cbc-essiv:sha256"])
    expected = ["fs-ext4", "dm-mod", "dm-crypt", "crypto-cbc", "crypto-aes", "crypto-essiv", "crypto-sha256"]
    assert [word for word, _ in found] == expected
    assert found[0][1] == "file system ext4"
    assert found[1][1] == "encryption aes-cbc-essiv:sha256"


def test_machines() -> None:
    """Everything that a machine has is looked up; what this kernel has no module for is no error."""
    request = Request(hardware=MACHINE)
    assert [(it.word, str(it.reason)) for it in asks(request, index())] == [
        ("pci:v00001AF4d00001041sv00001AF4sd00001100bc02sc00i00", "hardware network"),
        ("pci:v0000FFFFd0000FFFFsv00000000sd00000000bc00sc00i00", "hardware unknown device"),
        ("fs-ext4", "hardware filesystem ext4"),
        ("of_another_kernel", "hardware module of_another_kernel"),
    ]
    assert request.firmware == ("a.bin",)


def test_missing() -> None:
    """Everything that is missing is reported at once, with a suggestion."""
    with pytest.raises(ModulesNotFound) as caught:
        words(
            modules=["virtio_nett", "drivers/nvmee", "zz*", "pci:v0"],
            filesystems=["ext5"],
            encryption=["twofish-xts-plain64"],
        )
    assert caught.value.missing == (
        ("module", "virtio_nett"), ("module in", "drivers/nvmee"), ("module", "zz*"), ("alias", "pci:v0"),
        ("file system", "ext5"), ("module for", "crypto-twofish"),
    )  # fmt: skip
    assert caught.value.hint == "did you mean `virtio_net` or `virtio` or `virtio_pci`?"


@pytest.mark.parametrize(
    ("request_", "near"),
    [
        ({"modules": ["drivers/nvme/hostt"]}, "did you mean `drivers/nvme/host`"),
        ({"filesystems": ["ext5"]}, "did you mean `ext4` or `ext2`?"),
    ],
)
def test_suggestions(request_: dict[str, Any], near: str) -> None:
    """Directories and file systems have suggestions of their own kind."""
    with pytest.raises(ModulesNotFound) as caught:
        words(**request_)
    assert (caught.value.hint or "").startswith(near)


def test_algorithms_of_old_kernels() -> None:
    """Before Linux 5.2 nothing says which algorithms are built in, so none is missed."""
    old = index(**{"builtin.modinfo": ""})
    assert "crypto-twofish" in {it.word for it in asks(Request(encryption=["twofish-xts-plain64"]), old)}


@pytest.mark.parametrize(
    ("request_", "argument"),
    [
        ({"modules": "ext4"}, "modules"),
        ({"modules": 5}, "modules"),
        ({"modules": [5]}, "modules"),
        ({"modules": [""]}, "modules"),
        ({"modules": ["a\nb"]}, "modules"),
        ({"modules": ["../../etc/*"]}, "modules"),
        ({"filesystems": ["a\0"]}, "filesystems"),
        ({"encryption": ["\x1b[2J"]}, "encryption"),
    ],
)
def test_invalid(request_: dict[str, Any], argument: str) -> None:
    """What cannot be a name is refused before there is a kernel."""
    with pytest.raises(InvalidModuleRequest) as caught:
        Request(**request_)
    assert caught.value.argument == argument


def test_invalid_encryption() -> None:
    """A cipher that is none is refused at once, too."""
    with pytest.raises(InvalidEncryption):
        Request(encryption=["AES 256"])


def test_json() -> None:
    """A request becomes JSON and the same request again, without the names of machines."""
    request = Request(modules=["b", "a"], filesystems=["ext4"], encryption=["aes-xts-plain64"], hardware=MACHINE)
    again = Request.from_json(request.to_json())
    assert again == Request.from_json(again.to_json())
    assert (again.modules, again.firmware) == (("b", "a"), ("a.bin",))
    assert again.hardware is not None
    assert again.hardware.machines == ()
