"""Tests of derivations.realise.apt, with the real apt on an archive that a test writes."""

from __future__ import annotations

import hashlib
import os
import shutil

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.debian.changes import changes
from derivations.debian.lock import Package, dumps, parse
from derivations.debian.sets import SETS, UnknownSet, default_sets
from derivations.realise import apt
from derivations.realise.apt import AptFailed, AptMissing, UnknownPackage, WeakHash, make_lock, relock


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="a lock is made by apt")

NATIVE = apt._native() if shutil.which("apt-config") else "amd64"
FOREIGN = "arm64" if NATIVE != "arm64" else "amd64"
BUSYBOX_FOREIGN = "busybox-aarch64" if NATIVE != "arm64" else "busybox-x86-64"


@attrs.frozen
class Offer:
    """A package that an archive offers."""

    name: str
    version: str = "1.0-1"
    depends: str = ""
    architecture: str = NATIVE

    @property
    def package(self) -> Package:
        """Return what a lock should have of it."""
        file = f"{self.name}_{self.version.partition(':')[2] or self.version}_{self.architecture}.deb"
        return Package(
            name=self.name,
            version=self.version,
            architecture=self.architecture,
            path=f"pool/main/{self.name[0]}/{self.name}/{file}",
            archive="debian",
            size=1000 + len(self.name),
            sha256=hashlib.sha256(repr(self).encode()).hexdigest(),
        )

    @property
    def entry(self) -> str:
        """Return what the archive says about it."""
        package = self.package
        depends = f"Depends: {self.depends}\n" if self.depends else ""
        return (
            f"Package: {self.name}\nVersion: {self.version}\nArchitecture: {self.architecture}\n{depends}"
            f"Maintainer: nobody\nFilename: {package.path}\nSize: {package.size}\n"
            f"MD5sum: {'0' * 32}\nSHA256: {package.sha256}\nDescription: a package\n"
        )


@attrs.frozen
class Archive:
    """An archive in a directory, and the options by which apt sees nothing else."""

    root: Path

    @property
    def options(self) -> tuple[str, ...]:
        """Return the options for apt."""
        return (
            f"Dir::Etc::sourcelist={self.root}/sources.list",
            "Dir::Etc::sourceparts=-",
            "APT::Sandbox::User=root",
            "Acquire::Retries=0",
        )

    def offer(self, *offers: Offer) -> None:
        """Write the index: the archive has *offers* and nothing else."""
        sums = ["SHA256:"]
        for architecture in (NATIVE, FOREIGN):
            index = f"main/binary-{architecture}/Packages"
            text = "\n".join(it.entry for it in offers if it.architecture in {architecture, "all"})
            place = self.root / "debian" / "dists" / "stable" / index
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
            sums.append(f" {hashlib.sha256(text.encode()).hexdigest()} {len(text)} {index}")
        release = f"Suite: stable\nCodename: stable\nArchitectures: {NATIVE} {FOREIGN}\nComponents: main\n"
        (self.root / "debian/dists/stable/Release").write_text(release + "\n".join(sums) + "\n")
        (self.root / "sources.list").write_text(f"deb [trusted=yes] file:{self.root}/debian stable main\n")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Return an archive without packages."""
    archive = Archive(tmp_path / "mirror")
    archive.offer()
    return archive


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return where apt's state goes: a path that configuration files and shells would trip over."""
    return tmp_path / 'a "state" of $its own'


def named(set_name: str, **depends: str) -> list[Offer]:
    """Return an offer for each package that a set asks for, some with dependencies."""
    return [Offer(name, depends=depends.get(name, "")) for name in SETS[set_name].packages]


def packages(offers: Iterable[Offer]) -> list[Package]:
    """Return what a lock should have of *offers*."""
    return sorted((it.package for it in offers), key=lambda package: package.identity)


def test_pins_what_is_asked_for_and_what_that_needs(archive: Archive, work: Path) -> None:
    """A set is what it asks for and all that this depends on, whatever this machine has installed."""
    offers = [
        *named("qemu", dash="libshared (>= 2)"),
        Offer("libshared", "1:2.0~rc1+b1-3", "libdata"),
        Offer("libdata", architecture="all"),
    ]
    archive.offer(*offers, Offer("unrelated"))
    lock = make_lock(["qemu"], work, options=archive.options)
    assert packages(offers) == list(lock.packages)
    assert parse(dumps(lock)) == lock


