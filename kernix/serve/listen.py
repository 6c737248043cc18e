"""Listen on a port, and answer until a signal ends it."""

from __future__ import annotations

import os
import socket

from typing import TYPE_CHECKING

import uvicorn

from kernix.output.messages import print_message
from store.errors import Error, UsageError


if TYPE_CHECKING:
    from kernix.serve.app import App


_LAST_PORT = 0xFFFF
_AT_ONCE = 512  # requests; further ones get 503
_LAST = 3  # seconds that answers which are being sent may still take


class CannotListen(Error):
    """An address cannot be listened on."""

    address: str
    reason: str

    def __str__(self) -> str:
        return f"cannot listen on {self.address}: {self.reason}"


def parse_address(text: str) -> tuple[str, int]:
    """Return the host and the port of `HOST:PORT`, where an IPv6 address is in brackets.

    Raises:
        UsageError: it is something else.
    """
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if (
        not colon
        or not host
        or not (port.isascii() and port.isdecimal())
        or int(port) > _LAST_PORT
        or (":" in host and not bracketed)
    ):
        message = f"invalid address {text[:80]!r}"
        raise UsageError(message, "write HOST:PORT, such as 127.0.0.1:8440 or [::1]:8440")
    return host.strip("[]"), int(port)


def listen(app: App, address: str) -> None:
    """Serve *app* at *address*; port 0 is any free one.

    Raises:
        CannotListen: the address is in use, or not this machine's.
        UsageError: it is not an address.
    """
    host, port = parse_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        opened = socket.create_server((host, port), family=family)
    except OSError as error:
        raise CannotListen(address, os.strerror(error.errno or 0).lower()) from None
    with opened:
        bound = opened.getsockname()[1]
        print_message(f"serving {app.files.transport.url} at http://{address.rpartition(':')[0]}:{bound}/")
        config = uvicorn.Config(
            app,
            http="h11",  # refuses what is ambiguous
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_AT_ONCE,
            timeout_graceful_shutdown=_LAST,
        )
        uvicorn.Server(config).run(sockets=[opened])
