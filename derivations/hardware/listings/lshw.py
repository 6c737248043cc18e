"""Listings by `lshw` of devices on PCI and USB: their drivers, and with `-numeric` their ids.

*-network
     product: RTL8111/8168/8411 PCI Express Gigabit Ethernet Controller [10EC:8168]
     bus info: pci@0000:03:00.0
     configuration: broadcast=yes driver=r8169 driverversion=6.12.0 …
"""

from __future__ import annotations

import re

import attrs

from derivations.hardware.listings.modalias import pci_modalias, usb_modalias
from derivations.hardware.snapshot import Fact, FactKind


BEGIN = re.compile(r"\s*\*-[\w:.-]+(?:\s.*)?")
"""The first line of a device, which may be indented."""
_FIELD = re.compile(r"\s+(product|bus info|configuration): (.*)")
_ID = re.compile(r"(.*?) ?\[([0-9A-Fa-f]{4}):([0-9A-Fa-f]{4})\]", re.ASCII)
_BUS = re.compile(r"(pci|usb)@(\S+)")
_DRIVER = re.compile(r"\bdriver=([\w-]+)", re.ASCII)


@attrs.define
class LshwListing:
    """A reader of the output of `lshw`."""

    devices: list[dict[str, str]] = attrs.field(factory=list)
    """The fields of each device."""

    def facts(self) -> list[Fact]:
        """Return the facts in the lines."""
        return list(dict.fromkeys(fact for it in self.devices if (fact := _fact(it)) is not None))

    def line(self, line: str, *, follows: bool) -> bool:
        """Read *line*, and return whether it is from `lshw`; it *follows* such a line if the last line was one."""
        if BEGIN.fullmatch(line):
            self.devices.append({})
            return True
        if not follows or line[0] not in " \t":
            return False
        if match := _FIELD.fullmatch(line):
            self.devices[-1].setdefault(match[1], match[2])
        return True


def _fact(fields: dict[str, str]) -> Fact | None:
    """Return the fact in the *fields* of a device, if it is on a bus and has ids or a driver."""
    place, driver = _BUS.fullmatch(fields.get("bus info", "")), _DRIVER.search(fields.get("configuration", ""))
    product = _ID.fullmatch(fields.get("product", ""))
    if place is None or (product is None and driver is None):
        return None
    bus, slot = place.groups()
    by = f"{bus} {driver[1]}" if driver else ""
    if product is None:
        modalias = f"pci:slot:{slot}" if bus == "pci" else f"usb:driver:{by}"
        return Fact(FactKind.DEVICE, modalias, by, f"{slot} {fields.get('product', '')}".rstrip())
    name, vendor, device = product.groups()
    modalias = pci_modalias(vendor, device) if bus == "pci" else usb_modalias(vendor, device)
    return Fact(FactKind.DEVICE, modalias, by, f"{slot} {name} [{vendor.lower()}:{device.lower()}]")
