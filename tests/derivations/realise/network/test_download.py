"""Tests for derivations.realise.network.download."""

from __future__ import annotations

import email.utils
import gzip
import hashlib
import os
import threading
import time

from typing import TYPE_CHECKING, Protocol

import pytest

from derivations.realise.job import Cancelled
from derivations.realise.network.connection import HttpSession
from derivations.realise.network.download import Download, Downloader, HashMismatch, Offline, Unavailable
from derivations.realise.network.retry import Backoff
from derivations.realise.settings import Settings
from tests.derivations.realise.scripted_server import Answer, ScriptedServer


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


DATA = bytes(range(256)) * 20_000
"""Five megabytes."""

HASH = hashlib.sha256(DATA).hexdigest()
CLOSED = "http://127.0.0.1:9"


class Fetch(Protocol):
    """Fetches the file with the hash *sha256* from *urls* and returns its content."""

    def __call__(  # noqa: D102 -- see the class
        self, *urls: str, sha256: str = HASH, size: int | None = None, settings: Settings | None = None
    ) -> bytes: ...


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "downloads"


@pytest.fixture
def fetch(directory: Path, waits: list[float]) -> Fetch:
    def fetch(*urls: str, sha256: str = HASH, size: int | None = None, settings: Settings | None = None) -> bytes:
        with HttpSession() as session:
            downloader = Downloader(
                directory=directory,
                settings=settings or Settings(connect_timeout=20, read_timeout=20),
                progress=lambda _done, _expected: None,
                cancelled=lambda: False,
                session=session,
                backoff=Backoff(jitter=lambda: 1),
                sleep=waits.append,
            )
            with downloader.fetch(Download(name="x", sha256=sha256, urls=urls, size=size)) as path:
                return path.read_bytes()

    return fetch


def test_a_file_is_fetched(server: ScriptedServer, fetch: Fetch, directory: Path) -> None:
    """The file has the right bytes, and nothing is left after its use."""
    server.files["/x"] = DATA
    assert fetch(server.url("/x")) == DATA
    assert list(directory.iterdir()) == []


def test_an_empty_file_is_a_file(server: ScriptedServer, fetch: Fetch) -> None:
    """An empty file can be fetched, too."""
    server.files["/x"] = b""
    assert fetch(server.url("/x"), sha256=hashlib.sha256().hexdigest()) == b""


def test_a_cut_download_is_resumed(server: ScriptedServer, fetch: Fetch) -> None:
    """After a cut, only the rest is requested, on condition that the file is unchanged."""
    server.files["/x"] = DATA
    server.answers["/x"] = [Answer(cut=2_000_000), Answer(cut=1_000_000)]
    assert fetch(server.url("/x")) == DATA
    assert server.ranges() == [None, "bytes=2000000-", "bytes=3000000-"]
    assert server.requests[1].headers["if-range"] == '"one"'


def test_any_number_of_cuts_is_survived_as_long_as_it_goes_on(server: ScriptedServer, fetch: Fetch) -> None:
    """An attempt with enough progress does not count as a failure."""
    server.files["/x"] = DATA
    server.answers["/x"] = [Answer(cut=1_200_000)] * 4
    assert fetch(server.url("/x"), settings=Settings(retries=1)) == DATA


def test_a_download_is_resumed_in_another_process(server: ScriptedServer, fetch: Fetch, directory: Path) -> None:
    """What an interrupted run has downloaded is not fetched again."""
    server.files["/x"] = DATA
    directory.mkdir()
    (directory / f"{HASH}.part").write_bytes(DATA[:1000])
    assert fetch(server.url("/x")) == DATA
    assert server.ranges() == ["bytes=1000-"]


def test_a_complete_part_costs_no_bytes(server: ScriptedServer, fetch: Fetch, directory: Path) -> None:
    """A complete part is recognised from the server's answer."""
    server.files["/x"] = DATA
    directory.mkdir()
    (directory / f"{HASH}.part").write_bytes(DATA)
    assert fetch(server.url("/x")) == DATA
    assert [f"bytes={len(DATA)}-"] == server.ranges()


def test_a_part_of_another_file_is_thrown_away(server: ScriptedServer, fetch: Fetch, directory: Path) -> None:
    """A resumed file with a wrong hash is fetched once more from the start."""
    server.files["/x"] = DATA
    directory.mkdir()
    (directory / f"{HASH}.part").write_bytes(b"x" * 1000)
    assert fetch(server.url("/x")) == DATA
    assert server.ranges() == ["bytes=1000-", None]


