"""An HTTP server on the loopback interface that fails on demand."""

from __future__ import annotations

import http.server
import re
import socket
import threading
import time

from typing import TYPE_CHECKING, Self

import attrs


if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen(kw_only=True)
class Answer:
    """How one request is answered, when not as an honest server does.

    Attributes:
        status: The status; None for the requested file.
        headers: Headers besides, or instead of, the honest ones.
        reason: The phrase after the status; None for the usual one.
        cut: Close the connection after this many bytes of the body.
        whole: Send the whole file, whichever part was requested.
        delay: Wait this many seconds before the body.
    """

    status: int | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    reason: str | None = None
    cut: int | None = None
    whole: bool = False
    delay: float = 0


@attrs.frozen
class Request:
    """A client's request."""

    path: str
    headers: Mapping[str, str]

    @property
    def range(self) -> str | None:
        """Return the requested range."""
        return self.headers.get("range")


class ScriptedServer:
    """Serves *files*, each request by the next of the path's *answers*, honestly when there are no more."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, list[Answer]] = {}
        self.etag: str | None = '"one"'
        self.requests: list[Request] = []
        scripted = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                scripted.serve(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Print nothing: the tests are about clients that disconnect."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, path: str) -> str:
        """Return the URL of *path*."""
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def ranges(self) -> list[str | None]:
        """Return the range of each request so far."""
        return [request.range for request in self.requests]

    def serve(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.requests.append(Request(handler.path, headers))
        script = self.answers.get(handler.path, [])
        answer = script.pop(0) if script else Answer()
        data = self.files.get(handler.path.partition("?")[0])
        if data is None or answer.status is not None:
            _reply(handler, answer.status or 404, {}, answer, b"no\n")
            return
        honest = {"Accept-Ranges": "bytes"} | ({"ETag": self.etag} if self.etag else {})
        asked = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
        start = int(asked[1]) if asked and not answer.whole else 0
        if "if-range" in headers and headers["if-range"] != self.etag:
            start = 0
        if start and start >= len(data):
            _reply(handler, 416, honest | {"Content-Range": f"bytes */{len(data)}"}, answer, b"")
        elif start:
            part = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            _reply(handler, 206, honest | part, answer, data[start:])
        else:
            _reply(handler, 200, honest, answer, data)


def _reply(
    handler: http.server.BaseHTTPRequestHandler, status: int, honest: Mapping[str, str], answer: Answer, body: bytes
) -> None:
    handler.send_response(status, answer.reason)
    for name, value in {"Content-Length": str(len(body)), **honest, **answer.headers}.items():
        if value:
            handler.send_header(name, value)
    handler.end_headers()
    if answer.delay:
        handler.wfile.flush()
        time.sleep(answer.delay)
    handler.wfile.write(body if answer.cut is None else body[: answer.cut])
    if answer.cut is not None:
        handler.wfile.flush()
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)
