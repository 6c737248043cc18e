"""The kinds of device tables: the fields of an entry, and its patterns in `modules.alias`.

The patterns are those of `scripts/mod/file2alias.c`, the fields those of `include/linux/mod_devicetable.h`, in
order. A range of a USB device's revisions is read as any revision, so more may match than with modpost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.hardware.c_source.device_table import Bus, Fields, designated
from derivations.hardware.c_source.preprocessor import split, string


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


ANY32 = 0xFFFFFFFF


def _hex(value: int | None, digits: int) -> str:
    """Return *value* with that many *digits*, `*` for None."""
    return "*" if value is None else f"{value & ((1 << 4 * digits) - 1):0{digits}X}"


def _any(value: int, anything: int) -> int | None:
    """Return *value*, None if it is the wildcard *anything*."""
    return None if value & anything == anything else value


def _pci(it: Fields) -> Iterator[str]:
    vendor, device = it.number("vendor"), it.number("device")
    cls, mask = it.number("class"), it.number("class_mask")
    if not (vendor or device or cls):
        return
    parts = [
        ("v", vendor), ("d", device), ("sv", it.number("subvendor")), ("sd", it.number("subdevice")),
    ]  # fmt: skip
    # A pattern cannot express a mask that covers part of a byte; modpost rejects it.
    classes = [
        (name, (cls >> shift) & 0xFF if (~mask >> shift) & 0xFF == 0 else None)
        for name, shift in (("bc", 16), ("sc", 8), ("i", 0))
    ]
    ids = "".join(f"{name}{_hex(_any(value, ANY32), 8)}" for name, value in parts)
    # `override_only` devices are bound only with a driver override (PCI_ID_F_VFIO_DRIVER_OVERRIDE).
    prefix = "vfio_pci:" if it.number("override_only") else "pci:"
    yield _closed(prefix + ids + "".join(f"{name}{_hex(value, 2)}" for name, value in classes))


_USB = (
    ("v", "idVendor", 0x1, 4),
    ("p", "idProduct", 0x2, 4),
    ("d", "", 0, 4),
    ("dc", "bDeviceClass", 0x10, 2),
    ("dsc", "bDeviceSubClass", 0x20, 2),
    ("dp", "bDeviceProtocol", 0x40, 2),
    ("ic", "bInterfaceClass", 0x80, 2),
    ("isc", "bInterfaceSubClass", 0x100, 2),
    ("ip", "bInterfaceProtocol", 0x200, 2),
    ("in", "bInterfaceNumber", 0x400, 2),
)


def _usb(it: Fields) -> Iterator[str]:
    flags = it.number("match_flags")
    if flags:
        parts = (f"{name}{_hex(it.number(field) if flags & bit else None, size)}" for name, field, bit, size in _USB)
        yield _closed("usb:" + "".join(parts))


def _hid(it: Fields) -> Iterator[str]:
    bus, vendor = it.number("bus"), it.number("vendor")
    group, product = it.number("group"), it.number("product")
    if bus or vendor or product or group:
        yield (
            f"hid:b{_hex(_any(bus, 0xFFFF), 4)}g{_hex(group or None, 4)}"
            f"v{_hex(_any(vendor, ANY32), 8)}p{_hex(_any(product, ANY32), 8)}"
        )


def _acpi(it: Fields) -> Iterator[str]:
    if name := it.text("id"):
        yield f"acpi*:{name}:*"
    elif mask := it.number("cls_msk"):
        cls = it.number("cls")
        shown = "".join(_hex((cls >> shift) & 0xFF, 2) if (mask >> shift) & 0xFF else "??" for shift in (16, 8, 0))
        yield f"acpi*:{shown.lower()}:*"


def _pnp(it: Fields) -> Iterator[str]:
    if name := it.text("id"):
        yield f"pnp:d{name}*"
        yield f"acpi*:{name.upper()}:*"


def _virtio(it: Fields) -> Iterator[str]:
    if device := it.number("device"):
        yield _closed(f"virtio:d{_hex(_any(device, ANY32), 8)}v{_hex(_any(it.number('vendor'), ANY32), 8)}")


def _named_alias(prefix: str, field: str = "name", suffix: str = "") -> Callable[[Fields], Iterator[str]]:
    def make(it: Fields) -> Iterator[str]:
        if name := it.text(field):
            yield f"{prefix}{name}{suffix}"

    return make


def _of(it: Fields) -> Iterator[str]:
    name, kind, compatible = it.text("name"), it.text("type"), it.text("compatible")
    if name or kind or compatible:
        base = f"of:N{name or '*'}T{kind or '*'}"
        yield f"{base}C{compatible}" if compatible else f"{base}*"
        if compatible:
            yield f"{base}C{compatible}C*"


def _sdio(it: Fields) -> Iterator[str]:
    cls, vendor, device = it.number("class"), it.number("vendor"), it.number("device")
    if cls or vendor or device:
        yield _closed(
            f"sdio:c{_hex(_any(cls, 0xFF), 2)}v{_hex(_any(vendor, 0xFFFF), 4)}d{_hex(_any(device, 0xFFFF), 4)}"
        )


def _serio(it: Fields) -> Iterator[str]:
    kind, proto = it.number("type"), it.number("proto")
    if kind or proto:
        parts = (("ty", kind), ("pr", proto), ("id", it.number("id")), ("ex", it.number("extra")))
        yield _closed("serio:" + "".join(f"{name}{_hex(_any(value, 0xFF), 2)}" for name, value in parts))


def _hdaudio(it: Fields) -> Iterator[str]:
    if vendor := it.number("vendor_id"):
        yield f"hdaudio:v{_hex(vendor, 8)}r{_hex(it.number('rev_id') or None, 8)}a*"


def _x86cpu(it: Fields) -> Iterator[str]:
    vendor, family, model = it.number("vendor"), it.number("family"), it.number("model")
    feature = it.number("feature")
    if not (it.entry and (vendor or family or model or feature)):
        return
    yield (
        f"cpu:type:x86,ven{_hex(_any(vendor, 0xFFFF), 4)}fam{_hex(family or None, 4)}mod{_hex(model or None, 4)}"
        f":feature:*{f',{_hex(feature, 4)}' if feature else ''}*"
    )


_GUID = 16  # bytes
_IN_ORDER = (3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15)
"""The bytes of a GUID in the order of its text; in memory, its first three fields have their lowest byte first."""


def _bytes(it: Fields, field: str) -> list[int]:
    """Return the bytes in *field* of *it* if they are a GUID, or else an empty list."""
    values = [value & 0xFF for value in it.numbers(field)]
    return values if len(values) == _GUID else []


def _guid(values: list[int], order: Sequence[int] = _IN_ORDER) -> str:
    text = "".join(f"{values[place]:02x}" for place in order)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _vmbus(it: Fields) -> Iterator[str]:
    if values := _bytes(it, "guid"):
        yield "vmbus:" + "".join(f"{value:02x}" for value in values)


def _ishtp(it: Fields) -> Iterator[str]:
    if values := _bytes(it, "guid"):
        yield f"ishtp:{{{_guid(values).upper()}}}"


def _tee(it: Fields) -> Iterator[str]:
    if values := _bytes(it, "uuid"):
        yield f"tee:{_guid(values, range(_GUID))}*"


_ANY_VERSION = 0xFF


def _mei(it: Fields) -> Iterator[str]:
    name, values, version = it.text("name"), _bytes(it, "uuid"), it.number("version")
    if name or values:
        uuid = _guid(values) if values else "*"
        yield f"mei:{name or '*'}:{uuid}:{_hex(_any(version, _ANY_VERSION), 2)}:*"


def _amba(it: Fields) -> Iterator[str]:
    name, mask = it.number("id"), it.number("mask")
    if mask:
        digits = zip(f"{name & ANY32:08X}", f"{mask & ANY32:08X}", strict=True)
        yield "amba:d" + "".join(digit if known == "F" else "?" for digit, known in digits)


def _sdw(it: Fields) -> Iterator[str]:
    maker, part = it.number("mfg_id"), it.number("part_id")
    version, cls = it.number("sdw_version"), it.number("class_id")
    if maker or part or cls:
        yield _closed(
            f"sdw:m{_hex(maker or None, 4)}p{_hex(part or None, 4)}v{_hex(version or None, 2)}c{_hex(cls or None, 2)}"
        )


def _coreboot(it: Fields) -> Iterator[str]:
    if tag := it.number("tag"):
        yield f"coreboot:t{_hex(tag, 8)}"


_DMI = {
    "DMI_BIOS_VENDOR": "bvn", "DMI_BIOS_VERSION": "bvr", "DMI_BIOS_DATE": "bd", "DMI_BIOS_RELEASE": "br",
    "DMI_EC_FIRMWARE_RELEASE": "efr", "DMI_SYS_VENDOR": "svn", "DMI_PRODUCT_NAME": "pn", "DMI_PRODUCT_VERSION": "pvr",
    "DMI_BOARD_VENDOR": "rvn", "DMI_BOARD_NAME": "rn", "DMI_BOARD_VERSION": "rvr", "DMI_CHASSIS_VENDOR": "cvn",
    "DMI_CHASSIS_TYPE": "ct", "DMI_CHASSIS_VERSION": "cvr",
}  # fmt: skip


def _dmi(it: Fields) -> Iterator[str]:
    given = it.tokens("matches")
    matches = [designated(part) for part in split(given[1:-1])]
    asked = {"".join(match["slot"]): string(match.get("substr", [])) for match in matches if "slot" in match}
    parts = [(prefix, text) for slot, prefix in _DMI.items() if (text := asked.get(slot)) is not None]
    if parts:
        # The values in a modalias contain neither spaces nor colons.
        shown = ((prefix, "".join(c for c in text if " " < c <= "~" and c != ":")) for prefix, text in parts)
        yield "dmi*" + "".join(f":{prefix}*{text}*" for prefix, text in shown) + ":"


def _bcma(it: Fields) -> Iterator[str]:
    if manufacturer := it.number("manuf"):
        yield _closed(
            f"bcma:m{_hex(_any(manufacturer, 0xFFFF), 4)}id{_hex(_any(it.number('id'), 0xFFFF), 4)}"
            f"rev{_hex(_any(it.number('rev'), 0xFF), 2)}cl{_hex(_any(it.number('class'), 0xFF), 2)}"
        )


def _ssb(it: Fields) -> Iterator[str]:
    if vendor := it.number("vendor"):
        yield _closed(
            f"ssb:v{_hex(_any(vendor, 0xFFFF), 4)}id{_hex(_any(it.number('coreid'), 0xFFFF), 4)}"
            f"rev{_hex(_any(it.number('revision'), 0xFF), 2)}"
        )


def _typec(it: Fields) -> Iterator[str]:
    if svid := it.number("svid"):
        yield f"typec:id{_hex(svid, 4)}m{_hex(it.number('mode') or None, 2)}"


def _firewire(it: Fields) -> Iterator[str]:
    flags = it.number("match_flags")
    fields = (("ven", "vendor_id", 1), ("mo", "model_id", 2), ("sp", "specifier_id", 4), ("ver", "version", 8))
    if flags:
        yield _closed(
            "ieee1394:"
            + "".join(f"{name}{_hex(it.number(at) if flags & bit else None, 8)}" for name, at, bit in fields)
        )


def _thunderbolt(it: Fields) -> Iterator[str]:
    if key := it.text("protocol_key"):
        yield f"tbsvc:k{key}p*v*r*"


def _closed(pattern: str) -> str:
    """Return *pattern* with a single `*` at its end, which allows for newer fields."""
    return pattern if pattern.endswith("*") else f"{pattern}*"


BUSES: dict[str, Bus] = {
    "acpi": Bus(("id", "driver_data", "cls", "cls_msk"), _acpi),
    "amba": Bus(("id", "mask"), _amba),
    "auxiliary": Bus(("name",), _named_alias("auxiliary:")),
    "bcma": Bus(("manuf", "id", "rev", "class"), _bcma),
    "coreboot": Bus(("tag",), _coreboot),
    "dmi": Bus(("callback", "ident", "matches"), _dmi),
    "hdaudio": Bus(("vendor_id", "rev_id", "api_version"), _hdaudio),
    "hid": Bus(("bus", "group", "vendor", "product"), _hid),
    "i2c": Bus(("name",), _named_alias("i2c:")),
    "ieee1394": Bus(("match_flags", "vendor_id", "model_id", "specifier_id", "version"), _firewire),
    "ishtp": Bus(("guid",), _ishtp),
    "mei": Bus(("name", "uuid", "version"), _mei),
    "mhi": Bus(("chan",), _named_alias("mhi:", "chan")),
    "of": Bus(("name", "type", "compatible"), _of),
    "pci": Bus(("vendor", "device", "subvendor", "subdevice", "class", "class_mask"), _pci),
    "platform": Bus(("name",), _named_alias("platform:")),
    "pnp": Bus(("id",), _pnp),
    "rpmsg": Bus(("name",), _named_alias("rpmsg:")),
    "sdio": Bus(("class", "vendor", "device"), _sdio),
    "sdw": Bus(("mfg_id", "part_id", "sdw_version", "class_id"), _sdw),
    "serio": Bus(("type", "extra", "id", "proto"), _serio),
    "spi": Bus(("name",), _named_alias("spi:")),
    "ssb": Bus(("vendor", "coreid", "revision"), _ssb),
    "tee": Bus(("uuid",), _tee),
    "tbsvc": Bus(("match_flags", "protocol_key"), _thunderbolt),
    "typec": Bus(("svid", "mode"), _typec),
    "usb": Bus(
        (
            "match_flags", "idVendor", "idProduct", "bcdDevice_lo", "bcdDevice_hi", "bDeviceClass", "bDeviceSubClass",
            "bDeviceProtocol", "bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol", "bInterfaceNumber",
        ),
        _usb,
    ),
    "virtio": Bus(("device", "vendor"), _virtio),
    "vmbus": Bus(("guid",), _vmbus),
    "wmi": Bus(("guid_string",), _named_alias("wmi:", "guid_string", "*")),
    "x86cpu": Bus(("vendor", "family", "model", "steppings", "feature"), _x86cpu),
}  # fmt: skip
"""The supported kinds of `MODULE_DEVICE_TABLE`, by their first argument."""
