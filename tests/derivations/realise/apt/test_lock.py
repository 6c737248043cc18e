"""Tests of derivations.realise.apt.lock, with the real apt on an archive that a test writes."""

from __future__ import annotations

import hashlib
import shutil

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.debian.changes import changes
from derivations.debian.lock import Package, dumps, parse
from derivations.debian.sets import SETS, UnknownSet, default_sets
from derivations.realise.apt import lock as apt
from derivations.realise.apt.lock import UnknownPackage, WeakHash, make_lock, relock
from derivations.realise.apt.run import AptFailed, AptMissing, native_architecture
from derivations.realise.apt.sources import Choice, NoSources, UnsignedArchives


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.signing import Key


pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="a lock is made by apt")

NATIVE = native_architecture() if shutil.which("apt-config") else "amd64"
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
    key: Key | None

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
        head = "Suite: stable\nCodename: stable\nDate: Sat, 01 Jan 2022 00:00:00 UTC\n"
        release = f"{head}Architectures: {NATIVE} {FOREIGN}\nComponents: main\n" + "\n".join(sums) + "\n"
        (self.root / "debian/dists/stable/Release").write_text(release)
        self.know("")
        if self.key is not None:
            (self.root / "debian/dists/stable/InRelease").write_bytes(self.key.sign(release))
            (self.root / "key.gpg").write_bytes(self.key.public)
            self.know(f"signed-by={self.root}/key.gpg")

    @property
    def uri(self) -> str:
        """Return its base URL."""
        return (self.root / "debian").as_uri()

    def know(self, options: str) -> None:
        """Let apt know the archive by these *options*."""
        bracket = f"[{options}] " if options else ""
        (self.root / "sources.list").write_text(f"deb {bracket}{self.uri} stable main\n")


@pytest.fixture
def archive(plain_path: Path, archive_key: Key) -> Archive:
    """Return an archive without packages."""
    archive = Archive(plain_path / "mirror", archive_key)
    archive.offer()
    return archive


@pytest.fixture
def unsigned(plain_path: Path) -> Archive:
    """Return an archive with BusyBox that nobody has signed, known as one that is to be trusted."""
    archive = Archive(plain_path / "mirror", None)
    archive.offer(Offer("busybox-static"))
    archive.know("trusted=yes")
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


def test_an_unsigned_archive_is_left_out(unsigned: Archive, work: Path) -> None:
    """Nothing is pinned of an archive that apt is told to trust without a signature, and that is told."""
    said: list[str] = []
    with pytest.raises(UnknownPackage):
        make_lock(["busybox"], work, choice=Choice(warn=said.append), options=unsigned.options)
    (warning,) = said
    assert f"ignoring file:{unsigned.root}/debian stable: it is not signed" in warning


@pytest.mark.parametrize(
    "options", ["trusted=yes", "allow-insecure=yes", f"arch={NATIVE} trusted=true", "allow-weak=yes trusted=yes"]
)
def test_an_unsigned_archive_is_taken_where_that_is_wanted(unsigned: Archive, work: Path, options: str) -> None:
    """Its packages are marked in the lock, which others can see."""
    unsigned.know(options)
    said: list[str] = []
    choice = Choice(allow_unsigned=True, warn=said.append)
    lock = make_lock(["busybox"], work, choice=choice, options=unsigned.options)
    assert [attrs.evolve(Offer("busybox-static").package, unsigned=True)] == list(lock.packages)
    assert (lock, 1) == (parse(dumps(lock)), len(said))


@pytest.mark.parametrize("allow", [False, True])
def test_an_archive_that_should_be_signed_is_an_error(unsigned: Archive, work: Path, allow: bool) -> None:
    """An archive without a signature that nobody told apt to trust is never taken, whatever is allowed."""
    unsigned.know("")
    with pytest.raises(UnsignedArchives) as caught:
        make_lock(["busybox"], work, choice=Choice(allow_unsigned=allow), options=unsigned.options)
    assert ((f"file:{unsigned.root}/debian stable",), False) == (caught.value.archives, caught.value.accepted)


