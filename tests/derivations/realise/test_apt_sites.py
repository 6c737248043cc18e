"""Tests for derivations.realise.apt_sites."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from derivations.realise.apt_sites import _asked, apt_sites, package_urls


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def fresh() -> Iterator[None]:
    _asked.cache_clear()
    yield
    _asked.cache_clear()


def test_the_machines_mirrors_are_base_urls() -> None:
    """What apt tells are URLs that a path can be appended to."""
    for site in apt_sites():
        assert urlsplit(site).scheme in {"http", "https", "file"}
        assert not site.endswith("/")


@pytest.mark.usefixtures("fresh")
def test_sources_are_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each base is told once, without its slash, and only if it can be fetched from."""
    program = tmp_path / "apt-get"
    program.write_text(
        "#!/bin/sh\nprintf '%s\\n' http://m.test/debian http://m.test/debian/ cdrom:[x] file:/srv/debian\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert apt_sites() == ("http://m.test/debian", "file:/srv/debian")


@pytest.mark.usefixtures("fresh")
def test_a_machine_without_apt_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without apt there are no mirrors, which is no error here."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert apt_sites() == ()


def test_bases_of_the_archive_come_first() -> None:
    """The archive's own bases are asked first, the user's before the machine's."""
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
