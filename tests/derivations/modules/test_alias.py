"""Tests of derivations.modules.alias."""

from __future__ import annotations

import pytest

from derivations.modules.alias import AliasIndex, _compiled


TEXT = """\
# Aliases extracted from modules themselves.
alias fs-ext4 ext4
alias crypto-xts(aes) xts-fast
alias pci:v00001AF4d00001041sv*sd*bc*sc*i* virtio_pci
alias pci:v*d*sv*sd*bc01sc08i02* nvme
alias usb:v1645p0007d01[0-2]*dc* storage
alias usb:v1645p0007d01[!0-2]*dc* other
alias acpi*:PNP0C0A:* battery
alias of:N*T*Cvendor,chip-a chip
alias of:N*T*Cvendor,chip-aC* chip
alias dmi*:svnMicro Star*: laptop
alias cpu:type:x86,ven*fam*mod*:feature:*0081* rapl
"""


@pytest.mark.parametrize(
    ("alias", "modules"),
    [
        ("fs-ext4", ["ext4"]),
        ("fs_ext4", ["ext4"]),
        ("fs-ext40", []),
        ("fs-ext", []),
        ("crypto-xts(aes)", ["xts_fast"]),
        ("pci:v00001AF4d00001041sv00001AF4sd00001100bc02sc00i00", ["virtio_pci"]),
        ("pci:v0000144Dd0000A808sv0000144Dsd0000A801bc01sc08i02", ["nvme"]),
        ("pci:v00001AF4d00001041sv00001AF4sd00001100bc01sc08i02", ["nvme", "virtio_pci"]),
        ("usb:v1645p0007d0110dc00", ["storage"]),
        ("usb:v1645p0007d0150dc00", ["other"]),
        ("acpi:PNP0C0A:", ["battery"]),
        ("acpi:LNX:PNP0C0A:", ["battery"]),
        ("of:NfooT<NULL>Cvendor,chip-a", ["chip"]),
        ("of:NfooT<NULL>Cvendor,chip-aCvendor,chip", ["chip"]),
        ("dmi:bvn:svnMicro Star Int:pn:", ["laptop"]),
        ("cpu:type:x86,ven0000fam0006mod008E:feature:,0000,0081,00AA", ["rapl"]),
        ("", []),
        ("pci:", []),
    ],
)
def test_match(alias: str, modules: list[str]) -> None:
    """An alias has the modules of all patterns that match it, as modprobe matches them."""
    assert AliasIndex(TEXT).match(alias) == modules


@pytest.mark.parametrize(
    ("alias", "modules"),
    [
        ("pci:v00001AF4d00001041sv????????sd????????bc02sc00i00", ["virtio_pci"]),
        ("pci:v0000144Dd0000A808sv????????sd????????bc01sc08i02", ["nvme"]),
        ("pci:v????????d00001041sv00001AF4sd00001100bc02sc00i00", ["virtio_pci"]),
        ("usb:v1645p0007d????dc00", ["storage", "other"]),
        ("fs-ext?", ["ext4"]),
    ],
)
def test_unknown_characters(alias: str, modules: list[str]) -> None:
    """A character that the listing does not show matches any that a pattern demands."""
    assert AliasIndex(TEXT).match(alias) == modules


def test_names() -> None:
    """The aliases with a common beginning and no wildcard are listed."""
    assert AliasIndex(TEXT + "alias fs-9p 9p\nalias fs-nfs* nfs\n").names("fs-") == ["9p", "ext4"]


def test_damaged_patterns() -> None:
    """A bracket that is not closed is a character like others."""
    assert AliasIndex("alias a[b x\nalias c[]d y\n").match("a[b") == ["x"]
    assert AliasIndex("alias a[b x\nalias c[]d y\n").match("ab") == []


def test_few_are_compiled() -> None:
    """Of tens of thousands of aliases, a lookup compiles only those that share the fixed beginning and a fixed part."""
    text = "".join(
        f"alias pci:v{it:08X}d*sv*sd*bc*sc*i* m{it}\nalias acpi*:DEV{it:04X}:* a{it}\n" for it in range(10000)
    )
    before = _compiled.cache_info().currsize
    found = AliasIndex(text)
    assert found.match("pci:v00001234d00000001sv00000000sd00000000bc00sc00i00") == ["m4660"]
    assert found.match("acpi:DEV0012:PNP0C02:") == ["a18"]
    assert _compiled.cache_info().currsize - before <= 2
