"""Which archives a lock uses: those of the machine, or another Debian release on the same mirrors.

Every signature is checked, even where the machine's apt is configured not to (`[trusted=yes]`,
`[allow-insecure=yes]`, `Acquire::AllowInsecureRepositories`). Such an archive, if it has no valid
signature, is left out unless the user asks for it.
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
    """The machine's apt has no package source other than discs."""

    def __str__(self) -> str:
        return "this machine's apt has no package source that kernix can use"

    @property
    def hint(self) -> str:
        """Return where to add sources."""
        return "add one in /etc/apt/sources.list.d, such as a Debian mirror"


class UnsignedArchives(Error):
    """Archives of the machine's apt are not signed, or not by a key that it trusts.

    Attributes:
        archives: Their names.
        messages: What apt reports about their signatures.
        accepted: Whether the machine's apt is configured to accept such archives.
    """

    archives: tuple[str, ...]
    messages: tuple[str, ...]
    accepted: bool

    def __str__(self) -> str:
        reasons = "".join(f"; {it}" for it in self.messages)
        return f"not signed by a key that this machine trusts: {', '.join(self.archives)}{reasons}"

    @property
    def hint(self) -> str:
        """Return how to accept the packages anyway, if the machine's apt does."""
        if self.accepted:
            return "`kernix lock --allow-unsigned` pins their packages anyway, and marks them in the lock"
        return "an archive may have been tampered with, or its key is missing; see what `apt-get update` reports"


@attrs.frozen(kw_only=True)
class ArchiveChoice:
    """The user's choice of archives.

    Attributes:
        suite: A release of Debian, by its codename or a name such as `stable`; None for the machine's sources.
        allow_unsigned: Whether to accept unsigned archives that the machine's apt accepts.
        warn: Called with a sentence about an archive that was left out, or accepted without a signature.
    """

    suite: str | None = None
    allow_unsigned: bool = False
    warn: Callable[[str], None] = lambda _: None


def update(apt: Apt, choice: ArchiveChoice) -> Updated:
    """Update the lists of *apt* from the archives of *choice*.

    Raises:
        NoSources: the machine has none.
        UnsignedArchives: an archive that must be signed is not.
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
    """Return the package sources of the machine's apt, except discs.

    Raises:
        AptFailed: they are invalid or cannot be read.
    """
    # Let apt report what is wrong with them.
    apt.machine("apt-get", "indextargets")
    output = apt.machine("apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d")
    places = dict(word.split("=", 1) for word in shlex.split(output))
    main, parts = Path(places.get("LIST", "")), Path(places.get("PARTS", ""))
    # Like apt: files with other characters in their names belong to editors and package managers.
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
        warn(f"ignoring {disc}: kernix cannot read packages from discs")
    return list(dict.fromkeys(it for it in found if not it.uri.startswith("cdrom:")))


def _updated(apt: Apt, sources: Sequence[Source], choice: ArchiveChoice) -> Updated:
    """Update *apt* from *sources*; all must be signed, except those that the choice accepts unsigned."""
    lenient = [it for it in sources if it.unchecked]
    sources = [it.checked for it in sources]
    update = fetch_lists(apt, sources)
    if spared := spare(sources, update.unreachable):
        for dead, other in spared.items():
            choice.warn(f"ignoring {dead}: {update.unreachable[dead]} ({other} has the same packages)")
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


def _accepted(update: Update, lenient: Collection[Source], apt: Apt, choice: ArchiveChoice) -> tuple[Source, ...]:
    """Return the unsigned sources, after warning that they are left out or accepted.

    Raises:
        AptFailed: an archive is unreachable.
        UnsignedArchives: the machine's apt is not configured to accept unsigned archives.
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
