"""A small registry on the loopback interface, with tokens, and with faults on demand."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import threading

from typing import Self
from urllib.parse import parse_qs, urlsplit


NAME, PASSWORD = "someone", "secret"
BASIC = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()


class FakeRegistry:
    """Holds *blobs* by digest and *manifests* by tag.

    Attributes:
        auth: What it wants: nothing, `basic`, or `bearer`.
        cut: Close the connection after this many bytes of a blob, once for each entry.
        blobs: The blobs, which a test may change.
        manifests: The manifests, which a test may change.
        requests: The methods and paths of all requests so far.
    """

    def __init__(self, auth: str = "") -> None:
        self.auth = auth
        self.cut: list[int] = []
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.requests: list[str] = []
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                registry.answer(self)

            do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 -- the base's names

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Print nothing."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        path, method = urlsplit(handler.path), handler.command
        self.requests.append(f"{method} {path.path}")
        signed = handler.headers.get("Authorization")
        if path.path == "/token":
            self._token(handler, signed, parse_qs(path.query))
        elif self.auth and signed != {"basic": f"Basic {BASIC}", "bearer": "Bearer a-token"}[self.auth]:
            realm = (
                f'Bearer realm="http://{self.host}/token",service="here"' if self.auth == "bearer" else "Basic realm=x"
            )
            self._say(handler, 401, b"{}", {"WWW-Authenticate": realm})
        elif found := re.fullmatch(r"/v2/some/kernels/manifests/(.*)", path.path):
            if method == "PUT":
                self.manifests[found[1]] = body
                self._say(handler, 201)
            elif found[1] in self.manifests:
                self._say(handler, 200, self.manifests[found[1]])
            else:
                self._say(handler, 404, json.dumps({"errors": [{"code": "MANIFEST_UNKNOWN"}]}).encode())
        elif method == "POST":
            self._say(handler, 202, headers={"Location": "/upload?x=1"})
        elif path.path == "/upload":
            digest = parse_qs(path.query)["digest"][0]
            is_right = digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
            self.blobs |= {digest: body} if is_right else {}
            self._say(handler, 201 if is_right else 400)
        else:
            self._blob(handler, path.path.rpartition("/")[2])

    def _blob(self, handler: http.server.BaseHTTPRequestHandler, digest: str) -> None:
        data = self.blobs.get(digest)
        if data is None:
            self._say(handler, 404)
            return
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        self._say(
            handler, 206 if start else 200, data[start:], headers, cut=bool(self.cut) and handler.command == "GET"
        )

    def _token(
        self, handler: http.server.BaseHTTPRequestHandler, signed: str | None, query: dict[str, list[str]]
    ) -> None:
        is_right = signed == f"Basic {BASIC}" and query["scope"][0].startswith("repository:some/kernels:pull")
        self._say(handler, 200 if is_right else 401, b'{"token": "a-token"}' if is_right else b"{}")

    def _say(
        self, handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes = b"",
        headers: dict[str, str] | None = None, *, cut: bool = False,
    ) -> None:  # fmt: skip
        handler.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(key, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body[: self.cut.pop(0)] if cut else body)
            if cut:
                handler.close_connection = True
