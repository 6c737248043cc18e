"""Fetch, through apt itself, what the machine's apt can reach and plain HTTP cannot.

A machine's apt may use a proxy, log in (apt_auth.conf(5)), present a certificate, or use its own transport
such as `tor+http`. Any reimplementation of that would differ in details. `apt-helper` is apt's
own downloader and needs no root, and the hash of what it fetches is checked like any other.
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
from derivations.realise.supervised import RunTimedOut, run


if TYPE_CHECKING:
    from collections.abc import Callable


HELPER = "/usr/lib/apt/apt-helper"

# Seconds, as `Settings.read_timeout`.
_OPTIONS = ("-q", "-o", "Acquire::http::Timeout=30", "-o", "Acquire::https::Timeout=30")
_TIMEOUT = 3600.0  # seconds for one file; a silent server ends it long before
_PATIENCE = 60  # seconds; apt only reads its own configuration
_NOT_FOUND = 404

# apt-transport-http(1), apt-transport-https(1): proxies, client certificates and trusted authorities.
_TRANSPORT = re.compile(
    r'Acquire::https?::(?:\S+::)?(?:Proxy|Proxy-?Auto-?Detect|Ca\w+|Crl\w+|Ssl\w+|Verify-\w+)(?:::\S+)? "(.*)";',
    re.IGNORECASE,
)
_SAID = re.compile(r"E: Failed to fetch \S+\s+(.*)")


@attrs.frozen(kw_only=True)
class Access:
    """How the machine's apt reaches its archives.

    Attributes:
        special: Whether it is configured with proxies or certificates.
        hosts: The hosts that it logs in to.
    """

    special: bool = False
    hosts: frozenset[str] = frozenset()

    def needs_apt(self, base: str) -> bool:
        """Return whether only apt can fetch from the archive at *base*."""
        parts = urlsplit(base)
        if parts.scheme not in PLAIN:
            return True
        return parts.scheme != "file" and (self.special or parts.hostname in self.hosts)


@functools.cache
def access() -> Access:
    """Return how the machine's apt reaches its archives; the default if there is no apt."""
    if shutil.which("apt-config") is None or not Path(HELPER).exists():
        return Access()
    try:
        settings = run(["apt-config", "dump"], timeout=_PATIENCE).stdout
        places = run(
            ["apt-config", "shell", "FILE", "Dir::Etc::netrc/f", "PARTS", "Dir::Etc::netrcparts/d"], timeout=_PATIENCE
        ).stdout
    except RunTimedOut:
        return Access()
    special = any(
        match[1] not in {"", "DIRECT", "false"} for match in map(_TRANSPORT.fullmatch, settings.splitlines()) if match
    )
    return Access(special=special, hosts=_hosts(places))


def _hosts(places: str) -> frozenset[str]:
    """Return the hosts in the password files that *places*, shell variable assignments, names."""
    found = dict(re.findall(r"^(FILE|PARTS)='(.*)'$", places, re.MULTILINE))
    parts = Path(found.get("PARTS", "/nowhere"))
    files = [Path(found.get("FILE", "/nowhere")), *(parts.glob("*.conf") if parts.is_dir() else ())]
    hosts: set[str] = set()
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # unreadable: apt, run by this user, cannot log in either
        machines = re.findall(r"\bmachine\s+(?:[a-z+]+://)?([^\s/:]+)", text)
        hosts.update(it.lower() for it in machines)
    return frozenset(hosts)


def fetch(url: str, place: Path, sha256: str, cancelled: Callable[[], bool]) -> None:
    """Fetch *url* to *place* through apt.

    Raises:
        TryFailed: apt failed, or the file has another hash.
        RunCancelled: *cancelled* returned true.
    """
    place.unlink(missing_ok=True)
    # As root, apt fetches as its own user, who may not write here; it warns, and continues as root.
    command = [HELPER, *_OPTIONS, "download-file", url, str(place), f"SHA256:{sha256}"]
    try:
        finished = run(command, timeout=_TIMEOUT, cancelled=cancelled)
    except RunTimedOut:
        raise TryFailed(f"apt did not finish within {_TIMEOUT:.0f} seconds", transient=True) from None
    if finished.returncode == 0 and place.exists():
        return
    place.unlink(missing_ok=True)
    reason = next((match[1] for line in finished.stderr.splitlines() if (match := _SAID.match(line))), None)
    errors = [line.removeprefix("E: ") for line in finished.stderr.splitlines() if line.startswith("E: ")]
    words = reason or "; ".join(errors) or f"apt-helper exited with {finished.returncode}"
    status = _NOT_FOUND if words.startswith(str(_NOT_FOUND)) else None
    raise TryFailed(f"{words.strip()} (through apt)", status=status)