def test_a_part_that_is_too_long_is_thrown_away(server: ScriptedServer, fetch: Fetch, directory: Path) -> None:
    """A part that is longer than the file is discarded."""
    server.files["/x"] = DATA
    directory.mkdir()
    (directory / f"{HASH}.part").write_bytes(DATA + b"x")
    assert fetch(server.url("/x")) == DATA
    assert [f"bytes={len(DATA) + 1}-", None] == server.ranges()


def test_a_file_that_changed_meanwhile_is_fetched_again(server: ScriptedServer, fetch: Fetch) -> None:
    """If the server has another version, the old part is not continued."""
    server.files["/x"] = b"y" * len(DATA)
    server.answers["/x"] = [Answer(cut=1000, headers={"ETag": '"zero"'})]
    fresh = hashlib.sha256(server.files["/x"]).hexdigest()
    assert server.files["/x"] == fetch(server.url("/x"), sha256=fresh)
    assert server.requests[1].headers["if-range"] == '"zero"'


def test_a_weak_tag_names_no_version(server: ScriptedServer, fetch: Fetch) -> None:
    """A weak tag is not used as a condition, but the date is."""
    date = "Thu, 01 Jan 1970 00:00:00 GMT"
    server.files["/x"] = DATA
    server.etag = 'W/"one"'
    server.answers["/x"] = [Answer(cut=1000, headers={"Last-Modified": date})]
    assert fetch(server.url("/x")) == DATA
    assert date == server.requests[1].headers["if-range"]


def test_a_server_that_ignores_ranges_starts_over(server: ScriptedServer, fetch: Fetch) -> None:
    """A 200 in response to a range is the whole file from its beginning."""
    server.files["/x"] = DATA
    server.answers["/x"] = [Answer(cut=1000), Answer(whole=True)]
    assert fetch(server.url("/x")) == DATA
    assert server.ranges() == [None, "bytes=1000-"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(f"bytes 999-{len(DATA) - 1}/{len(DATA)}", id="another-start"),
        pytest.param("", id="no-content-range"),
        pytest.param("lines 1-2/3", id="nonsense"),
    ],
)
def test_a_wrong_range_is_not_used(server: ScriptedServer, fetch: Fetch, answer: str) -> None:
    """A 206 with another range than requested is discarded; the file is fetched from the start."""
    server.files["/x"] = DATA
    server.answers["/x"] = [Answer(cut=1000), Answer(headers={"Content-Range": answer})]
    assert fetch(server.url("/x")) == DATA
    assert server.ranges() == [None, "bytes=1000-", None]


def test_a_server_that_cannot_continue_is_given_up(server: ScriptedServer, fetch: Fetch) -> None:
    """Alternating cuts and wrong ranges do not go on for ever."""
    server.files["/x"] = DATA
    pair = [Answer(cut=2_000_000), Answer(headers={"Content-Range": "bytes 0-1/2"})]
    server.answers["/x"] = pair * 20
    with pytest.raises(Unavailable):
        fetch(server.url("/x"))


def test_a_fault_that_passes_is_waited_for(server: ScriptedServer, fetch: Fetch, waits: list[float]) -> None:
    """A 500 followed by the file is a success."""
    server.files["/x"] = DATA
    server.answers["/x"] = [Answer(status=500), Answer(status=502)]
    assert fetch(server.url("/x")) == DATA
    assert pytest.approx(0.1 + 0.2) == sum(waits)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_kept(server: ScriptedServer, fetch: Fetch, waits: list[float], form: str) -> None:
    """A server's `Retry-After` is respected."""
    value = "9" if form == "seconds" else email.utils.formatdate(time.time() + 10, usegmt=True)
    server.files["/x"] = DATA
    server.answers["/x"] = [Answer(status=503, headers={"Retry-After": value})]
    assert fetch(server.url("/x")) == DATA
    assert sum(waits) >= 8


def test_a_server_that_wants_to_be_left_alone_for_long_is(
    server: ScriptedServer, fetch: Fetch, waits: list[float]
) -> None:
    """A `Retry-After` of a day means that the next URL is tried at once."""
    server.files |= {"/x": DATA, "/y": DATA}
    server.answers["/x"] = [Answer(status=429, headers={"Retry-After": "86400"})]
    assert fetch(server.url("/x"), server.url("/y")) == DATA
    assert waits == []


