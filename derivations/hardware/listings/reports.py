"""Ids and drivers in reports about whole machines: by inxi, and the file `devices` of hw-probe.

    Graphics:  Device-1: Intel … driver: i915 v: kernel bus-ID: 00:02.0 chip-ID: 8086:3e98 class-ID: 0300     inxi -xxx
    pci:8086-5916-17aa-2245;03-00-00;works;graphics card;i915;Intel;HD Graphics 620                           hw-probe

inxi breaks lines at any space. Without `-x` it prints no ids; then only the driver identifies a device.
"""

from __future__ import annotations

import itertools
import re

import attrs

from derivations.hardware.listings.lspci import SLOT
from derivations.hardware.listings.modalias import Triple, pci_modalias, usb_modalias
from derivations.hardware.snapshot import Fact, FactKind


_HEADING = re.compile(
    r"(?:System|Machine|Battery|Memory|PCI Slots|CPU|Graphics|Audio|Network|Bluetooth|Logical|RAID|Drives|Optical|Partition"
    r"|Swap|Unmounted|USB|Sensors|Repos|Processes|Info|Features|Vulnerabilities)(?::(?:\s.*)?|\s{2,}\S.*)"
)
_SECTIONS = {"Graphics": "03??", "Audio": "04??", "Network": "02??", "RAID": "01??"}
"""The PCI class of the devices in a section, for older versions that do not print it."""
_BEGIN = re.compile(r"(?:Device|Card|Hub)-\d+: .*")
_FIELD = re.compile(r"(?:(?:bus|chip|class)[- ]ID|driver|type|speed|serial): ")
_DEVICE = re.compile(
    r"(?:^| )(?:Device|Card|Hub)-\d+:|(?:^| )Card:? |(?:^| )(?:Display|Display Server|API|Sound Server-\d+|IF|Drives|ID-\d+):"
)
_IS_DEVICE = re.compile(r"(?:Device|Card|Hub)[-:\d ]*$")
_ON_USB = re.compile(r"\btype: USB\b")
_CHIP = re.compile(r"chip[- ]ID: ([0-9a-f]{4}):([0-9a-f]{4})\b", re.ASCII)
_CLASS = re.compile(r"class[- ]ID: ([0-9a-f]{4})\b", re.ASCII)
_BUS = re.compile(r"bus[- ]ID: (\S+)")
_DRIVER = re.compile(r"\bdriver: ([\w,-]+)", re.ASCII)
_TITLE = re.compile(r"\s*(.*?)\s*(?:\b(?:vendor|driver|type|bus[- ]ID): .*|$)")
_PROBE = re.compile(
    r"(pci|usb):([0-9a-f]{4})-([0-9a-f]{4})(?:-([0-9a-f]{4})-([0-9a-f]{4}))?(?:-\S+?)?"
    r";([0-9a-f-]*);[^;]*;[^;]*;([^;]*)(.*)", re.ASCII,
)  # fmt: skip
_PROBE_OTHER = re.compile(r"[a-z]+:[^;\s]+(?:;[^;]*){4,}", re.ASCII)
"""Lines of hw-probe about monitors, boards, and the like."""
_NONE = frozenset({"", "N", "NA", "none"})


@attrs.define
class ReportListing:
    """A reader of the output of inxi and hw-probe."""

    texts: list[str] = attrs.field(factory=list)
    """The sections of inxi's reports, their lines joined."""
    others: list[Fact] = attrs.field(factory=list)
    in_report: bool = False
    """Whether the last line was from inxi."""

    def facts(self) -> list[Fact]:
        """Return the facts in the reports."""
        return list(dict.fromkeys([*self.others, *(fact for text in self.texts for fact in _inxi(text))]))

    def line(self, line: str, *, follows: bool) -> bool:
        """Read *line*, and return whether it is from a report; it *follows* such a line if the last line was one."""
        if match := _PROBE.fullmatch(line):
            self.others += _probed(match)
            self.in_report = False
            return True
        if _PROBE_OTHER.fullmatch(line):
            self.in_report = False
            return True
        if _HEADING.fullmatch(line) or _BEGIN.fullmatch(line):
            self.texts.append(line.strip())
            self.in_report = True
            return True
        if follows and self.in_report and (line[0] in " \t" or _FIELD.search(line)):
            self.texts[-1] += f" {line.strip()}"
            return True
        return False


def _inxi(text: str) -> list[Fact]:
    """Return the facts about devices in *text*, a section of a report by inxi."""
    facts = []
    section = _SECTIONS.get(re.split(r"[:\s]", text, maxsplit=1)[0], "")
    line = " ".join(text.split())
    heads = [*_DEVICE.finditer(line)]
    for head, following in itertools.zip_longest(heads, heads[1:]):
        part = line[head.end() : following.start() if following else None]
        if not _IS_DEVICE.search(head[0]):
            continue
        chip, cls, bus, driver, title = (it.search(part) for it in (_CHIP, _CLASS, _BUS, _DRIVER, _TITLE))
        place, called = bus[1] if bus else "", title[1] if title else ""
        drivers = [it for it in (driver[1].split(",") if driver else ()) if it not in _NONE]
        on_pci = re.fullmatch(SLOT, place, re.ASCII) if place else chip is None and _ON_USB.search(part) is None
        kind = "pci" if on_pci else "usb"
        if chip is None:  # without -x, only the driver is printed
            facts += [Fact(FactKind.DEVICE, f"{kind}:driver:{it}", f"{kind} {it}", called) for it in drivers]
            continue
        if on_pci:
            modalias = pci_modalias(chip[1], chip[2], cls[1] if cls else section)
            label = f"{place} {called} [{chip[1]}:{chip[2]}]"
        else:
            modalias = usb_modalias(chip[1], chip[2])
            label = f"USB {chip[1]}:{chip[2]} {called}".rstrip()
        facts += [Fact(FactKind.DEVICE, modalias, f"{kind} {it}" if it else "", label) for it in drivers or [""]]
    return facts


def _probed(match: re.Match[str]) -> list[Fact]:
    """Return the facts in a line of hw-probe: id, class, status, kind, drivers, names."""
    bus, vendor, product, sub_vendor, sub_product, cls, driver, names = match.groups()
    digits = [it for it in cls.split("-") if len(it) == 2]  # noqa: PLR2004 -- a byte
    title = " ".join(filter(None, names.split(";")))
    base, sub, last, *_ = (*digits, "", "", "")
    if bus == "pci":
        subsystem = (sub_vendor, sub_product) if sub_vendor else None
        modalias = pci_modalias(vendor, product, base + sub if sub else "", last, subsystem)
    else:
        # The classes 00 and ef mean that the interfaces have classes of their own.
        is_specific = bool(last) and base not in {"00", "ef"}
        modalias = usb_modalias(vendor, product, interface=Triple(base, sub, last) if is_specific else None)
    drivers = [it for it in re.split(r"[,\s]+", driver) if it and it not in _NONE] or [""]
    return [
        Fact(
            FactKind.DEVICE, modalias, f"{bus} {it}" if it else "", f"{bus.upper()} {vendor}:{product} {title}".rstrip()
        )
        for it in drivers
    ]
