"""Tests for derivations.realise.builtins.fetch."""

from __future__ import annotations

import hashlib
import io
import lzma
import shutil
import socket
import socketserver
import struct
import tarfile
import threading

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs
import pytest

from derivations.fetch import fetch_deb, fetch_url
from derivations.realise.apt.fetch import access
from derivations.realise.apt.mirrors import _asked
from derivations.realise.archives.decompress import Corrupt
from derivations.realise.archives.extract import Refused
from derivations.realise.builtins import fetch
from derivations.realise.builtins.fetch import PackageDiffers, PackageGone, PackageUnavailable, with_kernel_mirrors
from derivations.realise.network.download import HashMismatch, Offline, Unavailable
from derivations.realise.unpack_budget import TooLarge
from tests.derivations.realise.builtins.conftest import Runner, listing
from tests.derivations.realise.scripted_server import Answer


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from derivations.derivation import Derivation
    from tests.derivations.realise.scripted_server import ScriptedServer


PATH = "pool/main/h/hello/hello_2.10_amd64.deb"


@attrs.frozen(kw_only=True)
class Package:
    """A package as in a lock."""

    name: str = "hello"
    version: str = "2.10"
    archive: str = "debian"
    path: str = PATH
    size: int
    sha256: str


def deb(*members: tuple[str, str, bytes]) -> bytes:
    """Return a package of (path, text or target, type)."""
    files = io.BytesIO()
    with tarfile.open(fileobj=files, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, text, kind in members:
            info = tarfile.TarInfo(f"./{name}")
            info.type = kind
            info.linkname = "" if kind == tarfile.REGTYPE else text
            info.size = len(text) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(text.encode()))
    parts = [b"!<arch>\n"]
    for member, data in (
        (b"debian-binary", b"2.0\n"),
        (b"control.tar.xz", b"odd"),
        (b"data.tar.xz", lzma.compress(files.getvalue())),
    ):
        header = struct.pack("16s12s6s6s8s10s2s", member, b"0", b"0", b"0", b"100644", b"%d" % len(data), b"`\n")
        parts += [header.replace(b"\0", b" "), data, b"\n" * (len(data) % 2)]
    return b"".join(parts)


HELLO = deb(("usr/bin/hello", "#!", tarfile.REGTYPE), ("etc/alternatives/x", "/usr/bin/hello", tarfile.SYMTYPE))


def derivation(data: bytes, size: int | None = None, sha256: str | None = None, path: str = PATH) -> Derivation:
    sha256 = sha256 or hashlib.sha256(data).hexdigest()
    return fetch_deb(Package(path=path, size=len(data) if size is None else size, sha256=sha256))


@pytest.fixture
def mirror(run: Runner, server: ScriptedServer, no_apt: None) -> ScriptedServer:  # noqa: ARG001 -- no other mirror
    run.settings = attrs.evolve(run.settings, mirrors=(server.url("/debian"),))
    return server


@pytest.mark.parametrize("executable", [False, True])
def test_a_file_is_fetched(run: Runner, server: ScriptedServer, executable: bool) -> None:
    """A file is fetched into the output, and made executable if requested."""
    server.files["/x"] = b"data"
    sha256 = hashlib.sha256(b"data").hexdigest()
    out = run(fetch_url(server.url("/x"), sha256=sha256, executable=executable))
    assert (b"data", executable) == (out.read_bytes(), bool(out.stat().st_mode & 0o100))


def test_mirrors_are_tried_in_order(run: Runner, server: ScriptedServer) -> None:
    """The mirrors of a URL are tried in their order."""
    server.files["/y"] = b"data"
    sha256 = hashlib.sha256(b"data").hexdigest()
    out = run(fetch_url(server.url("/x"), sha256=sha256, mirrors=[server.url("/y")]))
    assert out.read_bytes() == b"data"


def test_a_corrected_hash_needs_no_download(run: Runner, server: ScriptedServer) -> None:
    """A mismatch names both hashes; with the right one nothing is downloaded."""
    server.files["/x"] = b"data"
    with pytest.raises(HashMismatch) as caught:
        run(fetch_url(server.url("/x"), sha256="0" * 64))
    assert run(fetch_url(server.url("/x"), sha256=caught.value.got)).read_bytes() == b"data"
    assert len(server.requests) == 1


