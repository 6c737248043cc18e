"""Tests for the initramfs of a kernel, and for `derivations.image.modules`."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import pytest

from derivations.context import Context
from derivations.debian.lock import Lock, Package
from derivations.debian.sets import SETS
from derivations.image.initramfs import (
    File,
    InvalidInitramfsArgument,
    early_microcode,
    join_initramfs,
    make_initramfs,
    make_module_initramfs,
)
from derivations.image.modules import InvalidModuleList, words
from derivations.source import NoSource, text_file
from derivations.toolchain import gcc_toolchain
from derivations.union import union


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.derivation import Derivation, Output
    from derivations.toolchain import Toolchain


def locked() -> Lock:
    """Return a lock with the tools and the static programs."""
    names = {name: SETS[name].packages for name in ("busybox", "cryptsetup", "e2fsck", "gcc", "lvm")}
    packages = {
        it: Package(
            name=it, version="1", architecture="amd64", path=f"{it}.deb", archive="debian", size=1, sha256="0" * 64
        )
        for members in names.values()
        for it in members
    }
    sets = {name: [packages[it].identity for it in members] for name, members in names.items()}
    return Lock(packages=packages.values(), sets=sets)


TREE = union("tree", [text_file("a", "1")])


class Kernel:
    """A kernel, as far as an initramfs knows it."""

    context = Context(lock=locked)
    release = "6.12.117"
    out: Output = text_file("config", "CONFIG_BLK_DEV_INITRD=y\n").out
    modules: Output = TREE.out
    name = "linux-6.12.117"

    @property
    def toolchain(self) -> Toolchain:
        """Return the toolchain that the lock pins."""
        return gcc_toolchain(self.context.lock(), "x86_64-linux")


KERNEL = Kernel()


def requested(initramfs: Derivation) -> list[str]:
    """Return the modules that the closure for *initramfs* is asked for."""
    closure = initramfs.mounts["/modules"].derivation
    assert (closure.mounts["/closure"].derivation.builder, closure.builder) == ("builtin:module-closure", "/bin/sh")
    found: list[str] = json.loads(closure.mounts["/closure"].derivation.env["request"])["modules"]
    return found


def test_the_default_has_an_init_and_programs() -> None:
    """Without arguments there are an init, BusyBox and e2fsck, and no layer."""
    env = make_initramfs(KERNEL).env
    entries = json.loads(env["entries"])
    assert {"bin/busybox", "bin/sh", "sbin/e2fsck", "sbin/fsck.ext4", "sbin/modprobe"} == entries.keys() - {
        "sbin/fsck.ext2",
        "sbin/fsck.ext3",
    }
    assert json.loads(env["init"])["init"]["text"].startswith("#!/bin/busybox sh\n")
    assert (json.loads(env["layers"]), env["compression"], env["release"]) == ({}, "auto", "6.12.117")


def test_the_inputs_of_minivm(tmp_path: Path) -> None:
    """A template directory and two files are taken as they are; the template brings its own programs and init."""
    (tmp_path / "template").mkdir()
    (tmp_path / "modules.ramfs").write_text("# all\n\ndrivers/virtio\t\t# virtio_ring\nfs/fuse/fuse.ko\n")
    (tmp_path / "modules.autoload").write_text("fuse\nloop\n")
    it = make_initramfs(
        KERNEL,
        template=tmp_path / "template",
        modules=tmp_path / "modules.ramfs",
        autoload=tmp_path / "modules.autoload",
    )
    assert json.loads(it.env["autoload"]) == ["fuse", "loop"]
    assert json.loads(it.env["init"]) == {}
    assert requested(it) == ["drivers/virtio", "fs/fuse/fuse.ko", "fuse", "loop"]
    assert it.mounts["/template"].derivation.builder == "builtin:local"


def test_an_init_replaces_the_default(tmp_path: Path) -> None:
    """One argument replaces the init: a file, or a text."""
    (tmp_path / "mine").write_text("#!/bin/sh\n")
    given = json.loads(make_initramfs(KERNEL, init=tmp_path / "mine").env["init"])["init"]
    text = json.loads(make_initramfs(KERNEL, init=File("#!/bin/sh\n", 0o755)).env["init"])["init"]
    assert (given["kind"], given["mode"], text["text"]) == ("copy", 0o755, "#!/bin/sh\n")


def test_the_order_of_modules_does_not_matter() -> None:
    """The same modules in another order, or twice, are the same derivation."""
    first, second = (make_initramfs(KERNEL, modules=it) for it in (["a", "b"], ["b", "a", "a"]))
    assert first == second


def test_programs_bring_their_modules() -> None:
    """A program that is not static comes with what it loads, and with the modules that it is for."""
    it = make_initramfs(KERNEL, programs=["busybox", "cryptsetup", "lvm"])
    entries = json.loads(it.env["entries"])
    assert (entries["bin/busybox"]["kind"], entries["sbin/cryptsetup"]["kind"]) == ("copy", "loaded")
    assert requested(it) == ["dm_crypt", "dm_mod"]


def test_archives_are_joined() -> None:
    """Early microcode goes in front, other archives behind; modules alone have neither an init nor anything else."""
    microcode = early_microcode(intel=TREE)
    modules = make_module_initramfs(KERNEL, ["ext4"])
    it = make_initramfs(KERNEL, prepend=[microcode], append=[modules])
    assert it.builder == "builtin:join-initramfs"
    assert [it.mounts[place] for place in ("/0000", "/0002")] == [microcode.out, modules.out]
    assert (modules.env["entries"], modules.env["init"], modules.env["base"]) == ("{}", "{}", "{}")
    assert json.loads(microcode.env["entries"])["kernel/x86/microcode/GenuineIntel.bin"]["path"] == "intel-ucode"


def test_lz4_is_made_by_its_program() -> None:
    """What Python cannot compress is compressed in the sandbox, after the check of the kernel."""
    it = make_initramfs(KERNEL, compression="lz4")
    assert (it.builder, it.mounts["/archive"].derivation.env["compression"]) == ("/bin/sh", "lz4")


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        pytest.param({"compression": "zst"}, "compression", id="compression"),
        pytest.param({"programs": ["bash"]}, "programs", id="program"),
        pytest.param({"programs": "busybox"}, "programs", id="programs"),
        pytest.param({"template": 3}, "template", id="template"),
        pytest.param({"init": 3}, "init", id="init"),
        pytest.param({"append": ["x"]}, "parts", id="append"),
        pytest.param({"module": ["x"]}, "module", id="argument"),
    ],
)
def test_invalid_values_are_refused(given: dict[str, Any], argument: str) -> None:
    """Each invalid value is refused before anything is built, and its argument named."""
    with pytest.raises(InvalidInitramfsArgument) as caught:
        make_initramfs(KERNEL, **given)
    assert caught.value.argument == argument


@pytest.mark.parametrize("given", [["../x"], ["/x"], ["-a"], ["a b"], ["a\n"], ["ä"], [3], 3], ids=repr)
def test_invalid_modules_are_refused(given: object) -> None:
    """Something that is not the name or the path of a module is refused."""
    with pytest.raises(InvalidModuleList):
        words(given, "modules")


def test_a_file_of_modules_names_its_line(tmp_path: Path) -> None:
    """An error in a file names the line; a missing file is one, too."""
    (tmp_path / "list").write_text("ext4\n\n../x\n")
    with pytest.raises(InvalidModuleList) as caught:
        words(tmp_path / "list", "modules")
    assert (caught.value.line, caught.value.word) == (3, "../x")
    with pytest.raises(NoSource):
        words(tmp_path / "none", "modules")


def test_parts_must_be_archives() -> None:
    """Only derivations can be joined, and microcode must be of someone."""
    with pytest.raises(InvalidInitramfsArgument):
        join_initramfs("x")  # type: ignore[arg-type]
    with pytest.raises(InvalidInitramfsArgument):
        early_microcode()
