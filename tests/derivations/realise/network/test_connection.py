"""Servers that misbehave: each fails by itself, and the next one is tried."""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading

from typing import TYPE_CHECKING, Self

import attrs
import pytest

from derivations.realise.job import Cancelled
from derivations.realise.network.connection import HttpSession, Patience
from derivations.realise.network.download import Download, Downloader, HashMismatch, Unavailable
from derivations.realise.settings import Settings
from tests.derivations.realise.scripted_server import ScriptedServer
from tests.kernix.conftest import PROJECT


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Speech = Callable[[socket.socket], None]


DATA = bytes(range(256)) * 40
HASH = hashlib.sha256(DATA).hexdigest()
SIZE = len(DATA)
HEAD = b"HTTP/1.1 200 OK\r\n"
LIMIT = 1 << 20
SETTINGS = Settings(connect_timeout=20, read_timeout=2, retries=0, max_download_size=LIMIT)


class RawServer:
    """A server that reads a request and then sends whatever *speech* produces."""

    def __init__(self, speech: Speech, *, hears: bool = True) -> None:
        self.asked: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._speech = speech
        self._hears = hears
        self._ended = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._port = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._open: list[socket.socket] = []
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._socket.close()
        for connection in self._open:
            connection.close()

    def url(self, scheme: str = "http") -> str:
        """Return a URL on the server."""
        return f"{scheme}://127.0.0.1:{self._port}/x"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ended.is_set():
                connection, _ = self._socket.accept()
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._hears:
                request = b""
                while b"\r\n\r\n" not in request and (data := connection.recv(1 << 12)):
                    request += data
                self.asked.put(request)
            self._speech(connection)
            connection.shutdown(socket.SHUT_RDWR)


def says(*parts: bytes) -> Speech:
    """Return a speech of *parts*."""
    return lambda it: it.sendall(b"".join(parts))


def repeats(part: bytes, *, before: bytes = b"", pause: float = 0) -> Speech:
    """Return an endless speech: *part* after *part*, with a *pause* between them."""

    def speech(connection: socket.socket) -> None:
        connection.sendall(before)
        wait = threading.Event()
        while True:
            connection.sendall(part)
            wait.wait(pause)

    return speech


def silent(connection: socket.socket) -> None:
    """Send nothing until the other side is gone."""
    while connection.recv(1 << 12):
        pass