@pytest.mark.parametrize("switch", ["Acquire::AllowInsecureRepositories", "APT::Get::AllowUnauthenticated"])
def test_a_switch_that_trusts_everything(
    unsigned: Archive, work: Path, switch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What apt.conf allows for every archive is refused, and taken where that is wanted."""
    unsigned.know("")
    (tmp_path / "apt.conf").write_text(f'{switch} "true";\n')
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    with pytest.raises(UnsignedArchives) as caught:
        make_lock(["busybox"], work, options=unsigned.options)
    assert caught.value.accepted
    assert "--allow-unsigned" in caught.value.hint
    lock = make_lock(["busybox"], work, choice=Choice(allow_unsigned=True), options=unsigned.options)
    assert [it.unsigned for it in lock.packages] == [True]


def test_a_signed_archive_is_checked_though_it_is_trusted(archive: Archive, work: Path) -> None:
    """A source that apt is told to trust, and that is signed, is checked and not marked."""
    archive.offer(Offer("busybox-static"))
    archive.know(f"trusted=yes signed-by={archive.root}/key.gpg")
    lock = make_lock(["busybox"], work, choice=Choice(allow_unsigned=True), options=archive.options)
    assert [it.unsigned for it in lock.packages] == [False]


def test_a_changed_archive_is_not_trusted(archive: Archive, work: Path) -> None:
    """A signed archive of which somebody has changed the text is an error, or left out where apt would trust it."""
    archive.offer(Offer("busybox-static"))
    file = archive.root / "debian/dists/stable/InRelease"
    file.write_bytes(file.read_bytes().replace(b"2022", b"2023"))
    with pytest.raises((UnsignedArchives, AptFailed)):
        make_lock(["busybox"], work, options=archive.options)
    archive.know(f"trusted=yes signed-by={archive.root}/key.gpg")
    with pytest.raises((UnknownPackage, AptFailed)):
        make_lock(["busybox"], work, options=archive.options)


def test_a_malformed_source_is_told_in_apts_words(archive: Archive, work: Path) -> None:
    """What apt does not understand of its sources is an error, not a source less."""
    archive.offer(Offer("busybox-static"))
    with (archive.root / "sources.list").open("a") as file:
        file.write("deb [broken http://x.test/debian\n")
    with pytest.raises(AptFailed, match="Malformed entry 2"):
        make_lock(["busybox"], work, options=archive.options)


def test_a_disc_is_left_out(archive: Archive, work: Path) -> None:
    """A disc among the sources, as an installation from one leaves it, is in nobody's way."""
    archive.offer(Offer("busybox-static"))
    with (archive.root / "sources.list").open("a") as file:
        file.write("deb cdrom:[Debian GNU/Linux 12 _Bookworm_ - DVD 1]/ bookworm main\n")
    said: list[str] = []
    lock = make_lock(["busybox"], work, choice=Choice(warn=said.append), options=archive.options)
    assert (1, 1) == (len(lock.packages), len(said))


def test_every_source_of_linux_is_pinned(archive: Archive, work: Path) -> None:
    """A new lock has the sources that the archives have, whichever series they are; an update drops and adds."""
    usual = [offer for name in default_sets(NATIVE) for offer in named(name)]
    sources = [Offer(f"linux-source-{it}", architecture="all") for it in ("6.19", "7.2")]
    others = [Offer(it, architecture="all") for it in ("linux-source", "linux-source-6.19-rt", "linux-source-x")]
    archive.offer(*usual, *sources, *others)
    lock = make_lock(None, work, options=archive.options)
    assert {*default_sets(NATIVE), "linux-source-6.19", "linux-source-7.2"} == set(lock.sets)
    archive.offer(*usual, *sources[1:], Offer("linux-source-7.4", architecture="all"))
    assert {*default_sets(NATIVE), "linux-source-7.2", "linux-source-7.4"} == set(
        relock(lock, None, work, options=archive.options).sets
    )


def test_unmet_dependency(archive: Archive, work: Path) -> None:
    """A set that cannot be resolved is told in apt's words."""
    archive.offer(*named("qemu", dash="libshared (>= 2)"), Offer("libshared", "1.0"))
    with pytest.raises(AptFailed) as caught:
        make_lock(["qemu"], work, options=archive.options)
    assert caught.value.command == "apt-get install"
    assert "dash : Depends: libshared (>= 2)" in str(caught.value)


def test_unreachable_mirror(archive: Archive, work: Path) -> None:
    """A mirror that does not answer is told in apt's words, with the address."""
    (archive.root / "sources.list").write_text("deb http://127.0.0.1:9/debian stable main\n")
    with pytest.raises(AptFailed) as caught:
        make_lock(["busybox"], work, options=(*archive.options, "Acquire::http::Proxy=DIRECT"))
    assert caught.value.command == "apt-get update"
    assert "http://127.0.0.1:9/debian" in str(caught.value)
    assert caught.value.hint is not None


def test_a_mirror_that_is_down_is_left_out(archive: Archive, work: Path) -> None:
    """Of two mirrors of one archive, one that does not answer is left out, and that is said with its answer."""
    archive.offer(Offer("busybox-static"))
    options = f"[signed-by={archive.root}/key.gpg]"
    (archive.root / "sources.list").write_text(
        f"deb {options} http://127.0.0.1:9/debian stable main\ndeb {options} {archive.uri} stable main\n"
    )
    said: list[str] = []
    proxy = "Acquire::http::Proxy=DIRECT"
    lock = make_lock(["busybox"], work, choice=Choice(warn=said.append), options=(*archive.options, proxy))
    assert ["busybox-static"] == [it.name for it in lock.packages]
    assert [True] == [it.startswith("ignoring http://127.0.0.1:9/debian stable: ") for it in said]


def test_no_sources(archive: Archive, work: Path) -> None:
    """A machine whose apt has no sources at all is told so, and not that a package is missing."""
    (archive.root / "sources.list").write_text("# nothing\n")
    with pytest.raises(NoSources):
        make_lock(["busybox"], work, options=archive.options)


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


def test_pins_from_the_machines_own_archives(work: Path) -> None:
    """The machine's apt, with its own configuration and over the network, pins a package that Debian has.

    This one needs what `apt-get update` needs.
    """
    (package,) = make_lock(["busybox"], work).packages
    assert package.name == "busybox-static"
    assert package.architecture == NATIVE
    assert not list((work / "archives").glob("*.deb"))
