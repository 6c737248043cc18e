"""The HTTP interface of registries (OCI distribution specification 1.1), and their tokens.

A registry that wants to know who asks answers 401 and says how: `Basic`, or `Bearer` with the place of a token server
(docs.docker.com/registry/spec/auth/token). What is then sent is remembered, so one run asks for few tokens.
"""

from __future__ import annotations

import http.client
import json
import re

from typing import IO, TYPE_CHECKING, Self
from urllib.parse import urlencode, urljoin, urlsplit

import attrs
import requests
import urllib3

from derivations.realise.network.connection import HttpSession, Patience
from derivations.realise.network.http_response import TryFailed, explain, place_in_file
from derivations.realise.registry.credentials import basic_for
from derivations.realise.registry.errors import NoSuchArtifact, NotARegistry, NotAuthorised, RegistryFailed
from derivations.realise.registry.reference import is_loopback
from store.exports.oci import MANIFEST, MAX_MANIFEST, sha256_digest


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from derivations.realise.registry.reference import Reference


_OK, _CREATED, _ACCEPTED = 200, 201, 202
_UNAUTHORISED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
_PARAMETER = re.compile(r'([a-z_]+)="([^"]*)"')
_MAX_ANSWER = 1 << 20  # bytes of a token or an error
_SHOWN = 200  # characters of a registry's message
_TRIES = 4
_CHUNK = 1 << 18  # bytes

Answer = tuple[int, "requests.structures.CaseInsensitiveDict[str]", bytes]
"""The status, the headers and the body of a response."""