def resets(connection: socket.socket) -> None:
    """Reset the connection, as a crashed machine does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def answer(*headers: str, body: bytes = DATA, status: str = "200 OK") -> Speech:
    """Return a speech of one complete response."""
    return says(f"HTTP/1.1 {status}\r\n".encode(), *(f"{it}\r\n".encode("latin-1") for it in headers), b"\r\n", body)


LENGTH = f"Content-Length: {SIZE}"
MANY = "9" * 5_000

HOSTILE: dict[str, Speech] = {
    "garbage": says(b"\0\xff\x16\x03" * 300),
    "nothing": says(),
    "reset": resets,
    "silence": silent,
    "no-http": says(b"220 ftp ready\r\n"),
    "unknown-version": says(b"HTTP/9.9 200 OK\r\n\r\n"),
    "status-of-5000-digits": says(b"HTTP/1.1 ", MANY.encode(), b" OK\r\n\r\n"),
    "status-that-is-none": answer(status="-1 OK"),
    "status-without-a-body": answer(status="204 No Content", body=b""),
    "status-line-without-end": repeats(b"H" * 4096),
    "header-line-without-end": repeats(b"x" * 4096, before=HEAD + b"X: "),
    "headers-without-end": repeats(b"X: y\r\n", before=HEAD),
    "continue-without-end": repeats(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "continue-with-headers-without-end": repeats(b"X: y\r\n", before=b"HTTP/1.1 100 Continue\r\n"),
    "slow-status": repeats(b"H", pause=0.2),
    "slow-continue": repeats(b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.2),
    "slow-headers": repeats(b"X: y\r\n", before=HEAD, pause=0.2),
    "slow-body": repeats(b"x", before=HEAD + LENGTH.encode() + b"\r\n\r\n", pause=0.2),
    "slow-chunks": repeats(b"1\r\nx\r\n", before=HEAD + b"Transfer-Encoding: chunked\r\n\r\n", pause=0.2),
    "length-of-5000-digits": answer(f"Content-Length: {MANY}"),
    "length-below-zero": answer("Content-Length: -5"),
    "length-that-is-none": answer("Content-Length: much"),
    "length-in-other-digits": answer("Content-Length: \xb2"),
    "lengths-that-contradict": answer(LENGTH, "Content-Length: 5"),
    "length-beyond-the-limit": answer(f"Content-Length: {LIMIT + 1}"),
    "body-too-short": answer(LENGTH, body=DATA[:-1]),
    "body-without-end": repeats(b"x" * 65536, before=HEAD + b"\r\n"),
    "chunks-without-end": repeats(
        b"1000\r\n" + b"x" * 4096 + b"\r\n", before=HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    ),
    "chunk-of-no-size": answer("Transfer-Encoding: chunked", body=b"zz\r\n" + DATA),
    "chunk-below-zero": answer("Transfer-Encoding: chunked", body=b"-5\r\n" + DATA),
    "chunk-too-short": answer("Transfer-Encoding: chunked", body=b"ffff\r\n" + DATA),
    "chunk-line-without-end": repeats(b"0" * 4096, before=HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
    "trailers-without-end": repeats(b"X: y\r\n", before=HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"),
    "range-not-asked-for": answer(f"Content-Range: bytes 5-9/{SIZE}", status="206 Partial Content"),
    "range-of-5000-digits": answer(f"Content-Range: bytes 0-{MANY}/{MANY}", status="206 Partial Content"),
    "redirect-to-nowhere": answer(status="302 Found"),
    "redirect-to-a-file": answer("Location: file:///etc/passwd", status="302 Found"),
    "redirect-to-ftp": answer("Location: ftp://127.0.0.1/x", status="302 Found"),
    "redirect-to-garbage": answer("Location: http://[::1", status="302 Found"),
    "redirect-to-bytes": answer("Location: http://\xff\xfe/", status="302 Found"),
    "redirect-to-a-port-that-is-none": answer("Location: http://127.0.0.1:999999/", status="302 Found"),
    "redirect-in-a-circle": answer("Location: /x", status="302 Found", body=b""),
    "redirect-with-a-body-without-end": repeats(
        b"x" * 65536, before=b"HTTP/1.1 302 Found\r\nLocation: file:///\r\n\r\n"
    ),
    "error-with-a-body-without-end": repeats(b"x" * 65536, before=b"HTTP/1.1 500 Oh\r\n\r\n"),
    "wait-for-5000-digits-of-seconds": answer(f"Retry-After: {MANY}", status="503 Busy"),
    "wait-until-no-date": answer("Retry-After: Mon, 01 Jan 0001 00:00:00 -0000", status="503 Busy"),
    "wait-until-garbage": answer("Retry-After: Mon, 99 Foo 99999 99:99:99 +9999999", status="503 Busy"),
}
"""Responses other than the file, each a failure."""

WRONG: dict[str, Speech] = {
    "bit-flipped": answer(LENGTH, body=b"\xff" + DATA[1:]),
    "body-too-long": answer(body=DATA + b"x"),
    "html": answer("Content-Type: text/html", body=b"<h1>404 Not Found</h1>"),
    "compressed-to-nothing": answer("Content-Encoding: gzip", LENGTH, body=bytes(SIZE)),
}
"""Responses other than the file that look like one."""

HONEST: dict[str, Speech] = {
    "plain": answer(LENGTH),
    "to-the-end": answer(),
    "length-twice": answer(LENGTH, LENGTH),
    "continued": says(b"HTTP/1.1 100 Continue\r\n\r\n", HEAD, b"\r\n", DATA),
    "chunked": answer(
        "Transfer-Encoding: chunked", body=f"{SIZE:x};ext=1\r\n".encode() + DATA + b"\r\n0\r\nX: y\r\n\r\n"
    ),
    "chunked-with-a-length": answer(
        "Transfer-Encoding: chunked", "Content-Length: 5", body=f"{SIZE:x}\r\n".encode() + DATA + b"\r\n0\r\n\r\n"
    ),
    "coding-only-named": answer("Content-Encoding: gzip", LENGTH),
    "odd-headers": answer(LENGTH, "no colon here", "X: \xff\xfe", "ETag: \x01\x7f", "Set-Cookie: =;=;\xff"),
}
"""Odd but valid responses with the file."""


@attrs.frozen
class Bench:
    """Downloads into a directory."""

    directory: Path

    def fetch(
        self,
        *urls: str,
        settings: Settings = SETTINGS,
        cancelled: Callable[[], bool] = lambda: False,
        size: int | None = None,
    ) -> bytes:
        """Return the file, from the first of *urls* that has it."""
        with HttpSession() as session:
            downloader = Downloader(
                directory=self.directory,
                settings=settings,
                progress=lambda _done, _expected: None,
                cancelled=cancelled,
                session=session,
                sleep=lambda _: None,
            )
            with downloader.fetch(Download(name="x", sha256=HASH, urls=urls, size=size)) as path:
                return path.read_bytes()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a directory to download to."""
    return Bench(tmp_path / "downloads")


