"""Tests for derivations.hardware.listings.listing."""

from __future__ import annotations

import itertools

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.hardware.listings.listing import InvalidListing, read_listing
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

LSPCI_MM = """\
02:00.0 "Network controller [0280]" "Intel Corporation [8086]" "Wireless 8265 [24fd]" -r78 -p00 "Intel [8086]" "Dual [0010]"
02:00.1 "0280" "8086" "24fd" -r78 "" ""
02:00.2 "Class 0280" "8086" "24fd" "8086" "0010" "iwlwifi"
"""

LSPCI_VMM = """\
Slot:\t3a:00.0
Class:\tNon-Volatile memory controller [0108]
Vendor:\tSamsung Electronics Co Ltd [144d]
Device:\tNVMe SSD Controller [a808]
SVendor:\tSamsung [144d]
SDevice:\tDevice [a801]
Rev:\t01
ProgIf:\t02
Driver:\tnvme
Module:\tnvme
NUMANode:\t0

Device:\t3b:00.0
Class:\t0280
Vendor:\t8086
Device:\t24fd
Driver:\tiwlwifi
"""

WITHOUT_NAMES = """\
00:19.0 Class 0200: Device 8086:1502 (rev 04)
00:1a.0 Class 0c03: Device 8086:1c2d (rev 05) (prog-if 20)
00:02.0 VGA compatible controller: Device 1234:1111 (rev 02)
\tSubsystem: Device 1af4:1100
\tKernel driver in use: bochs-drm
0000:00:03.0 Class [0300]: Device [8086:0f31] (rev 11)
        Flags: bus master, fast devsel, latency 0, IRQ 92
        Kernel driver in use: i915
"""

USB_DEVICES = """\
T:  Bus=01 Lev=00 Prnt=00 Port=00 Cnt=00 Dev#=  1 Spd=480  MxCh= 1
B:  Alloc=  0/800 us ( 0%), #Int=  0, #Iso=  0
D:  Ver= 2.00 Cls=09(hub  ) Sub=00 Prot=01 MxPS=64 #Cfgs=  1
P:  Vendor=1d6b ProdID=0002 Rev= 5.03
S:  Manufacturer=Linux 5.3.0 ehci_hcd
S:  Product=EHCI Host Controller
C:* #Ifs= 1 Cfg#= 1 Atr=e0 MxPwr=  0mA
I:* If#= 0 Alt= 0 #EPs= 1 Cls=09(hub  ) Sub=00 Prot=00 Driver=hub
E:  Ad=81(I) Atr=03(Int.) MxPS=   4 Ivl=256ms

T: Bus=01 Lev=01 Prnt=01 Port=03 Cnt=01 Dev#= 2 Spd=12 MxCh= 0
D: Ver= 2.00 Cls=00(>ifc ) Sub=00 Prot=00 MxPS=64 #Cfgs= 1
P: Vendor=12d1 ProdID=1003 Rev=00.00
I: If#= 0 Alt= 0 #EPs= 3 Cls=ff(vend.) Sub=ff Prot=ff Driver=option
I: If#= 1 Alt= 0 #EPs= 2 Cls=ff(vend.) Sub=ff Prot=ff Driver=option
I: If#= 2 Alt= 0 #EPs= 2 Cls=08(stor.) Sub=06 Prot=50 Driver=(none)
"""

LSUSB_V = """\
Bus 001 Device 003: ID 0424:ec00 Standard Microsystems Corp. SMSC9512/9514 Fast Ethernet Adapter
Device Descriptor:
  bLength                18
  bDeviceClass          255 Vendor Specific Class
  bDeviceSubClass         0
  bDeviceProtocol         1
  bcdDevice            2.00
  Configuration Descriptor:
    Interface Descriptor:
      bInterfaceNumber        0
      bInterfaceClass         3 Human Interface Device
      bInterfaceSubClass      1 Boot Interface Subclass
      bInterfaceProtocol      2 Mouse
Device Status:     0x0001
  Self Powered
"""