def test_leaves_out_what_a_set_is_without(archive: Archive, work: Path) -> None:
    """What a set is without is not pinned, nor what only that depends on."""
    offers = named("qemu", dash="debconf (>= 1.5) | debconf-2.0, dpkg")
    archive.offer(*offers, Offer("debconf", "2.0", "libquestions"), Offer("dpkg", "3"), Offer("libquestions"))
    assert packages(offers) == list(make_lock(["qemu"], work, options=archive.options).packages)


def test_one_package_alone(archive: Archive, work: Path) -> None:
    """A set without closure is its package alone, even if what this depends on cannot be had."""
    offer = Offer("busybox-static", depends="nowhere")
    archive.offer(offer)
    assert make_lock(["busybox"], work, options=archive.options).set("busybox") == (offer.package,)


def test_other_architecture(archive: Archive, work: Path) -> None:
    """A set for other machines has the package for these, beside the native one."""
    native, foreign = Offer("busybox-static"), Offer("busybox-static", architecture=FOREIGN)
    archive.offer(native, foreign)
    lock = make_lock(["busybox", BUSYBOX_FOREIGN], work, options=archive.options)
    assert ((native.package,), (foreign.package,)) == (lock.set("busybox"), lock.set(BUSYBOX_FOREIGN))


def test_usual_sets(archive: Archive, work: Path) -> None:
    """The usual sets are pinned, but for the sources of kernels that this release of Debian does not have."""
    usual = [name for name in default_sets(NATIVE) if not SETS[name].optional]
    offers = {offer.name: offer for name in usual for offer in named(name)}
    archive.offer(*offers.values(), Offer("linux-source-6.12", architecture="all"))
    lock = make_lock(None, work, options=archive.options)
    assert {*usual, "linux-source-6.12"} == set(lock.sets)


def test_relock(archive: Archive, work: Path) -> None:
    """Resolving one set anew leaves the others as they were, and says what became of its packages."""
    busybox, source = Offer("busybox-static"), Offer("linux-source-6.12", architecture="all")
    archive.offer(busybox, source)
    old = make_lock(["busybox", "linux-source-6.12"], work, options=archive.options)
    newer = attrs.evolve(source, version="1.0-2")
    archive.offer(attrs.evolve(busybox, version="2"), newer)
    new = relock(old, ["linux-source-6.12"], work, options=archive.options)
    assert packages([busybox, newer]) == list(new.packages)
    assert ((source.package, newer.package),) == changes(old, new).upgraded


def test_relock_adds(archive: Archive, work: Path) -> None:
    """A set that is not in the lock is added."""
    busybox, source = Offer("busybox-static"), Offer("linux-source-6.12", architecture="all")
    archive.offer(busybox, source)
    old = make_lock(["busybox"], work, options=archive.options)
    new = relock(old, ["linux-source-6.12"], work, options=archive.options)
    assert {"busybox": (busybox.package,), "linux-source-6.12": (source.package,)} == {
        it: new.set(it) for it in new.sets
    }


def test_what_is_downloaded_already(archive: Archive, work: Path) -> None:
    """A package in apt's own downloads is in the answer all the same."""
    offer = Offer("busybox-static")
    archive.offer(offer)
    place = work / "archives"
    place.mkdir(parents=True)
    (place / f"busybox-static_1.0-1_{NATIVE}.deb").write_bytes(bytes(offer.package.size))
    assert make_lock(["busybox"], work, options=archive.options).set("busybox") == (offer.package,)


