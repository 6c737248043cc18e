"""Tests of derivations.realise.builtins.module_closure."""

from __future__ import annotations

import json
import lzma

from typing import TYPE_CHECKING, Any

import pytest

from derivations.derivation import Derivation
from derivations.fetch import ANY_SYSTEM
from derivations.linux.module_closure import FIRMWARE, KERNEL, LIST, LOAD_ORDER, MODULES
from derivations.modules.modinfo import InvalidModule
from derivations.modules.request import ModulesNotFound, Request
from derivations.realise.job import Cancelled
from store.trees.adopt import adopt
from tests.derivations.modules.made_up import DEP, RELEASE, module, tree


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.derivations.realise.builtins.conftest import Runner

PLACE = f"lib/modules/{RELEASE}"
VIRTIO = f"{PLACE}/kernel/drivers/virtio/virtio.ko"


def made(run: Runner, name: str, files: Mapping[str, bytes]) -> Path:
    """Return a canonical tree of *files*."""
    run.runs += 1
    place = run.directory / f"{run.runs}-{name}"
    for path, data in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(data)
    adopt(place, run.store.pool)
    return place


def built(
    run: Runner, within: Mapping[str, bytes], *, firmware: Path | None = None, env: Mapping[str, str] | None = None,
    **request: Any,  # noqa: ANN401 -- the attributes of a request
) -> Path:  # fmt: skip
    """Return the closure of a request in the tree of modules *within*."""
    derivation = Derivation(
        name="it",
        system=ANY_SYSTEM,
        builder="builtin:module-closure",
        env={"request": json.dumps(Request(**request).to_json()), **(env or {})},
    )
    kernel = made(run, "kernel", {"config": b'CONFIG_FAT_DEFAULT_CODEPAGE=437\nCONFIG_FAT_DEFAULT_IOCHARSET="ascii"\n'})
    inputs = {MODULES: made(run, "modules", within), KERNEL: kernel}
    return run(derivation, inputs if firmware is None else {**inputs, FIRMWARE: firmware})


def files(root: Path) -> list[str]:
    """Return the paths of all files below *root*."""
    return sorted(str(it.relative_to(root)) for it in root.rglob("*") if not it.is_dir())


def test_the_files_of_a_closure(run: Runner) -> None:
    """The output has the files of the modules, the kernel's own lists, the order, and the reasons; none of depmod's lists."""
    out = built(run, tree(), filesystems=["vfat"])
    order = [f"kernel/fs/{it}.ko" for it in ("fat/fat", "fat/vfat", "nls/nls_cp437", "nls/nls_ascii")]
    assert (out / LOAD_ORDER).read_text().splitlines() == order
    kept = ["modules.builtin", "modules.builtin.modinfo", "modules.order"]
    assert files(out) == sorted([LIST, LOAD_ORDER, *(f"{PLACE}/{it}" for it in (*order, *kept))])
    assert [it["file"] for it in json.loads((out / LIST).read_text())["modules"]] == order


def test_nothing_but_what_is_built_in(run: Runner) -> None:
    """If all is built in, the directory of the release is there, without modules."""
    out = built(run, tree(), modules=["fuse"])
    assert (out / LOAD_ORDER).read_text() == ""
    assert (out / PLACE / "modules.builtin").is_file()


@pytest.mark.parametrize("decompress", [True, False])
def test_compressed_modules(run: Runner, decompress: bool) -> None:
    """Compressed modules stay as they are, or are decompressed; the lists name the files that are there."""
    packed = {path + ".xz" if path.endswith(".ko") else path: data for path, data in tree().items()}
    packed = {path: lzma.compress(data) if path.endswith(".xz") else data for path, data in packed.items()}
    packed[f"{PLACE}/modules.dep"] = DEP.replace(".ko", ".ko.xz").encode()
    out = built(run, packed, modules=["virtio_net"], env={"decompress": "1"} if decompress else {})
    names = [f"kernel/drivers/{it}.ko{'' if decompress else '.xz'}" for it in ("virtio/virtio", "net/virtio_net")]
    contents = module() if decompress else lzma.compress(module())
    listed = json.loads((out / LIST).read_text())["modules"]
    assert (out / LOAD_ORDER).read_text().splitlines() == names
    assert [(out / PLACE / it).read_bytes() for it in names] == [contents, contents]
    assert [(it["file"], it["size"]) for it in listed] == [(it, len(contents)) for it in names]


def test_firmware(run: Runner) -> None:
    """Firmware is copied with the links that lead to it; what is missing is a warning with module and file."""
    path = "kernel/drivers/net/wifi.ko"
    firmware = run.tree(
        "firmware", {"lib/firmware/b.bin": "-> dir/a.bin", "lib/firmware/dir/a.bin": "a", "lib/firmware/c": "c"}
    )
    found = tree({path: module(firmware=["b.bin", "gone.bin", "../../../secret"])})
    out = built(run, found, modules=["wifi"], firmware=firmware)
    assert files(out / "lib/firmware") == ["b.bin", "dir/a.bin"]
    assert (out / "lib/firmware/b.bin").read_text() == "a"
    assert run.warnings == ["wifi may load firmware that is missing: gone.bin, ../../../secret"]


def test_firmware_that_nothing_needs(run: Runner) -> None:
    """With firmware given, its directory exists even if no module needs any."""
    out = built(run, tree(), modules=["virtio"], firmware=run.tree("firmware", {"c.bin": "c"}))
    assert list((out / "lib/firmware").iterdir()) == []
    assert run.warnings == []


def test_nothing_half_written(run: Runner) -> None:
    """A module that is cut off, or missing, fails before anything is written."""
    with pytest.raises(InvalidModule):
        built(run, {**tree(), VIRTIO: module()[:200]}, modules=["ext4", "virtio_net"])
    assert list((run.directory / str(run.runs)).iterdir()) == []
    with pytest.raises(ModulesNotFound):
        built(run, tree(), modules=["ext4", "virtio_nett"])
    assert list((run.directory / str(run.runs)).iterdir()) == []


def test_cancelled(run: Runner) -> None:
    """An interrupted build stops."""
    run.cancelled = True
    with pytest.raises(Cancelled):
        built(run, tree(), modules=["ext4"])
