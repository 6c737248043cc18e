"""The pinned releases of kernel.org: a `kernels.json`, by series."""

from __future__ import annotations

import json
import re

from typing import TYPE_CHECKING

import attrs

from derivations.version import InvalidVersion, Version
from store.errors import Error
from store.parsing import parse_json


if TYPE_CHECKING:
    from collections.abc import Mapping


CDN = "https://cdn.kernel.org/pub/linux/kernel"
SNAPSHOTS = "https://git.kernel.org/torvalds/t"
TESTING = "testing"
"""The series of release candidates."""

_KINDS = {"str": str, "bool": bool}
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class InvalidPins(Error):
    """A kernels.json is invalid."""

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
        """Return the URL of its archive on kernel.org: release candidates are snapshots of the repository."""
        parsed = Version.parse(self.version)
        if parsed.candidate:
            return f"{SNAPSHOTS}/linux-{self.version}.tar.gz"
        return f"{CDN}/v{parsed.major}.x/linux-{self.version}.tar.xz"


def parse_pins(text: str, file: str = "kernels.json") -> dict[str, Release]:
    """Return the pinned releases in *text*, the content of *file*, by series.

    Raises:
        InvalidPins: it is damaged.
    """
    try:
        pins = parse_json(text)
    except ValueError as error:
        raise InvalidPins(f"not JSON: {error}", file) from None
    if not isinstance(pins, dict):
        raise InvalidPins("it is not an object", file)
    return {series: _release(series, pin, file) for series, pin in pins.items()}


def _release(series: str, pin: object, file: str) -> Release:
    """Return the release that *series* is pinned to.

    Raises:
        InvalidPins: *pin* is not a release.
    """
    kinds = {it.name: _KINDS[str(it.type)] for it in attrs.fields(Release)}
    optional = {it.name for it in attrs.fields(Release) if it.default is not attrs.NOTHING}
    if not isinstance(pin, dict) or not kinds.keys() - optional <= pin.keys() <= kinds.keys():
        raise InvalidPins(f"{series}: not a release with {', '.join(kinds)}", file)
    if wrong := [name for name, value in pin.items() if type(value) is not kinds[name]]:
        raise InvalidPins(f"{series}.{wrong[0]}: {pin[wrong[0]]!r} has the wrong type", file)
    if not _SHA256.fullmatch(pin["sha256"]):
        raise InvalidPins(f"{series}.sha256: {pin['sha256']!r} is not a SHA-256", file)
    try:
        Version.parse(pin["version"])
    except InvalidVersion as error:
        raise InvalidPins(f"{series}.version: {error}", file) from None
    return Release(**pin)


def dump_pins(pins: Mapping[str, Release]) -> str:
    """Return *pins* as the text of a kernels.json: testing first, then the newest series."""
    order = sorted(pins, key=lambda series: (series == TESTING, Version.parse(pins[series].version)), reverse=True)
    return json.dumps({series: attrs.asdict(pins[series]) for series in order}, indent=2) + "\n"
