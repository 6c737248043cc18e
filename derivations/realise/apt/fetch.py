"""Fetch what the machine's apt can reach and plain HTTP cannot: by apt itself.

A machine's apt may go through a proxy, log in (apt_auth.conf(5)), show a certificate, or use a transport of its
own such as `tor+http`. To do the same by other means would be to do it almost the same; `apt-helper` is apt's
own downloader, it needs no root, and what it brings is checked by its hash like anything else.
"""

from __future__ import annotations

import functools
import re
import shutil

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from derivations.realise.apt.mirrors import PLAIN
from derivations.realise.network.http_response import TryFailed
from derivations.realise.supervised import TookTooLong, run


if TYPE_CHECKING:
    from collections.abc import Callable


HELPER = "/usr/lib/apt/apt-helper"

_OPTIONS = ("-q", "-o", "Acquire::http::Timeout=30", "-o", "Acquire::https::Timeout=30")
_TIMEOUT = 3600.0
_PATIENCE = 60
_NOT_FOUND = 404

# apt-transport-http(1), apt-transport-https(1): where to go through, and who to be and to believe.
_TRANSPORT = re.compile(
    r'Acquire::https?::(?:\S+::)?(?:Proxy|Proxy-?Auto-?Detect|Ca\w+|Crl\w+|Ssl\w+|Verify-\w+)(?:::\S+)? "(.*)";',
    re.IGNORECASE,
)
_SAID = re.compile(r"E: Failed to fetch \S+\s+(.*)")


@attrs.frozen(kw_only=True)
class Access:
    """How the machine's apt reaches its archives.

    Attributes:
        special: Whether it is set up to go through proxies, or with certificates of its own.
        hosts: The hosts at which it logs in.
    """

    special: bool = False
    hosts: frozenset[str] = frozenset()

    def needs_apt(self, base: str) -> bool:
        """Return whether the archive at *base* is to be fetched from by apt."""
        parts = urlsplit(base)
        if parts.scheme not in PLAIN:
            return True
        return parts.scheme != "file" and (self.special or parts.hostname in self.hosts)


@functools.cache
def access() -> Access:
    """Return how the machine's apt reaches its archives; plainly, where there is no apt."""
    if shutil.which("apt-config") is None or not Path(HELPER).exists():
        return Access()
    try:
        settings = run(["apt-config", "dump"], timeout=_PATIENCE).stdout
        places = run(
            ["apt-config", "shell", "FILE", "Dir::Etc::netrc/f", "PARTS", "Dir::Etc::netrcparts/d"], timeout=_PATIENCE
        ).stdout
    except TookTooLong:
        return Access()
    special = any(
        match[1] not in {"", "DIRECT", "false"} for match in map(_TRANSPORT.fullmatch, settings.splitlines()) if match
    )
    return Access(special=special, hosts=_hosts(places))


def _hosts(places: str) -> frozenset[str]:
    """Return the hosts in the files of passwords that *places*, in the form of a shell's variables, names."""
    found = dict(re.findall(r"^(FILE|PARTS)='(.*)'$", places, re.MULTILINE))
    parts = Path(found.get("PARTS", "/nowhere"))
    files = [Path(found.get("FILE", "/nowhere")), *(parts.glob("*.conf") if parts.is_dir() else ())]
    hosts: set[str] = set()
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # not ours to read: apt, as this user, cannot log in either
        machines = re.findall(r"\bmachine\s+(?:[a-z+]+://)?([^\s/:]+)", text)
        hosts.update(it.lower() for it in machines)
    return frozenset(hosts)


def fetch(url: str, place: Path, sha256: str, cancelled: Callable[[], bool]) -> None:
    """Have apt fetch *url* to *place*.

    Raises:
        TryFailed: it came to nothing, or to something else.
        GivenUp: *cancelled* said so.
    """
    place.unlink(missing_ok=True)
    # apt as root fetches as a user of its own, who may not write here, and says so; it goes on as root.
    command = [HELPER, *_OPTIONS, "download-file", url, str(place), f"SHA256:{sha256}"]
    try:
        finished = run(command, timeout=_TIMEOUT, cancelled=cancelled)
    except TookTooLong:
        raise TryFailed(f"apt did not end within {_TIMEOUT:.0f} seconds", transient=True) from None
    if finished.returncode == 0 and place.exists():
        return
    place.unlink(missing_ok=True)
    said = next((match[1] for line in finished.stderr.splitlines() if (match := _SAID.match(line))), None)
    errors = [line.removeprefix("E: ") for line in finished.stderr.splitlines() if line.startswith("E: ")]
    words = said or "; ".join(errors) or f"apt-helper ended with {finished.returncode}"
    status = _NOT_FOUND if words.startswith(str(_NOT_FOUND)) else None
    raise TryFailed(f"{words.strip()} (asked through apt)", status=status)
