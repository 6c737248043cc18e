"""Which archives a lock is made from: the machine's, or another release of Debian in the same mirrors.

Every signature is checked. What the machine's apt is told to take without one (`[trusted=yes]`,
`[allow-insecure=yes]`, `Acquire::AllowInsecureRepositories`) is asked with its signature to be checked, too; if it
has none it is left out, unless the user asks for it.
"""

from __future__ import annotations

import re
import shlex

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.debian.sources import Source, parse_lines, parse_stanzas
from derivations.realise.apt_run import AptFailed, failure, shown
from store.errors import Error


if TYPE_CHECKING:
    import subprocess

    from collections.abc import Callable, Iterable, Mapping, Sequence

    from derivations.realise.apt_run import Apt


KEYRINGS = tuple(f"/usr/share/keyrings/debian-archive-keyring.{suffix}" for suffix in ("gpg", "pgp"))
"""Where Debian's package debian-archive-keyring puts the keys of all releases."""

SUITE = re.compile(r"[a-z][a-z0-9]*", re.ASCII)

_ROLLING = frozenset({"sid", "unstable", "experimental", "rc-buggy"})
"""What has neither updates nor security updates of its own."""

_UPDATE = ("update", "-q")
_STRICT = ("APT::Update::Error-Mode=any",)
"""An archive that cannot be reached is an error, not a lock without its newest packages."""

_RELEASES_ONLY = ("Acquire::IndexTargets::deb::Packages::DefaultEnabled=false", "APT::Get::List-Cleanup=false")
_UNSIGNED = re.compile(
    r"E: The repository '(.+) (\S+) (?:In)?Release' (is not signed|is no longer signed|does not have a Release file)"
)
_ABSENT = "does not have a Release file"
_REASON = re.compile(r"W: (?:GPG error|OpenPGP signature verification failed): (.*)")
_SWITCH = re.compile(
    r'(?:Acquire::Allow(?:DowngradeTo)?(?:Insecure|Weak)Repositories|APT::Get::AllowUnauthenticated) "(.*)";',
    re.IGNORECASE,
)
_FALSE = frozenset({"", "no", "false", "without", "off", "disable", "0"})
_RELEASE = re.compile(r"'(.+)/dists/([^']+)/InRelease' (\S+)")


class NotSigned(Error):
    """Archives that the machine's apt knows are not signed, or not by a key that it trusts.

    Attributes:
        archives: Which they are.
        said: What apt says about the signatures that there are.
        accepted: Whether the machine's apt is told to take packages of such archives.
    """

    archives: tuple[str, ...]
    said: tuple[str, ...]
    accepted: bool

    def __str__(self) -> str:
        reasons = "".join(f"; {it}" for it in self.said)
        return f"not signed by a key that this machine trusts: {', '.join(self.archives)}{reasons}"

    @property
    def hint(self) -> str:
        """Tell how to take the packages nevertheless, where that is what the machine is set up for."""
        if self.accepted:
            return "`kernix lock --allow-unsigned` pins their packages nevertheless, and marks them in the lock"
        return "someone may have changed it, or its key is missing; see what `apt-get update` says"


class UnknownRelease(Error):
    """Another release of Debian cannot be had from the machine's mirrors."""

    suite: str
    reason: str
    advice: str | None = None

    def __str__(self) -> str:
        return f"cannot pin packages of {self.suite}: {self.reason}"

    @property
    def hint(self) -> str | None:
        """Return the advice that came with the reason."""
        return self.advice


@attrs.frozen(kw_only=True)
class Release:
    """What an archive says about one of its releases.

    Attributes:
        base: The archive's base URL.
        dist: What the release is called in the archive's URLs.
        facts: The fields of the file `Release`, without the lists of files.
    """

    base: str
    dist: str
    facts: dict[str, str]

    @property
    def is_debian(self) -> bool:
        """Return whether it is Debian's own, without a suffix: no updates, no backports."""
        return self._said("Origin") == self._said("Label") == "Debian" and SUITE.fullmatch(self.codename) is not None

    @property
    def is_security(self) -> bool:
        """Return whether it is Debian's security updates."""
        return self._said("Origin") == "Debian" and self._said("Label") == "Debian-Security"

    @property
    def codename(self) -> str:
        """Return the name that the release keeps for ever."""
        return self._said("Codename")

    def is_called(self, name: str) -> bool:
        """Return whether *name* is its codename, or what it is at present, such as `stable`."""
        return name in {self.codename, self._said("Suite")}

    def _said(self, field: str) -> str:
        return self.facts.get(field, "")


