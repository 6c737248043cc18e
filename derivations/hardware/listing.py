"""Listings of hardware that a person has: which programs wrote them is seen by their lines.

    lspci -k, -n, -nn, -nnk     of pciutils, in any language as far as ids stand in it
    lspci, lspci -k             of busybox: `03:00.0 Class 0300: 1002:1638 amdgpu`
    lsusb, lsusb -t
    lsmod, /proc/modules, the file of modprobed-db
    modaliases, one a line, as `cat /sys/devices/**/modalias` prints them
    a saved snapshot

A file may hold several of them. What is indented below a device and not about its driver is left
out; a line that is nothing of the above is kept as not understood.
"""

from __future__ import annotations

import re

import attrs

from derivations.hardware.buses import BUSES
from derivations.hardware.snapshot import Fact, FactKind, Snapshot
from store.errors import Error


_SLOT = re.compile(r"((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\s+(\S.*)", re.ASCII)
_BUSYBOX = re.compile(r"Class ([0-9a-f]{4}): ([0-9a-f]{4}):([0-9a-f]{4})(?:\s+([\w-]+))?", re.ASCII)
_NUMERIC = re.compile(r"([0-9a-f]{4}): ([0-9a-f]{4}):([0-9a-f]{4})\b.*", re.ASCII)
_NAMED = re.compile(r"(.*?) ?\[([0-9a-f]{4})\]: (.*?) ?\[([0-9a-f]{4}):([0-9a-f]{4})\](?: .*)?", re.ASCII)
_INTERFACE = re.compile(r"\(prog-if ([0-9a-f]{2})\b", re.ASCII)
_SUBSYSTEM = re.compile(r"\s+\S[^:]*: (?:.*\[)?([0-9a-f]{4}):([0-9a-f]{4})\]?", re.ASCII)
_IN_USE = re.compile(r"\s+Kernel driver in use: ([\w.-]+)", re.ASCII)
_MODULES = re.compile(r"\s+Kernel modules: ([\w., -]+)", re.ASCII)
_ABOUT_DRIVER = re.compile(r"\s+[^:]*\b\w*(?:ernel|reiber|ilote|river)\w*[^:]*: \S+")
_USB = re.compile(r"\w+ \d{3} \S+ \d{3}: ID ([0-9a-f]{4}):([0-9a-f]{4})(.*)")
_USB_TREE = re.compile(r"[\s|]*(?:/:\s+Bus|\|__ Port) \d+.*, Class=(.*), Driver=([^,/]*).*")
_MODULE = re.compile(r"(\w+)\s+\d+\s+-?\d+(?:\s.*)?", re.ASCII)
_MODALIAS = re.compile(r"(?:MODALIAS=)?(([a-z][\w-]*):\S.*)", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9][\w-]*", re.ASCII)
_SKIPPED = re.compile(r"\s*|\s*#.*|\s*\.{3}\s*|\s*…\s*|\S*[$#>]\s+(?:\S*/)?ls\w+.*")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_LENGTH = 60

_BUSES = frozenset(BUSES) | {
    "ap", "apr", "ccw", "cdx", "coreboot", "counter", "cpu", "css", "dfl", "dmi", "eisa", "fsl-mc", "gameport", "input",
    "ipack", "isa", "ishtp", "mcb", "mdio", "mhi", "parisc", "pcmcia", "rmi", "rpmsg", "rtc", "scsi", "sdw", "slim",
    "spmi", "ssam", "tee", "ulpi", "vio", "zorro",
}  # fmt: skip
"""What the modaliases that a machine has begin with."""


class InvalidListing(Error):
    """A file tells nothing about hardware that is understood."""

    name: str
    reason: str
    advice: str = "lspci -nnk, lsmod, lsusb, lists of modaliases and snapshots are understood"

    def __str__(self) -> str:
        return f"{self.name} {self.reason}"

    @property
    def hint(self) -> str:
        """Tell what would be understood."""
        return self.advice


@attrs.frozen
class Listing:
    """What a file tells.

    Attributes:
        snapshot: The hardware.
        ignored: The lines that were not understood, with their numbers.
    """

    snapshot: Snapshot
    ignored: tuple[tuple[int, str], ...] = ()


def read_listing(data: bytes, name: str) -> Listing:
    """Return what the file *name* with the contents *data* tells.

    Raises:
        InvalidListing: it tells nothing.
        InvalidSnapshot: it is a snapshot, but a damaged one.
    """
    if not data.strip():
        raise InvalidListing(name, "is empty")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # names of vendors, in a locale of the last century
    if _CONTROL.search(text):
        raise InvalidListing(name, "is not a text")
    if text.lstrip().startswith("{"):
        return Listing(Snapshot.from_json(text, name))
    reader = _Reader()
    for number, line in enumerate(text.splitlines(), 1):
        if not _SKIPPED.fullmatch(line):
            reader.line(number, line.rstrip())
    return _checked(reader, name)


def _checked(reader: _Reader, name: str) -> Listing:
    """Return what *reader* found.

    Raises:
        InvalidListing: nothing, or devices of which nothing is told.
    """
    facts = reader.facts()
    if facts:
        return Listing(Snapshot.of(facts, name), tuple(sorted([*reader.ignored, *reader.words])))
    if reader.words and not reader.ignored and not reader.devices:
        return Listing(Snapshot.of([Fact(FactKind.MODULE, _module(word)) for _, word in reader.words], name))
    if reader.devices:
        count = len(reader.devices)
        reason = f"lists {count} PCI device{'s' if count > 1 else ''} with neither ids nor drivers that are understood"
        raise InvalidListing(name, reason, "`LC_ALL=C lspci -nnk` prints both")
    for number, line in sorted([*reader.ignored, *reader.words]):
        raise InvalidListing(name, f"is no listing of hardware that is understood: line {number} is {_shown(line)}")
    raise InvalidListing(name, "has nothing but comments")


