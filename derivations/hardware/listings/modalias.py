"""Modaliases of the devices in a listing, with `?` for what the listing does not show."""

from __future__ import annotations

import re

import attrs


ANY = "?"


def pci_modalias(
    vendor: str, product: str, cls: str = "", interface: str = "", subsystem: tuple[str, str] | None = None
) -> str:
    """Return the modalias of a PCI device; all ids are hexadecimal, *cls* has four digits, which may be `?`, or is empty."""
    base, sub = (cls[:2].upper(), cls[2:].upper()) if cls else ("??", "??")
    sv, sd = (f"0000{it.upper()}" for it in subsystem) if subsystem else (ANY * 8, ANY * 8)
    return f"pci:v0000{vendor.upper()}d0000{product.upper()}sv{sv}sd{sd}bc{base}sc{sub}i{(interface or '??').upper()}"


@attrs.frozen
class Triple:
    """Class, subclass and protocol of a USB device or interface, each of two hexadecimal digits."""

    cls: str = "??"
    sub: str = "??"
    protocol: str = "??"


_ROOT_HUBS = re.compile("1d6b:000[123]", re.IGNORECASE)
"""The ids of Linux's own root hubs (drivers/usb/core/hcd.c)."""

_HUB = Triple("09")


def usb_modalias(
    vendor: str, product: str, revision: str = "????", device: Triple | None = None, interface: Triple | None = None
) -> str:
    """Return the modalias of an interface of a USB device; all ids are hexadecimal."""
    if interface is None and _ROOT_HUBS.fullmatch(f"{vendor}:{product}"):
        interface = _HUB
    d, i = device or Triple(), interface or Triple()
    return (
        f"usb:v{vendor.upper()}p{product.upper()}d{revision}"
        f"dc{d.cls.upper()}dsc{d.sub.upper()}dp{d.protocol.upper()}"
        f"ic{i.cls.upper()}isc{i.sub.upper()}ip{i.protocol.upper()}in??"
    )
