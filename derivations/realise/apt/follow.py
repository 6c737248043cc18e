"""Dependencies that lead from a package to others of the same source, without all that these are installed with.

A kernel's metapackage depends on the newest kernel, and headers on more headers, each at one version. apt's own resolver
would add what a machine needs to install and boot them; here only some names are followed, and the rest is left out.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import attrs

from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.debian.sets import PackageSet
    from derivations.realise.apt.run import Apt


_FIELD = re.compile(r"^([A-Z][A-Za-z-]*): *(.*)$", re.MULTILINE | re.ASCII)
_DEPENDENCY = re.compile(r"([a-z0-9][a-z0-9+.-]+)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*(\S+)\s*\))?", re.ASCII)
_UPSTREAM = re.compile(r"(?:[0-9]+:)?([0-9]+\.[0-9]+)")


class UnknownPackageVersion(Error):
    """The machine's archives have a package, but not at a version.

    Attributes:
        name: The package.
        version: The version.
        known: The versions that they have.
    """

    name: str
    version: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"this machine's apt archives have no version {self.version} of {self.name}"

    @property
    def hint(self) -> str:
        """List the versions that there are."""
        return f"they have {', '.join(self.known)}; archives drop old versions, and Debian's snapshots of them keep all of them"


@attrs.frozen(kw_only=True)
class _Offer:
    """A package in an archive.

    Attributes:
        name: Its name.
        version: Its version.
        architecture: Debian's name of its architecture, or `all`.
        depends: Its dependencies, as Debian writes them.
    """

    name: str
    version: str
    architecture: str
    depends: str

    @property
    def term(self) -> str:
        """Return how apt is asked for exactly this package."""
        suffix = "" if self.architecture == "all" else f":{self.architecture}"
        return f"{self.name}{suffix}={self.version}"


def followed(apt: Apt, definition: PackageSet, settings: tuple[str, ...]) -> list[str] | str:
    """Return the packages of *definition* and what it follows of their dependencies, as apt is asked for them.

    The result is the name of a package, instead, if the archives lack that.

    Raises:
        UnknownPackageVersion: they have it, but not at the version that is needed.
    """
    architecture = definition.architecture or apt.native
    wanted = [(name, definition.version) for name in definition.packages]
    found: dict[str, _Offer] = {}
    while wanted:
        name, version = wanted.pop()
        if name in found:
            continue
        offer = _offer(apt, name, architecture, version, settings)
        if offer is None:
            offers = _shown(apt, name, architecture, settings)
            if version is None or not offers:
                return name
            raise UnknownPackageVersion(name, version, tuple(dict.fromkeys(it.version for it in offers)))
        found[name] = offer
        wanted += _dependencies(offer, definition.follow or "")
    terms = [it.term for it in found.values()]
    return terms + _source(apt, found[definition.packages[0]], settings) if definition.source else terms


def _source(apt: Apt, offer: _Offer, settings: tuple[str, ...]) -> list[str]:
    """Return the source of Linux at the version of *offer*; nothing if the archives lack it."""
    match = _UPSTREAM.match(offer.version)
    source = _offer(apt, f"linux-source-{match[1]}", apt.native, offer.version, settings) if match else None
    return [source.term] if source is not None else []


def _offer(apt: Apt, name: str, architecture: str, version: str | None, settings: tuple[str, ...]) -> _Offer | None:
    """Return the package *name* for *architecture*, at *version* or the one that apt would install; None if there is none."""
    if version is None:
        return next(iter(_shown(apt, name, architecture, ("APT::Cache::AllVersions=false", *settings))), None)
    return next((it for it in _shown(apt, name, architecture, settings) if it.version == version), None)


def _shown(apt: Apt, name: str, architecture: str, settings: tuple[str, ...]) -> list[_Offer]:
    # For another architecture, apt does not find under its name what is for all of them.
    terms = (name,) if architecture == apt.native else (f"{name}:{architecture}", name)
    for term in terms:
        output = apt.run("apt-cache", "show", term, settings=settings).stdout
        offers = [_read(stanza) for stanza in output.split("\n\n") if stanza.strip()]
        if fitting := [it for it in offers if it.name == name and it.architecture in {architecture, "all"}]:
            return fitting
    return []


def _read(stanza: str) -> _Offer:
    fields = dict(_FIELD.findall(stanza))
    return _Offer(
        name=fields.get("Package", ""),
        version=fields.get("Version", ""),
        architecture=fields.get("Architecture", ""),
        depends=fields.get("Depends", ""),
    )


def _dependencies(offer: _Offer, pattern: str) -> Iterator[tuple[str, str | None]]:
    """Yield the name of each dependency of *offer* that *pattern* matches, and its version if there is only one."""
    for clause in offer.depends.split(","):
        for alternative in clause.split("|"):
            match = _DEPENDENCY.fullmatch(alternative.strip())
            if match is not None and re.fullmatch(pattern, match[1]):
                yield match[1], match[3] if match[2] == "=" else None
                break