def test_kernel_org_has_mirrors() -> None:
    """The user's kernel.org mirrors precede kernel.org's URLs, and no others."""
    urls = ["https://cdn.kernel.org/pub/linux/kernel/v6.x/x.tar.xz", "https://example.org/pub/y"]
    expected = ("https://mirror.test/pub/linux/kernel/v6.x/x.tar.xz", *urls)
    assert expected == with_kernel_mirrors(urls, ["https://mirror.test/pub/"])


def test_a_kernel_comes_from_the_users_mirror(run: Runner, server: ScriptedServer) -> None:
    """A file of kernel.org is fetched from the user's mirror."""
    server.files["/pub/linux/x"] = b"data"
    run.settings = attrs.evolve(run.settings, kernel_mirrors=(server.url("/pub"),))
    sha256 = hashlib.sha256(b"data").hexdigest()
    assert run(fetch_url("https://cdn.kernel.org/pub/linux/x", sha256=sha256)).read_bytes() == b"data"


def test_a_package_is_unpacked(run: Runner, mirror: ScriptedServer) -> None:
    """A package's files are unpacked; absolute links stay, as in a root file system."""
    mirror.files[f"/debian/{PATH}"] = HELLO
    assert listing(run(derivation(HELLO))) == {"etc/alternatives/x": "-> /usr/bin/hello", "usr/bin/hello": "#!"}
    assert list((run.store.layout.cache / "downloads").iterdir()) == []


def test_a_package_gone_from_all_mirrors_is_named(run: Runner, mirror: ScriptedServer) -> None:
    """A package that no mirror has any more is named, with the command that pins a newer one."""
    with pytest.raises(PackageGone) as caught:
        run(derivation(HELLO))
    url = mirror.url(f"/debian/{PATH}")
    assert f"the pinned package hello-2.10 is gone from the mirrors: {url}: 404 Not Found" == str(caught.value)
    assert "kernix lock --update" in caught.value.hint
    assert "out of date" in caught.value.hint


@pytest.mark.parametrize("status", [404, 500])
def test_a_mirror_that_is_out_of_date(run: Runner, mirror: ScriptedServer, status: int) -> None:
    """If a mirror of the archive lacks the package, and others fail, newer pins or another mirror may help, too."""
    bases = [mirror.url(f"/{name}/debian") for name in ("old", "broken")]
    run.settings = attrs.evolve(run.settings, mirrors=tuple(bases), retries=0)
    for place, answer in (("old", status), ("broken", 500)):
        mirror.answers[f"/{place}/debian/{PATH}"] = [Answer(status=answer)] * 9
    mirror.answers[f"/debian/{PATH}"] = [Answer(status=500)] * 9
    with pytest.raises(PackageUnavailable) as caught:
        run(derivation(HELLO))
    assert ("kernix lock --update" in caught.value.hint) is (status == 404)
    assert "add another mirror in config.toml" in caught.value.hint


@pytest.mark.usefixtures("no_apt")
def test_no_mirror_is_known(run: Runner) -> None:
    """Without apt and settings there is no mirror, and the package is not called gone."""
    with pytest.raises(Unavailable, match="no mirror is known"):
        run(derivation(HELLO))


