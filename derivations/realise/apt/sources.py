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
from derivations.realise.apt.run import AptFailed
from derivations.realise.apt.update import fetch_lists, spare
from store.errors import Error, reason_of


if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from derivations.realise.apt.run import Apt
    from derivations.realise.apt.update import Update


_SWITCH = re.compile(
    r'(?:Acquire::Allow(?:DowngradeTo)?(?:Insecure|Weak)Repositories|APT::Get::AllowUnauthenticated) "(.*)";',
    re.IGNORECASE,
)
_FALSE = frozenset({"", "no", "false", "without", "off", "disable", "0"})


class NoSources(Error):
    """The machine's apt has no source of packages, but for discs."""

    def __str__(self) -> str:
        return "this machine's apt has no source of packages that kernix can use"

    @property
    def hint(self) -> str:
        """Tell where sources are added."""
        return "add one in /etc/apt/sources.list.d, such as a mirror of Debian"


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
        NoSources: the machine has none.
        UnsignedArchives: an archive that has to be signed is not.
        UnknownRelease: the machine's mirrors do not have the release.
        AptFailed: apt cannot reach, read or understand something.
    """
    sources = machine_sources(apt, choice.warn)
    if not sources:
        raise NoSources
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
    lenient = [it for it in sources if it.unchecked]
    sources = [it.checked for it in sources]
    update = fetch_lists(apt, sources)
    if spared := spare(sources, update.unreachable):
        for dead, other in spared.items():
            choice.warn(f"ignoring {dead}: {update.unreachable[dead]} ({other} is a mirror of the same)")
        sources = [it for it in sources if it not in spared]
        update = fetch_lists(apt, sources)
    unsigned = _accepted(update, {it.checked for it in lenient}, apt, choice)
    if unsigned:
        kept = [it for it in sources if it not in unsigned]
        update = fetch_lists(apt, [*kept, *(it.trusted for it in unsigned)] if choice.allow_unsigned else kept)
    update.check()
    own = {it.codename for it in read_releases(apt) if it.is_debian}
    return Updated(
        unsigned=frozenset(it.uri.rstrip("/") for it in unsigned) if choice.allow_unsigned else frozenset(),
        suite=own.pop() if len(own) == 1 else None,
    )


def _accepted(update: Update, lenient: Collection[Source], apt: Apt, choice: Choice) -> tuple[Source, ...]:
    """Return the sources that are not signed, after saying that they are left out, or taken as they are.

    Raises:
        AptFailed: an archive cannot be reached.
        UnsignedArchives: the machine's apt is not told to take what has no signature.
    """
    if not (update.unreachable or update.unsigned or update.absent):
        return ()
    everywhere = any(value not in _FALSE for value in _SWITCH.findall(apt.machine("apt-config", "dump")))
    absent = tuple(it for it in update.absent if everywhere or it in lenient)
    update.check_reached(but=absent)
    unsigned = (*update.unsigned, *absent)
    refused = [it for it in unsigned if it not in lenient]
    if refused and not (everywhere and choice.allow_unsigned):
        raise UnsignedArchives(tuple(map(str, refused)), update.signatures, accepted=everywhere)
    for it in unsigned:
        if choice.allow_unsigned:
            choice.warn(f"{it} is not signed; its packages are marked in the lock")
        else:
            choice.warn(f"ignoring {it}: it is not signed (`kernix lock --allow-unsigned` accepts it)")
    return unsigned
