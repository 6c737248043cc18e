"""Tests of derivations.realise.module_tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.modules.index import InvalidIndex
from derivations.modules.modinfo import InvalidModule
from derivations.modules.request import Request
from derivations.realise.module_tree import ModuleTree, NoModules, SeveralReleases, firmware_tree, options
from tests.derivations.modules.made_up import RELEASE, tree


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write(root: Path, files: Mapping[str, bytes]) -> Path:
    """Write *files* below *root*, and return it."""
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


@pytest.mark.parametrize("top", ["", "usr/"])
def test_open(tmp_path: Path, top: str) -> None:
    """The modules of the one kernel in a tree are found, before and after the merge of /usr."""
    root = write(tmp_path, {f"{top}{path}": data for path, data in tree().items()})
    found = ModuleTree.open(root, "it")
    assert (found.index.release, len(found.index.paths)) == (RELEASE, 24)
    assert [it.name for it in found.close(Request(modules=["virtio_net"]), None).modules] == ["virtio", "virtio_net"]


def test_none_and_two(tmp_path: Path) -> None:
    """A tree without modules is refused, and so is one with those of two kernels."""
    with pytest.raises(NoModules):
        ModuleTree.open(tmp_path, "it")
    write(tmp_path, {**tree(), **tree(release="6.2")})
    with pytest.raises(SeveralReleases) as caught:
        ModuleTree.open(tmp_path, "it")
    assert (caught.value.tree, caught.value.releases) == ("it", (RELEASE, "6.2"))


def test_missing_files(tmp_path: Path) -> None:
    """A module that is listed and does not exist is named, and so is a missing `modules.dep`."""
    root = write(tmp_path, tree())
    (root / f"lib/modules/{RELEASE}/kernel/drivers/virtio/virtio.ko").unlink()
    with pytest.raises(InvalidModule) as caught:
        ModuleTree.open(root, "it").close(Request(modules=["virtio_net"]), None)
    assert caught.value.path == "kernel/drivers/virtio/virtio.ko"
    (root / f"lib/modules/{RELEASE}/modules.dep").unlink()
    with pytest.raises(InvalidIndex):
        ModuleTree.open(root, "it")


def test_options(tmp_path: Path) -> None:
    """The options that are set have their values, without quotes."""
    file = tmp_path / "config"
    file.write_text('# Linux\nCONFIG_A=y\nCONFIG_B="iso8859-1"\n# CONFIG_C is not set\nCONFIG_D=437\n')
    assert options(file) == {"A": "y", "B": "iso8859-1", "D": "437"}


@pytest.mark.parametrize("top", ["lib/firmware", "usr/lib/firmware", "."])
def test_firmware(tmp_path: Path, top: str) -> None:
    """Firmware is in `lib/firmware`, or at the top of its tree; links are not followed."""
    write(tmp_path / top, {"a/b.bin": b"b", "c.bin": b"c"})
    (tmp_path / top / "d.bin").symlink_to("a/b.bin")
    (tmp_path / top / "e").symlink_to("/")
    place, found = firmware_tree(tmp_path)
    assert place == tmp_path / top
    assert found.nodes == {"a/b.bin": None, "c.bin": None, "d.bin": "a/b.bin", "e": "/"}
