"""Listings by `lsusb`, `lsusb -t`, `lsusb -v`, `usb-devices` and debugfs' `usb/devices`.

Bus 001 Device 002: ID 046d:c52b Logitech, Inc. …                lsusb; with -v, indented, every descriptor
/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/6p     lsusb -t
P:  Vendor=046d ProdID=c077 Rev=72.00                            usb-devices (Documentation/driver-api/usb/usb.rst)
I:* If#= 0 Alt= 0 #EPs= 1 Cls=03(HID  ) Sub=01 Prot=02 Driver=usbhid
"""

from __future__ import annotations

import re

import attrs

from derivations.hardware.listings.modalias import Triple, usb_modalias
from derivations.hardware.snapshot import Fact, FactKind


_ID = r"([0-9a-f]{4}):([0-9a-f]{4})"
_LINE = re.compile(rf"\w+ \d{{3}} \S+ \d{{3}}: ID {_ID}(.*)")
_TREE = re.compile(r"[\s|]*(?:/:\s+Bus|\|__ Port) \d+.*, Class=(.*), Driver=([^,/]*).*")
_TREE_ID = re.compile(rf"[\s|]*ID {_ID}(.*)")
_TREE_PATH = re.compile(r"[\s|]*/(?:sys/bus|dev)/(?:bus/)?usb/.*")
_DESCRIPTOR = re.compile(r"\s+(bcdDevice|b(?:Device|Interface)(?:Class|SubClass|Protocol))\s+(\S+).*")
_FLUSH_LEFT = re.compile(
    r"(?:Device (?:Descriptor|Qualifier|Status)|Hub |Binary Object Store|Couldn't open|can't get|cannot read).*"
)
_TAGGED = re.compile(r"([TBDPSCIEA]):\*?\s+(.*)")
_TOKEN = re.compile(r"([\w#]+)=\s*([^\s=(]+)")
_NAMED = re.compile(r"(Manufacturer|Product)=(.*)")


_UNKNOWN: tuple[tuple[Triple | None, str], ...] = ((None, ""),)


@attrs.define
class _Device:
    """A USB device whose lines are being read."""

    vendor: str = ""
    product: str = ""
    title: str = ""
    revision: str = "????"
    itself: Triple = attrs.field(factory=Triple)
    interfaces: list[tuple[Triple, str]] = attrs.field(factory=list)
    """The interfaces, each with its driver."""

    def facts(self) -> list[Fact]:
        if not self.vendor:
            return []
        label = f"USB {self.vendor}:{self.product} {self.title}".rstrip()
        return [
            Fact(
                FactKind.DEVICE,
                usb_modalias(self.vendor, self.product, self.revision, self.itself, interface),
                f"usb {driver}" if driver else "",
                label,
            )
            for interface, driver in (self.interfaces or _UNKNOWN)
        ]


@attrs.define
class UsbListing:
    """A reader of the output of programs that list USB devices."""

    devices: list[_Device] = attrs.field(factory=list)
    drivers: list[Fact] = attrs.field(factory=list)

    def facts(self) -> list[Fact]:
        """Return the facts in the lines, each once."""
        return list(dict.fromkeys([*(fact for device in self.devices for fact in device.facts()), *self.drivers]))

    def line(self, line: str, *, follows: bool) -> bool:
        """Read *line*, and return whether it is about USB; it *follows* such a line if the last line was one."""
        if match := _LINE.fullmatch(line) or _TREE_ID.fullmatch(line):
            self.devices.append(_Device(match[1], match[2], match[3].strip()))
        elif match := _TREE.fullmatch(line):
            self._tree(*match.groups())
        elif match := _TAGGED.fullmatch(line):
            return self._tagged(*match.groups(), follows=follows)
        elif follows and self.devices and (match := _DESCRIPTOR.fullmatch(line)):
            self._descriptor(self.devices[-1], match[1], match[2])
        else:
            return follows and bool(line[0] in " \t" or _FLUSH_LEFT.match(line) or _TREE_PATH.fullmatch(line))
        return True

    def _tree(self, kind: str, driver: str) -> None:
        if driver and driver != "[none]":
            bus = "pci" if kind == "root_hub" else "usb"
            self.drivers.append(
                Fact(FactKind.DEVICE, f"usb:driver:{driver}", f"{bus} {driver}", f"USB driver {driver}")
            )

    def _tagged(self, tag: str, rest: str, *, follows: bool) -> bool:
        """Read a line of `usb-devices`; the first line of a device has the tag T."""
        values = dict(_TOKEN.findall(rest))
        if tag == "T" and "Bus" in values:
            self.devices.append(_Device())
            return True
        if not follows or not self.devices:
            return False
        device = self.devices[-1]
        if tag == "P":
            device.vendor, device.product = values.get("Vendor", ""), values.get("ProdID", "")
            device.revision = _revision(values.get("Rev", ""))
        elif tag == "D":
            device.itself = _triple(values)
        elif tag == "S" and (match := _NAMED.fullmatch(rest)):
            device.title = f"{device.title} {match[2]}".strip()
        elif tag == "I":
            driver = values.get("Driver", "")  # `(none)` is not a value: `_TOKEN` skips text in parentheses
            device.interfaces.append((_triple(values), driver))
        return True

    def _descriptor(self, device: _Device, name: str, value: str) -> None:
        """Read a line of a descriptor from `lsusb -v`, where numbers are decimal."""
        if name == "bcdDevice":
            device.revision = _revision(value)
            return
        if not value.isdecimal() or int(value) > 0xFF:  # noqa: PLR2004 -- a byte
            return
        digits = f"{int(value):02x}"
        if name == "bInterfaceClass":
            device.interfaces.append((Triple(digits), ""))
        part = {"Class": "cls", "SubClass": "sub", "Protocol": "protocol"}[re.sub(r"b(?:Device|Interface)", "", name)]
        if name.startswith("bDevice"):
            device.itself = attrs.evolve(device.itself, **{part: digits})
        elif device.interfaces:
            triple, driver = device.interfaces[-1]
            device.interfaces[-1] = attrs.evolve(triple, **{part: digits}), driver


def _triple(values: dict[str, str]) -> Triple:
    return Triple(
        *(
            value if re.fullmatch("[0-9a-f]{2}", value) else "??"
            for value in map(values.get, ("Cls", "Sub", "Prot"), ("??",) * 3)
        )
    )


def _revision(text: str) -> str:
    """Return the digits of a version, `72.00` or `2.06`, in the form of a modalias."""
    match = re.fullmatch(r"([0-9a-f]{1,2})\.([0-9a-f]{2})", text)
    return f"{match[1]:0>2}{match[2]}".upper() if match else "????"
