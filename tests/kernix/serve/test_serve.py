"""`kernix serve`: a real server process on loopback, and real pushes and pulls through it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest
import requests

from blake3 import blake3

from derivations.realise.caches.http import HttpTransport
from kernix.serve.tokens import Token, TokenFile


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kernix.conftest import CommandLine


PROJECT = Path(__file__).parents[3]
CONTENT = b"0123456789" * 1000
DIGEST = blake3(CONTENT).hexdigest()
BLOB = f"blobs/{DIGEST[:2]}/{DIGEST}"


@attrs.frozen
class Server:
    """A running server, the directory that it serves, and a token that may write."""

    process: subprocess.Popen[str]
    port: int
    directory: Path
    token: str

    @property
    def url(self) -> str:
        """Return its URL, without credentials."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def writer(self) -> str:
        """Return its URL, with credentials."""
        return f"http://ci:{self.token}@127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, *, token: str | None = None, **more: object) -> requests.Response:
        """Send a request, as the writer unless *token* says otherwise; an empty one is none."""
        token = self.token if token is None else token
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **more.pop("headers", {})}  # type: ignore[dict-item]
        return requests.request(method, f"{self.url}/{path}", headers=headers, timeout=10, **more)  # type: ignore[arg-type]

    def raw(self, request: bytes) -> bytes:
        """Send the bytes *request*, and return what comes until the server closes or says no more for a second."""
        parts = []
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(request)
            connection.settimeout(3)
            try:
                while part := connection.recv(1 << 16):
                    parts.append(part)
            except TimeoutError:
                pass
        return b"".join(parts)

    def files(self) -> list[str]:
        """Return the files in the directory."""
        return sorted(str(it.relative_to(self.directory)) for it in self.directory.rglob("*") if it.is_file())


