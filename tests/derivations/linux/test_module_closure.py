"""Tests of derivations.linux.module_closure: what a closure is made of, and its script."""

from __future__ import annotations

import json
import subprocess

from typing import TYPE_CHECKING, Any

import pytest

from derivations.hardware.snapshot import Fact, FactKind, Snapshot
from derivations.linux.arguments import InvalidArgument
from derivations.linux.kernel import Kernel, make_linux
from derivations.linux.module_closure import FIRMWARE, KERNEL, MODULES, module_closure
from derivations.linux.script import text_of
from derivations.modules.encryption import InvalidEncryption
from derivations.modules.request import InvalidModuleRequest
from derivations.source import text_file
from tests.fakes import fake_context


if TYPE_CHECKING:
    from pathlib import Path


def kernel() -> Kernel:
    return make_linux(version="6.12.1", source=text_file("linux", ""), context=fake_context())


def test_inputs() -> None:
    """Files are chosen first, and then indexed by the kernel's toolchain."""
    linux = kernel()
    closure = module_closure(linux, ["virtio_net"], filesystems=["ext4"], firmware=text_file("firmware", ""))
    files = closure.mounts["/closure"].derivation

    assert (closure.name, files.name) == ("linux-6.12.1-module-closure", "linux-6.12.1-module-closure-files")
    assert (closure.mounts["/"], closure.args[2:]) == (linux.toolchain.root, ("depmod", "6.12.1"))
    assert dict(files.mounts) == {MODULES: linux.modules, KERNEL: linux.out, FIRMWARE: text_file("firmware", "").out}
    assert json.loads(files.env["request"]) == {"modules": ["virtio_net"], "filesystems": ["ext4"], "encryption": []}


def test_other_trees() -> None:
    """A tree with more modules takes the place of the kernel's own, and modules may be decompressed."""
    tree = text_file("tree", "")
    files = module_closure(kernel(), ["a"], tree=tree, decompress=True, name="it").mounts["/closure"].derivation
    assert (files.name, files.mounts[MODULES], files.env["decompress"]) == ("it-files", tree.out, "1")


def test_hardware(tmp_path: Path) -> None:
    """A snapshot is given as it is, or as its file; the names of its machines change nothing."""
    one, two = (Snapshot.of([Fact(FactKind.MODULE, "nvme")], it) for it in ("one", "two"))
    file = tmp_path / "machine.json"
    file.write_bytes(two.to_json())
    assert module_closure(kernel(), hardware=one) == module_closure(kernel(), hardware=file)
    assert module_closure(kernel(), hardware=one) != module_closure(kernel())


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"modules": "ext4"}, InvalidModuleRequest),
        ({"modules": ["a\nb"]}, InvalidModuleRequest),
        ({"encryption": ["AES"]}, InvalidEncryption),
        ({"firmware": "linux-firmware"}, InvalidArgument),
        ({"tree": 5}, InvalidArgument),
        ({"hardware": 5}, InvalidArgument),
        ({"kernel": "linux_6_12"}, InvalidArgument),
    ],
)
def test_invalid(arguments: dict[str, Any], error: type[Exception]) -> None:
    """Invalid values are refused when the definition is evaluated."""
    with pytest.raises(error):
        module_closure(**{"kernel": kernel(), **arguments})


@pytest.fixture
def script(tmp_path: Path) -> str:
    """Return the script, with *tmp_path* for the root."""
    text = text_of("depmod")
    for place in ("/closure", "/out/out", "/build"):
        text = text.replace(place, f"{tmp_path}{place}")
    (tmp_path / "build").mkdir()
    (tmp_path / "closure/lib/modules/6.1/kernel").mkdir(parents=True)
    (tmp_path / "closure/lib/modules/6.1/kernel/a.ko.gz").write_bytes(b"")
    return text


def ran(script: str, release: str, depmod: str) -> str:
    """Return what *script* prints with *depmod*, the body of a shell function."""
    text = f"depmod() {{ {depmod}; }}\n{script}"
    return subprocess.run(
        ["/bin/sh", "-c", text, "depmod", release], capture_output=True, text=True, check=False
    ).stdout


@pytest.mark.parametrize(
    ("release", "depmod", "message"),
    [
        ("6.1", ": > modules.dep", "depmod listed 0 of 1 modules: it cannot read the others"),
        ("6.1", "echo 'broken \"x\"'; return 3", "depmod failed with exit code 3: broken x"),
        ("6.2", ":", "the tree of modules is of Linux 6.1, not of 6.2"),
    ],
)
def test_depmod_that_fails(script: str, release: str, depmod: str, message: str) -> None:
    """A depmod that fails, or reads no module and says nothing, fails the build; so does the tree of another release."""
    said = json.loads(ran(script, release, depmod).splitlines()[-1].removeprefix("@kernix "))
    assert said["error"].strip() == message


def test_depmod_that_works(script: str, tmp_path: Path) -> None:
    """What depmod writes is in the output, beside the modules."""
    assert ran(script, "6.1", "echo kernel/a.ko.gz: > modules.dep") == ""
    out = tmp_path / "out/out/lib/modules/6.1"
    assert sorted(it.name for it in out.iterdir()) == ["kernel", "modules.dep"]
