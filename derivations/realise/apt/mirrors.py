"""The mirrors that the machine's own apt uses: where pinned packages come from unless the user names others.

`apt-get update --print-uris` names what would be fetched, from every source, with neither lists that have been
downloaded before nor network nor root. A list of mirrors on this machine (`mirror+file:`, as images for clouds
have it) stands for the mirrors in it. What else than HTTP and files apt can read, apt itself reads
(`derivations.realise.apt.fetch`).
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
from derivations.realise.supervised import TookTooLong, run


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


PLAIN = frozenset({"http", "https", "file"})
"""The schemes of URLs that kernix reads itself."""

_PATIENCE = 60
_URI = re.compile(r"'([^']+)/(?:In)?Release' ")
_PRIORITY = re.compile(r"priority:([0-9]+)")
_LISTS = ("mirror+file:", "mirror+copy:")

# apt takes its time, and several downloads begin at once.
_ONE_ASKS = threading.Lock()


@attrs.frozen(kw_only=True)
class Sites:
    """What the machine's apt is set up to fetch from.

    Attributes:
        bases: The base URLs of its archives, each once, without a slash at the end.
        trouble: What apt says is wrong with its sources, if anything is.
    """

    bases: tuple[str, ...] = ()
    trouble: str | None = None


def apt_sites() -> tuple[str, ...]:
    """Return the base URLs in the machine's apt sources, each once; none where there is no apt."""
    return sites().bases


def sites() -> Sites:
    """Return what the machine's apt is set up to fetch from; nothing where there is no apt."""
    with _ONE_ASKS:
        return _asked()


@functools.cache
def _asked() -> Sites:
    if shutil.which("apt-get") is None:
        return Sites()
    try:
        answer = run(["apt-get", "update", "--print-uris"], timeout=_PATIENCE)
    except TookTooLong:
        return Sites(trouble=f"apt-get gave no answer within {_PATIENCE} seconds")
    said = [line.removeprefix("E: ") for line in answer.stderr.splitlines() if line.startswith("E: ")]
    # With one source that apt cannot read it fails, and names the others all the same.
    found = [base for line in answer.stdout.splitlines() if (match := _URI.match(line)) for base in _bases(match[1])]
    return Sites(bases=tuple(dict.fromkeys(found)), trouble="; ".join(dict.fromkeys(said)) or None)


def _bases(release: str) -> Iterator[str]:
    """Yield the base URLs of the archive whose file `Release` lies in *release*."""
    base, pool, _ = release.rpartition("/dists/")
    if not pool:
        # An archive without a pool, `URI ./` or `URI directory/`; where in it the URI ends is not said.
        base = re.sub(r"(?:/\.)*/*$", "", release)
        yield from filter(_is_usable, (base,) if release.endswith("/.") else (base.rpartition("/")[0], base))
        return
    mirrors = _mirrors(Path(unquote(urlsplit(base).path))) if base.startswith(_LISTS) else []
    yield from filter(_is_usable, mirrors or [base.rstrip("/")])


def _mirrors(file: Path) -> list[str]:
    """Return the mirrors that *file* lists, the preferred ones first; see apt-transport-mirror(1)."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []  # then apt is asked, and tells why it cannot read it either
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
    except ValueError:  # a disc's name in brackets is no host
        return False
    return bool(parts.scheme) and parts.scheme != "cdrom" and bool(parts.netloc or parts.path.strip("/"))


def package_urls(path: str, archive: str, mirrors: Iterable[str], sites: Iterable[str]) -> tuple[str, ...]:
    """Return where the package at *path* of *archive* may be: at *mirrors*, then at *sites*.

    A base that has the archive's name in its path comes first, for an archive's packages are not in another one.
    """
    bases = list(dict.fromkeys(base.rstrip("/") for base in (*mirrors, *sites)))
    bases.sort(key=lambda base: not is_of(base, archive))
    return tuple(f"{base}/{path}" for base in bases)


def is_of(base: str, archive: str) -> bool:
    """Return whether *base* is one of a mirror of *archive*, as far as its path tells."""
    return archive == archive_of(base) or f"/{archive}/" in f"{urlsplit(base).path}/"
