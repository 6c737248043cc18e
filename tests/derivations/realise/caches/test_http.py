"""A cache on a real web server: nginx with WebDAV, on loopback."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import threading
import time

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from derivations.realise.caches.http import FIRST_ANSWER, HttpTransport
from store.caches.cache import Cache
from store.caches.collect import CachePolicy, collect_cache
from store.caches.errors import CacheUnreachable, NotInCache
from store.caches.pull import Caches
from store.caches.push import Push
from store.local import Store
from store.signing.keys import SecretKey
from store.signing.trusted import Trust
from store.verify import verify


if TYPE_CHECKING:
    from collections.abc import Iterator


KEY = SecretKey("test-1", bytes(32))
TRUST = Trust(objects=(KEY.public,), results=(KEY.public,))
CONFIGURATION = """
{modules}
daemon off; master_process off; pid {place}/pid; error_log {place}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_max_body_size 0;
  client_body_temp_path {place}/body; proxy_temp_path {place}/p; fastcgi_temp_path {place}/f;
  uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      root {place}/www; dav_methods PUT DELETE MKCOL; dav_ext_methods PROPFIND; {parents}
    }}
  }}
}}
"""


@pytest.fixture(params=["create_full_put_path on;", ""], ids=["parents made by PUT", "parents made by MKCOL"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an empty directory that nginx serves and writes; skip without it, since its package starts a service."""
    program = shutil.which("nginx")
    modules = Path("/usr/lib/nginx/modules/ngx_http_dav_ext_module.so")
    if program is None or not modules.exists():
        pytest.skip("needs nginx and its module for WebDAV: `sh setup.sh ci` installs them")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (tmp_path / "www").mkdir()
    tmp_path.chmod(0o755)
    text = CONFIGURATION.format(modules=f"load_module {modules};", place=tmp_path, port=port, parents=request.param)
    if os.getuid() == 0:
        text = f"user root;\n{text}"
    (tmp_path / "nginx.conf").write_text(text)
    server = subprocess.Popen([program, "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log"])
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/cache"
    finally:
        server.terminate()
        server.wait()


def test_files_are_written_read_listed_and_deleted(url: str) -> None:
    """A file is what was written, in whole and in part, until it is deleted."""
    transport = HttpTransport(url)
    transport.put("blobs/ab/abc", b"0123456789")
    transport.put("blobs/ab/abc", b"0123456789x")
    with transport.stream("blobs/ab/abc", 3, 6) as stream:
        assert (stream.start, b"".join(stream.chunks)) == (3, b"345")
    with transport.stream("blobs/ab/abc", 3) as stream:
        assert b"".join(stream.chunks) == b"3456789x"
    assert transport.size("blobs/ab/abc") == 11
    (listed,) = transport.list("blobs")
    assert (listed.path, listed.size, abs(listed.written - time.time()) < 60) == ("blobs/ab/abc", 11, True)
    transport.delete("blobs/ab/abc")
    transport.delete("blobs/ab/abc")
    assert (transport.size("blobs/ab/abc"), [*transport.list("blobs")], [*transport.list("none")]) == (None, [], [])
    with pytest.raises(NotInCache), transport.stream("blobs/ab/abc"):
        pass


def test_objects_go_through_it(url: str, tmp_path: Path) -> None:
    """An object is pushed and pulled over HTTP, and deleted by the collector once its time is over."""
    source = tmp_path / "source"
    (source / "below").mkdir(parents=True)
    (source / "below" / "file").write_bytes(os.urandom(100_000))
    with Store.open(tmp_path / "one") as one, Store.open(tmp_path / "two") as two:
        path = one.add(source)
        cache = Cache("web", HttpTransport(url), TRUST)
        Push(store=one, cache=cache, key=KEY, threads=1).push([path])
        Caches(store=two, caches=[Cache("web", HttpTransport(url), TRUST)]).pull([path])
        assert verify(two, contents=True) == []
    assert two.layout.cache.joinpath("caches").exists()
    done = collect_cache(cache, CachePolicy(retention=0, grace=0), now=time.time() + 10)
    assert (done.objects, done.kept) == (1, 0)


def test_a_silent_server_costs_two_seconds_once(tmp_path: Path) -> None:
    """A server that accepts connections and says nothing is asked once, for two seconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent, Store.open(tmp_path / "home") as store:
        cache = Cache("web", HttpTransport(f"http://127.0.0.1:{silent.getsockname()[1]}/"), TRUST)
        warned: list[str] = []
        caches = Caches(store=store, caches=[cache], warn=warned.append)
        began = time.monotonic()
        for number in range(20):
            assert caches.result(bytes([number]) * 32, "out") is None
        assert FIRST_ANSWER <= time.monotonic() - began < FIRST_ANSWER + 1
    assert len(warned) == 1


def test_a_closed_port_is_an_error() -> None:
    """What cannot be reached is an error that says why."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(CacheUnreachable, match="refused"):
        HttpTransport(f"http://127.0.0.1:{port}/").put("x", b"")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirected_write_is_an_error(status: int) -> None:
    """A server that sends writers elsewhere has written nothing, whatever it answers there."""

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            with pytest.raises(CacheUnreachable, match=f"writing blobs/ab is refused \\({status}"):
                HttpTransport(f"http://127.0.0.1:{server.server_port}/cache").put("blobs/ab", b"data")
        finally:
            server.shutdown()
            serving.join()