def test_hooks_do_not_run(archive: Archive, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a machine does after its own updates is not done after these."""
    mark = tmp_path / "hook"
    configuration = tmp_path / "apt.conf"
    configuration.write_text(f'APT::Update::Post-Invoke {{ "touch {mark}"; }};\n')
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    archive.offer(Offer("busybox-static"))
    make_lock(["busybox"], work, options=archive.options)
    assert not mark.exists()


def test_unknown_package(archive: Archive, work: Path) -> None:
    """A package that the archives do not have is named, with one that is spelled like it."""
    archive.offer(Offer("linux-source-6.11", architecture="all"))
    with pytest.raises(UnknownPackage) as caught:
        make_lock(["linux-source-6.12"], work, options=archive.options)
    assert caught.value.args == ("linux-source-6.12", "did you mean `linux-source-6.11`?")


def test_names_are_no_patterns(archive: Archive, work: Path) -> None:
    """A name that apt would take as a regular expression for another package means itself."""
    archive.offer(Offer("linux-source-6.12", architecture="all"))
    with pytest.raises(UnknownPackage) as caught:
        make_lock(["linux-source-6.1"], work, options=archive.options)
    assert caught.value.name == "linux-source-6.1"


def test_unknown_set(archive: Archive, work: Path) -> None:
    """A set that there is not is an error before apt is asked."""
    with pytest.raises(UnknownSet):
        make_lock(["qemuu"], work, options=archive.options)


def test_unmet_dependency(archive: Archive, work: Path) -> None:
    """A set that cannot be resolved is told in apt's words."""
    archive.offer(*named("qemu", dash="libshared (>= 2)"), Offer("libshared", "1.0"))
    with pytest.raises(AptFailed) as caught:
        make_lock(["qemu"], work, options=archive.options)
    assert caught.value.command == "apt-get install"
    assert "dash : Depends: libshared (>= 2)" in str(caught.value)


def test_unreachable_mirror(archive: Archive, work: Path) -> None:
    """A mirror that does not answer is told in apt's words, with the address."""
    (archive.root / "sources.list").write_text("deb [trusted=yes] http://127.0.0.1:9/debian stable main\n")
    with pytest.raises(AptFailed) as caught:
        make_lock(["busybox"], work, options=(*archive.options, "Acquire::http::Proxy=DIRECT"))
    assert caught.value.command == "apt-get update"
    assert "http://127.0.0.1:9/debian" in str(caught.value)
    assert caught.value.hint is not None


def test_no_archive(archive: Archive, work: Path) -> None:
    """An archive whose directory is gone is told in apt's words."""
    shutil.rmtree(archive.root / "debian")
    with pytest.raises(AptFailed) as caught:
        make_lock(["busybox"], work, options=archive.options)
    assert caught.value.command == "apt-get update"


def test_no_apt(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without apt on the machine the error tells how to get a lock all the same."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AptMissing) as caught:
        make_lock(["busybox"], work)
    assert caught.value.program == "apt-config"
    assert "`kernix lock`" in caught.value.hint


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(f"'file:/x/a.deb' a_1_all.deb 7 MD5Sum:{'0' * 32}", id="another hash"),
        pytest.param("'file:/x/a.deb' a_1_all.deb 7 ", id="no hash"),
        pytest.param(f"'file:/y/a.deb' a_1_all.deb 7 SHA256:{'0' * 64}", id="another archive"),
    ],
)
def test_weak_hash(answer: str) -> None:
    """What cannot be pinned by its SHA-256 is refused."""
    with pytest.raises(WeakHash):
        apt._package(answer, ["file:/x/"])


def test_ends_all_processes_on_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An apt that does not end is ended, with the helpers that it has started."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    program = tmp_path / "apt-get"
    program.write_text(f"#!/bin/sh\nsleep 1000 > {pipe} &\nwait\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(AptFailed) as caught:
        apt._run("apt-get", "update", timeout=0.5)
    assert caught.value.args == ("apt-get update", ("no end after 0 seconds",))
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""  # that it ends says that nobody holds the other side
    os.close(reader)


def test_pins_from_the_machines_own_archives(work: Path) -> None:
    """The machine's apt, with its own configuration and over the network, pins a package that Debian has.

    This one needs what `apt-get update` needs.
    """
    (package,) = make_lock(["busybox"], work).packages
    assert package.name == "busybox-static"
    assert package.architecture == NATIVE
    assert not list((work / "archives").glob("*.deb"))
