"""Facts in the kernel's log: ids of devices, their drivers, and requested firmware.

    pci 0000:00:02.0: [8086:5916] type 00 class 0x030000              drivers/pci/probe.c, pci_setup_device
    e1000e 0000:00:19.0 eth0: …                                       a driver's name before the device
    usb 1-1: New USB device found, idVendor=046d, idProduct=c077      drivers/usb/core/hub.c, announce_device
    iwlwifi 0000:00:14.3: loaded firmware version … so-a0-hr-b0-89.ucode         iwl-drv.c: without the prefix of the file
    nvme nvme0: pci function 0000:13:00.0                             drivers/nvme/host/pci.c, nvme_probe
    hid-generic 0003:413C:2107.0001: input,hidraw0: USB HID …         drivers/hid/hid-core.c, hid_connect
    r8169 0000:02:00.0: Direct firmware load for rtl_nic/x.fw failed  drivers/base/firmware_loader/main.c

The lines may be in the format of `dmesg`, with or without times, of journald, or of syslog.
"""

from __future__ import annotations

import re

import attrs

from derivations.hardware.listings.lspci import SLOT
from derivations.hardware.listings.modalias import pci_modalias, usb_modalias
from derivations.hardware.snapshot import Fact, FactKind


_HEAD = re.compile(
    r"\s*(?:kern\s*:\w+\s*: |<\d+>)?\[(?:\s*\d+\.\d+|\w{3} \w{3} [\d: ]+)\](?:\[[^\]]*\])? ?|.{0,80}? kernel: (?:\[\s*\d+\.\d+\] )?"
)
_PCI = re.compile(
    rf"pci ({SLOT}): \[([0-9a-f]{{4}}):([0-9a-f]{{4}})\] type \w+ class (?:0x)?([0-9a-f]{{4}})([0-9a-f]{{2}}).*",
    re.ASCII,
)
_USB = re.compile(
    r"usb ([\w.-]+): New USB device found, idVendor=([0-9a-f]{4}), idProduct=([0-9a-f]{4})"
    r"(?:, bcdDevice= ?([0-9a-f]{1,2})\.([0-9a-f]{2}))?.*", re.ASCII,
)  # fmt: skip
_HID = re.compile(r"([\w-]+) ([0-9A-F]{4}):([0-9A-F]{4}):([0-9A-F]{4})\.[0-9A-F]{4}: .*", re.ASCII)
_BOUND = re.compile(rf"([a-z][\w-]*) ({SLOT})(?:: | ).*", re.ASCII)
_NVME = re.compile(rf"(nvme) nvme\d+: pci function ({SLOT})", re.ASCII)
_BOUND_USB = re.compile(r"([a-z][\w-]*) (\d+-[\d.]+):\d+\.\d+(?:: | ).*", re.ASCII)
_FIRMWARE = re.compile(
    r"(?:firmware: (?:direct-loading firmware|failed to load)|Direct firmware load for|[Ll]oading firmware:?) (\S+)"
)
_FILE = re.compile(
    r"(?<![\w/.+-])((?:[\w.+-]+/)*[\w.+-]+\.(?:bin|fw|ucode|sfi|hcd|sbin|pnvm|tplg|dlmem|itb|mbn))(?:\.(?:xz|zst))?(?![\w/])",
    re.ASCII,
)
_ABOUT_FIRMWARE = ("irmware", ".ucode", "oading ")
_ROOT = "/lib/firmware/"
_IWLWIFI = "iwlwifi"
"""The driver that logs the name of a file without `iwlwifi-` (drivers/net/wireless/intel/iwlwifi/iwl-drv.c)."""
_ON_USB = "0003"
_NOT_DRIVERS = frozenset({"pci", "hid", "usb", "hub", "pci_bus"})


