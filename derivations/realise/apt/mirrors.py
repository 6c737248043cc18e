"""The mirrors of the machine's own apt: the default source of pinned packages.

`apt-get update --print-uris` lists what would be fetched from every source, and needs no package lists, network
or root. A list of mirrors on this machine (`mirror+file:`, used in cloud images) counts as the mirrors in it.
Schemes other than HTTP and files are left to apt itself (`derivations.realise.apt.fetch`).
"""

from __future__ import annotations

import functools
import re
import shutil
import threading

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import attrs

from derivations.debian.lock import archive_of
from derivations.realise.supervised import RunTimedOut, run


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


PLAIN = frozenset({"http", "https", "file"})
"""The schemes of URLs that kernix reads itself."""

_PATIENCE = 60  # seconds; apt only reads its own configuration
_URI = re.compile(r"'([^']+)/(?:In)?Release' ")
_PRIORITY = re.compile(r"priority:([0-9]+)")
_LISTS = ("mirror+file:", "mirror+copy:")

# apt is slow, and several downloads start at once.
_ONE_ASKS = threading.Lock()


@attrs.frozen(kw_only=True)
class Sites:
    """The archives that the machine's apt is configured with.

    Attributes:
        bases: The base URLs of its archives, without duplicates or trailing slashes.
        problem: What apt reports as wrong with its sources, if anything.
    """

    bases: tuple[str, ...] = ()
    problem: str | None = None


def apt_sites() -> tuple[str, ...]:
    """Return the base URLs in the machine's apt sources, without duplicates; none if there is no apt."""
    return sites().bases


def sites() -> Sites:
    """Return the archives of the machine's apt; none if there is no apt."""
    with _ONE_ASKS:
        return _asked()


@functools.cache
def _asked() -> Sites:
    if shutil.which("apt-get") is None:
        return Sites()
    try:
        answer = run(["apt-get", "update", "--print-uris"], timeout=_PATIENCE)
    except RunTimedOut:
        return Sites(problem=f"apt-get did not finish within {_PATIENCE} seconds")
    errors = [line.removeprefix("E: ") for line in answer.stderr.splitlines() if line.startswith("E: ")]
    # If apt cannot read a source it fails, but still lists the others.
    found = [base for line in answer.stdout.splitlines() if (match := _URI.match(line)) for base in _bases(match[1])]
    return Sites(bases=tuple(dict.fromkeys(found)), problem="; ".join(dict.fromkeys(errors)) or None)


def _bases(release: str) -> Iterator[str]:
    """Yield the base URLs of the archive whose file `Release` is in the directory *release*."""
    base, pool, _ = release.rpartition("/dists/")
    if not pool:
        # An archive without a pool, `URI ./` or `URI directory/`; the output does not show where the URI ends.
        base = re.sub(r"(?:/\.)*/*$", "", release)
        yield from filter(_is_usable, (base,) if release.endswith("/.") else (base.rpartition("/")[0], base))
        return
    mirrors = _mirrors(Path(unquote(urlsplit(base).path))) if base.startswith(_LISTS) else []
    yield from filter(_is_usable, mirrors or [base.rstrip("/")])


def _mirrors(file: Path) -> list[str]:
    """Return the mirrors listed in *file*, preferred ones first; see apt-transport-mirror(1)."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []  # then apt is used, and reports why it cannot read the file
    found = []
    for line in lines:
        url, _, notes = line.partition("#")[0].strip().partition("\t")
        if url and " " not in url:
            priority = _PRIORITY.search(notes)
            found.append((int(priority[1]) if priority else 1 << 30, url.rstrip("/")))
    return [url for _, url in sorted(found, key=lambda it: it[0])]


def _is_usable(base: str) -> bool:
    try:
        parts = urlsplit(base)
    except ValueError:  # a disc's name in brackets is not a host
        return False
    return bool(parts.scheme) and parts.scheme != "cdrom" and bool(parts.netloc or parts.path.strip("/"))


def package_urls(path: str, archive: str, mirrors: Iterable[str], sites: Iterable[str]) -> tuple[str, ...]:
    """Return the URLs that may have the package at *path* of *archive*: on *mirrors*, then on *sites*.

    Bases with the archive's name in their path come first, because other archives do not have its packages.
    """
    bases = list(dict.fromkeys(base.rstrip("/") for base in (*mirrors, *sites)))
    bases.sort(key=lambda base: not is_of(base, archive))
    return tuple(f"{base}/{path}" for base in bases)


def is_of(base: str, archive: str) -> bool:
    """Return whether *base* is a mirror of *archive*, judging by its path."""
    return archive == archive_of(base) or f"/{archive}/" in f"{urlsplit(base).path}/"