def test_attempts_end(server: ScriptedServer, fetch: Fetch) -> None:
    """After the configured retries the server is given up, with its answer."""
    server.answers["/x"] = [Answer(status=500)] * 10
    with pytest.raises(Unavailable) as caught:
        fetch(server.url("/x"), settings=Settings(retries=2))
    assert (3, ((server.url("/x"), "500 Internal Server Error"),)) == (len(server.requests), caught.value.tried)
    assert not caught.value.absent


@pytest.mark.parametrize("status", [404, 410, 403, 401, 501])
def test_what_stays_missing_is_looked_for_elsewhere(server: ScriptedServer, fetch: Fetch, status: int) -> None:
    """A server that does not have the file is tried once, then the next."""
    server.files |= {"/x": DATA, "/y": DATA}
    server.answers["/x"] = [Answer(status=status)]
    assert fetch(server.url("/x"), server.url("/y")) == DATA
    assert [request.path for request in server.requests] == ["/x", "/y"]


def test_each_mirror_is_tried_once_before_any_retry(server: ScriptedServer, fetch: Fetch) -> None:
    """A failing mirror costs one attempt, and is retried only if the others fail, too."""
    server.files["/y"] = DATA
    server.answers["/x"] = [Answer(status=500)] * 9
    assert fetch(server.url("/x"), server.url("/y")) == DATA
    assert ["/x", "/y"] == [it.path for it in server.requests]
    server.requests.clear()
    with pytest.raises(Unavailable):
        fetch(server.url("/x"), server.url("/z"), sha256="1" * 64, settings=Settings(retries=1))
    assert ["/x", "/z", "/x", "/x"] == [it.path for it in server.requests]


def test_a_busy_mirror_is_retried(server: ScriptedServer, fetch: Fetch) -> None:
    """If the next mirror does not have the file, the first gets another chance."""
    server.files["/x"] = DATA
    server.answers["/x"] = [Answer(status=503)]
    assert fetch(server.url("/x"), server.url("/z")) == DATA


def test_a_wrong_hash_lists_all_answers(server: ScriptedServer, fetch: Fetch) -> None:
    """If one server has another file and the rest have none, each is named."""
    server.files["/x"] = DATA
    with pytest.raises(HashMismatch) as caught:
        fetch(server.url("/z"), server.url("/x"), sha256="1" * 64)
    assert ((server.url("/z"), "404 Not Found"),) == caught.value.tried
    assert f"{server.url('/z')}: 404 Not Found" in str(caught.value)


def test_a_download_goes_on_at_the_next_mirror(server: ScriptedServer, fetch: Fetch) -> None:
    """What one mirror sent before it failed is not fetched again from the next."""
    server.files |= {"/x": DATA, "/y": DATA}
    server.answers["/x"] = [Answer(cut=4000), Answer(status=404)]
    assert fetch(server.url("/x"), server.url("/y")) == DATA
    assert server.ranges() == [None, "bytes=4000-", "bytes=4000-"]
    assert "if-range" not in server.requests[2].headers


def test_missing_everywhere_is_one_error(server: ScriptedServer, fetch: Fetch) -> None:
    """A 404 on all mirrors is one sentence with every URL and its answer."""
    with pytest.raises(Unavailable) as caught:
        fetch(server.url("/x"), server.url("/y?token=secret"))
    x, y = server.url("/x"), server.url("/y")
    assert f"cannot fetch x: {x}: 404 Not Found; {y}: 404 Not Found" == str(caught.value)
    assert caught.value.absent


def test_a_closed_port_is_reported(fetch: Fetch) -> None:
    """An unreachable server is reported in the system's words."""
    with pytest.raises(Unavailable) as caught:
        fetch(f"{CLOSED}/x", settings=Settings(retries=1))
    assert f"cannot fetch x: {CLOSED}/x: connection refused" == str(caught.value)


def test_a_slow_server_is_given_up(server: ScriptedServer, fetch: Fetch) -> None:
    """A silent server is given up after the configured time."""
    server.files["/x"] = DATA
    server.answers["/x"] = [Answer(delay=2)]
    with pytest.raises(Unavailable) as caught:
        fetch(server.url("/x"), settings=Settings(retries=0, read_timeout=0.2))
    assert caught.value.tried[0][1] == "no response within 0.2 seconds"


