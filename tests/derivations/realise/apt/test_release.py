"""Tests for derivations.realise.apt.release, with the real apt on Debian mirrors made by the test."""

from __future__ import annotations

import hashlib
import shutil

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.realise.apt import release as apt_release
from derivations.realise.apt.lock import make_lock, relock
from derivations.realise.apt.release import UnknownRelease
from derivations.realise.apt.run import native_architecture
from derivations.realise.apt.sources import ArchiveChoice
from tests.signing import make_key


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.debian.lock import Lock
    from tests.signing import Key


pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="a lock is made by apt")

NATIVE = native_architecture() if shutil.which("apt-config") else "amd64"


@attrs.frozen
class Mirror:
    """A Debian mirror in a directory, and a machine configured with some of it."""

    root: Path
    key: Key

    @property
    def options(self) -> tuple[str, ...]:
        """Return options that make apt use only this mirror."""
        return (
            f"Dir::Etc::sourcelist={self.root}/sources.list",
            "Dir::Etc::sourceparts=-",
            f"Dir::Etc::preferences={self.root}/preferences",
            "APT::Sandbox::User=root",
            "Acquire::Retries=0",
        )

    def have(
        self, dist: str, version: str, *, key: Key | None = None, codename: str | None = None, suite: str = ""
    ) -> None:
        """Add BusyBox *version* to the mirror's release *dist*."""
        archive = "debian-security" if dist.endswith("-security") else "debian"
        label = "Debian-Security" if dist.endswith("-security") else "Debian"
        place = self.root / archive / "dists" / dist
        index = f"main/binary-{NATIVE}/Packages"
        (place / index).parent.mkdir(parents=True, exist_ok=True)
        text = (
            f"Package: busybox-static\nVersion: {version}\nArchitecture: {NATIVE}\nMaintainer: nobody\nSize: 1000\n"
            f"Filename: pool/b/busybox-static_{version}_{NATIVE}.deb\n"
            f"SHA256: {hashlib.sha256(version.encode()).hexdigest()}\nDescription: a package\n"
        )
        (place / index).write_text(text)
        release = (
            f"Origin: Debian\nLabel: {label}\nSuite: {suite or dist}\nCodename: {codename or dist}\n"
            f"Date: Sat, 01 Jan 2022 00:00:00 UTC\nArchitectures: {NATIVE}\nComponents: main\n"
            f"SHA256:\n {hashlib.sha256(text.encode()).hexdigest()} {len(text)} {index}\n"
        )
        (place / "InRelease").write_bytes((key or self.key).sign(release))

    def know(self, *dists: str) -> None:
        """Configure these releases in the machine's apt."""
        lines = [
            f"deb [signed-by={self.root}/key.gpg] file:{self.root}/"
            f"{'debian-security' if it.endswith('-security') else 'debian'} {it} main\n"
            for it in dists
        ]
        (self.root / "sources.list").write_text("".join(lines))


