"""`http://` and `https://`: a cache on any web server; writing and listing need WebDAV (RFC 4918).

Reading is GET, of ranges where the server can. Writing is PUT, and MKCOL where the server does not make directories by
itself; listing is PROPFIND. nginx writes atomically, as other servers do that are in use for this.
"""

from __future__ import annotations

import contextlib
import email.utils
import threading
import xml.etree.ElementTree as ET

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

import attrs

from derivations.fetch import without_credentials
from derivations.realise.network.connection import HttpSession, Patience
from derivations.realise.network.http_response import TryFailed, place_in_file
from store.caches.errors import CacheUnreachable, NotInCache
from store.caches.transport import Listed, Stream
from store.osutil.interrupt import current_check


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import requests

    from derivations.realise.network.connection import Sent


FIRST_ANSWER = 2.0
"""Seconds that a server may take to answer the first time: a cache that is missing costs no more."""

_CONNECTING = 3  # `HttpSession` lets connecting take this many times its timeout
_CHUNK = 1 << 18
_ABSENT = frozenset({404, 410})
_REDIRECTED = 300  # from here on, nothing was written
_MULTI_STATUS = 207
_NO_PARENT = frozenset({409, 500})  # nginx answers 500, others as RFC 4918 says
_MOST_LISTED = 1 << 28  # bytes of one answer to PROPFIND: a million files
_SAFE = "/+._=-"
_DAV = "{DAV:}"


def _without_slash(url: str) -> str:
    return url.rstrip("/")


def _stopped() -> bool:
    by = current_check()
    return by is not None and by()


@attrs.define(eq=False)
class HttpTransport:
    """The cache below the URL *base*; each thread has its own connection.

    Attributes:
        base: The URL, which may have credentials.
        patience: How long to wait for a server that has answered before.
    """

    base: str = attrs.field(converter=_without_slash)
    patience: Patience = attrs.field(factory=lambda: Patience(cancelled=_stopped))
    _answered: bool = attrs.field(default=False, init=False)
    _own: threading.local = attrs.field(factory=threading.local, init=False)

    @property
    def url(self) -> str:
        """Return the URL without credentials."""
        return without_credentials(self.base)

    @contextlib.contextmanager
    def stream(self, path: str, start: int = 0, end: int | None = None) -> Iterator[Stream]:
        """Give the bytes of *path*, as `Transport.stream`."""
        last = "" if end is None else end - 1
        headers = {} if start == 0 and end is None else {"Range": f"bytes={start}-{last}"}
        with self._asked("GET", path, headers) as response:
            place, _ = place_in_file(response, start)
            yield Stream(place, _chunks(response))

    def put(self, path: str, data: bytes | Path) -> None:
        """Write *data* to *path*, as `Transport.put`."""
        for attempt in range(2):
            with contextlib.ExitStack() as opened:
                body: Sent = opened.enter_context(data.open("rb")) if isinstance(data, Path) else data
                response = opened.enter_context(self._asked("PUT", path, data=body))
                if response.status_code not in _NO_PARENT or attempt:
                    self._check(response, path, "writing")
                    return
            self._make_parents(path)

    def size(self, path: str) -> int | None:
        """Return the size of *path*, as `Transport.size`."""
        with self._asked("HEAD", path) as response:
            if response.status_code in _ABSENT:
                return None
            self._check(response, path, "reading")
            length = response.headers.get("Content-Length", "")
            return int(length) if length.isdecimal() else None

    def delete(self, path: str) -> None:
        """Delete *path*, as `Transport.delete`."""
        with self._asked("DELETE", path) as response:
            if response.status_code not in _ABSENT:
                self._check(response, path, "deleting")

    def list(self, folder: str) -> Iterator[Listed]:
        """Yield every file below *folder*, as `Transport.list`."""
        pending = [folder]
        while pending:
            below = pending.pop()
            with self._asked("PROPFIND", f"{below}/", {"Depth": "1"}) as response:
                if response.status_code in _ABSENT:
                    continue
                if response.status_code != _MULTI_STATUS:
                    self._check(response, below, "listing")
                    raise CacheUnreachable(self.url, "it cannot list its files (WebDAV's PROPFIND)")
                data = self._body(response)
            for path, listed in self._listed(data):
                if listed is not None:
                    yield listed
                elif path.rstrip("/") != below:
                    pending.append(path.rstrip("/"))

    def _listed(self, data: bytes) -> Iterator[tuple[str, Listed | None]]:
        """Yield the path of each file and directory in an answer to PROPFIND, None for a directory."""
        try:  # expat bounds the expansion of entities since 2.4.1, and loads no external ones
            root = ET.fromstring(data)  # noqa: S314 -- as above
        except ET.ParseError:
            raise CacheUnreachable(self.url, "its answer to PROPFIND is not XML") from None
        above = unquote(urlsplit(self.base).path).strip("/")
        for response in root.iter(f"{_DAV}response"):
            href = unquote(urlsplit(response.findtext(f"{_DAV}href", "")).path).strip("/")
            path = href.removeprefix(above).strip("/")
            if response.find(f".//{_DAV}collection") is not None:
                yield path, None
                continue
            size = response.findtext(f".//{_DAV}getcontentlength", "")
            try:
                written = email.utils.parsedate_to_datetime(response.findtext(f".//{_DAV}getlastmodified", ""))
            except ValueError:
                raise CacheUnreachable(self.url, "it does not say when its files were written") from None
            yield path, Listed(path, int(size) if size.isdecimal() else 0, written.timestamp())

    def _body(self, response: requests.Response) -> bytes:
        parts = []
        left = _MOST_LISTED
        for chunk in _chunks(response):
            parts.append(chunk)
            left -= len(chunk)
            if left < 0:
                raise CacheUnreachable(self.url, "its list of files does not end")
        return b"".join(parts)

    def _make_parents(self, path: str) -> None:
        names = path.split("/")[:-1]
        for depth in range(len(names) + 1):  # from the cache's own directory on
            with self._asked("MKCOL", "".join(f"{name}/" for name in names[:depth])):
                pass  # it may exist; the next PUT shows whether all of them do

    @contextlib.contextmanager
    def _asked(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, data: Sent = None
    ) -> Iterator[requests.Response]:
        """Give the response to a request; a failure of its body is reported, too."""
        session = self._session()
        try:
            with session.open(f"{self.base}/{quote(path, safe=_SAFE)}", headers, method=method, data=data) as response:
                self._answered = True
                session.patience = self.patience
                yield response
        except TryFailed as error:
            if error.status in _ABSENT:
                raise NotInCache(self.url, path) from None
            raise CacheUnreachable(self.url, error.message, error.transient) from None

    def _session(self) -> HttpSession:
        session: HttpSession | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = HttpSession()
        if self._answered:
            session.patience = self.patience
        else:
            session.patience = attrs.evolve(self.patience, connect=FIRST_ANSWER / _CONNECTING, read=FIRST_ANSWER)
        return session

    def _check(self, response: requests.Response, path: str, what: str) -> None:
        """Check that *response* is a success.

        Raises:
            NotInCache, CacheUnreachable: it is not.
        """
        if response.status_code < _REDIRECTED:
            return
        if response.status_code in _ABSENT:
            raise NotInCache(self.url, path)
        answer = f"{response.status_code} {response.reason or ''}".strip()
        raise CacheUnreachable(self.url, f"{what} {path} is refused ({answer})")


def _chunks(response: requests.Response) -> Iterator[bytes]:
    while chunk := response.raw.read1(_CHUNK, decode_content=False):
        yield chunk
