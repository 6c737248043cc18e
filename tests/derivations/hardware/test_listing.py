"""Tests for derivations.hardware.listing."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.hardware.listing import InvalidListing, read_listing
from derivations.hardware.snapshot import Fact, FactKind, InvalidSnapshot, Snapshot


DEVICE, MODULE = FactKind.DEVICE, FactKind.MODULE

UNKNOWN_IDS = "sv????????sd????????"

LSPCI_NNK = """\
00:02.0 VGA compatible controller [0300]: Intel Corporation HD Graphics 620 [8086:5916] (rev 02)
\tSubsystem: Lenovo Device [17aa:2245]
\tKernel driver in use: i915
\tKernel modules: i915, xe
"""

LSUSB_T = """\
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/6p, 5000M
    |__ Port 1: Dev 2, If 0, Class=Human Interface Device, Driver=usbhid, 12M
    |   |__ Port 3: Dev 4, If 0, Class=Vendor Specific Class, Driver=[none], 12M
/:  Bus 001.Port 001: Dev 001, Class=root_hub, Driver=ehci-pci/2p, 480M
"""


def facts(text: str) -> list[tuple[FactKind, str, str]]:
    """Return kind, name and driver of what *text* tells."""
    return [(it.kind, it.name, it.driver) for it in read_listing(text.encode(), "file").snapshot.facts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "01:00.0 Class 0280: 8086:2723 iwlwifi\n",
            [(DEVICE, f"pci:v00008086d00002723{UNKNOWN_IDS}bc02sc80i??", "pci iwlwifi")], id="busybox-k",
        ),
        pytest.param(
            "00:08.0 Class 0600: 1022:1632\n",
            [(DEVICE, f"pci:v00001022d00001632{UNKNOWN_IDS}bc06sc00i??", "")], id="busybox",
        ),
        pytest.param(
            "00:02.0 0300: 8086:5916 (rev 02)\n",
            [(DEVICE, f"pci:v00008086d00005916{UNKNOWN_IDS}bc03sc00i??", "")], id="lspci-n",
        ),
        pytest.param(
            "00:02.0 VGA controller [0300]: Intel [Skylake] Graphics [8086:5916] (rev 02) (prog-if 00 [VGA])\n",
            [(DEVICE, f"pci:v00008086d00005916{UNKNOWN_IDS}bc03sc00i00", "")], id="lspci-nn",
        ),
        pytest.param(
            LSPCI_NNK,
            [
                (DEVICE, "pci:v00008086d00005916sv000017AAsd00002245bc03sc00i??", "pci i915"),
                (MODULE, "i915", ""), (MODULE, "xe", ""),
            ], id="lspci-nnk",
        ),
        pytest.param(
            "0000:02:00.0 Non-Volatile memory controller: Samsung\n\tKernel driver in use: nvme\n",
            [(DEVICE, "pci:slot:0000:02:00.0", "pci nvme")], id="lspci-k-without-ids",
        ),
        pytest.param("Module Size Used by\nsnd_hda_intel 57344 3\nkvm 1024 1 kvm_amd\n",
                     [(MODULE, "kvm", ""), (MODULE, "snd_hda_intel", "")], id="lsmod"),
        pytest.param("Modul       Größe  Benutzt von\nkvm 1024 0\n", [(MODULE, "kvm", "")], id="lsmod-in-german"),
        pytest.param("kvm 1024 1 kvm_amd, Live 0x0000000000000000\n", [(MODULE, "kvm", "")], id="proc-modules"),
        pytest.param("i2c-piix4\namdgpu\n", [(MODULE, "amdgpu", ""), (MODULE, "i2c_piix4", "")], id="modprobed-db"),
        pytest.param(
            "Bus 001 Device 002: ID 046d:c52b Logitech, Inc.\n",
            [(DEVICE, "usb:v046DpC52Bd????dc??dsc??dp??ic??isc??ip??in??", "")], id="lsusb",
        ),
        pytest.param(
            LSUSB_T,
            [
                (DEVICE, "usb:driver:ehci-pci", "pci ehci-pci"), (DEVICE, "usb:driver:usbhid", "usb usbhid"),
                (DEVICE, "usb:driver:xhci_hcd", "pci xhci_hcd"),
            ], id="lsusb-t",
        ),
        pytest.param("MODALIAS=acpi:PNP0C0A:\nusb:v1D6Bp0002d0601\n",
                     [(DEVICE, "acpi:PNP0C0A:", ""), (DEVICE, "usb:v1D6Bp0002d0601", "")], id="modaliases"),
        pytest.param("# mine\n\namdgpu\n...\n", [(MODULE, "amdgpu", "")], id="comments"),
        pytest.param("ubuntu# lspci -k\n01:00.0 Class 0280: 8086:2723 iwlwifi\n...\n",
                     [(DEVICE, f"pci:v00008086d00002723{UNKNOWN_IDS}bc02sc80i??", "pci iwlwifi")], id="pasted"),
        pytest.param("\ufeffkvm 1024 0\r\n", [(MODULE, "kvm", "")], id="of-windows"),
    ],
)  # fmt: skip
def test_every_form(text: str, expected: list[tuple[FactKind, str, str]]) -> None:
    """A listing is seen by its form, and tells what stands in it."""
    assert expected == facts(text)


def test_forms_may_stand_together() -> None:
    """A file may hold several listings, one after the other."""
    assert 4 == len(facts(LSPCI_NNK + "Module Size Used by\nkvm 1024 0\n"))


def test_a_snapshot_is_a_listing() -> None:
    """A saved snapshot keeps who told its facts; its file's name does not count."""
    saved = Snapshot.of([Fact(MODULE, "kvm")], "laptop")

    assert saved == read_listing(saved.to_json(), "other").snapshot


