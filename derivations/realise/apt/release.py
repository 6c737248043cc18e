"""Debian releases on the machine's apt mirrors: identify them, and update apt for another one.

Archives describe their releases in their files `Release`, which apt has verified
(https://wiki.debian.org/DebianRepository/Format).
"""

from __future__ import annotations

import re

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.debian.sources import Source
from derivations.realise.apt.run import UPDATE, AptFailed
from derivations.realise.apt.update import fetch_lists, spare
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from derivations.realise.apt.run import Apt


KEYRINGS = tuple(f"/usr/share/keyrings/debian-archive-keyring.{suffix}" for suffix in ("gpg", "pgp"))
"""Where Debian's package debian-archive-keyring installs the keys of all releases."""

SUITE = re.compile(r"[a-z][a-z0-9]*", re.ASCII)

_ROLLING = frozenset({"sid", "unstable", "experimental", "rc-buggy"})
"""Suites without updates or security updates of their own."""

_NAMES = "releases have names such as `bookworm`, `trixie` or `sid`; old ones move to other mirrors"
_KEYS = "`apt-get install debian-archive-keyring` installs the keys of newer releases"
_RELEASES_ONLY = ("Acquire::IndexTargets::deb::Packages::DefaultEnabled=false", "APT::Get::List-Cleanup=false")
_RELEASE = re.compile(r"'(.+)/dists/([^']+)/InRelease' (\S+)")


class UnknownRelease(Error):
    """Another release of Debian is not available from the machine's mirrors."""

    suite: str
    reason: str
    advice: str | None = None

    def __str__(self) -> str:
        return f"cannot pin packages from {self.suite}: {self.reason}"

    @property
    def hint(self) -> str | None:
        """Return the advice that came with the reason."""
        return self.advice


@attrs.frozen(kw_only=True)
class ArchiveRelease:
    """An archive's description of one of its releases.

    Attributes:
        base: The archive's base URL.
        dist: The release's name in the archive's URLs.
        facts: The fields of the file `Release`, without the lists of files.
    """

    base: str
    dist: str
    facts: dict[str, str]

    @property
    def is_debian(self) -> bool:
        """Return whether it is a Debian release proper: no updates, no backports."""
        return self._field("Origin") == self._field("Label") == "Debian" and SUITE.fullmatch(self.codename) is not None

    @property
    def is_security(self) -> bool:
        """Return whether it is Debian's security updates."""
        return self._field("Origin") == "Debian" and self._field("Label") == "Debian-Security"

    @property
    def codename(self) -> str:
        """Return the release's permanent name."""
        return self._field("Codename")

    def is_called(self, name: str) -> bool:
        """Return whether *name* is its codename or its current suite, such as `stable`."""
        return name in {self.codename, self._field("Suite")}

    def _field(self, field: str) -> str:
        return self.facts.get(field, "")


@attrs.frozen(kw_only=True)
class Updated:
    """Which archives apt's lists were updated from.

    Attributes:
        unsigned: Base URLs of those without a valid signature.
        suite: The codename of the one release of Debian among them; None if there are none or several.
        settings: Additional settings for apt when it resolves.
    """

    unsigned: frozenset[str]
    suite: str | None
    settings: tuple[str, ...] = ()


