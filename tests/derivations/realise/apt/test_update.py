"""Tests for derivations.realise.apt.update, with the real apt and archives on the loopback interface."""

from __future__ import annotations

import hashlib
import shutil

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from derivations.debian.sources import Source
from derivations.realise.apt.run import Apt, AptFailed
from derivations.realise.apt.update import _SIGNATURE, fetch_lists, spare
from tests.derivations.realise.scripted_server import Answer, ScriptedServer


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.signing import Key


pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="a lock is made by apt")

RELEASE = "/debian/dists/one/InRelease"
INDEX = b"Package: x\nVersion: 1\nArchitecture: amd64\nMaintainer: x\nFilename: x.deb\nSize: 1\nDescription: x\n"


def release(date: str) -> str:
    """Return the archive's Release file, with a line about its dates."""
    digest = hashlib.sha256(INDEX).hexdigest()
    return (
        f"Suite: one\nCodename: one\n{date}\nArchitectures: amd64\nComponents: main\n"
        f"SHA256:\n {digest} {len(INDEX)} main/binary-amd64/Packages\n"
    )


@attrs.frozen
class World:
    """An apt, a signed archive of one release, and its source."""

    apt: Apt
    server: ScriptedServer
    source: Source

    def answer(self, *answers: Answer) -> None:
        """Set the answers to the next requests for the release, in both of its forms."""
        self.server.answers[RELEASE] = list(answers)
        if answers[-1].status is not None:
            self.server.answers[RELEASE.replace("InRelease", "Release")] = list(answers)


@pytest.fixture
def world(tmp_path: Path, plain_path: Path, archive_key: Key) -> Iterator[World]:
    """Return an apt with one sound archive."""
    key = plain_path / "key.gpg"
    key.write_bytes(archive_key.public)
    options = ("APT::Sandbox::User=root", "Acquire::http::Proxy=DIRECT", "Acquire::Retries=0")
    apt = Apt(work=tmp_path / "work", native="amd64", options=options)
    apt.prepare(["amd64"])
    with ScriptedServer() as server:
        server.files[RELEASE.replace("InRelease", "main/binary-amd64/Packages")] = INDEX
        server.files[RELEASE] = archive_key.sign(release("Date: Sat, 01 Jan 2022 00:00:00 UTC"))
        uri = server.url("/debian/")
        yield World(apt, server, Source(uri=uri, suite="one", components=("main",), options={"Signed-By": str(key)}))


def test_a_sound_archive_is_read(world: World) -> None:
    """A signed archive that answers causes no complaints."""
    update = fetch_lists(world.apt, [world.source])
    update.check()
    assert ({}, (), ()) == (update.unreachable, update.unsigned, update.absent)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(Answer(status=401), "401", id="log-in"),
        pytest.param(Answer(status=403, reason="Not You"), "403 Not You", id="forbidden"),
        pytest.param(Answer(status=500), "500", id="broken"),
        pytest.param(Answer(status=503), "503", id="busy"),
        pytest.param(Answer(cut=10), "Error reading from server", id="cut"),
    ],
)
def test_an_archive_that_does_not_answer_is_not_called_unsigned(world: World, answer: Answer, said: str) -> None:
    """The failure is reported with its archive, and signatures are not mentioned."""
    world.answer(answer, answer)
    update = fetch_lists(world.apt, [world.source])
    assert [world.source] == list(update.unreachable)
    assert () == update.unsigned
    with pytest.raises(AptFailed) as caught:
        update.check()
    assert [True] == [it.startswith(f"{world.source}: {said}") for it in caught.value.message]


def test_a_login_page_is_not_an_unsigned_archive(world: World) -> None:
    """The login page of a network is not an archive."""
    world.server.files[RELEASE] = b"<html>Please log in</html>\n"
    update = fetch_lists(world.apt, [world.source])
    assert ([world.source], ()) == (list(update.unreachable), update.unsigned)