@pytest.fixture
def silent() -> Iterator[str]:
    """Return the URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/debian"


@pytest.fixture
def babbling() -> Iterator[str]:
    """Return the URL of a server that does not speak HTTP."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1 << 16)
            self.request.sendall(b"220 ready\r\n\x00\xff: \xfe\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as babbling:
        thread = threading.Thread(target=babbling.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{babbling.server_address[1]}/debian"
        babbling.shutdown()
        thread.join()


BAD = {
    "absent": Answer(status=404),
    "forbidden": Answer(status=403),
    "broken": Answer(status=500),
    "odd": Answer(status=299),
    "elsewhere": Answer(status=301, headers={"Location": "http://127.0.0.1:9/"}),
    "cut": Answer(cut=100),
    "empty": Answer(status=200),
}


@pytest.mark.parametrize("name", BAD)
def test_the_next_mirror_is_tried(run: Runner, mirror: ScriptedServer, name: str) -> None:
    """However the first mirror fails, the package comes from the second."""
    bad = mirror.url("/bad/debian")
    run.settings = attrs.evolve(run.settings, mirrors=(bad, mirror.url("/debian")))
    mirror.files |= {f"/bad/debian/{PATH}": HELLO, f"/debian/{PATH}": HELLO}
    mirror.answers[f"/bad/debian/{PATH}"] = [BAD[name]] * 9
    assert "usr/bin/hello" in listing(run(derivation(HELLO)))


def test_garbage_is_that_mirrors_failure(run: Runner, mirror: ScriptedServer) -> None:
    """A mirror with another file of the same size is skipped."""
    run.settings = attrs.evolve(run.settings, mirrors=(mirror.url("/bad/debian"), mirror.url("/debian")))
    mirror.files |= {f"/bad/debian/{PATH}": bytes(len(HELLO)), f"/debian/{PATH}": HELLO}
    assert "usr/bin/hello" in listing(run(derivation(HELLO)))


@pytest.mark.parametrize("kind", ["silent", "babbling", "refusing", "unknown"])
def test_a_mirror_without_http_is_skipped(
    run: Runner, mirror: ScriptedServer, silent: str, babbling: str, kind: str
) -> None:
    """A mirror that is silent, does not speak HTTP, or does not exist is skipped."""
    bad = {"silent": silent, "babbling": babbling, "refusing": "http://127.0.0.1:9/debian",
           "unknown": "http://no-such-host.invalid/debian"}[kind]  # fmt: skip
    run.settings = attrs.evolve(run.settings, mirrors=(bad, mirror.url("/debian")), read_timeout=2)
    mirror.files[f"/debian/{PATH}"] = HELLO
    assert "usr/bin/hello" in listing(run(derivation(HELLO)))


def test_every_mirror_is_named_with_its_own_answer(run: Runner, mirror: ScriptedServer) -> None:
    """The error lists each mirror that was tried, and its answer."""
    bases = {name: mirror.url(f"/{name}/debian") for name in ("gone", "broken", "short")}
    run.settings = attrs.evolve(run.settings, mirrors=tuple(bases.values()), retries=0)
    mirror.files[f"/short/debian/{PATH}"] = HELLO[:10]
    mirror.answers[f"/broken/debian/{PATH}"] = [Answer(status=500)] * 9
    with pytest.raises(PackageUnavailable) as caught:
        run(derivation(HELLO))
    assert dict(caught.value.tried) == {
        f"{bases['gone']}/{PATH}": "404 Not Found",
        f"{bases['broken']}/{PATH}": "500 Internal Server Error",
        f"{bases['short']}/{PATH}": f"the file has 10 bytes instead of {len(HELLO)}",
    }
    assert all(f"{url}: {said}" in str(caught.value) for url, said in caught.value.tried)
    assert caught.value.lacking == (f"{bases['gone']}/{PATH}",)


def test_a_hash_mismatch_lists_all_answers(run: Runner, mirror: ScriptedServer) -> None:
    """If one mirror has another file and another has none, the error is a hash mismatch and names both."""
    run.settings = attrs.evolve(run.settings, mirrors=(mirror.url("/debian"), mirror.url("/none/debian")))
    mirror.files[f"/debian/{PATH}"] = bytes(len(HELLO))
    with pytest.raises(PackageDiffers) as caught:
        run(derivation(HELLO))
    assert (mirror.url(f"/debian/{PATH}"), ((mirror.url(f"/none/debian/{PATH}"), "404 Not Found"),)) == (
        caught.value.url,
        caught.value.tried,
    )
    assert caught.value.exit_code == 102


def test_a_package_of_an_unknown_archive_has_not_left_it(run: Runner, mirror: ScriptedServer) -> None:
    """If no mirror of the package's archive is known, the error says so, and not that the package is gone."""
    hello = fetch_deb(Package(size=7, sha256="0" * 64, archive="debian-security"))
    with pytest.raises(PackageUnavailable) as caught:
        run(hello)
    assert (False, "debian-security") == (caught.value.known, caught.value.archive)
    assert [mirror.url(f"/debian/{PATH}")] == [url for url, _ in caught.value.tried]


def test_a_failed_mirror_is_tried_last(run: Runner, mirror: ScriptedServer, silent: str) -> None:
    """A mirror that failed for one package is tried last for the next."""
    run.settings = attrs.evolve(run.settings, mirrors=(silent, mirror.url("/debian")), read_timeout=2)
    mirror.files[f"/debian/{PATH}"] = HELLO
    run(derivation(HELLO))
    assert urlsplit(silent).netloc in {urlsplit(it).netloc for it in fetch._SHUNNED}


def test_a_package_of_another_size_is_not_read(run: Runner, mirror: ScriptedServer) -> None:
    """The size in the lock bounds what is read."""
    mirror.files[f"/debian/{PATH}"] = HELLO
    with pytest.raises(Unavailable, match=f"the file has {len(HELLO)} bytes instead of 7"):
        run(derivation(HELLO, size=7))


def test_offline_names_the_package(run: Runner, mirror: ScriptedServer) -> None:
    """Offline, the missing package is named."""
    run.settings = attrs.evolve(run.settings, offline=True)
    with pytest.raises(Offline, match="--offline is set"):
        run(derivation(HELLO))
    assert mirror.requests == []


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"<html>", Corrupt, id="no-package"),
        pytest.param(HELLO[:-40], Corrupt, id="truncated"),
        pytest.param(deb(("../x", "1", tarfile.REGTYPE)), Refused, id="hostile"),
    ],
)
def test_a_bad_package_is_refused(run: Runner, mirror: ScriptedServer, data: bytes, error: type[Exception]) -> None:
    """A file with the right hash that is not a package is one clear error."""
    mirror.files[f"/debian/{PATH}"] = data
    with pytest.raises(error):
        run(derivation(data))


