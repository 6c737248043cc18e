"""The mirrors that the machine's own apt uses: where pinned packages come from unless the user names others."""

from __future__ import annotations

import functools
import subprocess
import threading

from typing import TYPE_CHECKING
from urllib.parse import urlsplit


if TYPE_CHECKING:
    from collections.abc import Iterable


_SCHEMES = frozenset({"http", "https", "file"})
_FORMAT = "$(SITE)\n$(REPO_URI)"
_PATIENCE = 60

# apt takes its time, and several downloads begin at once.
_ONE_ASKS = threading.Lock()


def apt_sites() -> tuple[str, ...]:
    """Return the base URLs in the machine's apt sources, each once; none where there is no apt."""
    with _ONE_ASKS:
        return _asked()


@functools.cache
def _asked() -> tuple[str, ...]:
    command = ["apt-get", "indextargets", "--format", _FORMAT]
    try:
        answer = subprocess.run(command, capture_output=True, check=True, text=True, timeout=_PATIENCE)
    except (OSError, subprocess.SubprocessError):
        return ()
    sites = (line.strip().rstrip("/") for line in answer.stdout.splitlines())
    return tuple(dict.fromkeys(site for site in sites if urlsplit(site).scheme in _SCHEMES))


def package_urls(path: str, archive: str, mirrors: Iterable[str], sites: Iterable[str]) -> tuple[str, ...]:
    """Return where the package at *path* of *archive* may be: at *mirrors*, then at *sites*.

    A base that has the archive's name in its path comes first, for an archive's packages are not in another one.
    """
    bases = list(dict.fromkeys(base.rstrip("/") for base in (*mirrors, *sites)))
    bases.sort(key=lambda base: f"/{archive}/" not in f"{urlsplit(base).path}/")
    return tuple(f"{base}/{path}" for base in bases)