def start(top: Path, *words: str) -> Server:
    """Start a server of *top*/shared, in a process of its own."""
    directory = top / "shared"
    directory.mkdir(exist_ok=True)
    token, text = Token.make("ci", write=True)
    file = TokenFile(top / "home/.config/kernix/tokens.json")
    file.write([token])
    command = [sys.executable, "-m", "kernix", "serve", "--listen", "127.0.0.1:0", "--cache", str(directory), *words]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "HOME": str(top / "home")}
    process = subprocess.Popen([*command, "--tokens", file.file], env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    found = re.search(r"at http://127\.0\.0\.1:(\d+)/", process.stderr.readline())
    assert found is not None
    return Server(process, int(found[1]), directory, text)


def end(server: Server) -> None:
    """End *server*."""
    server.process.kill()
    server.process.communicate()


@pytest.fixture
def server(kernix: CommandLine) -> Iterator[Server]:
    """Return a running server of an empty directory."""
    server = start(kernix.top)
    yield server
    end(server)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running server of a directory with what is not the cache's, for requests that change nothing."""
    server = start(tmp_path_factory.mktemp("serve"))
    (server.directory.parent / "secret").write_bytes(b"secret")
    (server.directory / "names").mkdir()
    (server.directory / "names/link").symlink_to(server.directory.parent / "secret")
    for name in (".hidden", ".tmp-0123456789abcdef"):
        (server.directory / "names" / name).write_bytes(b"secret")
    yield server
    end(server)


def test_what_is_pushed_is_pulled(kernix: CommandLine, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real push and pull go through the server, and its collector deletes what is over."""
    file = kernix.write(
        "my.py",
        "from derivations.union import UnionLayout, union\n"
        'joined = union("joined", [], UnionLayout(files={"greeting": "hello\\n"}))\n',
    )
    assert kernix("key", "generate", "me-1").code == kernix("key", "trust", "me-1").code == 0
    assert kernix("cache", "add", "team", server.writer).code == 0
    assert kernix("build", "-f", file, "joined", "--no-link").code == 0
    assert kernix("push", "-f", file, "joined", "--root", "kept").code == 0
    assert kernix("cache", "verify", "team").code == 0
    monkeypatch.setenv("KERNIX_HOME", str(kernix.top / "empty"))
    assert kernix("cache", "add", "team", server.url).code == 0
    assert kernix("pull", "-f", file, "joined").code == 0
    assert "401" in kernix("push", "-f", file, "joined", "--root", "other").err  # this URL has no token
    assert kernix("cache", "add", "team", server.writer).code == 0
    assert kernix("cache", "gc", "team", "--older-than", "0s", "--grace", "0s").code == 0
    assert "roots/kept" in server.files()


def test_files_are_written_read_listed_and_deleted(server: Server) -> None:
    """A file is what was written, in whole and in part, until it is deleted; its name may have a question mark."""
    transport = HttpTransport(server.writer)
    transport.put(BLOB, CONTENT)
    transport.put("names/a?0+b", b"[]")
    with transport.stream(BLOB, 3, 6) as stream:
        assert (stream.start, b"".join(stream.chunks)) == (3, b"345")
    assert (transport.size(BLOB), transport.size("names/none")) == (len(CONTENT), None)
    assert [(it.path, it.size) for folder in ("blobs", "names") for it in transport.list(folder)] == [
        (BLOB, len(CONTENT)),
        ("names/a?0+b", 2),
    ]
    transport.delete(BLOB)
    transport.delete(BLOB)
    assert server.files() == ["names/a?0+b"]


def test_blobs_are_kept_for_ever_and_documents_are_asked_for_again(server: Server) -> None:
    """A blob is immutable and has its digest as ETag; a document is compared."""
    assert (
        server.ask("PUT", BLOB, data=CONTENT).status_code == server.ask("PUT", "names/a", data=b"x").status_code == 204
    )
    blob, document = server.ask("GET", BLOB), server.ask("HEAD", "names/a")
    assert (blob.headers["ETag"], "immutable" in blob.headers["Cache-Control"]) == (f'"{DIGEST}"', True)
    assert (document.headers["Cache-Control"], document.headers["Content-Length"]) == ("no-cache", "1")
    for path, answer in ((BLOB, blob), ("names/a", document)):
        assert server.ask("GET", path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    resumed = server.ask("GET", BLOB, headers={"Range": "bytes=9990-", "If-Range": f'"{DIGEST}"'})
    assert (resumed.status_code, resumed.content) == (206, b"0123456789")
    assert server.ask("GET", BLOB, headers={"Range": "bytes=10000-"}).status_code == 416


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_nobody_writes_without_a_token(kernix: CommandLine, server: Server, method: str) -> None:
    """Without a token, with a wrong one, one that reads, or a removed one, nothing is written or deleted."""
    reader = kernix("cache", "token", "reader").out.strip()
    (server.directory / "names").mkdir()
    (server.directory / "names/a").write_bytes(b"old")
    assert [server.ask(method, "names/a", token=it).status_code for it in ("", "x" * 43, reader)] == [401, 401, 403]
    assert kernix("cache", "token", "ci", "--remove").code == 0
    assert server.ask(method, "names/a").status_code == 401
    assert (server.directory / "names/a").read_bytes() == b"old"


def test_nobody_reads_a_private_cache_without_a_token(kernix: CommandLine) -> None:
    """With `--private`, reading and listing need a token, too, and what exists is not said."""
    server = start(kernix.top, "--private")
    try:
        server.ask("PUT", "names/a", data=b"x")
        for method in ("GET", "HEAD", "PROPFIND"):
            assert {server.ask(method, path, token="").status_code for path in ("names/a", "names/b")} == {401}
        assert server.ask("GET", "names/a", token=kernix("cache", "token", "r").out.strip()).content == b"x"
    finally:
        end(server)


@pytest.mark.parametrize(
    "path",
    [
        "../secret", "names/../../secret", "names/..%2f..%2fsecret", "%2e%2e/secret", "/etc/passwd", "names//etc/passwd",
        "names/.hidden", "names/.tmp-0123456789abcdef", "names/a%00b", "names/a%0ab", "names/a/b", "other", "blobs/ab/ab",
        f"blobs/{'0' * 2}/{DIGEST}", "names/link", "names/a?b", "names/" + "a" * 300, "objects/x",
    ],
)  # fmt: skip
def test_only_files_of_a_cache_are_served(standing: Server, path: str) -> None:
    """What is no file of a cache is refused to read and to write, however it is spelled."""
    before = standing.files()
    for method, body in (("GET", ""), ("PUT", "Content-Length: 3\r\n")):
        head = f"{method} /{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {standing.token}\r\n{body}Connection: close\r\n\r\n"
        answer = standing.raw(head.encode() + (b"new" if body else b""))
        assert (answer[:10], b"\r\n\r\nsecret" in answer) == (b"HTTP/1.1 4", False)
    assert (standing.files(), (standing.directory.parent / "secret").read_bytes()) == (before, b"secret")


def test_a_linked_directory_is_not_written(server: Server, tmp_path: Path) -> None:
    """A directory that is a link leads out of the cache, and is refused."""
    (tmp_path / "elsewhere").mkdir()
    (server.directory / "names").symlink_to(tmp_path / "elsewhere")
    assert [server.ask(it, "names/a", data=b"x").status_code for it in ("PUT", "GET", "DELETE")] == [403] * 3
    assert [*(tmp_path / "elsewhere").iterdir()] == []


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("PUT /names/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400),
        ("PUT /names/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n", 400),
        ("PUT /names/a HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n", 400),
        ("PUT /names/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n", 400),
        ("PUT /names/a HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n", 400),
        ("PUT /names/a HTTP/1.1\r\nHost: x\r\nHost: y\r\nContent-Length: 3\r\n", 400),
        ("PUT /names/a HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n", 400),
        ("PUT /names/a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n", 413),
        ("PUT /names/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nAuthorization: Bearer x\r\n", 400),
        ("POST /names/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n", 405),
        ("MOVE /names/a HTTP/1.1\r\nHost: x\r\n", 405),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n", 405),
        ("PROPFIND /names/ HTTP/1.1\r\nHost: x\r\nDepth: infinity\r\n", 403),
        (f"GET /names/{'a' * 70000} HTTP/1.1\r\nHost: x\r\n", 404),
    ],
)
def test_ambiguous_and_wrong_requests_are_refused(standing: Server, head: str, status: int) -> None:
    """A request that could be understood in two ways, or that a cache has no use for, changes nothing."""
    before = standing.files()
    answer = standing.raw(f"{head}Authorization: Bearer {standing.token}\r\nConnection: close\r\n\r\nnew".encode())
    assert int(answer.split(b" ")[1]) == status
    assert standing.files() == before


def test_a_wrong_blob_is_not_written(server: Server) -> None:
    """A blob that does not have the digest of its name stays as it was, and so does a document that is too large."""
    assert server.ask("PUT", BLOB, data=CONTENT + b"x").status_code == 422
    assert server.ask("PUT", "names/a", data=iter([b"x" * (1 << 20)] * 9)).status_code == 413
    assert server.files() == []


def _begin(server: Server) -> socket.socket:
    """Return a connection on which half of a new `names/a` was sent and has arrived."""
    connection = socket.create_connection(("127.0.0.1", server.port), 10)
    head = (
        f"PUT /names/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\nContent-Length: 1000000\r\n\r\n"
    )
    connection.sendall(head.encode() + b"x" * 500_000)
    for _ in range(200):
        if any(Path(server.directory / it).stat().st_size > 100_000 for it in server.files() if ".tmp-" in it):
            return connection
        time.sleep(0.02)
    pytest.fail("nothing has arrived")


def test_a_cut_body_is_never_visible(server: Server) -> None:
    """Of a body that ends too early nothing is left, and the old file stays."""
    server.ask("PUT", "names/a", data=b"old")
    with _begin(server):
        assert server.ask("GET", "names/a").content == b"old"
    for _ in range(200):
        if server.files() == ["names/a"]:
            break
        time.sleep(0.02)
    assert (server.files(), server.ask("GET", "names/a").content) == (["names/a"], b"old")


def test_a_killed_server_leaves_the_old_file(kernix: CommandLine, server: Server) -> None:
    """After SIGKILL in a PUT, a new server serves the old file, and lists what is left over, so that it is deleted."""
    server.ask("PUT", "names/a", data=b"old")
    with _begin(server):
        server.process.kill()
        server.process.wait()
    again = start(kernix.top)
    try:
        assert again.ask("GET", "names/a").content == b"old"
        transport = HttpTransport(again.writer)
        (left,) = (it.path for it in transport.list("names") if ".tmp-" in it.path)
        transport.delete(left)
        assert again.files() == ["names/a"]
    finally:
        end(again)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(server: Server, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end the server soon, without a traceback."""
    server.process.send_signal(number)
    _, said = server.process.communicate(timeout=5)
    assert (server.process.returncode, "Traceback" in said) == (128 + number, False)


def test_only_hashes_of_tokens_are_kept(kernix: CommandLine) -> None:
    """The file of tokens is readable by its owner alone, and has no token; the listing has none either."""
    token = kernix("cache", "token", "ci", "--write").out.strip()
    file = kernix.config / "tokens.json"
    assert (file.stat().st_mode & 0o777, token in file.read_text(), len(token) >= 43) == (0o600, False, True)
    assert kernix("cache", "token").lines == ["ci  reads and writes"]
    found = TokenFile(file).bearer(f"Bearer {token}")
    assert (found is not None and found.name, TokenFile(file).bearer("Bearer x"), token in repr(found)) == (
        "ci",
        None,
        False,
    )


@pytest.mark.parametrize(
    ("text", "mode"),
    [("{}", 0o600), ("[]", 0o600), ("{", 0o600), ('{"version": 2, "tokens": []}', 0o600),
     ('{"version": 1, "tokens": [{"name": "a", "sha256": "", "write": true}]}', 0o600),
     ('{"version": 1, "tokens": []}', 0o644)],
)  # fmt: skip
def test_a_bad_file_of_tokens_is_an_error(kernix: CommandLine, text: str, mode: int) -> None:
    """A file of tokens that others can read, or that is something else, is not used."""
    file = kernix.write("tokens.json", text)
    file.chmod(mode)
    for words in (("cache", "token"), ("serve", "--cache", "/")):
        ran = kernix(*words, "--tokens", file)
        assert (ran.code, ran.err.startswith("error: the tokens in ")) == (1, True)


def test_bad_words_are_errors(kernix: CommandLine, tmp_path: Path) -> None:
    """An address in use, one that is none, and a cache that is not in a directory are one sentence each."""
    assert kernix("cache", "add", "web", "http://127.0.0.1:1/").code == 0
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = [
            kernix("serve", "--listen", address, "--cache", tmp_path).err,
            kernix("serve", "--listen", "nowhere", "--cache", tmp_path).err,
            kernix("serve", "--cache", "web").err,
            kernix("serve", "--cache", "none").err,
            kernix("cache", "token", "a b").err,
            kernix("cache", "token", "a", "--remove").err,
        ]
    assert [it.partition("\n")[0] for it in said] == [
        f"error: cannot listen on {address}: address already in use",
        "error: invalid address 'nowhere'",
        "error: the cache 'web' is not in a directory, but at http://",
        "error: there is no cache 'none'",
        "error: invalid name of a token 'a b'",
        "error: there is no token 'a'",
    ]


def test_without_the_extra_it_says_how_to_install_it(kernix: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the libraries of the extra, one sentence names the command."""
    for name in [it for it in sys.modules if it.partition(".")[0] == "starlette" or it.startswith("kernix.serve.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    ran = kernix("serve", "--cache", "/")
    assert (ran.code, ran.err.splitlines()) == (
        1,
        ["error: `kernix serve` needs the Python package starlette", "hint: pip install 'kernix[serve]'"],
    )