def test_a_file_with_another_hash_is_kept(server: ScriptedServer, fetch: Fetch, directory: Path) -> None:
    """A mismatch reports both hashes and the URL; with the corrected hash nothing is downloaded."""
    server.files["/x"] = DATA
    wanted = "0" * 64
    with pytest.raises(HashMismatch) as caught:
        fetch(server.url("/x"), sha256=wanted)
    error = caught.value
    facts = (error.expected, error.got, error.url, error.kept, error.exit_code)
    assert (wanted, HASH, server.url("/x"), directory / HASH, 102) == facts
    assert fetch(server.url("/x")) == DATA
    assert len(server.requests) == 1


def test_a_kept_file_that_was_damaged_is_not_used(server: ScriptedServer, fetch: Fetch, directory: Path) -> None:
    """A kept file must still have the hash in its name."""
    server.files["/x"] = DATA
    directory.mkdir()
    (directory / HASH).write_bytes(b"damaged")
    assert fetch(server.url("/x")) == DATA


def test_a_mirror_with_another_file_is_skipped(server: ScriptedServer, fetch: Fetch, directory: Path) -> None:
    """A mirror with wrong bytes does not matter if another has the right ones."""
    server.files |= {"/x": b"evil", "/y": DATA}
    assert fetch(server.url("/x"), server.url("/y")) == DATA
    assert list(directory.iterdir()) == []


def test_two_mirrors_that_agree_end_the_search(server: ScriptedServer, fetch: Fetch) -> None:
    """If two servers have the same other file, the expected hash is wrong, and no third is tried."""
    server.files |= {"/x": b"new", "/y": b"new", "/z": b"new"}
    with pytest.raises(HashMismatch):
        fetch(*map(server.url, ("/x", "/y", "/z")))
    assert len(server.requests) == 2


def test_mirrors_of_an_archive_do_not_outvote_it(server: ScriptedServer, fetch: Fetch) -> None:
    """If the size is known, as for packages, two mirrors with the same other file do not end the search."""
    garbage = b"?" * len(DATA)
    server.files |= {"/x": garbage, "/y": garbage, "/z": DATA}
    assert fetch(*map(server.url, ("/x", "/y", "/z")), size=len(DATA)) == DATA


def test_each_mirror_with_another_file_is_named(server: ScriptedServer, fetch: Fetch) -> None:
    """The error lists what each of several mirrors has instead."""
    server.files |= {"/x": b"one", "/y": b"two"}
    with pytest.raises(HashMismatch) as caught:
        fetch(*map(server.url, ("/x", "/y")))
    assert hashlib.sha256(b"one").hexdigest() == caught.value.got
    assert ((server.url("/y"), f"the file has sha256 {hashlib.sha256(b'two').hexdigest()}"),) == caught.value.tried


def test_a_file_of_another_size_is_not_fetched(server: ScriptedServer, fetch: Fetch) -> None:
    """If the size is known, a longer file is not read to its end."""
    server.files["/x"] = DATA
    with pytest.raises(Unavailable) as caught:
        fetch(server.url("/x"), size=3)
    assert f"the file has {len(DATA)} bytes instead of 3" == caught.value.tried[0][1]


def test_compressed_files_stay_compressed(server: ScriptedServer, fetch: Fetch) -> None:
    """A .gz file that a server declares as content-encoded is not unpacked."""
    data = gzip.compress(DATA, mtime=0)
    server.files["/x.gz"] = data
    server.answers["/x.gz"] = [Answer(headers={"Content-Encoding": "gzip"})]
    assert data == fetch(server.url("/x.gz"), sha256=hashlib.sha256(data).hexdigest())


def test_a_redirection_is_followed_and_not_shown(server: ScriptedServer, fetch: Fetch) -> None:
    """A redirect may contain a token; errors show only the user's URL."""
    server.answers["/x"] = [Answer(status=302, headers={"Location": "/elsewhere?token=secret"})]
    with pytest.raises(Unavailable) as caught:
        fetch(server.url("/x"))
    assert f"cannot fetch x: {server.url('/x')}: 404 Not Found" == str(caught.value)


def test_redirections_in_a_circle_end(server: ScriptedServer, fetch: Fetch) -> None:
    """A redirect loop is one clear error."""
    server.answers["/x"] = [Answer(status=302, headers={"Location": "/x"})] * 100
    with pytest.raises(Unavailable, match="too many redirects"):
        fetch(server.url("/x"))