def test_a_package_that_becomes_too_large(run: Runner, mirror: ScriptedServer) -> None:
    """A package that unpacks to more than it may is refused, unless that is wanted."""
    data = mirror.files[f"/debian/{PATH}"] = deb(("usr/zeros", "0" * 1_000_000, tarfile.REGTYPE))
    package = Package(path=PATH, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    with pytest.raises(TooLarge) as caught:
        run(fetch_deb(package, max_size=100_000))
    assert caught.value.allowed == 100_000
    assert (run(fetch_deb(package)) / "usr/zeros").stat().st_size == 1_000_000


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that configures the machine's apt with one source and settings."""
    if shutil.which("apt-get") is None:
        pytest.skip("there is no apt")

    def configure(base: str, settings: str = "") -> None:
        (tmp_path / "sources.list").write_text(f"deb {base} x main\n")
        (tmp_path / "apt.conf").write_text(
            f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\nDir::Etc::sourceparts "-";\n'
            f'APT::Sandbox::User "root";\nAcquire::Retries "0";\n{settings}\n'
        )
        monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
        forget()

    def forget() -> None:
        for asked in (_asked, access):
            asked.cache_clear()

    yield configure
    forget()


def test_a_source_with_a_password(run: Runner, server: ScriptedServer, configure: Callable[..., None]) -> None:
    """User and password in a source's URL are sent, and never shown."""
    configure(server.url("/debian").replace("//", "//me:secret@"))
    with pytest.raises(PackageGone) as caught:
        run(derivation(HELLO))
    assert ("Basic bWU6c2VjcmV0", False) == (server.requests[0].headers["authorization"], "secret" in str(caught.value))


def test_a_package_behind_apts_proxy(run: Runner, server: ScriptedServer, configure: Callable[..., None]) -> None:
    """Files from apt's archives are fetched through apt's proxy."""
    configure("http://no-such-host.invalid/debian", f'Acquire::http::Proxy "{server.url("")}";')
    server.files[f"http://no-such-host.invalid/debian/{PATH}"] = HELLO
    assert "usr/bin/hello" in listing(run(derivation(HELLO)))
    with pytest.raises(PackageGone) as caught:
        run(derivation(HELLO, sha256="1" * 64, path="pool/x.deb"))
    assert "404" in caught.value.tried[0][1]