INXI = """\
Graphics:  Device-1: Intel CoffeeLake-S GT2 [UHD Graphics 630] vendor: Gigabyte driver: i915
           v: kernel bus-ID: 00:02.0 chip-ID: 8086:3e98 class-ID: 0300
           Display: server: No display server data found. Headless machine? tty: N/A
Graphics:
  Card-2: NVIDIA GF114 [GeForce GTX 560 Ti] driver: N/A bus ID: 01:00.0
  chip ID: 10de:1200
  Device-2: Microdia USB 2.0 Camera driver: snd-usb-audio,uvcvideo type: USB rev: 2.0
    speed: 480 Mb/s lanes: 1 bus-ID: 1-2:2 chip-ID: 0c45:636b class-ID: 0102 serial: <filter>
Network:   Card: Intel Wireless 8265 / 8275 driver: iwlwifi bus-ID: 01:00.0 chip-ID: 8086:24fd
           IF: wlp1s0 state: up mac: <filter>
"""

INXI_F = """\
Graphics:
  Device-1: Intel UHD Graphics 620 driver: i915 v: kernel
  Device-2: Realtek Integrated Webcam driver: uvcvideo type: USB
  Display: x11 server: X.Org v: 1.21.1.7 driver: X: loaded: modesetting
    unloaded: fbdev,vesa dri: iris gpu: i915 resolution: 1920x1080~60Hz
Network:
  Device-1: Qualcomm Atheros QCA6174 driver: ath10k_pci
  Device-2: Realtek RTL8111 driver: N/A
  IF: wlp2s0 state: up mac: <filter>
"""

HW_PROBE = """\
pci:8086-5916-17aa-2245;03-00-00;works;graphics card;i915;Intel;HD Graphics 620;Lenovo;ThinkPad
usb:046d-c077;03-01-02;works;mouse;usbhid;Logitech;M105
eisa:aaa-0001;;detected;monitor;;A;B
"""

DMESG = """\
[    0.000000] Linux version 5.15.0 (gcc)
[    0.769655] pci 0000:00:00.0: [8086:2280] type 00 class 0x060000
[    0.770222] pci 0000:00:13.0: [8086:22a3] type 00 class 0x010601 PCIe Root Complex Integrated Endpoint
[    1.770222] ahci 0000:00:13.0: version 3.0
<6>[    8.979723] usb 1-13.3: New USB device found, idVendor=413c, idProduct=2107
[    9.351211] usb-storage 1-13.3:1.0: USB Mass Storage device detected
[Tue Nov 29 10:00:00 2022] usb 1-1: New USB device found, idVendor=8087, idProduct=0024, bcdDevice= 0.00
kern  :info  : [    9.985971] hid-generic 0003:413C:2107.0001: input,hidraw0: USB HID v1.10 Keyboard [Dell] on usb-0000
Nov 29 10:00:00 host kernel: r8169 0000:02:00.0: Direct firmware load for rtl_nic/rtl8168h-2.fw failed with error -2
[   15.817653] Bluetooth: hci0: rtl: loading rtl_bt/rtl8723b_fw.bin
Nov 29 10:00:00 host kernel: Bluetooth: hci0: Found device firmware: intel/ibt-20-1-3.sfi
iwlwifi 0000:02:00.0: loaded firmware version 36.8fd77bb3.0 8265-36.ucode op_mode iwlmvm
"""

SEARCHED = """\
[   20.1] pciehp 0000:00:1c.0:pcie004: Slot(0): Card present
Sep 04 07:41:53 host kernel: iwlwifi 0000:00:14.3: enabling device (0000 -> 0002)
[    9.351211] btusb 3-10:1.0: usb_probe_interface
[   36.100000] nvme nvme0: pci function 0000:13:00.0
"""

LSHW = """\
  *-network
       description: Ethernet interface
       product: RTL8111/8168 PCI Express Gigabit Ethernet Controller [10EC:8168]
       vendor: Realtek Semiconductor Co., Ltd. [10EC]
       bus info: pci@0000:03:00.0
       configuration: broadcast=yes driver=r8169 driverversion=6.1.0
     *-usb:1 UNCLAIMED
          product: xHCI Controller
          bus info: pci@0000:00:14.0
          configuration: driver=xhci_hcd latency=0
  *-cpu
       product: A processor
       bus info: cpu@0
"""

FIRMWARE = FactKind.FIRMWARE
USB_ALONE = "d????dc??dsc??dp??ic??isc??ip??in??"


