"""Read kernel.org's release announcement, its signed checksums and the key that signs them.

These files are small, and unlike those of `derivations.realise.network.download` have no hash known beforehand.
"""

from __future__ import annotations

import hashlib
import time

from typing import TYPE_CHECKING, TypeVar

import attrs

from derivations.linux.releases import parse_announcement, parse_sums
from derivations.realise.network.connection import HttpSession, Patience
from derivations.realise.network.http_response import TryFailed, place_in_file
from derivations.realise.network.retry import Backoff
from derivations.realise.network.signature import signed_text
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from derivations.linux.releases import Announced
    from derivations.realise.settings import Settings


_T = TypeVar("_T")

SERVER = "https://www.kernel.org"
SIGNER = "B8868C80BA62A1FFFAF5FDA9632D3A06589DA6B1"
"""The primary key of kernel.org's checksum autosigner (https://www.kernel.org/signature.html)."""

LIMIT = 32 << 20
"""Bytes: the longest list of checksums has less than one million."""

# Web Key Directory, direct method (draft-koch-openpgp-webkey-service, 3.1): z-base-32 of SHA-1 of `autosigner`.
_KEY = "/.well-known/openpgpkey/hu/ew8uiogxwri7d3fuioqgt7u1d5sngorx?l=autosigner"
_CHUNK = 1 << 18  # bytes at most between two checks for cancellation


class ServerUnreachable(Error):
    """A server did not provide a file."""

    url: str
    message: str

    def __str__(self) -> str:
        return f"cannot read {self.url}: {self.message}"

    @property
    def hint(self) -> str:
        """Return that nothing was changed."""
        return "nothing has been changed"


@attrs.frozen(kw_only=True)
class KernelOrg:
    """kernel.org, or a server with the same files.

    Attributes:
        settings: How often to try and how long to wait.
        server: The base of all URLs.
        keyring: The keys to trust, if the signer is among them; None to fetch the server's key, which is
            trusted because of its fingerprint.
        signer: The fingerprint of the key that signs the checksums.
        progress: Called with the bytes of a download so far, and those expected.
        backoff: How long to wait between attempts.
        sleep: Waits.
    """

    settings: Settings
    server: str = SERVER
    keyring: bytes | None = None
    signer: str = SIGNER
    progress: Callable[[int, int | None], None] = lambda _done, _expected: None
    backoff: Backoff = attrs.field(factory=Backoff)
    sleep: Callable[[float], None] = time.sleep

    def announcement(self) -> tuple[Announced, ...]:
        """Return the announced releases.

        Raises:
            ServerUnreachable: the server does not provide the announcement.
            InvalidAnnouncement: the file is not an announcement.
        """
        return parse_announcement(self._read(f"{self.server}/releases.json"))

    def sums(self, majors: set[int]) -> dict[str, str]:
        """Return the SHA-256 of every archive, by version, of the directories of the *majors*: of `v6.x` for 6.

        Raises:
            ServerUnreachable: the server does not provide a list.
            NotSigned: a list is not signed by the signer.
            ContradictorySums: a list contradicts itself.
            InvalidKeyring, NoGpgv: signatures cannot be checked.
        """
        if not majors:
            return {}
        keyring = self.keyring if self.keyring is not None else self._read(f"{self.server}{_KEY}")
        found: dict[str, str] = {}
        for major in sorted(majors):
            url = f"{self.server}/pub/linux/kernel/v{major}.x/sha256sums.asc"
            sums = parse_sums(signed_text(url, self._read(url), keyring, self.signer))
            # The list of another directory, though genuine, must not pass for this one.
            found |= {version: sha256 for version, sha256 in sums.items() if version.startswith(f"{major}.")}
        return found

    def sha256_of(self, url: str) -> str:
        """Return the SHA-256 of the file at *url* now; no signature covers it.

        Raises:
            ServerUnreachable: the server does not provide it.
        """

        def digest() -> str:
            hashing = hashlib.sha256()
            for data in self._get(url, self.settings.max_download_size):
                hashing.update(data)
            return hashing.hexdigest()

        return self._often(url, digest)

    def _read(self, url: str) -> bytes:
        return self._often(url, lambda: b"".join(self._get(url, LIMIT)))

    def _often(self, url: str, ask: Callable[[], _T]) -> _T:
        """Return the result of *ask*, retrying while that may help."""
        failures = 0
        while True:
            try:
                return ask()
            except TryFailed as failed:
                failures += 1
                if not failed.transient or failures > self.settings.retries or failed.floor > self.backoff.cap:
                    raise ServerUnreachable(url, failed.message) from None
                self.sleep(self.backoff.delay(failures, status=failed.status, floor=failed.floor))

    def _get(self, url: str, limit: int) -> Iterator[bytes]:
        """Yield all bytes of *url*, or raise an error."""
        done = 0
        patience = Patience(self.settings.connect_timeout, self.settings.read_timeout)
        with HttpSession(patience) as session, session.open(url) as response:
            _, total = place_in_file(response, 0)
            while data := response.raw.read1(_CHUNK, decode_content=False):
                done += len(data)
                if done > limit:
                    raise TryFailed(f"the file has more than {limit} bytes")
                self.progress(done, total)
                yield data
        if total is not None and done < total:
            raise TryFailed(f"the connection was cut after {done} of {total} bytes", transient=True)