@pytest.fixture
def mirror(plain_path: Path, archive_key: Key, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    """Return a mirror of two releases, on a machine that uses and prefers the first."""
    mirror = Mirror(plain_path / "mirror", archive_key)
    mirror.have("one", "1.0", suite="oldstable")
    mirror.have("two", "2.0", suite="stable")
    (mirror.root / "debian/dists/stable").symlink_to("two")
    mirror.have("two-updates", "2.0")
    mirror.have("two-security", "2.1")
    mirror.have("sid", "3.0", suite="unstable")
    mirror.know("one")
    (mirror.root / "key.gpg").write_bytes(archive_key.public)
    (mirror.root / "preferences").write_text("Package: *\nPin: version 2.*\nPin-Priority: -1\n")
    monkeypatch.setattr(apt_release, "KEYRINGS", (str(mirror.root / "key.gpg"),))
    return mirror


def versions(lock: Lock) -> tuple[str | None, list[str]]:
    """Return the release in *lock*, and the versions of its packages."""
    return lock.suite, [it.version for it in lock.packages]


@pytest.mark.parametrize(
    ("suite", "expected"),
    [
        pytest.param(None, ("one", ["1.0"]), id="the-machines"),
        pytest.param("one", ("one", ["1.0"]), id="the-machines-by-name"),
        pytest.param("oldstable", ("one", ["1.0"]), id="the-machines-as-it-is-now"),
        pytest.param("two", ("two", ["2.1"]), id="another-with-security"),
        pytest.param("stable", ("two", ["2.1"]), id="another-as-it-is-now"),
        pytest.param("sid", ("sid", ["3.0"]), id="rolling"),
    ],
)
def test_a_release(mirror: Mirror, tmp_path: Path, suite: str | None, expected: tuple[str, list[str]]) -> None:
    """A lock is made from the requested release, on the machine's mirrors, and names it."""
    assert expected == versions(
        make_lock(["busybox"], tmp_path / "work", choice=ArchiveChoice(suite=suite), options=mirror.options)
    )


def test_a_lock_stays_with_its_release(mirror: Mirror, tmp_path: Path) -> None:
    """Sets resolved again, or added, come from the lock's release, not the machine's."""
    work = tmp_path / "work"
    lock = make_lock(["busybox"], work, choice=ArchiveChoice(suite="two"), options=mirror.options)
    mirror.have("two-security", "2.2")
    assert ("two", ["2.2"]) == versions(relock(lock, ["busybox"], work, options=mirror.options))
    assert ("two", ["2.2"]) == versions(relock(lock, None, work, options=mirror.options))
    moved = relock(lock, None, work, choice=ArchiveChoice(suite="one"), options=mirror.options)
    assert ("one", ["1.0"]) == versions(moved)


def test_a_machine_of_several_releases_names_none(mirror: Mirror, tmp_path: Path) -> None:
    """A lock of a machine with mixed releases names none; a single one can still be requested."""
    mirror.know("one", "sid")
    assert (None, ["3.0"]) == versions(make_lock(["busybox"], tmp_path / "work", options=mirror.options))
    pure = make_lock(["busybox"], tmp_path / "work", choice=ArchiveChoice(suite="sid"), options=mirror.options)
    assert ("sid", ["3.0"]) == versions(pure)


def refused(mirror: Mirror, work: Path, suite: str = "two") -> UnknownRelease:
    """Return the error of making a lock from *suite*."""
    with pytest.raises(UnknownRelease) as caught:
        make_lock(["busybox"], work, choice=ArchiveChoice(suite=suite), options=mirror.options)
    return caught.value


def test_an_unknown_release(mirror: Mirror, tmp_path: Path) -> None:
    """A release that the mirrors lack is named."""
    error = refused(mirror, tmp_path / "work", "three")
    assert ("three", f"three does not exist at file:{mirror.root}/debian") == (error.suite, error.reason)


def test_another_release_is_signed_by_debian(mirror: Mirror, tmp_path: Path, archive_key: Key) -> None:
    """A Debian release must be signed by one of Debian's keys."""
    mirror.have("two", "6.6.6", key=make_key(archive_key.home, f"{tmp_path.name}@example.org"))
    error = refused(mirror, tmp_path / "work")
    assert "not signed by any of Debian's keys on this machine" in error.reason
    assert "debian-archive-keyring" in (error.hint or "")


def test_a_mirror_without_the_release(mirror: Mirror, tmp_path: Path) -> None:
    """A mirror that has only the machine's release is not used for another."""
    partial = Mirror(mirror.root / "partial", mirror.key)
    partial.have("one", "1.0", suite="oldstable")
    with (mirror.root / "sources.list").open("a") as file:
        file.write(f"deb [signed-by={mirror.root}/key.gpg] file:{partial.root}/debian one main\n")
    lock = make_lock(["busybox"], tmp_path / "work", choice=ArchiveChoice(suite="two"), options=mirror.options)
    assert ("two", ["2.1"]) == versions(lock)


def test_another_release_in_its_place_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    """A mirror that serves an older release under the newer one's name is detected."""
    mirror.have("two", "1.0", codename="one", suite="oldstable")
    assert refused(mirror, tmp_path / "work").reason.endswith("serves one under that name")


def test_another_release_needs_debians_keys(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Debian's keys, the error names the package that has them."""
    monkeypatch.setattr(apt_release, "KEYRINGS", (str(tmp_path / "nothing.gpg"),))
    assert "debian-archive-keyring" in (refused(mirror, tmp_path / "work").hint or "")


def test_a_machine_without_debian_has_no_other_release(mirror: Mirror, tmp_path: Path) -> None:
    """A machine without Debian sources knows no Debian mirror."""
    release = mirror.root / "debian/dists/one/InRelease"
    text = "Origin: Other\nLabel: Other\nSuite: one\nCodename: one\nArchitectures: all\nComponents: main\nSHA256:\n"
    release.write_bytes(mirror.key.sign(text))
    assert "none of the machine's apt sources is a reachable Debian mirror" in refused(mirror, tmp_path / "work").reason
