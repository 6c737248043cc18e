"""HTTP connections that a server cannot stall: every wait is short, and checks the clock and for cancellation.

`requests` and `http.client` bound only the time until the next byte: a server may send one byte at a
time, `100 Continue` for ever, or endless headers, trailers or redirects, and meanwhile neither Ctrl-C
nor any limit works. So this module reads the socket below them, a tenth of a second at most
at a time. The head of each response must arrive within the read timeout, the body at no less than
`LEAST` bytes a second, and neither may have more than `SPARE` bytes around it. Connecting, with
everything that belongs to it (names, addresses, proxies, TLS), happens in a thread that is abandoned when it
takes too long: nothing else can interrupt a name lookup.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import queue
import threading
import time

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin, urlsplit

import attrs
import requests
import requests.adapters
import urllib3
import urllib3.connection

from derivations.realise.job import Cancelled
from derivations.realise.network.http_response import TryFailed, explain


if TYPE_CHECKING:
    import socket

    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

    Buffer = bytearray | memoryview
    Sent = bytes | BinaryIO | None


TICK = 0.1
"""Seconds between two checks of the clock and for cancellation during a wait: no delay that anyone notices."""

MIN_RATE = 1024
"""Bytes a second: a server that is slower than this for the read timeout counts as silent.

At this rate, the source of Linux would take more than a day.
"""

MAX_OVERHEAD = 1 << 18
"""Bytes allowed around a body, or a piece of it: status, headers, chunk sizes, trailers. Real ones need far fewer."""

MAX_REDIRECTIONS = 10  # mirrors need one or two, and a circle must end
MAX_ADDRESSES = 3
"""Connecting may take this many times the timeout of one connection: some of a name's addresses may be dead."""


@attrs.frozen
class Patience:
    """How long to wait for a server, in seconds (by default as in `Settings`), and whether the download was cancelled."""

    connect: float = 15
    read: float = 30
    cancelled: Callable[[], bool] = lambda: False

    def check(self) -> None:
        """Check for cancellation.

        Raises:
            Cancelled: the download was cancelled.
        """
        if self.cancelled():
            what = "a download"
            raise Cancelled(what)