@attrs.frozen(kw_only=True)
class Updated:
    """Which archives apt has been brought up to date with.

    Attributes:
        unsigned: Base URLs of those without a valid signature.
        suite: The codename of the one release of Debian among them; None if there are none or several.
        settings: Further settings for apt when it resolves.
    """

    unsigned: frozenset[str]
    suite: str | None
    settings: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Choice:
    """What the user wants of archives.

    Attributes:
        suite: A release of Debian, by its codename or what it is at present; None for the machine's sources.
        allow_unsigned: Whether to take packages without a signature where the machine's apt is told to.
        warn: Called with a sentence about what has been left out, or taken without a signature.
    """

    suite: str | None = None
    allow_unsigned: bool = False
    warn: Callable[[str], None] = lambda _: None


def update(apt: Apt, choice: Choice) -> Updated:
    """Bring the lists of *apt* up to date with the archives of *choice*.

    Raises:
        NotSigned: an archive that has to be signed is not.
        UnknownRelease: the machine's mirrors do not have the release.
        AptFailed: apt cannot reach, read or understand something.
    """
    sources = machine_sources(apt, choice.warn)
    if choice.suite is None:
        return _updated(apt, sources, choice)
    here = _releases(apt, sources)
    own = {it.codename for it in here if it.is_debian}
    if len(own) == 1 and any(it.is_debian and it.is_called(choice.suite) for it in here):
        return _updated(apt, sources, choice)
    return _update_other(apt, choice.suite, here)


def machine_sources(apt: Apt, warn: Callable[[str], None] = lambda _: None) -> list[Source]:
    """Return the sources of packages that the machine's apt has, but for discs.

    Raises:
        AptFailed: apt does not understand them, or they cannot be read.
    """
    # apt is the one to say what is wrong with them.
    apt.machine("apt-get", "indextargets")
    said = apt.machine("apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d")
    places = dict(word.split("=", 1) for word in shlex.split(said))
    main, parts = Path(places.get("LIST", "")), Path(places.get("PARTS", ""))
    # As apt: names of other characters are of editors and package managers.
    names = sorted(it for it in parts.glob("*") if re.fullmatch(r"[A-Za-z0-9_.-]+\.(list|sources)", it.name))
    found: list[Source] = []
    for file in [main, *names]:
        if file.is_file():
            try:
                text = file.read_text(encoding="utf-8", errors="replace")
            except OSError as error:
                raise AptFailed(
                    "reading apt's sources", (f"{file}: {(error.strerror or str(error)).lower()}",)
                ) from None
            found += (parse_stanzas if file.suffix == ".sources" else parse_lines)(text)
    for disc in (it for it in found if it.uri.startswith("cdrom:")):
        warn(f"left out {disc}: a disc cannot be asked")
    return list(dict.fromkeys(it for it in found if not it.uri.startswith("cdrom:")))


def _updated(apt: Apt, sources: Sequence[Source], choice: Choice) -> Updated:
    """Bring *apt* up to date with *sources*, all of them signed but for those of which that is not wanted."""
    apt.choose(it.checked for it in sources)
    finished = apt.run("apt-get", *_UPDATE, settings=_STRICT)
    unsigned = _unsigned(sources, finished) if finished.returncode else {}
    if unsigned:
        kept = [it.checked for it in sources if it not in unsigned]
        _say_what_becomes_of(unsigned, finished, apt, choice)
        apt.choose([*kept, *(it.trusted for it in unsigned)] if choice.allow_unsigned else kept)
        finished = apt.run("apt-get", *_UPDATE, settings=_STRICT)
    if finished.returncode != 0:
        raise failure(finished, shown("apt-get", _UPDATE))
    own = {it.codename for it in _read_releases(apt) if it.is_debian}
    return Updated(
        unsigned=frozenset(it.uri.rstrip("/") for it in unsigned) if choice.allow_unsigned else frozenset(),
        suite=own.pop() if len(own) == 1 else None,
    )


def _unsigned(sources: Iterable[Source], finished: subprocess.CompletedProcess[str]) -> dict[Source, str]:
    """Return those of *sources* of which apt says that they are not signed, and in which words."""
    said = {f"{uri.rstrip('/')} {suite}": words for uri, suite, words in _UNSIGNED.findall(finished.stderr)}
    return {it: said[str(it)] for it in sources if str(it) in said}