def firmware_in(line: str) -> list[str]:
    """Return the firmware files that *line* of a log mentions."""
    if not any(word in line for word in _ABOUT_FIRMWARE):
        return []
    asked = [match[1].rstrip(":,()") for match in _FIRMWARE.finditer(line)]
    named = _FILE.findall(line.replace(_ROOT, ""))
    if _IWLWIFI in line:
        named = [it if _IWLWIFI in it or not it.endswith(".ucode") else f"{_IWLWIFI}-{it}" for it in named]
    return list(dict.fromkeys([*(it for it in asked if "/" in it or "." in it), *named]))


def _driven(place: str, driver: str) -> Fact:
    """Return the fact that *driver* drives the device in *place*, about which nothing else is known."""
    if re.fullmatch(SLOT, place):
        return Fact(FactKind.DEVICE, f"pci:slot:{place}", f"pci {driver}", place)
    return Fact(FactKind.DEVICE, f"usb:driver:{driver}", f"usb {driver}", f"USB driver {driver}")


@attrs.define
class KernelLog:
    """A reader of the kernel's log."""

    pci: dict[str, tuple[str, str]] = attrs.field(factory=dict)
    """Modalias and label of each PCI device, by its slot."""
    usb: dict[str, tuple[str, str]] = attrs.field(factory=dict)
    bound: dict[str, dict[str, None]] = attrs.field(factory=dict)
    """The drivers of each device, by its slot or USB path."""
    others: dict[Fact, None] = attrs.field(factory=dict)

    def facts(self) -> list[Fact]:
        """Return the facts in the lines."""
        found = dict(self.others)
        for bus, devices in (("pci", self.pci), ("usb", self.usb)):
            for place, (modalias, label) in devices.items():
                for driver in self.bound.get(place, {"": None}):
                    found[Fact(FactKind.DEVICE, modalias, f"{bus} {driver}" if driver else "", label)] = None
        # In the output of a search in a log, the line with the ids is often missing.
        found |= dict.fromkeys(
            _driven(place, driver)
            for place, drivers in self.bound.items()
            if place not in self.pci and place not in self.usb
            for driver in drivers
        )
        return list(found)

    def line(self, line: str, *, follows: bool) -> bool:  # noqa: ARG002 -- the signature of every form
        """Read *line*, and return whether it is from a log; whether it *follows* such a line does not matter."""
        head = _HEAD.match(line)
        has_facts = self._read(line[head.end() :] if head else line)
        return head is not None or has_facts

    def _read(self, text: str) -> bool:
        """Read the message *text*, and return whether it contains facts about the machine."""
        files = firmware_in(text)
        self.others |= dict.fromkeys(Fact(FactKind.FIRMWARE, it) for it in files)
        if match := _PCI.fullmatch(text):
            slot, vendor, product, cls, interface = match.groups()
            label = f"{slot} class {cls} {vendor}:{product}"
            self.pci[slot] = pci_modalias(vendor, product, cls, interface), label
        elif match := _USB.fullmatch(text):
            place, vendor, product, *revision = match.groups()
            known = f"{revision[0]:0>2}{revision[1]}".upper() if revision[0] else "????"
            self.usb[place] = usb_modalias(vendor, product, known), f"USB {vendor}:{product}"
        elif match := _HID.fullmatch(text):
            driver, bus, vendor, product = match.groups()
            known = "" if driver in _NOT_DRIVERS else f"hid {driver}"
            modalias = f"hid:b{bus}g????v0000{vendor}p0000{product}"
            self.others[Fact(FactKind.DEVICE, modalias, known, f"HID {vendor.lower()}:{product.lower()}")] = None
            if bus == _ON_USB:
                self.others[Fact(FactKind.DEVICE, "usb:driver:usbhid", "usb usbhid", "USB driver usbhid")] = None
        elif match := _BOUND.fullmatch(text) or _NVME.fullmatch(text) or _BOUND_USB.fullmatch(text):
            if match[1] in _NOT_DRIVERS:
                return bool(files)
            self.bound.setdefault(match[2], {})[match[1]] = None
        else:
            return bool(files)
        return True
