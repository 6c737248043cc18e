"""Tests of derivations.debian.names."""

from __future__ import annotations

import pytest

from derivations.debian.names import PinnedName, architecture_of, headers_of, is_firmware, is_image, parse_name
from derivations.debian.sets import UnknownSet, package_set


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("linux-image-amd64", "amd64"),
        ("linux-image-cloud-arm64", "arm64"),
        ("linux-image-6.1.0-50-rt-amd64", "amd64"),
        ("linux-image-6.12.117+deb12-cloud-amd64-unsigned", "amd64"),
        ("linux-image-686-pae", "i386"),
        ("linux-image-armmp-lpae", "armhf"),
        ("linux-image-6.1.0-50-cloud-amd64-dbg", "amd64"),
        ("linux-image-6.8.0-31-generic", None),
    ],
)
def test_architectures(name: str, architecture: str | None) -> None:
    """The end of a kernel's name says which machines it is for."""
    assert architecture == architecture_of(name)


@pytest.mark.parametrize("name", ["linux-image-amd64-dbg", "linux-image-amd64-signed-template", "bash", "linux-image"])
def test_what_is_no_kernel(name: str) -> None:
    """Debug information, templates and other packages are not kernels."""
    assert not is_image(name)


def test_headers() -> None:
    """The headers of an unsigned image are those of the signed one."""
    assert headers_of("linux-image-6.1.0-50-amd64-unsigned") == "linux-headers-6.1.0-50-amd64"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("firmware-iwlwifi", True), ("amd64-microcode", True), ("hackrf-firmware", True), ("gnome-firmware-x", False)],
)
def test_firmware(name: str, expected: bool) -> None:
    """Firmware is recognised by either end of a name."""
    assert is_firmware(name) == expected


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("linux-image-amd64", PinnedName("linux-image-amd64")),
        ("linux-image-amd64=6.12.9-1~bpo12+1", PinnedName("linux-image-amd64", "6.12.9-1~bpo12+1")),
        ("linux-image-amd64=", None),
        ("linux-image-amd64=x", None),
        ("linux image", None),
        ("linux-image-amd64\n", None),
    ],
)
def test_pinned_names(text: str, parsed: PinnedName | None) -> None:
    """A set is a name, or a name and a version as apt writes them."""
    assert parsed == parse_name(text)


def test_the_set_of_a_kernel() -> None:
    """It asks for image and headers, at the version in its name, for the machines of its flavour."""
    found = package_set("linux-image-cloud-arm64=6.1.9-1")
    assert found.packages == ("linux-headers-cloud-arm64", "linux-image-cloud-arm64")
    assert (found.version, found.architecture, found.source) == ("6.1.9-1", "arm64", True)


@pytest.mark.parametrize(
    "name", ["linux-image-", "linux-image-amd64=", "bash=1", "linux-image-x-template", "firmware-"]
)
def test_no_sets(name: str) -> None:
    """Other names are not sets."""
    with pytest.raises(UnknownSet):
        package_set(name)