class HttpSession(requests.Session):
    """Persistent connections to servers, for one thread; *patience* may be changed for each request."""

    def __init__(self, patience: Patience = Patience()) -> None:
        super().__init__()
        self.patience = patience
        self.max_redirects = MAX_REDIRECTIONS
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(self))

    @contextlib.contextmanager
    def open(
        self, url: str, headers: Mapping[str, str] | None = None, *, method: str = "GET", data: Sent = None
    ) -> Iterator[requests.Response]:
        """Give the response of *url* to a request with *headers* and the body *data*, its own body not yet read.

        Raises:
            TryFailed: there is none, or it ends too early; also raised while the body of this context reads on.
            Cancelled: the download was cancelled.
        """
        timeout = (self.patience.connect, self.patience.read)
        # Nothing would decode a content coding: hashes are of the files as stored on the server.
        sent = {"Accept-Encoding": "identity", **(headers or {})}
        # Of a redirected PUT, requests would make a GET, which succeeds and writes nothing.
        follow = method in {"GET", "HEAD"}
        try:
            try:
                response = self.request(
                    method, url, headers=sent, data=data, stream=True, timeout=timeout, allow_redirects=follow
                )
            except (ValueError, http.client.HTTPException) as error:
                raise explain(error, timeout) from None
            with response:
                yield response
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise explain(error, timeout) from None

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where *resp* redirects to, if it does; its body is not read.

        Raises:
            TryFailed: it redirects to something that cannot be fetched.
        """
        if not resp.is_redirect:
            return None
        # requests would read, decode and keep the whole body, to reuse the connection.
        resp.raw.close()
        resp.raw = urllib3.HTTPResponse(io.BytesIO(), preload_content=False)
        try:
            target = super().get_redirect_target(resp)
            goal = urlsplit(urljoin(resp.url, target or ""))
            _ = goal.port
        except ValueError:
            raise TryFailed("it redirects to an invalid URL") from None
        if goal.scheme not in {"http", "https"} or not goal.hostname:
            raise TryFailed(f"it redirects to a {goal.scheme!r} URL")
        if goal.scheme == "http" and urlsplit(resp.url).scheme == "https":
            raise TryFailed("it redirects from https to http, which is not authenticated")
        return target


class _Adapter(requests.adapters.HTTPAdapter):
    """Gives urllib3 connections that know the session."""

    def __init__(self, session: HttpSession) -> None:
        self._pools = {
            "http": functools.partial(_Pool, session=session),
            "https": functools.partial(_SecurePool, session=session),
        }
        super().__init__()

    def init_poolmanager(self, *args: Any, **more: Any) -> None:  # noqa: ANN401 -- passed on
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = cast("Any", self._pools)

    def proxy_manager_for(self, proxy: str, **more: Any) -> urllib3.ProxyManager:  # noqa: ANN401 -- passed on
        manager: urllib3.ProxyManager = super().proxy_manager_for(proxy, **more)
        manager.pool_classes_by_scheme = cast("Any", self._pools)
        return manager


class _Watched(io.RawIOBase):
    """The bytes of one response, read from *sock*."""

    def __init__(self, sock: socket.socket, session: HttpSession) -> None:
        self._sock = sock
        self._open = sock.makefile("rb", buffering=0)  # the socket is closed once this is
        self._session = session
        self._silent = 0.0
        self._window = 0.0
        self._useful = 0
        self.allow(0, 0.0)
        sock.settimeout(TICK)

    def allow(self, useful: int, seconds: float) -> None:
        """Allow *useful* bytes, and those around them, within *seconds* unless that is 0."""
        self._spare = useful + MAX_OVERHEAD
        self._seconds = seconds
        self._waited = 0.0

    def used(self, count: int) -> None:
        """Count *count* bytes as bytes of the file."""
        self._useful += count

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        while True:
            self._session.patience.check()
            self._check()
            began = time.monotonic()
            try:
                count: int = self._sock.recv_into(buffer)
            except TimeoutError:
                self._wait(time.monotonic() - began)
                continue
            self._wait(time.monotonic() - began)
            self._silent = 0.0
            self._spare -= count
            return count

    def close(self) -> None:
        self._open.close()
        super().close()

    def _wait(self, seconds: float) -> None:
        self._silent += seconds
        self._window += seconds
        self._waited += seconds

    def _check(self) -> None:
        longest = self._session.patience.read
        if self._spare < 0:
            raise TryFailed(f"it sent more than {MAX_OVERHEAD} bytes besides the file")
        if self._silent >= longest or (self._seconds and self._waited >= self._seconds):
            raise TryFailed(f"no response within {longest:g} seconds", transient=True)
        if self._window >= longest:
            if self._useful < MIN_RATE * longest:
                raise TryFailed(f"it sent only {self._useful} bytes in {self._window:.0f} seconds", transient=True)
            self._window, self._useful = 0.0, 0


class _Response(http.client.HTTPResponse):
    """A response that reads through `_Watched`."""

    def __init__(self, sock: socket.socket, *args: Any, session: HttpSession, **more: Any) -> None:  # noqa: ANN401 -- passed on
        self._watched = _Watched(sock, session)
        self._session = session
        super().__init__(self, *args, **more)  # type: ignore[arg-type]  # it wants a socket's `makefile` only

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the watched bytes in place of the socket's file."""
        return io.BufferedReader(self._watched)

    def begin(self) -> None:
        """Read the head."""
        self._watched.allow(0, self._session.patience.read)
        super().begin()

    def read1(self, n: int = -1) -> bytes:
        """Return at most *n* bytes of the body, as soon as some arrive."""
        self._watched.allow(max(0, n), 0.0)
        data = super().read1(n)
        self._watched.used(len(data))
        return data


def _connected(connection: _Connection, connect: Callable[[], None]) -> None:
    """Run *connect*, which connects *connection*, within its session's patience."""
    patience = connection.session.patience
    outcome: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    left = threading.Event()

    def work() -> None:
        try:
            connect()
        except BaseException as error:  # noqa: BLE001 -- raised by the waiting thread
            outcome.put(error)
        else:
            outcome.put(None)
        if left.is_set():
            connection.close()

    threading.Thread(target=work, daemon=True, name="connect").start()
    longest = patience.connect * MAX_ADDRESSES
    deadline = time.monotonic() + longest
    while True:
        try:
            error = outcome.get(timeout=TICK)
        except queue.Empty:
            if patience.cancelled() or time.monotonic() >= deadline:
                left.set()
                patience.check()
                raise TryFailed(f"no connection within {longest:g} seconds", transient=True) from None
            continue
        if error is not None:
            raise error
        return


class _Connection(urllib3.connection.HTTPConnection):
    def __init__(self, *args: Any, session: HttpSession, **more: Any) -> None:  # noqa: ANN401 -- passed on
        super().__init__(*args, **more)
        self.session = session
        self.response_class = cast("Any", functools.partial(_Response, session=session))

    def connect(self) -> None:
        _connected(self, super().connect)


class _SecureConnection(_Connection, urllib3.connection.HTTPSConnection):
    """A `_Connection` over TLS: `super()` in `_Connection` is urllib3's HTTPSConnection here."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection  # pyright: ignore[reportAssignmentType]  # a protocol that none of urllib3's classes implements


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection  # pyright: ignore[reportAssignmentType]  # as above