def test_another_language_does_not_matter_where_there_are_ids() -> None:
    """Ids are read in any language; the driver's line that is not understood is told."""
    text = "00:02.0 VGA-kompatibler Controller [0300]: Intel [8086:5916]\n\tVerwendeter Kernel-Treiber: i915\n"
    listing = read_listing(text.encode(), "file")

    assert [f"pci:v00008086d00005916{UNKNOWN_IDS}bc03sc00i??"] == [it.name for it in listing.snapshot.facts]
    assert ((2, "Verwendeter Kernel-Treiber: i915"),) == listing.ignored


def test_lines_that_are_not_understood_are_told() -> None:
    """A line that is nothing known is kept with its number, and the rest is read."""
    assert ((2, "what is this?"),) == read_listing(b"kvm 1 0\nwhat is this?\n", "file").ignored


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b" \n\n", "is empty", id="blank"),
        pytest.param(b"# nothing\n", "nothing but comments", id="comments"),
        pytest.param(b"\x7fELF\x02\x01\x01\x00\x00", "is not a text", id="binary"),
        pytest.param(b"Hello, this is a letter.\n", "line 1 is 'Hello, this is a letter.'", id="prose"),
        pytest.param(b"see https://example.org/x\n", "line 1", id="address"),
        pytest.param(b"Modul Groesse\n", "line 1", id="heading-alone"),
        pytest.param(
            "00:02.0 Contrôleur VGA : Intel\n\tPilote de noyau utilisé : i915\n".encode(),
            "lists 1 PCI device with neither ids nor drivers", id="french",
        ),
        pytest.param(b"00:02.0 VGA\n00:03.0 Audio\n", "lists 2 PCI devices", id="lspci-alone"),
        pytest.param("00:02.0 Contr\u00f4leur: x".encode("latin-1"), "lists 1 PCI device", id="latin-1"),
    ],
)  # fmt: skip
def test_what_tells_nothing_is_refused(data: bytes, reason: str) -> None:
    """A file that tells nothing is an error with the reason and what would be understood."""
    with pytest.raises(InvalidListing, match=reason) as error:
        read_listing(data, "file")

    assert "file" == error.value.name
    assert error.value.hint


def test_a_damaged_snapshot_is_told_as_one() -> None:
    """A snapshot that was cut off is not taken for something else."""
    with pytest.raises(InvalidSnapshot):
        read_listing(Snapshot.of([Fact(MODULE, "kvm")], "x").to_json()[:-5], "file")


@given(st.binary(max_size=200))
def test_whatever_the_bytes(data: bytes) -> None:
    """Any bytes are a listing or refused with a sentence."""
    told: list[object] = []
    try:
        told = [*read_listing(data, "file").snapshot.facts]
    except (InvalidListing, InvalidSnapshot) as error:
        told = [str(error)]

    assert told