@attrs.define
class Client:
    """One repository of a registry; a context manager, for one thread.

    Attributes:
        reference: The artifact.
        files: Where names and passwords may be (`derivations.realise.registry.credentials`).
        patience: How long to wait.
    """

    reference: Reference
    files: Sequence[Path] = ()
    patience: Patience = attrs.field(factory=Patience)
    _session: HttpSession = attrs.field(init=False)
    _authorization: str | None = attrs.field(default=None, init=False)

    def __enter__(self) -> Self:
        self._session = HttpSession(self.patience)
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def has_blob(self, digest: str) -> bool:
        """Return whether the repository has the blob with *digest*."""
        status, _, body = self._ask("HEAD", f"{self.reference.base}/blobs/{digest}", "pull,push")
        if status not in {_OK, _NOT_FOUND}:
            raise self._failure(status, body)
        return status == _OK

    def put_blob(self, digest: str, size: int, data: bytes | IO[bytes]) -> None:
        """Upload *data*, of *size* bytes with *digest*, unless the repository has it."""
        if self.has_blob(digest):
            return
        start = f"{self.reference.base}/blobs/uploads/"
        status, headers, body = self._ask("POST", start, "pull,push", {"Content-Length": "0"})
        if status != _ACCEPTED or "Location" not in headers:
            raise self._failure(status, body)
        place = urljoin(start, headers["Location"])
        place += f"{'&' if urlsplit(place).query else '?'}{urlencode({'digest': digest})}"
        if urlsplit(place).scheme == "http" and not self.reference.plain:
            raise NotARegistry(str(self.reference), "it wants an upload without TLS")
        sent = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        # Whoever stores the bytes may be another server, which must not see the token.
        own = urlsplit(place).netloc == urlsplit(start).netloc
        status, _, body = self._send("PUT", place, {**sent, **(self._signed() if own else {})}, data)
        if status != _CREATED:
            raise self._failure(status, body)

    def put_manifest(self, data: bytes, tag: str) -> None:
        """Give the manifest *data* the name *tag*."""
        status, _, body = self._ask(
            "PUT", f"{self.reference.base}/manifests/{tag}", "pull,push", {"Content-Type": MANIFEST}, data=data
        )
        if status != _CREATED:
            raise self._failure(status, body, pushing=True)

    def manifest(self) -> bytes:
        """Return the manifest of the artifact."""
        place = f"{self.reference.base}/manifests/{self.reference.tag}"
        status, _, body = self._ask("GET", place, "pull", {"Accept": MANIFEST}, limit=MAX_MANIFEST)
        if status != _OK:
            raise self._failure(status, body)
        if ":" in self.reference.tag and sha256_digest(body) != self.reference.tag:
            raise RegistryFailed(str(self.reference), "the registry sent another manifest")
        return body

    def blob(self, digest: str, size: int, file: IO[bytes]) -> None:
        """Write the blob with *digest* to the empty *file*: at most *size* bytes, unchecked; a cut is resumed."""
        place, tries = f"{self.reference.base}/blobs/{digest}", _TRIES
        while True:
            done = file.seek(0, 2)
            try:
                self._continue(place, done, size, file)
            except TryFailed as error:
                tries = _TRIES if file.tell() > done else tries - 1
                if not error.transient or not tries:
                    raise RegistryFailed(str(self.reference), str(error.message)) from None
            else:
                return

    def _continue(self, place: str, done: int, size: int, file: IO[bytes]) -> None:
        if done == 0:  # and so get a token, if one is needed
            status, _, body = self._ask("HEAD", place, "pull")
            if status != _OK:
                raise self._failure(status, body)
        wanted = {"Range": f"bytes={done}-"} if done else {}
        with self._session.open(place, {**wanted, **self._signed()}) as response:
            start, total = place_in_file(response, done)
            file.seek(start)
            file.truncate()
            while piece := response.raw.read1(_CHUNK):
                file.write(piece)
                if file.tell() > size:
                    raise RegistryFailed(
                        str(self.reference), f"the registry sent more than the {size:,} bytes of a layer"
                    )
            if total is not None and file.tell() < total:
                raise TryFailed("the connection was cut", transient=True)

    def _signed(self) -> dict[str, str]:
        return {"Authorization": self._authorization} if self._authorization else {}

    def _ask(
        self,
        method: str,
        url: str,
        actions: str,
        headers: Mapping[str, str] | None = None,
        *,
        data: bytes | None = None,
        limit: int = _MAX_ANSWER,
    ) -> Answer:
        """Send a request for *actions*, again with a token if one is asked for."""
        answer = self._send(method, url, {**(headers or {}), **self._signed()}, data, limit)
        if answer[0] == _UNAUTHORISED:
            self._authorization = self._credentials(answer[1].get("WWW-Authenticate", ""), actions)
            answer = self._send(method, url, {**(headers or {}), **self._signed()}, data, limit)
        return answer

    def _credentials(self, challenge: str, actions: str) -> str:
        """Return what to send as `Authorization` after *challenge*."""
        basic = basic_for(self.reference.host, self.files)
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic":
            if basic is None:
                raise NotAuthorised(str(self.reference), "the registry asks for a name and a password")
            return f"Basic {basic}"
        asked = dict(_PARAMETER.findall(rest))
        if scheme.lower() != "bearer" or "realm" not in asked:
            raise NotAuthorised(str(self.reference), f"the registry asks for {scheme[:_SHOWN] or 'nothing known'}")
        realm = urlsplit(asked["realm"])
        if realm.scheme != "https" and not (
            realm.scheme == "http" and (self.reference.plain or is_loopback(realm.netloc))
        ):
            raise NotAuthorised(str(self.reference), "its server of tokens has no TLS")
        query = {"service": asked.get("service", ""), "scope": f"repository:{self.reference.name}:{actions}"}
        place = f"{asked['realm']}{'&' if realm.query else '?'}{urlencode(query)}"
        status, _, body = self._send("GET", place, {"Authorization": f"Basic {basic}"} if basic else {})
        if status != _OK:
            raise NotAuthorised(str(self.reference), f"its server of tokens answered {status}")
        try:
            said = json.loads(body)
            token = said.get("token") or said["access_token"]
        except (ValueError, KeyError, AttributeError):
            raise NotARegistry(str(self.reference), "its server of tokens sent none") from None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise NotARegistry(str(self.reference), "its server of tokens sent no token")
        return f"Bearer {token}"

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        data: bytes | IO[bytes] | None = None,
        limit: int = _MAX_ANSWER,
    ) -> Answer:
        patience = (self.patience.connect, self.patience.read)
        try:
            sent = {"Accept-Encoding": "identity", **headers}
            follow = method in {"GET", "HEAD"}
            with self._session.request(
                method, url, headers=sent, data=data, stream=True, timeout=patience, allow_redirects=follow
            ) as response:
                body = bytearray()
                while method != "HEAD" and (piece := response.raw.read1(_CHUNK)):
                    body += piece
                    if len(body) > limit:
                        raise RegistryFailed(str(self.reference), f"it sent more than {limit >> 20} MiB")
                return response.status_code, response.headers, bytes(body)
        except TryFailed as error:
            raise RegistryFailed(str(self.reference), error.message) from None
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            ValueError,
            http.client.HTTPException,
        ) as error:
            raise RegistryFailed(str(self.reference), explain(error, patience).message) from None

    def _failure(self, status: int, body: bytes, *, pushing: bool = False) -> RegistryFailed:
        reference = str(self.reference)
        if status in {_UNAUTHORISED, _FORBIDDEN}:
            return NotAuthorised(reference, f"the registry refuses access ({status})")
        try:
            said = json.loads(body)["errors"][0]
            message = f": {said.get('message') or said['code']}"[:_SHOWN]
        except (ValueError, LookupError, TypeError, AttributeError):
            message = ""
        if status == _NOT_FOUND and not pushing:
            return NoSuchArtifact(reference, f"the registry has no such artifact (404{message})")
        if not message:
            return NotARegistry(reference, f"the server answered {status}, as no registry does")
        return RegistryFailed(reference, f"the registry answered {status}{message}")