def facts(text: str) -> list[tuple[FactKind, str, str]]:
    """Return kind, name and driver of the facts in *text*."""
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
            "04:00.3 USB controller [0c03]: AMD Renoir/Cezanne USB 3.1 [1022:1639]\n"
            "00:1d.0 USB controller [0c03]: Intel USB Enhanced Host Controller #1 [8086:1c26] (rev 05)\n"
            "00:1a.0 USB controller [0c03]: Intel Something [8086:1c2d]\n",
            [
                (DEVICE, f"pci:v00001022d00001639{UNKNOWN_IDS}bc0Csc03i30", ""),
                (DEVICE, f"pci:v00008086d00001C26{UNKNOWN_IDS}bc0Csc03i20", ""),
                (DEVICE, f"pci:v00008086d00001C2D{UNKNOWN_IDS}bc0Csc03i??", ""),
            ], id="lspci-nn-of-usb-controllers",
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
        pytest.param(
            LSPCI_MM,
            [
                (DEVICE, "pci:v00008086d000024FDsv00008086sd00000010bc02sc80i00", ""),
                (DEVICE, "pci:v00008086d000024FDsv00008086sd00000010bc02sc80i??", "pci iwlwifi"),
                (DEVICE, f"pci:v00008086d000024FD{UNKNOWN_IDS}bc02sc80i??", ""),
            ], id="lspci-mm",
        ),
        pytest.param(
            LSPCI_VMM,
            [
                (DEVICE, "pci:v0000144Dd0000A808sv0000144Dsd0000A801bc01sc08i02", "pci nvme"),
                (DEVICE, f"pci:v00008086d000024FD{UNKNOWN_IDS}bc02sc80i??", "pci iwlwifi"),
                (MODULE, "nvme", ""),
            ], id="lspci-vmm",
        ),
        pytest.param(
            WITHOUT_NAMES,
            [
                (DEVICE, "pci:v00001234d00001111sv00001AF4sd00001100bc03sc00i??", "pci bochs-drm"),
                (DEVICE, f"pci:v00008086d00000F31{UNKNOWN_IDS}bc03sc00i??", "pci i915"),
                (DEVICE, f"pci:v00008086d00001502{UNKNOWN_IDS}bc02sc00i??", ""),
                (DEVICE, f"pci:v00008086d00001C2D{UNKNOWN_IDS}bc0Csc03i20", ""),
            ], id="lspci-without-names",
        ),
        pytest.param("ext4 737280 - - Live 0x0000000000000000\njbd2 131072 -2\n",
                     [(MODULE, "ext4", ""), (MODULE, "jbd2", "")], id="modules-of-a-kernel-without-unloading"),
        pytest.param(
            USB_DEVICES,
            [
                (DEVICE, "usb:v12D1p1003d0000dc00dsc00dp00ic08isc06ip50in??", ""),
                (DEVICE, "usb:v12D1p1003d0000dc00dsc00dp00icFFiscFFipFFin??", "usb option"),
                (DEVICE, "usb:v1D6Bp0002d0503dc09dsc00dp01ic09isc00ip00in??", "usb hub"),
            ], id="usb-devices",
        ),
        pytest.param(LSUSB_V, [(DEVICE, "usb:v0424pEC00d0200dcFFdsc00dp01ic03isc01ip02in??", "")], id="lsusb-v"),
        pytest.param(
            INXI,
            [
                (DEVICE, f"pci:v000010DEd00001200{UNKNOWN_IDS}bc03sc??i??", ""),
                (DEVICE, f"pci:v00008086d000024FD{UNKNOWN_IDS}bc02sc??i??", "pci iwlwifi"),
                (DEVICE, f"pci:v00008086d00003E98{UNKNOWN_IDS}bc03sc00i??", "pci i915"),
                (DEVICE, f"usb:v0C45p636B{USB_ALONE}", "usb snd-usb-audio"),
                (DEVICE, f"usb:v0C45p636B{USB_ALONE}", "usb uvcvideo"),
            ], id="inxi",
        ),
        pytest.param(
            INXI_F,
            [
                (DEVICE, "pci:driver:ath10k_pci", "pci ath10k_pci"), (DEVICE, "pci:driver:i915", "pci i915"),
                (DEVICE, "usb:driver:uvcvideo", "usb uvcvideo"),
            ], id="inxi-without-ids",
        ),
        pytest.param(
            HW_PROBE,
            [
                (DEVICE, "pci:v00008086d00005916sv000017AAsd00002245bc03sc00i00", "pci i915"),
                (DEVICE, "usb:v046DpC077d????dc??dsc??dp??ic03isc01ip02in??", "usb usbhid"),
            ], id="hw-probe",
        ),
        pytest.param(
            DMESG,
            [
                (DEVICE, "hid:b0003g????v0000413Cp00002107", "hid hid-generic"),
                (DEVICE, "pci:slot:0000:02:00.0", "pci iwlwifi"), (DEVICE, "pci:slot:0000:02:00.0", "pci r8169"),
                (DEVICE, f"pci:v00008086d00002280{UNKNOWN_IDS}bc06sc00i00", ""),
                (DEVICE, f"pci:v00008086d000022A3{UNKNOWN_IDS}bc01sc06i01", "pci ahci"),
                (DEVICE, "usb:driver:usbhid", "usb usbhid"),
                (DEVICE, f"usb:v413Cp2107{USB_ALONE}", "usb usb-storage"),
                (DEVICE, f"usb:v8087p0024{USB_ALONE.replace('d????', 'd0000')}", ""),
                (FIRMWARE, "intel/ibt-20-1-3.sfi", ""), (FIRMWARE, "iwlwifi-8265-36.ucode", ""),
                (FIRMWARE, "rtl_bt/rtl8723b_fw.bin", ""), (FIRMWARE, "rtl_nic/rtl8168h-2.fw", ""),
            ], id="dmesg",
        ),
        pytest.param(
            SEARCHED,
            [
                (DEVICE, "pci:slot:0000:00:14.3", "pci iwlwifi"), (DEVICE, "pci:slot:0000:13:00.0", "pci nvme"),
                (DEVICE, "usb:driver:btusb", "usb btusb"),
            ],
            id="searched-log",
        ),
        pytest.param(
            LSHW,
            [
                (DEVICE, "pci:slot:0000:00:14.0", "pci xhci_hcd"),
                (DEVICE, f"pci:v000010ECd00008168{UNKNOWN_IDS}bc??sc??i??", "pci r8169"),
            ], id="lshw",
        ),
        pytest.param("Bus 002 Device 001: ID 1d6b:0003 Linux Foundation 3.0 root hub\n",
                     [(DEVICE, "usb:v1D6Bp0003d????dc??dsc??dp??ic09isc??ip??in??", "")], id="root-hub"),
        pytest.param("> $ lsmod\n> ```\n> > kvm 1024 0\n> ```\n", [(MODULE, "kvm", "")], id="quoted"),
        pytest.param("/sys/devices/pci0000:00/0000:00:1f.3/modalias:pci:v00008086d0000A171\n",
                     [(DEVICE, "pci:v00008086d0000A171", "")], id="searched-modaliases"),
        pytest.param('E: DRIVER=x\nE: MODALIAS=pci:v1\n  Module Alias: "usb:v2"\n',
                     [(DEVICE, "pci:v1", ""), (DEVICE, "usb:v2", "")], id="udevadm-and-hwinfo"),
        pytest.param("00:02.0 Something new: Device 1234:1111 (rev 02)\n",
                     [(DEVICE, f"pci:v00001234d00001111{UNKNOWN_IDS}bc??sc??i??", "")], id="class-unknown"),
        pytest.param("\x1b[32mkvm\x1b[0m 1024 0\n", [(MODULE, "kvm", "")], id="colored"),
        pytest.param("MODALIAS=acpi:PNP0C0A:\nusb:v1D6Bp0002d0601\n",
                     [(DEVICE, "acpi:PNP0C0A:", ""), (DEVICE, "usb:v1D6Bp0002d0601", "")], id="modaliases"),
        pytest.param("# mine\n\namdgpu\n...\n", [(MODULE, "amdgpu", "")], id="comments"),
        pytest.param("ubuntu# lspci -k\n01:00.0 Class 0280: 8086:2723 iwlwifi\n...\n",
                     [(DEVICE, f"pci:v00008086d00002723{UNKNOWN_IDS}bc02sc80i??", "pci iwlwifi")], id="pasted"),
        pytest.param("\ufeffkvm 1024 0\r\n", [(MODULE, "kvm", "")], id="of-windows"),
    ],
)  # fmt: skip
def test_every_form(text: str, expected: list[tuple[FactKind, str, str]]) -> None:
    """A listing is recognised by its form, and its facts are read."""
    assert expected == facts(text)


