"""Tests for derivations.image.disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from derivations.context import Context
from derivations.debian.lock import Lock, Package
from derivations.debian.sets import SETS
from derivations.image.disk import TOOLS, InvalidDisk, make_module_disk, make_root_disk
from derivations.source import NoSource, text_file
from derivations.union import union
from derivations.unpack import unpack


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.derivation import Derivation, Output
    from derivations.image.disk import FileSystem


def locked() -> Lock:
    """Return a lock with the tools."""
    packages = [
        Package(
            name=name, version="1", architecture="amd64", path=f"{name}.deb", archive="debian", size=1, sha256="0" * 64
        )
        for name in SETS[TOOLS].packages
    ]
    return Lock(packages=packages, sets={TOOLS: [it.identity for it in packages]})


CONTEXT = Context(lock=locked)
TREE = union("tree", [text_file("a", "1")])


class Kernel:
    """A kernel, as far as a disk knows it."""

    context = CONTEXT
    release = "6.12.117"
    out: Output = text_file("config", "CONFIG_EXT4_FS=y\n").out
    modules: Output = TREE.out


def arguments(disk: Derivation) -> list[str]:
    """Return what the script gets: directory, format, file system, compression, label, UUID, room, directories, modes."""
    return list(disk.args[3:])


def test_a_module_disk() -> None:
    """A module disk has what is below lib/modules, and its kernel's configuration is checked."""
    disk = make_module_disk(Kernel())
    assert (disk.name, arguments(disk)[:5]) == (
        "modules-6.12.117.qcow2",
        ["lib/modules", "qcow2", "ext4", "", "modules"],
    )
    assert (disk.mounts["/tree"], disk.mounts["/kernel"]) == (Kernel.modules, Kernel.out)


def test_a_root_disk() -> None:
    """A root disk has the directories that every root needs, and /tmp is for everyone."""
    disk = make_root_disk(TREE, free="64M", filesystem="ext4", format="raw", modes={"root": 0o700}, context=CONTEXT)
    assert disk.name == "root.img"
    assert arguments(disk)[6:] == [str(64 << 20), "dev proc run sys tmp", "root", "0700", "tmp", "1777"]


@pytest.mark.parametrize(
    ("filesystem", "compression", "expected"),
    [
        ("squashfs", "default", "zstd"),
        ("squashfs", "xz", "xz"),
        ("squashfs", None, ""),
        ("erofs", "default", "lz4hc"),
        ("erofs", None, ""),
    ],
)
def test_compressions(filesystem: FileSystem, compression: str | None, expected: str) -> None:
    """Each file system has a default, and None is for none."""
    disk = make_module_disk(Kernel(), filesystem=filesystem, compression=compression)
    assert arguments(disk)[3] == expected


def test_the_uuid_follows_from_the_name() -> None:
    """Two disks of one machine differ in their UUIDs, and the same disk has the same."""
    first, again, other = (make_root_disk(TREE, name=name, context=CONTEXT) for name in ("a", "a", "b"))
    assert arguments(first)[5] == arguments(again)[5] != arguments(other)[5]


def test_trees(tmp_path: Path) -> None:
    """A tree may be a list to be joined, an archive to be unpacked, or the path of either on this machine."""
    archive = text_file("root.tar.xz", "")
    (tmp_path / "root").mkdir()
    (tmp_path / "root.tar").write_bytes(b"")
    unpacked = make_root_disk(tmp_path / "root.tar", context=CONTEXT).mounts["/tree"].derivation
    assert make_root_disk([TREE, TREE.out], context=CONTEXT).mounts["/tree"].derivation.builder == "builtin:union"
    assert make_root_disk(archive, context=CONTEXT).mounts["/tree"] == unpack(archive, strip=0).out
    assert make_root_disk(tmp_path / "root", context=CONTEXT).mounts["/tree"].derivation.builder == "builtin:local"
    assert (unpacked.builder, dict(unpacked.env)["strip"]) == ("builtin:unpack", "0")


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        pytest.param({"format": "vmdk"}, "format", id="format"),
        pytest.param({"filesystem": "xfs"}, "filesystem", id="filesystem"),
        pytest.param({"compression": "zstd"}, "compression", id="ext4-compression"),
        pytest.param({"filesystem": "erofs", "compression": "gzip"}, "compression", id="erofs-compression"),
        pytest.param({"label": "a name that is too long"}, "label", id="label"),
        pytest.param({"filesystem": "squashfs", "label": "x"}, "label", id="no-label"),
        pytest.param({"free": -1}, "free", id="negative"),
        pytest.param({"free": "a lot"}, "free", id="size"),
        pytest.param({"free": True}, "free", id="bool"),
        pytest.param({"free": "1M", "filesystem": "squashfs"}, "free", id="read-only"),
        pytest.param({"modes": {"/tmp": 0o700}}, "modes", id="absolute"),
        pytest.param({"modes": {"a": 0o4755}}, "modes", id="setuid"),
        pytest.param({"modes": ["a"]}, "modes", id="list"),
        pytest.param({"tree": [3]}, "tree", id="list-of-others"),
        pytest.param({"tree": 3}, "tree", id="another"),
    ],
)
def test_invalid_values_are_refused(given: dict[str, Any], argument: str) -> None:
    """Each invalid value is refused before anything is built, and its argument named."""
    with pytest.raises(InvalidDisk) as caught:
        make_root_disk(**{"tree": TREE, "context": CONTEXT, **given})
    assert caught.value.argument == argument


def test_a_missing_tree() -> None:
    """A path that does not exist is refused."""
    with pytest.raises(NoSource):
        make_root_disk("there-is-none", context=CONTEXT)