def test_an_archive_of_another_key_is_unsigned(world: World, plain_path: Path) -> None:
    """An archive that answers, with a signature that cannot be checked, is unsigned, not unreachable."""
    (plain_path / "none.gpg").write_bytes(b"")
    other = attrs.evolve(world.source, options={"Signed-By": str(plain_path / "none.gpg")})
    update = fetch_lists(world.apt, [other])
    assert ({}, (other,)) == (update.unreachable, update.unsigned)
    assert update.signatures


@pytest.mark.parametrize(
    ("date", "said"),
    [
        pytest.param(
            "Date: Sat, 01 Jan 2022 00:00:00 UTC\nValid-Until: Sun, 02 Jan 2022 00:00:00 UTC", "expired", id="no-longer"
        ),
        pytest.param("Date: Sun, 02 Jan 2222 00:00:00 UTC", "not valid yet", id="not-yet"),
    ],
)
def test_an_archive_out_of_its_time(world: World, archive_key: Key, date: str, said: str) -> None:
    """An expired archive, or one dated in the future, counts as unreachable."""
    world.server.files[RELEASE] = archive_key.sign(release(date))
    strict = ("Acquire::Check-Valid-Until=true", "Acquire::Check-Date=true")
    update = fetch_lists(world.apt, [world.source], *strict)
    assert [True] == [it.startswith(said) for it in update.unreachable.values()]


def test_an_archive_that_was_signed_before_is_unsigned(world: World) -> None:
    """An archive that was tampered with is unsigned, even if apt has an earlier version."""
    fetch_lists(world.apt, [world.source]).check()
    changed = world.server.files[RELEASE].replace(b"Codename: one", b"Codename: two")
    world.server.files[RELEASE] = changed
    world.server.etag = '"two"'
    update = fetch_lists(world.apt, [world.source])
    assert ({}, (world.source,)) == (update.unreachable, update.unsigned)


@pytest.mark.parametrize(
    "words",
    [
        "GPG error",
        "OpenPGP signature verification failed",
        "Signature verification failed",
        "An error occurred during the signature verification. The repository is not updated. GPG error",
    ],
)
def test_words_of_several_apts(words: str) -> None:
    """Signature problems are recognised in the messages of every apt, and other warnings are not mistaken for them."""
    place = "http://m.test/debian one InRelease"
    said = f"W: http://m.test/debian one InRelease: Key is stored in legacy keyring\nW: {words}: {place}: NO_PUBKEY 1\n"
    assert [f"{place}: NO_PUBKEY 1"] == _SIGNATURE.findall(said)


def test_a_release_that_is_absent(world: World) -> None:
    """A missing release is named; one whose name begins alike is not affected."""
    other = attrs.evolve(world.source, suite="one-updates")
    update = fetch_lists(world.apt, [world.source, other])
    assert ([other], (other,)) == (list(update.unreachable), update.absent)


def test_a_list_that_is_not_what_the_release_says(world: World) -> None:
    """An archive in the middle of an update counts as unreachable."""
    world.server.files[RELEASE.replace("InRelease", "main/binary-amd64/Packages")] = b"x"
    assert [world.source] == list(fetch_lists(world.apt, [world.source]).unreachable)


@pytest.mark.parametrize(
    ("change", "spared"),
    [
        pytest.param({"uri": "http://b.test/debian"}, True, id="mirror"),
        pytest.param({"uri": "http://b.test/debian", "components": ("main", "contrib")}, True, id="more"),
        pytest.param({"uri": "http://b.test/debian", "components": ()}, False, id="less"),
        pytest.param({"uri": "http://b.test/debian-security"}, False, id="another-archive"),
        pytest.param({"uri": "http://b.test/debian", "suite": "two"}, False, id="another-release"),
        pytest.param({"uri": "http://b.test/debian", "options": {"Signed-By": "/other.gpg"}}, False, id="another-key"),
    ],
)
def test_a_redundant_mirror(change: dict[str, Any], spared: bool) -> None:
    """A mirror is redundant if another one has the same archive, release and key, and at least its components."""
    dead = Source(uri="http://a.test/debian/", suite="one", components=("main",), options={"Signed-By": "/key.gpg"})
    other = attrs.evolve(dead, **change)
    assert ({dead: other} if spared else {}) == spare([dead, other], [dead])
    assert {} == spare([dead, other], [dead, other])
