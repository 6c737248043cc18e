"""Which archives a lock is made from: those of the machine, or another release of Debian in the same mirrors.

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
from derivations.realise.apt.release import Updated, reachable_releases, read_releases, update_other
from derivations.realise.apt.run import STRICT, UPDATE, AptFailed, failure, shown
from store.errors import Error, reason_of


if TYPE_CHECKING:
    import subprocess

    from collections.abc import Callable, Iterable, Mapping, Sequence

    from derivations.realise.apt.run import Apt


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


class UnsignedArchives(Error):
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
        UnsignedArchives: an archive that has to be signed is not.
        UnknownRelease: the machine's mirrors do not have the release.
        AptFailed: apt cannot reach, read or understand something.
    """
    sources = machine_sources(apt, choice.warn)
    if choice.suite is None:
        return _updated(apt, sources, choice)
    here = reachable_releases(apt, sources)
    own = {it.codename for it in here if it.is_debian}
    if len(own) == 1 and any(it.is_debian and it.is_called(choice.suite) for it in here):
        return _updated(apt, sources, choice)
    return update_other(apt, choice.suite, here)


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
                raise AptFailed("reading apt's sources", (f"{file}: {reason_of(error)}",)) from None
            found += (parse_stanzas if file.suffix == ".sources" else parse_lines)(text)
    for disc in (it for it in found if it.uri.startswith("cdrom:")):
        warn(f"ignoring {disc}: kernix does not read packages from discs")
    return list(dict.fromkeys(it for it in found if not it.uri.startswith("cdrom:")))


def _updated(apt: Apt, sources: Sequence[Source], choice: Choice) -> Updated:
    """Bring *apt* up to date with *sources*, all of them signed but for those of which that is not wanted."""
    apt.choose(it.checked for it in sources)
    finished = apt.run("apt-get", *UPDATE, settings=STRICT)
    unsigned = _unsigned(sources, finished) if finished.returncode else {}
    if unsigned:
        kept = [it.checked for it in sources if it not in unsigned]
        _say_what_becomes_of(unsigned, finished, apt, choice)
        apt.choose([*kept, *(it.trusted for it in unsigned)] if choice.allow_unsigned else kept)
        finished = apt.run("apt-get", *UPDATE, settings=STRICT)
    if finished.returncode != 0:
        raise failure(finished, shown("apt-get", UPDATE))
    own = {it.codename for it in read_releases(apt) if it.is_debian}
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
        UnsignedArchives, AptFailed: the machine's apt is not told to take what has no signature, or it is for every archive.
    """
    everywhere = any(value not in _FALSE for value in _SWITCH.findall(apt.machine("apt-config", "dump")))
    refused = {it: words for it, words in unsigned.items() if not it.unchecked}
    if refused and not (everywhere and choice.allow_unsigned):
        if _ABSENT in refused.values() and not everywhere:
            raise failure(finished, shown("apt-get", UPDATE))
        raise UnsignedArchives(tuple(map(str, refused)), tuple(_REASON.findall(finished.stderr)), accepted=everywhere)
    for it in unsigned:
        if choice.allow_unsigned:
            choice.warn(f"{it} is not signed; its packages are marked in the lock")
        else:
            choice.warn(f"ignoring {it}: it is not signed (`kernix lock --allow-unsigned` accepts it)")