def _say_what_becomes_of(
    unsigned: Mapping[Source, str], finished: subprocess.CompletedProcess[str], apt: Apt, choice: Choice
) -> None:
    """Say that *unsigned* sources are left out, or taken as they are.

    Raises:
        NotSigned, AptFailed: the machine's apt is not told to take what has no signature, or it is for every archive.
    """
    everywhere = any(value not in _FALSE for value in _SWITCH.findall(apt.machine("apt-config", "dump")))
    refused = {it: words for it, words in unsigned.items() if not it.unchecked}
    if refused and not (everywhere and choice.allow_unsigned):
        if _ABSENT in refused.values() and not everywhere:
            raise failure(finished, shown("apt-get", _UPDATE))
        raise NotSigned(tuple(map(str, refused)), tuple(_REASON.findall(finished.stderr)), accepted=everywhere)
    for it in unsigned:
        if choice.allow_unsigned:
            choice.warn(f"{it} is not signed; packages of it are marked in the lock")
        else:
            choice.warn(f"left out {it}: it is not signed (`kernix lock --allow-unsigned` takes it)")


def _update_other(apt: Apt, suite: str, here: Iterable[Release]) -> Updated:
    """Bring *apt* up to date with the release *suite* of Debian in the mirrors that it is *here* in."""
    keyring = next((it for it in KEYRINGS if Path(it).exists()), None)
    if keyring is None:
        reason = f"Debian's keys are not on this machine ({KEYRINGS[0]})"
        raise UnknownRelease(suite, reason, "`apt-get install debian-archive-keyring` brings them")
    mirrors = list(dict.fromkeys(it.base for it in here if it.is_debian))
    if not mirrors:
        reason = "none of the machine's apt sources is a mirror of Debian that answers"
        raise UnknownRelease(suite, reason, "see what `apt-get update` says")
    plain = [Source(uri=it, suite=suite, components=("main",), options={"Signed-By": keyring}) for it in mirrors]
    _update_strictly(apt, suite, plain, *_RELEASES_ONLY)
    codename = _codename(apt, suite, mirrors)
    # By the name that it keeps: what is stable today may not be so in all of the archives.
    sources = [attrs.evolve(it, suite=codename) for it in plain]
    if codename not in _ROLLING:
        security = dict.fromkeys(it.base for it in here if it.is_security) or [
            re.sub(r"/debian$", "/debian-security", it) for it in mirrors
        ]
        sources += [attrs.evolve(it, suite=f"{codename}-updates") for it in sources]
        sources += [attrs.evolve(plain[0], uri=it, suite=f"{codename}-security") for it in security]
    _update_strictly(apt, suite, sources)
    # The machine's preferences are about its own release.
    settings = ("APT::Default-Release=", "Dir::Etc::preferences=/dev/null", "Dir::Etc::preferencesparts=-")
    return Updated(unsigned=frozenset(), suite=codename, settings=settings)


def _update_strictly(apt: Apt, suite: str, sources: Iterable[Source], *settings: str) -> None:
    """Bring *apt* up to date with *sources*, which are for *suite*.

    Raises:
        UnknownRelease: one of them cannot be had, or is not signed.
    """
    apt.choose(sources)
    finished = apt.run("apt-get", *_UPDATE, settings=(*_STRICT, *settings))
    if finished.returncode != 0:
        raise UnknownRelease(suite, str(failure(finished, shown("apt-get", _UPDATE))))


def _codename(apt: Apt, suite: str, mirrors: Sequence[str]) -> str:
    """Return the codename of what *mirrors* have as *suite*.

    Raises:
        UnknownRelease: it is another release, or none of Debian's.
    """
    found = [it for it in _read_releases(apt) if it.is_debian]
    for it in found:
        if not it.is_called(suite):
            raise UnknownRelease(suite, f"{it.base} has {it.codename} in its place")
    if not found:
        raise UnknownRelease(suite, f"what {mirrors[0]} has of that name is not a release of Debian")
    return found[0].codename


def _releases(apt: Apt, sources: Iterable[Source]) -> list[Release]:
    """Return what the archives of *sources* say about themselves, as far as they can be reached and are signed."""
    apt.choose(it.checked for it in sources)
    apt.run("apt-get", *_UPDATE, settings=_RELEASES_ONLY)
    return _read_releases(apt)


def _read_releases(apt: Apt) -> list[Release]:
    """Return what apt has fetched of what the archives say about themselves."""
    found = []
    for base, dist, name in _RELEASE.findall(apt.run("apt-get", "update", "--print-uris").stdout):
        place = apt.work / "lists" / name
        for file in (place, place.with_name(name.removesuffix("InRelease") + "Release")):
            if file.exists():
                text = file.read_text(encoding="utf-8", errors="replace")
                # Fields stand before the lists of files, in which lines begin with a blank.
                facts = dict(re.findall(r"^([A-Z][\w-]*): *(\S.*?) *$", text, re.MULTILINE | re.ASCII))
                found.append(Release(base=base, dist=dist, facts=facts))
                break
    return found