@attrs.define
class _Device:
    """A PCI device while its lines are read."""

    slot: str
    title: str = ""
    modalias: str = ""
    driver: str = ""
    modules: tuple[str, ...] = ()
    number: int = 0

    def facts(self) -> list[Fact]:
        label = " ".join(filter(None, (self.slot, self.title)))
        driver = f"pci {self.driver}" if self.driver else ""
        more = [Fact(FactKind.MODULE, _module(it), label=label) for it in self.modules]
        if self.modalias:
            return [Fact(FactKind.DEVICE, self.modalias, driver, label), *more]
        # Without ids there is nothing but the driver to know the device by.
        return [Fact(FactKind.DEVICE, f"pci:slot:{self.slot}", driver, label), *more] if driver else more


@attrs.define
class _Reader:
    """Takes lines, one after the other."""

    devices: list[_Device] = attrs.field(factory=list)
    others: list[Fact] = attrs.field(factory=list)
    words: list[tuple[int, str]] = attrs.field(factory=list)
    ignored: list[tuple[int, str]] = attrs.field(factory=list)

    def facts(self) -> list[Fact]:
        return [*(fact for device in self.devices for fact in device.facts()), *self.others]

    def line(self, number: int, line: str) -> None:
        if line[0] in " \t" and self.devices and not _USB_TREE.match(line):
            self._detail(number, line)
            return
        if match := _SLOT.fullmatch(line):
            self._pci(match)
        elif match := _USB.fullmatch(line):
            self._usb(match)
        elif match := _USB_TREE.fullmatch(line):
            self._usb_tree(match)
        elif match := _MODULE.fullmatch(line):
            if [number - 1] == [it for it, _ in self.ignored[-1:]]:
                self.ignored.pop()  # the heading, in whatever language
            self.others.append(Fact(FactKind.MODULE, _module(match[1])))
        elif (match := _MODALIAS.fullmatch(line)) and match[2] in _BUSES:
            self.others.append(Fact(FactKind.DEVICE, match[1]))
        elif _WORD.fullmatch(line):
            self.words.append((number, line))
        else:
            self.ignored.append((number, line))

    def _pci(self, match: re.Match[str]) -> None:
        slot, rest = match.groups()
        device = _Device(slot)
        if found := _BUSYBOX.fullmatch(rest):
            cls, vendor, product, driver = found.groups()
            device.driver, device.title = driver or "", f"class {cls} {vendor}:{product}"
        elif found := _NUMERIC.fullmatch(rest):
            cls, vendor, product = found.groups()
            device.title = f"class {cls} {vendor}:{product}"
        elif found := _NAMED.fullmatch(rest):
            title, cls, name, vendor, product = found.groups()
            device.title = f"{title}: {name} [{vendor}:{product}]"
        else:
            device.title = rest
        if found is not None:
            interface = _INTERFACE.search(rest)
            device.modalias = pci_modalias(vendor, product, cls, interface[1] if interface else None)
        self.devices.append(device)

    def _detail(self, number: int, line: str) -> None:
        """Take what is indented below a device."""
        device = self.devices[-1]
        if match := _IN_USE.fullmatch(line):
            device.driver = match[1]
        elif match := _MODULES.fullmatch(line):
            device.modules = tuple(it for it in re.split(r"[,\s]+", match[1]) if it)
        elif device.modalias and "sv????" in device.modalias and (match := _SUBSYSTEM.fullmatch(line)):
            ids = f"sv0000{match[1].upper()}sd0000{match[2].upper()}"
            device.modalias = re.sub(r"sv\?{8}sd\?{8}", ids, device.modalias)
        elif _ABOUT_DRIVER.match(line):
            self.ignored.append((number, line.strip()))  # the driver's line, in another language

    def _usb(self, match: re.Match[str]) -> None:
        vendor, product, title = match.groups()
        modalias = f"usb:v{vendor.upper()}p{product.upper()}d????dc??dsc??dp??ic??isc??ip??in??"
        self.others.append(Fact(FactKind.DEVICE, modalias, label=f"USB {vendor}:{product}{title}"))

    def _usb_tree(self, match: re.Match[str]) -> None:
        kind, driver = match.groups()
        if driver and driver != "[none]":
            bus = "pci" if kind == "root_hub" else "usb"
            self.others.append(Fact(FactKind.DEVICE, f"usb:driver:{driver}", f"{bus} {driver}", f"USB driver {driver}"))


def pci_modalias(vendor: str, product: str, cls: str, interface: str | None = None) -> str:
    """Return the modalias of a PCI device of which the subsystem, and perhaps the interface, is not known."""
    base, sub = cls[:2].upper(), cls[2:].upper()
    ids = f"v0000{vendor.upper()}d0000{product.upper()}sv{'?' * 8}sd{'?' * 8}"
    return f"pci:{ids}bc{base}sc{sub}i{(interface or '??').upper()}"


def _module(name: str) -> str:
    return name.replace("-", "_")


def _shown(line: str) -> str:
    return repr(line if len(line) <= _LENGTH else f"{line[:_LENGTH]}…")
