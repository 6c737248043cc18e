"""Machines and the drivers of kernels, as the command line uses them."""

from __future__ import annotations

import re
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.hardware.drivers import DriverMap
from derivations.hardware.listings.listing import InvalidListing, read_listing
from derivations.hardware.snapshot import Snapshot
from derivations.linux.hardware_options import drivers
from kernix.building import realise
from kernix.configs.resolved import resolve
from kernix.output.messages import warn
from kernix.output.quantities import number


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from derivations.linux.kernel import Kernel
    from kernix.configs.resolved import Resolved
    from kernix.options import Chosen
    from kernix.session import Session


DEFAULT = "linux_debian_6_12"

_DEBIAN = re.compile(r"linux_debian_(\d+)_(\d+)")
_STDIN = Path("-")
_SHOWN = 60  # characters: with a sentence around it, about a line
_MAX_SIZE = 64 * 1024 * 1024  # bytes: the longest listings, kernel logs, have a few million


@attrs.frozen
class DriverTree:
    """The drivers in a kernel's tree, and the kernel's configuration."""

    drivers: DriverMap
    resolved: Resolved


def read_files(files: Iterable[Path]) -> Snapshot:
    """Return a snapshot combined from *files*, listings and snapshots; warn of lines that were not understood.

    Raises:
        InvalidListing: one contains no hardware.
        InvalidSnapshot: one is a damaged snapshot.
        OSError: one cannot be read.
    """
    found = Snapshot()
    for file in files:
        name = "stdin" if file == _STDIN else file.name
        data = _bytes(file)
        if len(data) > _MAX_SIZE:
            raise InvalidListing(str(file), "is too large to be a listing")
        listing = read_listing(data, name)
        if listing.ignored:
            place, line = listing.ignored[0]
            count = number(len(listing.ignored), "line")
            warn(f"{file}: {count} not understood; line {place} is {line[:_SHOWN]!r}")
        found |= listing.snapshot
    return found


def _bytes(file: Path) -> bytes:
    """Return the first bytes of *file*, up to one more than a listing may have; `-` is stdin."""
    if file == _STDIN:
        return sys.stdin.buffer.read(_MAX_SIZE + 1)
    with file.open("rb") as opened:
        return opened.read(_MAX_SIZE + 1)


def default_kernel(names: Mapping[str, object]) -> str:
    """Return the attribute of the Debian kernel to use if none is named: the default one, else the newest."""
    found = [(tuple(map(int, match.groups())), name) for name in names if (match := _DEBIAN.fullmatch(name))]
    return DEFAULT if DEFAULT in names or not found else max(found)[1]


def tree_of(session: Session, name: str, kernel: Kernel, chosen: Chosen) -> DriverTree:
    """Return the drivers in the tree of *kernel*, called *name*, and its configuration, realised as *chosen*.

    Raises:
        Error: it cannot be.
    """
    output = drivers(kernel.tree, kernel.toolchain.srcarch)
    outputs = [output, kernel.resolver.out, *(kernel.resolved.output(it) for it in kernel.resolved.outputs)]
    place = session.store.path(realise(session, outputs, **chosen)[output])
    return DriverTree(DriverMap.from_json(place.read_bytes()), resolve(session, name, kernel, chosen))