def test_a_redirection_leads_to_no_file(server: ScriptedServer, fetch: Fetch, tmp_path: Path) -> None:
    """A server cannot make us read a local file."""
    (tmp_path / "secret").write_bytes(DATA)
    server.answers["/x"] = [Answer(status=302, headers={"Location": f"file://{tmp_path}/secret"})]
    with pytest.raises(Unavailable, match="redirects to a 'file' URL"):
        fetch(server.url("/x"))


def test_a_password_is_never_shown(fetch: Fetch) -> None:
    """A mirror's password is not in the error."""
    with pytest.raises(Unavailable) as caught:
        fetch("http://me:secret@127.0.0.1:9/x", settings=Settings(retries=0))
    assert str(caught.value) == "cannot fetch x: http://127.0.0.1:9/x: connection refused"


def test_a_file_url_is_read(fetch: Fetch, tmp_path: Path) -> None:
    """A `file://` URL is a local file, which is allowed offline."""
    (tmp_path / "a b").write_bytes(DATA)
    assert fetch(f"file://{tmp_path}/a%20b", settings=Settings(offline=True)) == DATA
    assert (tmp_path / "a b").exists()


def test_a_file_url_keeps_holes(fetch: Fetch, tmp_path: Path) -> None:
    """A sparse file stays sparse, whether it ends in data or in a hole."""
    (tmp_path / "sparse").write_bytes(DATA)
    os.truncate(tmp_path / "sparse", 32 << 20)
    content = (tmp_path / "sparse").read_bytes()
    with pytest.raises(HashMismatch) as caught:
        fetch(f"file://{tmp_path}/sparse")
    assert caught.value.kept.read_bytes() == content
    assert caught.value.kept.stat().st_blocks <= (tmp_path / "sparse").stat().st_blocks
    assert caught.value.got == hashlib.sha256(content).hexdigest()


def test_a_file_url_without_a_file_is_reported(fetch: Fetch) -> None:
    """A missing local file is reported as such."""
    with pytest.raises(Unavailable, match="file:///no/such: no such file or directory"):
        fetch("file:///no/such")


def test_offline_says_what_is_missing(fetch: Fetch) -> None:
    """Offline, the missing file is named, with the URL it would come from."""
    with pytest.raises(Offline) as caught:
        fetch("https://example.org/x", settings=Settings(offline=True))
    assert str(caught.value) == "cannot fetch x: --offline is set"
    assert caught.value.hint == "it would come from https://example.org/x"


def test_offline_uses_kept_downloads(fetch: Fetch, directory: Path) -> None:
    """Offline, a kept download is used."""
    directory.mkdir()
    (directory / HASH).write_bytes(DATA)
    assert fetch("https://example.org/x", settings=Settings(offline=True)) == DATA


def test_no_known_url_is_an_error(fetch: Fetch) -> None:
    """A file without any URL is an error."""
    with pytest.raises(Unavailable, match="cannot fetch x: no known URL has it"):
        fetch()


def test_progress_is_in_bytes(server: ScriptedServer, directory: Path) -> None:
    """Progress grows to the size of the file."""
    server.files["/x"] = DATA
    seen: list[tuple[int, int | None]] = []
    with HttpSession() as session:
        downloader = Downloader(
            directory=directory,
            settings=Settings(),
            progress=lambda done, expected: seen.append((done, expected)),
            cancelled=lambda: False,
            session=session,
        )
        with downloader.fetch(Download(name="x", sha256=HASH, urls=(server.url("/x"),))):
            pass
    assert sorted(seen) == seen
    assert (len(DATA), len(DATA)) == seen[-1]


def test_a_download_can_be_interrupted(server: ScriptedServer, directory: Path) -> None:
    """An interrupted download stops, and its part is kept."""
    server.files["/x"] = DATA
    reported: list[int] = []
    with HttpSession() as session:
        downloader = Downloader(
            directory=directory,
            settings=Settings(),
            progress=lambda done, _expected: reported.append(done),
            cancelled=lambda: bool(reported),
            session=session,
        )
        with (
            pytest.raises(Cancelled),
            downloader.fetch(Download(name="x", sha256=HASH, urls=(server.url("/x"),))),
        ):
            pass
    assert [f"{HASH}.part"] == [it.name for it in directory.iterdir()]


def test_those_who_want_the_same_file_take_turns(server: ScriptedServer, fetch: Fetch) -> None:
    """Eight concurrent downloads of one file all get the right bytes."""
    server.files["/x"] = DATA
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(fetch(server.url("/x")))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [DATA] * 8