def test_several_forms_in_one_file() -> None:
    """A file may contain several listings, one after the other."""
    assert 4 == len(facts(LSPCI_NNK + "Module Size Used by\nkvm 1024 0\n"))


def test_all_forms_in_one_file() -> None:
    """The lines of all forms, one after the other, give the same facts as each form alone."""
    texts = [
        LSPCI_NNK,
        LSUSB_T,
        LSPCI_MM,
        LSPCI_VMM,
        WITHOUT_NAMES,
        USB_DEVICES,
        LSUSB_V,
        INXI,
        INXI_F,
        HW_PROBE,
        DMESG,
        LSHW,
    ]
    for first, second in itertools.permutations(texts, 2):
        together = read_listing(f"{first}\n{second}".encode(), "file")

        assert () == together.ignored
        assert {*facts(first), *facts(second)} == set(facts(f"{first}\n{second}"))


def test_a_snapshot_is_a_listing() -> None:
    """A saved snapshot keeps the machines of its facts; the name of its file does not matter."""
    saved = Snapshot.of([Fact(MODULE, "kvm")], "laptop")

    assert saved == read_listing(saved.to_json(), "other").snapshot


def test_other_languages_with_ids() -> None:
    """Ids are read in any language; the line of the driver is reported as not understood."""
    text = "00:02.0 VGA-kompatibler Controller [0300]: Intel [8086:5916]\n\tVerwendeter Kernel-Treiber: i915\n"
    listing = read_listing(text.encode(), "file")

    assert [f"pci:v00008086d00005916{UNKNOWN_IDS}bc03sc00i??"] == [it.name for it in listing.snapshot.facts]
    assert ((2, "Verwendeter Kernel-Treiber: i915"),) == listing.ignored


