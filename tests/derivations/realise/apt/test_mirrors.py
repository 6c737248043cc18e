"""Tests for derivations.realise.apt.mirrors."""

from __future__ import annotations

import shutil

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from derivations.realise.apt.mirrors import Sites, _asked, apt_sites, package_urls, sites


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def fresh() -> Iterator[None]:
    _asked.cache_clear()
    yield
    _asked.cache_clear()


def test_the_machines_mirrors_are_base_urls() -> None:
    """The machine's mirrors are URLs that a path can be appended to."""
    for site in apt_sites():
        assert urlsplit(site).scheme
        assert not site.endswith("/")


@pytest.fixture
def say(fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:  # noqa: ARG001 -- the cache
    """Return a function that makes apt-get print *uris*, and then fail with *error* if given."""

    def say(*uris: str, error: str | None = None) -> None:
        lines = "".join(f"'{uri}' some_file 0 \n" for uri in uris)
        (tmp_path / "answer").write_text(lines)
        program = tmp_path / "apt-get"
        failure = f"echo '{error}' >&2; exit 100" if error else ""
        program.write_text(
            f"#!/bin/sh\n[ \"$*\" = 'update --print-uris' ] || exit 1\ncat '{tmp_path}/answer'\n{failure}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return say


@pytest.mark.parametrize(
    ("release", "bases"),
    [
        pytest.param("http://m.test/debian/dists/bookworm/InRelease", ["http://m.test/debian"], id="pool"),
        pytest.param("file:/srv/debian/dists/x/Release", ["file:/srv/debian"], id="file"),
        pytest.param("http://m.test/debian//dists/x/InRelease", ["http://m.test/debian"], id="slashes"),
        pytest.param("https://f.test/foo/./InRelease", ["https://f.test/foo"], id="flat"),
        pytest.param("https://f.test/x/stable/InRelease", ["https://f.test/x", "https://f.test/x/stable"], id="deep"),
        pytest.param("tor+http://a.onion/debian/dists/x/InRelease", ["tor+http://a.onion/debian"], id="transport"),
        pytest.param("cdrom://[Debian 12 DVD 1]/dists/bookworm/InRelease", [], id="disc"),
        pytest.param("http://m.test/debian/dists/x/main/binary-amd64/Packages.xz", [], id="not-a-release"),
    ],
)
def test_a_source_is_a_base(say: Callable[..., None], release: str, bases: list[str]) -> None:
    """A source's base is what precedes its release; discs have none."""
    say(release, release)
    assert tuple(bases) == apt_sites()


def test_a_list_of_mirrors_is_read(say: Callable[..., None], tmp_path: Path) -> None:
    """The mirrors in a list replace it, preferred ones first; an unreadable list is left to apt."""
    file = tmp_path / "debian.list"
    file.write_text("# mirrors\nhttp://b.test/debian/\tpriority:2 arch:amd64\nhttp://c.test/debian\n"
                    "http://a.test/debian/\tpriority:1\n\n")  # fmt: skip
    say(f"mirror+file:{file}/dists/bookworm/InRelease", "mirror+file:/no/such.list/dists/bookworm/InRelease")
    assert apt_sites() == (*(f"http://{it}.test/debian" for it in "abc"), "mirror+file:/no/such.list")


def test_a_source_that_cannot_be_read_hides_no_other(say: Callable[..., None]) -> None:
    """If apt fails for one source, the others still count, and the error is kept."""
    say("http://m.test/debian/dists/x/InRelease", error="E: Malformed entry 1 in list file /etc/apt/x.list (Suite)")
    assert sites() == Sites(
        bases=("http://m.test/debian",), problem="Malformed entry 1 in list file /etc/apt/x.list (Suite)"
    )


@pytest.mark.usefixtures("fresh")
@pytest.mark.skipif(shutil.which("apt-get") is None, reason="there is no apt")
@pytest.mark.parametrize("lists", [[], ["m.test_debian_dists_one_InRelease"]], ids=["none", "partial"])
def test_no_list_need_have_been_downloaded(lists: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real apt lists every source, whatever package lists it has."""
    (tmp_path / "lists/partial").mkdir(parents=True)
    for name in lists:
        (tmp_path / "lists" / name).write_text("Origin: Debian\nSuite: one\nCodename: one\n")
    (tmp_path / "sources.list").write_text(
        "deb http://m.test/debian one main\ndeb [signed-by=/x.gpg] http://m.test/debian two main contrib\n"
        "deb http://s.test/debian-security one-security main\ndeb-src http://src.test/debian one main\n"
    )
    (tmp_path / "apt.conf").write_text(
        f'Dir::State::lists "{tmp_path}/lists";\nDir::Etc::sourcelist "{tmp_path}/sources.list";\n'
        'Dir::Etc::sourceparts "-";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    assert {"http://m.test/debian", "http://s.test/debian-security"} <= set(apt_sites())


@pytest.mark.usefixtures("fresh")
def test_a_machine_without_apt_has_no_mirrors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without apt there are no mirrors, which is not an error here."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sites() == Sites()


def test_bases_of_the_archive_come_first() -> None:
    """The archive's own bases are tried first, the user's before the machine's."""
    urls = package_urls(
        "pool/x.deb",
        "debian-security",
        ["https://snapshot.test/archive/debian-security/20250101T000000Z/", "https://one.test/debian"],
        ["https://apt.test/debian", "https://apt.test/debian-security"],
    )
    expected = [
        "https://snapshot.test/archive/debian-security/20250101T000000Z",
        "https://apt.test/debian-security",
        "https://one.test/debian",
        "https://apt.test/debian",
    ]
    assert tuple(f"{base}/pool/x.deb" for base in expected) == urls
