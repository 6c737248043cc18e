"""kernel.org's releases: what it announces, what its signed checksums say, and which are pinned.

    releases.json      which releases there are, of which kind, and which are no longer maintained; not signed
    sha256sums.asc     the SHA-256 of every archive of a directory, signed by kernel.org's own key
    kernels.json       our pins (`derivations.linux.pins`)

A hash is taken only from the signed file. So the worst that a forged announcement can do is to have an older genuine
release pinned as that of a new series: a series that is pinned never goes back.
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
    """What should be kernel.org's list of releases is something else."""

    reason: str

    def __str__(self) -> str:
        return f"this is not kernel.org's list of releases: {self.reason}"


class ContradictorySums(Error):
    """A list of checksums has two for one archive."""

    version: str

    def __str__(self) -> str:
        return f"the list of checksums has two different ones for Linux {self.version}"


class NotListed(Error):
    """Releases are announced, and the signed checksums know nothing of them."""

    versions: tuple[str, ...]

    def __str__(self) -> str:
        return f"kernel.org's signed checksums do not have Linux {', '.join(self.versions)} yet, which is announced"

    @property
    def hint(self) -> str:
        """Tell how to go on without them."""
        return "they may follow in hours or days; `--keep-going` pins the others meanwhile"


@attrs.frozen(kw_only=True)
class Announced:
    """A release as kernel.org announces it."""

    version: Version
    text: str
    longterm: bool
    end_of_life: bool

    @property
    def series(self) -> str:
        """Return the series under which it is pinned."""
        return TESTING if self.version.candidate else self.version.series

    def pinned(self, sha256: str) -> Release:
        """Return this release, its archive known by *sha256*."""
        return Release(version=self.text, sha256=sha256, longterm=self.longterm, end_of_life=self.end_of_life)


@attrs.frozen(kw_only=True)
class SeriesChange:
    """What becomes of one series; without *old* it is new."""

    series: str
    old: Release | None
    new: Release


def parse_announcement(text: str | bytes) -> tuple[Announced, ...]:
    """Return the releases that a `releases.json` announces; linux-next is none.

    Raises:
        InvalidAnnouncement: it is none.
    """
    try:
        found = tuple(_announced(it) for it in parse_json(text)["releases"] if it["moniker"] in _KINDS)
    except KeyError as error:
        raise InvalidAnnouncement(f"{error} is missing") from None
    except (ValueError, TypeError, InvalidVersion) as error:
        raise InvalidAnnouncement(str(error)) from None
    if not found:
        raise InvalidAnnouncement("it names no release")
    return found


def _announced(release: Mapping[str, Any]) -> Announced:
    text, end_of_life = release["version"], release["iseol"]
    if not isinstance(end_of_life, bool):
        raise TypeError(f"iseol is {end_of_life!r}")
    version = Version.parse(text)
    return Announced(version=version, text=text, longterm=release["moniker"] == "longterm", end_of_life=end_of_life)


def parse_sums(text: str) -> dict[str, str]:
    """Return the SHA-256 of each kernel archive, by version, that the verified *text* of a sha256sums.asc lists.

    Raises:
        ContradictorySums: one archive has two.
    """
    sums: dict[str, str] = {}
    for line in text.splitlines():
        if (match := _SUM.fullmatch(line)) is not None:
            sha256, version = match.groups()
            if sums.setdefault(version, sha256) != sha256:
                raise ContradictorySums(version)
    return sums


def newer(announced: Iterable[Announced], pins: Mapping[str, Release]) -> dict[str, Announced]:
    """Return by series what is to be pinned: what is newer than a series' pin, and living series that have none."""
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
    """Return *pins* brought to what is *announced*, and the versions that cannot be pinned because no *sums* have them.

    A series that is announced as dead, or not at all any more, is at its end of life. Release candidates, which
    no signed list has, stay as they are.
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
    """Return the pinned *release* as what it is by now."""
    now = [it for it in announced if it.series == series]
    if series == TESTING:
        return release
    end = all(it.end_of_life for it in now)
    longterm = any(it.longterm for it in now) or (release.longterm and end)
    return attrs.evolve(release, longterm=longterm, end_of_life=end)


def changes(old: Mapping[str, Release], new: Mapping[str, Release]) -> tuple[SeriesChange, ...]:
    """Return what is different in *new*, the newest series first."""
    found = [
        SeriesChange(series=series, old=old.get(series), new=it) for series, it in new.items() if old.get(series) != it
    ]
    return tuple(sorted(found, key=lambda change: Version.parse(change.new.version), reverse=True))
