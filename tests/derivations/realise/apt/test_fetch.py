"""Tests for derivations.realise.apt.fetch, with the real apt."""

from __future__ import annotations

import hashlib
import shutil
import socket

from typing import TYPE_CHECKING

import pytest

from derivations.realise.apt import fetch as apt_fetch
from derivations.realise.apt.fetch import Access, access, fetch
from derivations.realise.network.http_response import TryFailed
from derivations.realise.supervised import RunCancelled
from tests.derivations.realise.scripted_server import ScriptedServer


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


pytestmark = pytest.mark.skipif(shutil.which("apt-config") is None, reason="there is no apt")

DATA = bytes(range(256)) * 40
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Return a server on the loopback interface."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that configures apt, with *settings* and a password file."""
    monkeypatch.setattr(apt_fetch, "_OPTIONS", (*apt_fetch._OPTIONS, "-o", "APT::Sandbox::User=root"))

    def configure(settings: str = "", passwords: str = "") -> None:
        file, auth = tmp_path / "apt.conf", tmp_path / "auth.conf"
        auth.write_text(passwords)
        file.write_text(
            f'{settings}\nDir::Etc::netrc "{auth}";\nDir::Etc::netrcparts "/nowhere";\nAcquire::Retries "0";\n'
        )
        monkeypatch.setenv("APT_CONFIG", str(file))
        access.cache_clear()

    yield configure
    access.cache_clear()


@pytest.mark.parametrize(
    ("settings", "special"),
    [
        pytest.param("", False, id="plain"),
        pytest.param('Acquire::http::Proxy "http://proxy.test:3128";', True, id="proxy"),
        pytest.param('Acquire::http::Proxy::deb.test "http://proxy.test:3128";', True, id="proxy-of-a-host"),
        pytest.param('Acquire::http::Proxy "DIRECT";', False, id="direct"),
        pytest.param('Acquire::http::Proxy "";', False, id="empty"),
        pytest.param('Acquire::http::Proxy-Auto-Detect "/usr/bin/auto-apt-proxy";', True, id="detected"),
        pytest.param('Acquire::https::CaInfo "/etc/corp.pem";', True, id="authority"),
        pytest.param('Acquire::https::deb.test::SslCert "/etc/me.pem";', True, id="certificate-of-a-host"),
        pytest.param('Acquire::http::Timeout "7";', False, id="time-out"),
    ],
)
def test_how_apt_reaches_archives(configure: Callable[..., None], settings: str, special: bool) -> None:
    """Proxies and certificates in apt's configuration are recognised; other settings are not mistaken for them."""
    configure(settings)
    assert special == access().needs_apt("http://deb.test/debian")


def test_where_apt_logs_in(configure: Callable[..., None]) -> None:
    """Hosts in auth.conf are found, in all of its formats."""
    configure(passwords="machine a.test login me password x\nmachine https://b.test/debian\nlogin me\npassword y\n")
    assert access() == Access(hosts=frozenset({"a.test", "b.test"}))


@pytest.mark.parametrize(
    ("base", "needed"),
    [
        ("http://a.test/debian", True),
        ("http://me:secret@A.test:8080/debian", True),
        ("https://other.test/debian", False),
        ("https://me:secret@other.test/debian", False),
        ("tor+http://a.onion/debian", True),
        ("file:/srv/debian", False),
    ],
)
def test_what_is_left_to_apt(base: str, needed: bool) -> None:
    """Apt itself fetches where it logs in, and over transports of its own."""
    assert needed == Access(hosts=frozenset({"a.test"})).needs_apt(base)


def test_apt_goes_through_its_proxy(configure: Callable[..., None], server: ScriptedServer, tmp_path: Path) -> None:
    """What only apt's proxy can reach is fetched."""
    configure(f'Acquire::http::Proxy "{server.url("")}";')
    server.files["http://no-such-host.invalid/debian/x.deb"] = DATA
    place = tmp_path / "x"
    fetch("http://no-such-host.invalid/debian/x.deb", place, SHA256, lambda: False)
    assert DATA == place.read_bytes()


def test_apt_logs_in(configure: Callable[..., None], server: ScriptedServer, tmp_path: Path) -> None:
    """User and password from auth.conf are sent."""
    # Without encryption, apt sends a password only if its entry allows that.
    host = server.url("").removeprefix("http://")
    configure(passwords=f"machine http://{host} login me password secret\n")
    server.files["/debian/x.deb"] = DATA
    fetch(server.url("/debian/x.deb"), tmp_path / "x", SHA256, lambda: False)
    assert "Basic bWU6c2VjcmV0" == server.requests[-1].headers["authorization"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("/nothing.deb", (404, "404  Not Found"), id="absent"),
        pytest.param("/x.deb", (None, "Hash Sum mismatch"), id="other-bytes"),
    ],
)
def test_apts_error_is_reported(
    configure: Callable[..., None], server: ScriptedServer, tmp_path: Path, path: str, said: tuple[int | None, str]
) -> None:
    """The error message of apt message is reported, and no part of the file stays behind."""
    configure()
    server.files["/x.deb"] = DATA[:-1] + b"!"
    place = tmp_path / "x"
    with pytest.raises(TryFailed) as caught:
        fetch(server.url(path), place, SHA256, lambda: False)
    assert (said[0], True, False) == (caught.value.status, caught.value.message.startswith(said[1]), place.exists())


def test_a_fetch_can_be_cancelled(configure: Callable[..., None], tmp_path: Path) -> None:
    """A cancelled fetch ends, whatever the server does."""
    configure()
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(RunCancelled):
        fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/x.deb", tmp_path / "x", SHA256, lambda: True)
