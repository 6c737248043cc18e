"""Firmware in the image: what a kernel's build and its check get."""

from __future__ import annotations

import json

from pathlib import Path
from typing import Any

import pytest

from derivations.context import using
from derivations.fetch import fetch_url
from derivations.frozen_map import FrozenMap
from derivations.kconfig.language.values import YES
from derivations.linux.firmware import Firmware, InvalidFirmware
from derivations.linux.kernel import Kernel, make_linux
from derivations.source import NoSource, text_file
from tests.fakes import fake_context


SOURCE = fetch_url("https://cdn.kernel.org/linux-6.12.tar.xz", sha256="0" * 64)
TREE = text_file("firmware", "")


def make(**more: Any) -> Kernel:  # noqa: ANN401 -- arguments of make_linux
    """Return a kernel."""
    return make_linux(version="6.12", source=SOURCE, context=fake_context(), **more)


def test_a_kernel_with_firmware() -> None:
    """Its build and its check see the tree, and its options name the files, in order, and their directory."""
    firmware = Firmware(["b.bin", "a/c.fw", "b.bin"], TREE, directory="usr/lib/firmware")
    kernel = make(firmware=firmware)

    asked = {name: kernel.requests[name].value for name in ("FW_LOADER", "EXTRA_FIRMWARE", "EXTRA_FIRMWARE_DIR")}
    assert asked == {
        "FW_LOADER": YES,
        "EXTRA_FIRMWARE": "a/c.fw b.bin",
        "EXTRA_FIRMWARE_DIR": "/firmware/usr/lib/firmware",
    }
    assert kernel.derivation.mounts["/firmware"] == TREE.out
    assert kernel.configuration.derivation.mounts["/firmware"] == TREE.out
    assert json.loads(kernel.configuration.derivation.env["firmware"]) == ["usr/lib/firmware", "a/c.fw", "b.bin"]


def test_a_kernel_without() -> None:
    """It is the same derivation as before, also if an override takes the firmware away."""
    with using(fake_context()):
        plain, without = make(), make(firmware=Firmware(["a"], TREE)).override(firmware=None)

    assert "/firmware" not in plain.derivation.mounts
    assert "firmware" not in plain.configuration.derivation.env
    assert plain == without


def test_a_directory(tmp_path: Path) -> None:
    """A directory is relative to the calling file; its content is an input."""
    (tmp_path / "a.bin").write_bytes(b"1")
    one = Firmware(["a.bin"], tmp_path)
    (tmp_path / "a.bin").write_bytes(b"2")

    assert one.place == "/firmware"
    assert one.tree.derivation.key != Firmware(["a.bin"], tmp_path).tree.derivation.key
    with pytest.raises(NoSource) as caught:
        Firmware(["a.bin"], "no-such-directory")
    assert caught.value.path == Path(__file__).parent / "no-such-directory"


@pytest.mark.parametrize(
    ("files", "directory"),
    [
        pytest.param([], "", id="no-files"),
        pytest.param("a.bin", "", id="a-text"),
        pytest.param(["a b"], "", id="white-space"),
        pytest.param(["/a"], "", id="absolute"),
        pytest.param(["../a"], "", id="outside"),
        pytest.param(["a$(x)"], "", id="make"),
        pytest.param([7], "", id="a-number"),
        pytest.param(["a"], "/lib", id="absolute-directory"),
        pytest.param(["a"], "../lib", id="directory-outside"),
    ],
)
def test_invalid(files: Any, directory: str) -> None:  # noqa: ANN401 -- what a test gives
    """Names that Kbuild would not read as they are, or that lead out of the tree, are errors."""
    with pytest.raises(InvalidFirmware):
        Firmware(files, TREE, directory=directory)


def test_a_tree_is_a_derivation() -> None:
    """What is neither a directory nor a derivation is an error."""
    with pytest.raises(InvalidFirmware):
        Firmware(["a"], FrozenMap({}))  # type: ignore[arg-type]
