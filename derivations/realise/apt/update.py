"""Update apt's package lists, and distinguish unreachable archives from unsigned ones.

If an archive answers with an error or a login page, apt first reports that and then, as if it were
a separate problem, that the archive is not signed. In both messages it names the archive by its source's URI and
release.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import attrs

from derivations.debian.lock import archive_of
from derivations.realise.apt.run import STRICT, UPDATE, AptFailed, failure, shown


if TYPE_CHECKING:
    import subprocess

    from collections.abc import Collection, Iterable

    from derivations.debian.sources import Source
    from derivations.realise.apt.run import Apt


_ABSENT = "does not have a Release file"
_COMPLAINT = re.compile(
    rf"E: The repository '(\S+) (\S+) (?:In)?Release' (is not signed|is no longer signed|{_ABSENT})"
)
# The wording differs between versions of apt ("GPG error", "Signature verification failed", …), the format does not.
_SIGNATURE = re.compile(r"^W: [^:]+: (\S+ \S+ (?:In)?Release: .*)", re.MULTILINE)
_ERROR = re.compile(r"^Err:\d+ (\S+) (\S+) .*\n +(\S.*)$", re.MULTILINE)
_UNTIMELY = re.compile(r"E: Release file for (\S+)/(?:In)?Release is ((?:expired|not valid yet) .*?)\. ")
_ADDRESS = re.compile(r" \[IP: [^]]*\]$")


@attrs.frozen(kw_only=True)
class Update:
    """The result of an update.

    Attributes:
        finished: How apt ended.
        unreachable: The sources whose archives gave no usable answer, with apt's explanation.
        unsigned: Those whose archives answered, but are not signed by a trusted key.
        absent: Those whose archives have no Release file, which only unsigned ones may lack.
        signatures: What apt reports about signatures that it does not accept.
    """

    finished: subprocess.CompletedProcess[str]
    unreachable: dict[Source, str]
    unsigned: tuple[Source, ...]
    absent: tuple[Source, ...]
    signatures: tuple[str, ...]

    def check(self) -> None:
        """Check that the update succeeded.

        Raises:
            AptFailed: it did not.
        """
        self.check_reached()
        if self.finished.returncode != 0:
            raise failure(self.finished, shown("apt-get", UPDATE))

    def check_reached(self, but: Collection[Source] = ()) -> None:
        """Check that every archive gave a usable answer, except those of the sources *but*.

        Raises:
            AptFailed: one did not.
        """
        failures = tuple(f"{source}: {words}" for source, words in self.unreachable.items() if source not in but)
        if failures:
            raise AptFailed(shown("apt-get", UPDATE), failures)


def fetch_lists(apt: Apt, sources: Iterable[Source], *settings: str) -> Update:
    """Update *apt* from *sources*, and no others, with additional *settings*."""
    sources = tuple(sources)
    apt.choose(sources)
    finished = apt.run("apt-get", *UPDATE, settings=(*STRICT, *settings))
    signatures = tuple(_SIGNATURE.findall(finished.stderr))
    unreachable: dict[Source, str] = {}
    unsigned, absent = [], []
    for source in sources if finished.returncode else ():
        answers = [
            _squeezed(words) for uri, dist, words in _ERROR.findall(finished.stdout) if _is_of(source, uri, dist)
        ]
        answers += [words for url, words in _UNTIMELY.findall(finished.stderr) if url == _release_url(source)]
        badly_signed = any(it.startswith(f"{source} ") for it in signatures)
        if answers and not badly_signed:
            unreachable[source] = answers[0]
        complaint = next((it for it in _COMPLAINT.findall(finished.stderr) if _is_of(source, it[0], it[1])), None)
        if complaint is not None and complaint[2] == _ABSENT:
            absent.append(source)
        elif badly_signed or (complaint is not None and source not in unreachable):
            unsigned.append(source)
    return Update(
        finished=finished,
        unreachable=unreachable,
        unsigned=tuple(unsigned),
        absent=tuple(absent),
        signatures=signatures,
    )


def _is_of(source: Source, uri: str, dist: str) -> bool:
    """Return whether *source* is what apt calls *uri* and *dist*, perhaps followed by a component."""
    name, called = str(source), f"{uri.rstrip('/')} {dist}"
    return called == name or called.startswith(f"{name.rstrip('/')}/")


def _release_url(source: Source) -> str:
    """Return the URL of the directory with the file `Release` of *source*, as apt shows it."""
    base, _, suite = str(source).rpartition(" ")
    return f"{base}/{suite}".rstrip("/") if suite.endswith("/") else f"{base}/dists/{suite}"


def _squeezed(words: str) -> str:
    return _ADDRESS.sub("", re.sub(r"\s+", " ", words))


def spare(sources: Iterable[Source], unreachable: Collection[Source]) -> dict[Source, Source]:
    """Return the redundant ones among the *unreachable* of *sources*, each with a mirror that has the same packages."""
    reachable = [it for it in sources if it not in unreachable]
    pairs = ((dead, next((it for it in reachable if _mirror_each_other(it, dead)), None)) for dead in unreachable)
    return {dead: other for dead, other in pairs if other is not None}


def _mirror_each_other(one: Source, other: Source) -> bool:
    return (archive_of(one.uri), one.suite, one.options) == (archive_of(other.uri), other.suite, other.options) and set(
        other.components
    ) <= set(one.components)