def update_other(apt: Apt, suite: str, here: Iterable[ArchiveRelease]) -> Updated:
    """Update *apt* from the Debian release *suite*, on the mirrors of the releases *here*.

    Raises:
        UnknownRelease: they do not have it, or Debian has not signed it.
    """
    keyring = next((it for it in KEYRINGS if Path(it).exists()), None)
    if keyring is None:
        reason = f"Debian's keys are not on this machine ({KEYRINGS[0]})"
        raise UnknownRelease(suite, reason, "`apt-get install debian-archive-keyring` installs them")
    mirrors = list(dict.fromkeys(it.base for it in here if it.is_debian))
    if not mirrors:
        reason = "none of the machine's apt sources is a reachable Debian mirror"
        raise UnknownRelease(suite, reason, "run `apt-get update` to see why")
    plain = [Source(uri=it, suite=suite, components=("main",), options={"Signed-By": keyring}) for it in mirrors]
    plain = _update_strictly(apt, suite, plain, *_RELEASES_ONLY)
    codename = _codename(apt, suite, mirrors)
    # By codename: the archives may not agree on what `stable` is today.
    sources = [attrs.evolve(it, suite=codename) for it in plain]
    if codename not in _ROLLING:
        security = dict.fromkeys(it.base for it in here if it.is_security) or [
            re.sub(r"/debian$", "/debian-security", it) for it in mirrors
        ]
        sources += [attrs.evolve(it, suite=f"{codename}-updates") for it in sources]
        sources += [attrs.evolve(plain[0], uri=it, suite=f"{codename}-security") for it in security]
    _update_strictly(apt, suite, sources)
    # The machine's preferences apply to its own release.
    settings = ("APT::Default-Release=", "Dir::Etc::preferences=/dev/null", "Dir::Etc::preferencesparts=-")
    return Updated(unsigned=frozenset(), suite=codename, settings=settings)


def _update_strictly(apt: Apt, suite: str, sources: Iterable[Source], *settings: str) -> list[Source]:
    """Update *apt* from *sources*, which are for *suite*, and return them without unreachable redundant mirrors.

    Raises:
        UnknownRelease: one of them is unavailable or unsigned.
    """
    sources = list(sources)
    update = fetch_lists(apt, sources, *settings)
    if spared := spare(sources, update.unreachable):
        sources = [it for it in sources if it not in spared]
        update = fetch_lists(apt, sources, *settings)
    if update.absent:
        places = " and ".join(it.uri for it in update.absent)
        raise UnknownRelease(suite, f"{update.absent[0].suite} does not exist at {places}", _NAMES)
    if update.unsigned:
        reasons = "".join(f"; {it}" for it in update.signatures)
        raise UnknownRelease(suite, f"it is not signed by any of Debian's keys on this machine{reasons}", _KEYS)
    try:
        update.check()
    except AptFailed as error:
        raise UnknownRelease(suite, str(error)) from None
    return sources


def _codename(apt: Apt, suite: str, mirrors: Sequence[str]) -> str:
    """Return the codename of what *mirrors* serve as *suite*.

    Raises:
        UnknownRelease: it is another release, or not Debian's.
    """
    found = [it for it in read_releases(apt) if it.is_debian]
    for it in found:
        if not it.is_called(suite):
            raise UnknownRelease(suite, f"{it.base} serves {it.codename} under that name")
    if not found:
        raise UnknownRelease(suite, f"what {mirrors[0]} serves under that name is not a Debian release")
    return found[0].codename


def reachable_releases(apt: Apt, sources: Iterable[Source]) -> list[ArchiveRelease]:
    """Return the releases that the archives of *sources* describe, if they are reachable and signed."""
    apt.choose(it.checked for it in sources)
    apt.run("apt-get", *UPDATE, settings=_RELEASES_ONLY)
    return read_releases(apt)


def read_releases(apt: Apt) -> list[ArchiveRelease]:
    """Return the releases whose descriptions apt has fetched."""
    found = []
    for base, dist, name in _RELEASE.findall(apt.run("apt-get", "update", "--print-uris").stdout):
        place = apt.work / "lists" / name
        for file in (place, place.with_name(name.removesuffix("InRelease") + "Release")):
            if file.exists():
                text = file.read_text(encoding="utf-8", errors="replace")
                # The fields precede the lists of files, whose lines begin with a space.
                facts = dict(re.findall(r"^([A-Z][\w-]*): *(\S.*?) *$", text, re.MULTILINE | re.ASCII))
                found.append(ArchiveRelease(base=base, dist=dist, facts=facts))
                break
    return found