def test_unknown_lines_are_reported() -> None:
    """An unknown line is kept with its number, and the rest is read."""
    assert ((2, "what is this?"),) == read_listing(b"kvm 1 0\nwhat is this?\n", "file").ignored


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b" \n\n", "is empty", id="blank"),
        pytest.param(b"# nothing\n", "contains only comments", id="comments"),
        pytest.param(b"\x7fELF\x02\x01\x01\x00\x00", "is not a text", id="binary"),
        pytest.param(b"Hello, this is a letter.\n", "line 1 is 'Hello, this is a letter.'", id="prose"),
        pytest.param(b"see https://example.org/x\n", "line 1", id="address"),
        pytest.param(b"Modul Groesse\n", "line 1", id="heading-alone"),
        pytest.param(
            "00:02.0 Contrôleur VGA : Intel\n\tPilote de noyau utilisé : i915\n".encode(),
            "lists 1 PCI device with neither ids nor recognised drivers", id="french",
        ),
        pytest.param(b"00:02.0 VGA\n00:03.0 Audio\n", "lists 2 PCI devices", id="lspci-alone"),
        pytest.param("00:02.0 Contr\u00f4leur: x".encode("latin-1"), "lists 1 PCI device", id="latin-1"),
    ],
)  # fmt: skip
def test_files_without_facts_are_rejected(data: bytes, reason: str) -> None:
    """A file without facts is an error with the reason; the hint names the supported formats."""
    with pytest.raises(InvalidListing, match=reason) as error:
        read_listing(data, "file")

    assert "file" == error.value.name
    assert error.value.hint


def test_a_damaged_snapshot() -> None:
    """A snapshot that was cut off is not mistaken for another form."""
    with pytest.raises(InvalidSnapshot):
        read_listing(Snapshot.of([Fact(MODULE, "kvm")], "x").to_json()[:-5], "file")


@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    """Any bytes are a listing or are rejected with an error of ours."""
    result: list[object] = []
    try:
        result = [*read_listing(data, "file").snapshot.facts]
    except (InvalidListing, InvalidSnapshot) as error:
        result = [str(error)]

    assert result
