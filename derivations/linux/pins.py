"""The releases of kernel.org that are pinned: a `kernels.json`, by series."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import attrs

from derivations.linux.version import Version
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Mapping


CDN = "https://cdn.kernel.org/pub/linux/kernel"
SNAPSHOTS = "https://git.kernel.org/torvalds/t"
TESTING = "testing"
"""The series of release candidates."""


class InvalidPins(Error):
    """A kernels.json does not pin kernels."""

    reason: str
    file: str = "kernels.json"

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


@attrs.frozen(kw_only=True)
class Release:
    """A release of kernel.org, pinned by the SHA-256 of its archive."""

    version: str
    sha256: str
    longterm: bool
    end_of_life: bool = False

    @property
    def url(self) -> str:
        """Return where kernel.org keeps it: release candidates are snapshots of the repository."""
        parsed = Version.parse(self.version)
        if parsed.candidate:
            return f"{SNAPSHOTS}/linux-{self.version}.tar.gz"
        return f"{CDN}/v{parsed.major}.x/linux-{self.version}.tar.xz"


def parse_pins(text: str, file: str = "kernels.json") -> dict[str, Release]:
    """Return the pinned releases that *text*, the content of *file*, has by series.

    Raises:
        InvalidPins: it is damaged.
    """
    try:
        return {series: Release(**pin) for series, pin in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidPins(str(error), file) from None


def dump_pins(pins: Mapping[str, Release]) -> str:
    """Return *pins* as the text of a kernels.json: testing first, then the newest series."""
    order = sorted(pins, key=lambda series: (series == TESTING, Version.parse(pins[series].version)), reverse=True)
    return json.dumps({series: attrs.asdict(pins[series]) for series in order}, indent=2) + "\n"
