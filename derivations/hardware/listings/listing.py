"""Listings of hardware from any supported program, which is recognised from the lines.

    lspci                       from pciutils and BusyBox: `derivations.hardware.listings.lspci`
    lsusb, usb-devices          `derivations.hardware.listings.lsusb`
    dmesg, journalctl -k        `derivations.hardware.listings.kernel_log`
    inxi, hw-probe              if they contain ids or drivers: `derivations.hardware.listings.reports`
    lshw                        drivers, and ids with `-numeric`: `derivations.hardware.listings.lshw`
    lsmod, /proc/modules, the file of modprobed-db
    modaliases, one per line, as printed by `cat /sys/devices/**/modalias`, `udevadm info` and `hwinfo`
    a saved snapshot

A file may contain several of them. Lines that are indented below a device and not about its driver are
skipped; lines that are none of the above are reported as not understood.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING, Protocol

import attrs

from derivations.hardware.c_source.buses import BUSES
from derivations.hardware.listings.kernel_log import KernelLog
from derivations.hardware.listings.lshw import BEGIN, LshwListing
from derivations.hardware.listings.lspci import PciListing
from derivations.hardware.listings.lsusb import UsbListing
from derivations.hardware.listings.reports import ReportListing
from derivations.hardware.snapshot import Fact, FactKind, Snapshot
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Sequence


_MODULE = re.compile(r"(\w+)\s+\d+\s+(?:-?\d+|-)(?:\s.*)?", re.ASCII)
_MODALIAS = re.compile(r"(?:(?:E: )?MODALIAS=|/\S*/modalias:)?(([a-z][\w-]*):\S.*)", re.ASCII)
_QUOTED_MODALIAS = re.compile(r'\s*Module Alias: "(([a-z][\w-]*):[^"]*)"', re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9][\w-]*", re.ASCII)
_SKIPPED = re.compile(
    r"\s*|\s*#.*|\s*\.{3}\s*|\s*…\s*|\s*(?:`{3,}|~{3,})\w*"
    r"|\S*\s?[$#>]\s+(?:sudo )?(?:\S*/)?(?:ls\w+|cat|dmesg|journalctl|grep|inxi|usb-devices)\b.*"
    r"|(?:sudo )?(?:\S*/)?(?:lspci|lsusb|lsmod|lshw|dmesg|journalctl|inxi|usb-devices)(?:\s.*)?"
)
_QUOTED = re.compile(r"(?:> ?)+(?!\s*(?:sudo )?(?:ls\w+|cat|dmesg|inxi|usb-devices)\b)")
"""The quoting of mails and issues."""
_ESCAPE = re.compile(r"\x1b\[[\d;]*[mK]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_LENGTH = 60  # characters: with a sentence around it, about a line

_BUSES = frozenset(BUSES) | {
    "ap", "apr", "ccw", "cdx", "coreboot", "counter", "cpu", "css", "dfl", "dmi", "eisa", "fsl-mc", "gameport", "input",
    "ipack", "isa", "ishtp", "mcb", "mdio", "mhi", "parisc", "pcmcia", "rmi", "rpmsg", "rtc", "scsi", "sdw", "slim",
    "spmi", "ssam", "tee", "ulpi", "vio", "zorro",
}  # fmt: skip
"""The prefixes of the modaliases on a machine."""


class InvalidListing(Error):
    """A file contains no recognised facts about hardware."""

    name: str
    reason: str
    advice: str = (
        "supported are lspci -nnk, lsmod, lsusb, usb-devices, dmesg, inxi, lshw, lists of modaliases, and snapshots"
    )

    def __str__(self) -> str:
        return f"{self.name} {self.reason}"

    @property
    def hint(self) -> str:
        """Name the supported formats."""
        return self.advice


@attrs.frozen
class Listing:
    """The facts in a file.

    Attributes:
        snapshot: The hardware.
        ignored: The lines that were not understood, with their numbers.
    """

    snapshot: Snapshot
    ignored: tuple[tuple[int, str], ...] = ()


def read_listing(data: bytes, name: str) -> Listing:
    """Return the facts in the file *name* with the contents *data*.

    Raises:
        InvalidListing: it contains no facts.
        InvalidSnapshot: it is a damaged snapshot.
    """
    if not data.strip():
        raise InvalidListing(name, "is empty")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # names of vendors in a legacy locale
    text = _ESCAPE.sub("", text)  # the colors of a terminal
    if _CONTROL.search(text):
        raise InvalidListing(name, "is not a text file")
    if text.lstrip().startswith("{"):
        return Listing(Snapshot.from_json(text, name))
    reader = _Reader()
    for number, quoted in enumerate(text.splitlines(), 1):
        line = _QUOTED.sub("", quoted, count=1) if quoted.startswith(">") else quoted
        if not _SKIPPED.fullmatch(line):
            reader.line(number, line.rstrip())
    return _checked(reader, name)


def _checked(reader: _Reader, name: str) -> Listing:
    """Return the result of *reader*.

    Raises:
        InvalidListing: it found nothing, or only devices without ids and drivers.
    """
    facts = reader.facts()
    if facts:
        return Listing(Snapshot.of(facts, name), tuple(sorted([*reader.ignored, *reader.words])))
    if reader.words and not reader.ignored and not reader.pci:
        return Listing(Snapshot.of([Fact(FactKind.MODULE, _module(word)) for _, word in reader.words], name))
    if count := len(reader.pci):
        reason = f"lists {count} PCI device{'s' if count > 1 else ''} with neither ids nor recognised drivers"
        raise InvalidListing(name, reason, "`LC_ALL=C lspci -nnk` prints both")
    for number, line in sorted([*reader.ignored, *reader.words]):
        raise InvalidListing(name, f"is not a recognised listing of hardware: line {number} is {_shown(line)}")
    raise InvalidListing(name, "contains no ids of hardware" if reader.last is not None else "contains only comments")


class Form(Protocol):
    """A reader of the output of one or more programs."""

    def line(self, line: str, *, follows: bool) -> bool:
        """Read *line*, and return whether it is from these programs; it *follows* such a line if the last line was one."""
        ...

    def facts(self) -> list[Fact]:
        """Return the facts in the lines."""
        ...


@attrs.define
class _Reader:
    """A reader of lines in any form."""

    pci: PciListing = attrs.field(factory=PciListing)
    lshw: LshwListing = attrs.field(factory=LshwListing)
    others: list[Fact] = attrs.field(factory=list)
    words: list[tuple[int, str]] = attrs.field(factory=list)
    ignored: list[tuple[int, str]] = attrs.field(factory=list)
    forms: Sequence[Form] = attrs.field(init=False)
    last: Form | None = None
    """The form of the last line."""

    def __attrs_post_init__(self) -> None:
        self.forms = (self.pci, UsbListing(), ReportListing(), self.lshw, KernelLog())

    def facts(self) -> list[Fact]:
        return [*(fact for form in self.forms for fact in form.facts()), *self.others]

    def line(self, number: int, line: str) -> None:
        # The form of the last line comes first: an indented line belongs to the line above it.
        last = self.lshw if BEGIN.fullmatch(line) else self.last
        for form in sorted(self.forms, key=lambda it: it is not last):
            if form.line(line, follows=form is self.last):
                self.last = form
                return
        self._other(number, line)

    def _other(self, number: int, line: str) -> None:
        """Read a line of a list of modules or modaliases."""
        if match := _MODULE.fullmatch(line):
            if [number - 1] == [it for it, _ in self.ignored[-1:]]:
                self.ignored.pop()  # the heading, in any language
            self.others.append(Fact(FactKind.MODULE, _module(match[1])))
        elif (match := _MODALIAS.fullmatch(line) or _QUOTED_MODALIAS.fullmatch(line)) and match[2] in _BUSES:
            self.others.append(Fact(FactKind.DEVICE, match[1]))
        elif _WORD.fullmatch(line):
            self.words.append((number, line))
        else:
            self.ignored.append((number, line.strip()))
            return  # lines below a device in another language still belong to it
        self.last = None


def _module(name: str) -> str:
    return name.replace("-", "_")


def _shown(line: str) -> str:
    return repr(line if len(line) <= _LENGTH else f"{line[:_LENGTH]}…")
