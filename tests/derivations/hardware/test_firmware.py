"""Tests for derivations.hardware.firmware and special."""

from __future__ import annotations

import pytest

from derivations.hardware.curated import COMPANIONS, virtio_modaliases
from derivations.hardware.firmware import by_package, package_of


@pytest.mark.parametrize(
    ("file", "package"),
    [
        ("iwlwifi-cc-a0-72.ucode", "firmware-iwlwifi"),
        ("amdgpu/renoir_sdma.bin", "firmware-amd-graphics"),
        ("i915/kbl_dmc_ver1_04.bin", "firmware-misc-nonfree (from Debian 13 on firmware-intel-graphics)"),
        ("intel/ibt-11-5.sfi", "firmware-iwlwifi"),
        ("intel/sof/sof-tgl.ri", "firmware-sof-signed"),
        ("nobody/knows.bin", "None"),
    ],
)
def test_packages(file: str, package: str) -> None:
    """The longest matching prefix names the package; a file without a match is unknown."""
    assert package == str(package_of(file))


def test_files_by_package() -> None:
    """Files are grouped by package, unknown ones under an empty name."""
    assert {"": ["x.bin"], "firmware-realtek": ["rtw88/a.bin", "rtw88/b.bin"]} == by_package(
        ("rtw88/b.bin", "x.bin", "rtw88/a.bin")
    )


def test_every_companion_is_cited() -> None:
    """Each companion has a reason and a source in the tree, and none needs itself."""
    assert all(it.why and it.source.startswith(("drivers/", "sound/", "net/", "Documentation/")) for it in COMPANIONS)
    assert [] == [it for it in COMPANIONS if it.option in it.requires or not it.requires]


@pytest.mark.parametrize(
    ("modalias", "expected"),
    [
        ("pci:v00001AF4d00001041sv", ["virtio:d00000001v00001AF4"]),
        ("pci:v00001AF4d00001000sv", ["virtio:d00000001v00001AF4"]),
        ("pci:v00001AF4d0000100Asv", []),
        ("pci:v00008086d00001041sv", []),
    ],
)
def test_virtio_devices(modalias: str, expected: list[str]) -> None:
    """The PCI id of a virtio device determines the device behind the transport."""
    assert expected == virtio_modaliases(modalias)
