"""Listings by `lspci` from pciutils and BusyBox, in any language if they contain ids.

00:02.0 VGA compatible controller [0300]: Intel … [8086:5916] (rev 02)          -nn
00:02.0 0300: 8086:5916 (rev 02)                                                -n
00:19.0 Class 0200: Device 8086:1502 (rev 04)                                   without pci.ids
03:00.0 Class 0300: 1002:1638 amdgpu                                            BusyBox -k
00:02.0 "VGA… [0300]" "Intel… [8086]" "HD… [5916]" -r02 -p00 "Lenovo [17aa]" …  -mm with -n or -nn
Slot:   00:02.0                                                                 -vmm, one field a line
"""

from __future__ import annotations

import re

import attrs

from derivations.hardware.listings.modalias import pci_modalias
from derivations.hardware.snapshot import Fact, FactKind


SLOT = r"(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"

_LINE = re.compile(rf"({SLOT})\s+(\S.*)", re.ASCII)
_ID = r"([0-9a-f]{4}):([0-9a-f]{4})"
_NOTES = r"(?: \((?:rev|prog-if) [^)]*\))*"
_FORMS = (
    re.compile(rf"(?P<title>)Class \[?([0-9a-f]{{4}})\]?: (?:Device )?\[?{_ID}\]?{_NOTES}(?:\s+([\w-]+))?", re.ASCII),
    re.compile(rf"(?P<title>)([0-9a-f]{{4}}): {_ID}\b.*()", re.ASCII),
    re.compile(rf"(?P<title>.*? ?)\[([0-9a-f]{{4}})\]: .*? ?\[{_ID}\](?: .*)?()", re.ASCII),
    re.compile(rf"(?P<title>[^:]*()): Device {_ID}{_NOTES}()", re.ASCII),
)
"""The forms of a line after the slot; the groups are title, class, vendor, device and driver, each possibly empty."""

_CLASSES = {
    "SCSI storage controller": "0100", "IDE interface": "0101", "RAID bus controller": "0104", "SATA controller": "0106",
    "Serial Attached SCSI controller": "0107", "Non-Volatile memory controller": "0108", "Ethernet controller": "0200",
    "Network controller": "0280", "VGA compatible controller": "0300", "3D controller": "0302", "Display controller": "0380",
    "Multimedia video controller": "0400", "Multimedia audio controller": "0401", "Audio device": "0403",
    "Multimedia controller": "0480", "Host bridge": "0600", "ISA bridge": "0601", "PCI bridge": "0604", "Serial controller": "0700",
    "Communication controller": "0780", "SD Host controller": "0805", "IOMMU": "0806", "System peripheral": "0880",
    "FireWire (IEEE 1394)": "0c00", "USB controller": "0c03", "SMBus": "0c05", "Serial bus controller": "0c80",
    "Encryption controller": "1080", "Signal processing controller": "1180", "Processing accelerators": "1200",
}  # fmt: skip
"""The names of the common classes in pci.ids: if a device has no name, its class may be the only text."""

_INTERFACE = re.compile(r"\(prog-if ([0-9a-f]{2})\b", re.ASCII)
_SUBSYSTEM = re.compile(rf"\s+\S[^:]*: (?:.*[\[ ])?{_ID}\]?", re.ASCII)
_IN_USE = re.compile(r"\s+Kernel driver in use: ([\w.-]+)", re.ASCII)
_MODULES = re.compile(r"\s+Kernel modules: ([\w., -]+)", re.ASCII)
_ABOUT_DRIVER = re.compile(r"\s+[^:]*\b\w*(?:ernel|reiber|ilote|river)\w*[^:]*: \S+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FIELD = re.compile(
    r"(Slot|Device|Class|Vendor|SVendor|SDevice|ProgIf|Rev|PhySlot|Driver|Module|NUMANode|IOMMUGroup|DTNode):\s+(.*)"
)
_NUMBER = re.compile(r"(?:.*[\[ ])?([0-9a-f]{4})\]?", re.ASCII)
_SHORT_NUMBER = re.compile(r"(?:.*[\[ ])?([0-9a-f]{2})\]?", re.ASCII)


_USB = "0c03"
_USB_INTERFACES = (
    ("30", re.compile(r"xHCI|eXtensible|USB ?3", re.IGNORECASE)),
    ("20", re.compile(r"EHCI|Enhanced Host|USB ?2 Enhanced", re.IGNORECASE)),
    ("10", re.compile("OHCI", re.IGNORECASE)),
    ("00", re.compile("UHCI", re.IGNORECASE)),
    ("40", re.compile(r"\bNHI\b|USB4 Host", re.IGNORECASE)),
)
"""Kinds of controllers by words in their pci.ids names: `-nn` does not print the interface, which determines the driver."""


@attrs.define
class _Device:
    """A PCI device whose lines are being read."""

    slot: str
    title: str = ""
    ids: tuple[str, str] | None = None
    cls: str = ""
    interface: str = ""
    subsystem: tuple[str, str] | None = None
    driver: str = ""
    modules: tuple[str, ...] = ()

    def facts(self) -> list[Fact]:
        label = " ".join(filter(None, (self.slot, self.title)))
        driver = f"pci {self.driver}" if self.driver else ""
        more = [Fact(FactKind.MODULE, it.replace("-", "_"), label=label) for it in self.modules]
        if self.ids is not None:
            return [Fact(FactKind.DEVICE, self._modalias(self.ids), driver, label), *more]
        # Without ids, only the driver identifies the device.
        return [Fact(FactKind.DEVICE, f"pci:slot:{self.slot}", driver, label), *more] if driver else more

    def _modalias(self, ids: tuple[str, str]) -> str:
        return pci_modalias(*ids, self.cls, self.interface or self._named(), self.subsystem)

    def _named(self) -> str:
        """Return the interface if the name shows exactly one kind of controller, or else an empty string."""
        found = [it for it, name in _USB_INTERFACES if name.search(self.title)] if self.cls == _USB else []
        return found[0] if len(found) == 1 else ""