@pytest.fixture
def honest() -> Iterator[str]:
    """Return the URL of the file on a server that has it."""
    with ScriptedServer() as server:
        server.files["/x"] = DATA
        yield server.url("/x")


@pytest.mark.parametrize("speech", HONEST.values(), ids=HONEST.keys())
def test_the_file_is_understood(bench: Bench, speech: Speech) -> None:
    """A file sent in any way that HTTP allows is fetched."""
    with RawServer(speech) as server:
        assert DATA == bench.fetch(server.url(), settings=attrs.evolve(SETTINGS, read_timeout=60))


@pytest.mark.parametrize("speech", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_server_is_named(bench: Bench, speech: Speech) -> None:
    """Whatever a server does is a failure of that server, with a short sentence, and it ends."""
    with RawServer(speech) as server, pytest.raises(Unavailable) as caught:
        bench.fetch(server.url())
    ((url, said),) = caught.value.tried
    assert (server.url(), True) == (url, 0 < len(said) < 300)


@pytest.mark.parametrize("speech", (HOSTILE | WRONG).values(), ids=(HOSTILE | WRONG).keys())
def test_the_next_server_is_tried(bench: Bench, honest: str, speech: Speech) -> None:
    """After any failure the next server is tried, and leftovers of the first do no harm."""
    with RawServer(speech) as server:
        assert DATA == bench.fetch(server.url(), honest)


@pytest.mark.parametrize("speech", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_file_is_named(bench: Bench, speech: Speech) -> None:
    """A file with another hash is an error that names the server."""
    with RawServer(speech) as server, pytest.raises(HashMismatch) as caught:
        bench.fetch(server.url())
    assert server.url() == caught.value.url


@pytest.mark.parametrize("name", ["body-without-end", "chunks-without-end", "length-beyond-the-limit"])
def test_a_size_that_is_known_is_the_limit(bench: Bench, name: str) -> None:
    """If the lock has the size, no more than that is read, whatever the limit."""
    with RawServer(HOSTILE[name]) as server, pytest.raises(Unavailable):
        bench.fetch(server.url(), size=SIZE, settings=attrs.evolve(SETTINGS, max_download_size=1 << 40))
    assert [] == [it for it in bench.directory.glob("*.part") if it.stat().st_size > 1 << 20]


@pytest.mark.parametrize(
    "speech",
    [
        pytest.param(answer(status="200 OK", body=DATA[:-5]), id="shorter"),
        pytest.param(answer("Content-Range: bytes 0-9/10", status="206 Partial Content"), id="from-the-start"),
        pytest.param(answer(f"Content-Range: bytes {MANY}-1/2", status="206 Partial Content"), id="of-5000-digits"),
        pytest.param(answer("Content-Range: bytes */5", status="416 No"), id="of-another-size"),
        pytest.param(answer(f"Content-Range: bytes */{MANY}", status="416 No"), id="of-a-size-of-5000-digits"),
    ],
)
def test_another_part_than_was_asked_for(bench: Bench, honest: str, speech: Speech) -> None:
    """An interrupted download is complete in the end, whatever a server sends for its rest."""
    bench.directory.mkdir()
    (bench.directory / f"{HASH}.part").write_bytes(DATA[:100])
    with RawServer(speech) as server:
        assert DATA == bench.fetch(server.url(), honest)


@pytest.mark.parametrize(
    ("speech", "hears"),
    [
        pytest.param(says(b"not TLS at all\r\n"), False, id="garbage"),
        pytest.param(repeats(b"\x16\x03\x03\x00\x01x"), False, id="records-without-end"),
        pytest.param(silent, False, id="silence"),
        pytest.param(says(), False, id="end"),
    ],
)
def test_a_server_that_does_not_speak_tls(bench: Bench, honest: str, speech: Speech, hears: bool) -> None:
    """Anything but TLS is that server's failure, too."""
    settings = attrs.evolve(SETTINGS, connect_timeout=1)
    with RawServer(speech, hears=hears) as server:
        with pytest.raises(Unavailable):
            bench.fetch(server.url("https"), settings=settings)
        assert DATA == bench.fetch(server.url("https"), honest, settings=settings)


def test_nobody_there(bench: Bench, honest: str) -> None:
    """A refused connection and an unknown host are failures like any other."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
    assert DATA == bench.fetch(url, "http://nobody.invalid/x", f"http://{'a' * 300}/", "http://[::1", honest)


def test_from_https_to_http(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, honest: str) -> None:
    """A server reached over https may not redirect to http."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem"]
    more = ["-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *more], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    def speech(connection: socket.socket) -> None:
        with context.wrap_socket(connection.dup(), server_side=True) as secure:
            secure.recv(1 << 12)
            secure.sendall(f"HTTP/1.1 302 Found\r\nLocation: {honest}\r\nContent-Length: 0\r\n\r\n".encode())

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    with RawServer(speech, hears=False) as server, pytest.raises(Unavailable) as caught:
        bench.fetch(server.url("https"), settings=attrs.evolve(SETTINGS, read_timeout=60))
    assert "https" in caught.value.tried[0][1]


@pytest.mark.parametrize(
    "kind",
    ["fifo", "device", "directory", "absent", "too-large"],
)
def test_a_file_that_has_no_end(bench: Bench, tmp_path: Path, kind: str) -> None:
    """A local path that is not a file, or is too large, is not read."""
    place = tmp_path / "place"
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "directory":
        place.mkdir()
    elif kind == "too-large":
        place.touch()
        os.truncate(place, LIMIT + 1)
    with pytest.raises(Unavailable):
        bench.fetch("file:///dev/zero" if kind == "device" else place.as_uri())


STUCK = ["silence", "continue-without-end", "slow-headers", "slow-body", "trailers-without-end", "body-without-end"]


@pytest.mark.parametrize("name", STUCK)
def test_a_download_is_given_up(bench: Bench, name: str) -> None:
    """A download can be cancelled, whatever the server keeps doing."""
    stop = threading.Event()
    settings = attrs.evolve(SETTINGS, read_timeout=100_000, max_download_size=1 << 62)
    with RawServer(HOSTILE[name]) as server:

        def cancel() -> None:
            server.asked.get()
            stop.set()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        with pytest.raises(Cancelled):
            bench.fetch(server.url(), settings=settings, cancelled=stop.is_set)
        canceller.join()


def test_connecting_is_given_up() -> None:
    """A hanging lookup or handshake is abandoned."""
    stop = threading.Event()

    def speech(connection: socket.socket) -> None:
        stop.set()
        silent(connection)

    with (
        RawServer(speech, hears=False) as server,
        HttpSession(Patience(100_000, 100_000, stop.is_set)) as session,
        pytest.raises(Cancelled),
        session.open(server.url("https")),
    ):
        pass


@pytest.mark.parametrize("name", ["silence", "continue-without-end", "slow-body"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"])
def test_a_signal_ends_a_build_that_waits_for_a_server(
    tmp_path: Path, name: str, number: signal.Signals, code: int
) -> None:
    """Ctrl-C and SIGTERM end kernix while it waits for a server."""
    with RawServer(HOSTILE[name]) as server:
        (tmp_path / "x.py").write_text(
            f"from derivations import fetch_url\nx = fetch_url({server.url()!r}, sha256={HASH!r})\n"
        )
        environment = {
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            "KERNIX_HOME": str(tmp_path / "home"),
            "HOME": str(tmp_path),
        }
        words = [sys.executable, "-m", "kernix", "build", "--no-link", "-f", "x.py", "x"]
        with subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE) as process:
            server.asked.get()
            process.send_signal(number)
            said = process.communicate(timeout=120)[1].decode()
    assert (code, True) == (process.returncode, "interrupted" in said or code == 143)
