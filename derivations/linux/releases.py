"""kernel.org's releases: announcements, signed checksums, and updates of the pins.

    releases.json      the releases, their kinds, and which are no longer maintained; not signed
    sha256sums.asc     the SHA-256 of every archive in a directory, signed by kernel.org's own key
    kernels.json       our pins (`derivations.linux.pins`)

Hashes are taken only from the signed file. So the worst that a forged announcement can do is to get an older genuine
release pinned for a new series: the pin of an existing series never moves back.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING, Any

import attrs

from derivations.linux.pins import TESTING, Release
from derivations.version import InvalidVersion, Version
from store.errors import Error
from store.parsing import parse_json


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_KINDS = frozenset({"mainline", "stable", "longterm"})
_SUM = re.compile(r"([0-9a-f]{64})  linux-([0-9][0-9.]*)\.tar\.xz")


class InvalidAnnouncement(Error):
    """A text is not kernel.org's list of releases."""

    reason: str

    def __str__(self) -> str:
        return f"not kernel.org's list of releases: {self.reason}"


class ContradictorySums(Error):
    """A list of checksums has two different ones for the same archive."""

    version: str

    def __str__(self) -> str:
        return f"the list of checksums has two different ones for Linux {self.version}"


class NotListed(Error):
    """The signed checksums do not list releases that are announced."""

    versions: tuple[str, ...]

    def __str__(self) -> str:
        return f"kernel.org's signed checksums do not yet list Linux {', '.join(self.versions)}, although announced"

    @property
    def hint(self) -> str:
        """Say how to continue without them."""
        return "they may follow in hours or days; until then, `--keep-going` pins the others"


@attrs.frozen(kw_only=True)
class Announced:
    """A release, as announced by kernel.org."""

    version: Version
    text: str
    longterm: bool
    end_of_life: bool

    @property
    def series(self) -> str:
        """Return the series that it is pinned under."""
        return TESTING if self.version.candidate else self.version.series

    def pinned(self, sha256: str) -> Release:
        """Return this release, its archive pinned by *sha256*."""
        return Release(version=self.text, sha256=sha256, longterm=self.longterm, end_of_life=self.end_of_life)


@attrs.frozen(kw_only=True)
class SeriesChange:
    """The change of a series; without *old*, the series is new."""

    series: str
    old: Release | None
    new: Release


def parse_announcement(text: str | bytes) -> tuple[Announced, ...]:
    """Return the releases that a `releases.json` announces, without linux-next.

    Raises:
        InvalidAnnouncement: *text* is not a `releases.json`.
    """
    try:
        found = tuple(_announced(it) for it in parse_json(text)["releases"] if it["moniker"] in _KINDS)
    except KeyError as error:
        raise InvalidAnnouncement(f"{error} is missing") from None
    except (ValueError, TypeError, InvalidVersion) as error:
        raise InvalidAnnouncement(str(error)) from None
    if not found:
        raise InvalidAnnouncement("it lists no releases")
    return found


def _announced(release: Mapping[str, Any]) -> Announced:
    text, end_of_life = release["version"], release["iseol"]
    if not isinstance(end_of_life, bool):
        raise TypeError(f"iseol is {end_of_life!r}")
    version = Version.parse(text)
    return Announced(version=version, text=text, longterm=release["moniker"] == "longterm", end_of_life=end_of_life)


def parse_sums(text: str) -> dict[str, str]:
    """Return the SHA-256 of each kernel archive in the verified *text* of a sha256sums.asc, by version.

    Raises:
        ContradictorySums: an archive has two different ones.
    """
    sums: dict[str, str] = {}
    for line in text.splitlines():
        if (match := _SUM.fullmatch(line)) is not None:
            sha256, version = match.groups()
            if sums.setdefault(version, sha256) != sha256:
                raise ContradictorySums(version)
    return sums


def newer(announced: Iterable[Announced], pins: Mapping[str, Release]) -> dict[str, Announced]:
    """Return the releases to pin, by series: those newer than the pin, and those of maintained series without a pin."""
    newest: dict[str, Announced] = {}
    for release in announced:
        if release.series not in newest or newest[release.series].version < release.version:
            newest[release.series] = release
    return {
        series: release
        for series, release in newest.items()
        if (not release.end_of_life if series not in pins else Version.parse(pins[series].version) < release.version)
    }


def updated(
    pins: Mapping[str, Release], announced: Iterable[Announced], sums: Mapping[str, str]
) -> tuple[dict[str, Release], tuple[str, ...]]:
    """Return *pins* updated to what is *announced*, and the versions that cannot be pinned because *sums* lacks them.

    A series that is announced as end-of-life, or no longer announced, is at its end of life. Release candidates, which
    are in no signed list, stay unchanged.
    """
    announced = tuple(announced)
    result = {series: _marked(series, release, announced) for series, release in pins.items()}
    missing = []
    for series, release in newer(announced, pins).items():
        if series != TESTING and release.text not in sums:
            missing.append(release.text)
        elif series != TESTING:
            result[series] = release.pinned(sums[release.text])
    return result, tuple(missing)


def _marked(series: str, release: Release, announced: tuple[Announced, ...]) -> Release:
    """Return the pinned *release* with its present status."""
    now = [it for it in announced if it.series == series]
    if series == TESTING:
        return release
    end = all(it.end_of_life for it in now)
    longterm = any(it.longterm for it in now) or (release.longterm and end)
    return attrs.evolve(release, longterm=longterm, end_of_life=end)


def changes(old: Mapping[str, Release], new: Mapping[str, Release]) -> tuple[SeriesChange, ...]:
    """Return the differences between *old* and *new*, the newest series first."""
    found = [
        SeriesChange(series=series, old=old.get(series), new=it) for series, it in new.items() if old.get(series) != it
    ]
    return tuple(sorted(found, key=lambda change: Version.parse(change.new.version), reverse=True))