@attrs.define
class _Record:
    """The fields of one device in the output of `lspci -vmm`."""

    fields: dict[str, str] = attrs.field(factory=dict)
    modules: list[str] = attrs.field(factory=list)

    def device(self) -> _Device:
        found = {
            name: _number(self.fields.get(name, "")) for name in ("Class", "Vendor", "Device", "SVendor", "SDevice")
        }
        interface = _SHORT_NUMBER.fullmatch(self.fields.get("ProgIf", ""))
        numbers = bool(found["Vendor"] and found["Device"])
        names = " ".join(filter(None, (self.fields.get(name, "") for name in ("Vendor", "Device"))))
        return _Device(
            self.fields["Slot"],
            f"{self.fields.get('Class', '')}: {names}",
            (found["Vendor"], found["Device"]) if numbers else None,
            found["Class"],
            interface[1] if interface else "",
            (found["SVendor"], found["SDevice"]) if found["SVendor"] and found["SDevice"] else None,
            self.fields.get("Driver", ""),
            tuple(self.modules),
        )


@attrs.define
class PciListing:
    """A reader of the output of `lspci`."""

    devices: list[_Device] = attrs.field(factory=list)
    records: list[_Record] = attrs.field(factory=list)

    def __len__(self) -> int:
        return len(self.devices) + len(self.records)

    def facts(self) -> list[Fact]:
        """Return the facts in the lines."""
        devices = [*self.devices, *(it.device() for it in self.records)]
        return [fact for device in devices for fact in device.facts()]

    def line(self, line: str, *, follows: bool) -> bool:
        """Read *line*, and return whether it is from `lspci`; it *follows* such a line if the last line was one."""
        if follows and self.devices and line[0] in " \t":
            return self._detail(self.devices[-1], line)
        if match := _LINE.fullmatch(line):
            self.devices.append(_quoted(*match.groups()) if match[2].startswith('"') else _device(*match.groups()))
            return True
        if match := _FIELD.fullmatch(line):
            return self._field(*match.groups(), follows=follows)
        return False

    def _detail(self, device: _Device, line: str) -> bool:
        """Read a line indented below *device*; return False if it is about the driver in another language."""
        if match := _IN_USE.fullmatch(line):
            device.driver = match[1]
        elif match := _MODULES.fullmatch(line):
            device.modules = tuple(it for it in re.split(r"[,\s]+", match[1]) if it)
        elif device.ids and not device.subsystem and (match := _SUBSYSTEM.fullmatch(line)):
            device.subsystem = match[1], match[2]
        elif _ABOUT_DRIVER.match(line):
            return False
        return True

    def _field(self, name: str, value: str, *, follows: bool) -> bool:
        """Read a field of `lspci -vmm`; `-vm` calls the slot a device."""
        if name == "Slot" or (name == "Device" and re.fullmatch(SLOT, value, re.ASCII)):
            self.records.append(_Record({"Slot": value}))
            return True
        if not follows or not self.records:
            return False
        if name == "Module":
            self.records[-1].modules.append(value)
        else:
            self.records[-1].fields[name] = value
        return True


def _device(slot: str, rest: str) -> _Device:
    """Return the device in *slot*; *rest* is in one of the forms without quotation marks."""
    found = next((match for form in _FORMS if (match := form.fullmatch(rest))), None)
    if found is None:
        return _Device(slot, rest)
    title, cls, vendor, product, driver = found.groups()
    interface = _INTERFACE.search(rest)
    cls = cls or _CLASSES.get(title.strip(), "")
    title = rest.partition(" (rev ")[0] if title else f"class {cls} {vendor}:{product}"
    return _Device(slot, title, (vendor, product), cls, interface[1] if interface else "", driver=driver or "")


def _quoted(slot: str, rest: str) -> _Device:
    """Return the device in *slot*; *rest* is from `lspci -mm`: class, vendor, device, and the subsystem's two."""
    texts = _QUOTED.findall(rest)
    cls, vendor, product, sub_vendor, sub_product = (_number(it) for it in (*texts, *[""] * 5)[:5])
    names = [it for it in texts[:3] if it]
    interface = re.search(r" -p([0-9a-f]{2})\b", rest, re.ASCII)
    return _Device(
        slot,
        f"{names[0]}: {' '.join(names[1:])}" if names else "",
        (vendor, product) if vendor and product else None,
        cls,
        interface[1] if interface else "",
        (sub_vendor, sub_product) if sub_vendor and sub_product else None,
        texts[5] if len(texts) == 6 else "",  # noqa: PLR2004 -- BusyBox adds the driver
    )


def _number(text: str) -> str:
    """Return the id in *text*: `0300`, `Class 0300` or `VGA compatible controller [0300]`; empty if there is none."""
    match = _NUMBER.fullmatch(text)
    return match[1] if match else ""
