"""Tests of derivations.realise.apt.lock, with the real apt on an archive made by the test."""

from __future__ import annotations

import shutil

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.debian.changes import changes
from derivations.debian.lock import Package, dumps, parse
from derivations.debian.sets import SETS, UnknownSet, default_sets
from derivations.realise.apt import lock as apt
from derivations.realise.apt.lock import UnknownPackage, WeakHash, make_lock, relock
from derivations.realise.apt.run import AptFailed, AptMissing
from derivations.realise.apt.sources import ArchiveChoice, NoSources, UnsignedArchives
from tests.derivations.realise.apt.small_archive import BUSYBOX_FOREIGN, FOREIGN, NATIVE, Archive, Offer


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="a lock is made by apt")


@pytest.fixture
def unsigned(plain_path: Path) -> Archive:
    """Return an unsigned archive with BusyBox, configured as trusted."""
    archive = Archive(plain_path / "mirror", None)
    archive.offer(Offer("busybox-static"))
    archive.know("trusted=yes")
    return archive


def named(set_name: str, **depends: str) -> list[Offer]:
    """Return an offer for each package of a set, some with dependencies."""
    return [Offer(name, depends=depends.get(name, "")) for name in SETS[set_name].packages]


def packages(offers: Iterable[Offer]) -> list[Package]:
    """Return the expected packages of *offers* in a lock."""
    return sorted((it.package for it in offers), key=lambda package: package.identity)


def test_pins_packages_and_their_dependencies(archive: Archive, work: Path) -> None:
    """A set is its requested packages and their dependencies, whatever this machine has installed."""
    offers = [
        *named("qemu", dash="libshared (>= 2)"),
        Offer("libshared", "1:2.0~rc1+b1-3", "libdata"),
        Offer("libdata", architecture="all"),
    ]
    archive.offer(*offers, Offer("unrelated"))
    lock = make_lock(["qemu"], work, options=archive.options)
    assert packages(offers) == list(lock.packages)
    assert parse(dumps(lock)) == lock


def test_leaves_out_excluded_packages(archive: Archive, work: Path) -> None:
    """Excluded packages are not pinned, nor is what only they depend on."""
    offers = named("qemu", dash="debconf (>= 1.5) | debconf-2.0, dpkg")
    archive.offer(*offers, Offer("debconf", "2.0", "libquestions"), Offer("dpkg", "3"), Offer("libquestions"))
    assert packages(offers) == list(make_lock(["qemu"], work, options=archive.options).packages)


def test_one_package_alone(archive: Archive, work: Path) -> None:
    """A set without closure is its package alone, even if its dependencies are unavailable."""
    offer = Offer("busybox-static", depends="nowhere")
    archive.offer(offer)
    assert make_lock(["busybox"], work, options=archive.options).set("busybox") == (offer.package,)


def test_other_architecture(archive: Archive, work: Path) -> None:
    """A set for another architecture has the package for that, beside the native one."""
    native, foreign = Offer("busybox-static"), Offer("busybox-static", architecture=FOREIGN)
    archive.offer(native, foreign)
    lock = make_lock(["busybox", BUSYBOX_FOREIGN], work, options=archive.options)
    assert ((native.package,), (foreign.package,)) == (lock.set("busybox"), lock.set(BUSYBOX_FOREIGN))


def test_default_sets(archive: Archive, work: Path) -> None:
    """The default sets are pinned, except for Linux sources that this Debian release lacks."""
    usual = [name for name in default_sets(NATIVE) if not SETS[name].optional]
    offers = {offer.name: offer for name in usual for offer in named(name)}
    archive.offer(*offers.values(), Offer("linux-source-6.12", architecture="all"))
    lock = make_lock(None, work, options=archive.options)
    assert {*usual, "linux-source-6.12"} == set(lock.sets)


def test_relock(archive: Archive, work: Path) -> None:
    """Resolving one set again leaves the others unchanged, and reports the changes."""
    busybox, source = Offer("busybox-static"), Offer("linux-source-6.12", architecture="all")
    archive.offer(busybox, source)
    old = make_lock(["busybox", "linux-source-6.12"], work, options=archive.options)
    newer = attrs.evolve(source, version="1.0-2")
    archive.offer(attrs.evolve(busybox, version="2"), newer)
    new = relock(old, ["linux-source-6.12"], work, options=archive.options)
    assert packages([busybox, newer]) == list(new.packages)
    assert ((source.package, newer.package),) == changes(old, new).upgraded


def test_relock_adds(archive: Archive, work: Path) -> None:
    """A set that is not yet in the lock is added."""
    busybox, source = Offer("busybox-static"), Offer("linux-source-6.12", architecture="all")
    archive.offer(busybox, source)
    old = make_lock(["busybox"], work, options=archive.options)
    new = relock(old, ["linux-source-6.12"], work, options=archive.options)
    assert {"busybox": (busybox.package,), "linux-source-6.12": (source.package,)} == {
        it: new.set(it) for it in new.sets
    }


def test_downloaded_packages_are_pinned(archive: Archive, work: Path) -> None:
    """A package that apt has already downloaded is pinned all the same."""
    offer = Offer("busybox-static")
    archive.offer(offer)
    place = work / "archives"
    place.mkdir(parents=True)
    (place / f"busybox-static_1.0-1_{NATIVE}.deb").write_bytes(bytes(offer.package.size))
    assert make_lock(["busybox"], work, options=archive.options).set("busybox") == (offer.package,)


def test_packages_in_the_current_directory(
    archive: Archive, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package whose file is in the user's directory is pinned like any other."""
    offer = Offer("busybox-static")
    archive.offer(offer)
    (tmp_path / f"busybox-static_1.0-1_{NATIVE}.deb").write_bytes(bytes(offer.package.size))
    monkeypatch.chdir(tmp_path)
    assert make_lock(["busybox"], work, options=archive.options).set("busybox") == (offer.package,)


def test_hooks_do_not_run(archive: Archive, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's hooks for its own updates do not run."""
    mark = tmp_path / "hook"
    configuration = tmp_path / "apt.conf"
    configuration.write_text(f'APT::Update::Post-Invoke {{ "touch {mark}"; }};\n')
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    archive.offer(Offer("busybox-static"))
    make_lock(["busybox"], work, options=archive.options)
    assert not mark.exists()


def test_unknown_package(archive: Archive, work: Path) -> None:
    """A package that the archives lack is named, with a similar one."""
    archive.offer(Offer("linux-source-6.11", architecture="all"))
    with pytest.raises(UnknownPackage) as caught:
        make_lock(["linux-source-6.12"], work, options=archive.options)
    assert caught.value.args == ("linux-source-6.12", "did you mean `linux-source-6.11`?")


def test_names_are_not_patterns(archive: Archive, work: Path) -> None:
    """A name that apt would take for a regular expression is taken literally."""
    archive.offer(Offer("linux-source-6.12", architecture="all"))
    with pytest.raises(UnknownPackage) as caught:
        make_lock(["linux-source-6.1"], work, options=archive.options)
    assert caught.value.name == "linux-source-6.1"


def test_unknown_set(archive: Archive, work: Path) -> None:
    """An unknown set is an error before apt runs."""
    with pytest.raises(UnknownSet):
        make_lock(["qemuu"], work, options=archive.options)


def test_an_unsigned_archive_is_left_out(unsigned: Archive, work: Path) -> None:
    """Nothing is pinned from an archive that apt trusts without a signature, with a warning."""
    said: list[str] = []
    with pytest.raises(UnknownPackage):
        make_lock(["busybox"], work, choice=ArchiveChoice(warn=said.append), options=unsigned.options)
    (warning,) = said
    assert f"ignoring file:{unsigned.root}/debian stable: it is not signed" in warning


@pytest.mark.parametrize(
    "options", ["trusted=yes", "allow-insecure=yes", f"arch={NATIVE} trusted=true", "allow-weak=yes trusted=yes"]
)
def test_an_unsigned_archive_can_be_accepted(unsigned: Archive, work: Path, options: str) -> None:
    """Packages of an accepted unsigned archive are marked in the lock."""
    unsigned.know(options)
    said: list[str] = []
    choice = ArchiveChoice(allow_unsigned=True, warn=said.append)
    lock = make_lock(["busybox"], work, choice=choice, options=unsigned.options)
    assert [attrs.evolve(Offer("busybox-static").package, unsigned=True)] == list(lock.packages)
    assert (lock, 1) == (parse(dumps(lock)), len(said))


@pytest.mark.parametrize("allow", [False, True])
def test_an_archive_that_should_be_signed_is_an_error(unsigned: Archive, work: Path, allow: bool) -> None:
    """An unsigned archive that apt does not trust is always an error, whatever is allowed."""
    unsigned.know("")
    with pytest.raises(UnsignedArchives) as caught:
        make_lock(["busybox"], work, choice=ArchiveChoice(allow_unsigned=allow), options=unsigned.options)
    assert ((f"file:{unsigned.root}/debian stable",), False) == (caught.value.archives, caught.value.accepted)


@pytest.mark.parametrize("switch", ["Acquire::AllowInsecureRepositories", "APT::Get::AllowUnauthenticated"])
def test_a_switch_that_trusts_everything(
    unsigned: Archive, work: Path, switch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trust for all archives in apt.conf is ignored, unless the user accepts unsigned archives."""
    unsigned.know("")
    (tmp_path / "apt.conf").write_text(f'{switch} "true";\n')
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    with pytest.raises(UnsignedArchives) as caught:
        make_lock(["busybox"], work, options=unsigned.options)
    assert caught.value.accepted
    assert "--allow-unsigned" in caught.value.hint
    lock = make_lock(["busybox"], work, choice=ArchiveChoice(allow_unsigned=True), options=unsigned.options)
    assert [it.unsigned for it in lock.packages] == [True]


def test_a_signed_archive_is_checked_though_it_is_trusted(archive: Archive, work: Path) -> None:
    """A signed source that apt trusts is checked all the same, and not marked."""
    archive.offer(Offer("busybox-static"))
    archive.know(f"trusted=yes signed-by={archive.root}/key.gpg")
    lock = make_lock(["busybox"], work, choice=ArchiveChoice(allow_unsigned=True), options=archive.options)
    assert [it.unsigned for it in lock.packages] == [False]


def test_a_changed_archive_is_not_trusted(archive: Archive, work: Path) -> None:
    """A signed archive that was tampered with is an error, or left out if apt would trust it."""
    archive.offer(Offer("busybox-static"))
    file = archive.root / "debian/dists/stable/InRelease"
    file.write_bytes(file.read_bytes().replace(b"2022", b"2023"))
    with pytest.raises((UnsignedArchives, AptFailed)):
        make_lock(["busybox"], work, options=archive.options)
    archive.know(f"trusted=yes signed-by={archive.root}/key.gpg")
    with pytest.raises((UnknownPackage, AptFailed)):
        make_lock(["busybox"], work, options=archive.options)


def test_a_malformed_source_is_an_error(archive: Archive, work: Path) -> None:
    """A source that apt cannot parse is an error, in apt's words, and is not skipped."""
    archive.offer(Offer("busybox-static"))
    with (archive.root / "sources.list").open("a") as file:
        file.write("deb [broken http://x.test/debian\n")
    with pytest.raises(AptFailed, match="Malformed entry 2"):
        make_lock(["busybox"], work, options=archive.options)


def test_a_disc_is_left_out(archive: Archive, work: Path) -> None:
    """A disc among the sources, left by an installation, does no harm."""
    archive.offer(Offer("busybox-static"))
    with (archive.root / "sources.list").open("a") as file:
        file.write("deb cdrom:[Debian GNU/Linux 12 _Bookworm_ - DVD 1]/ bookworm main\n")
    said: list[str] = []
    lock = make_lock(["busybox"], work, choice=ArchiveChoice(warn=said.append), options=archive.options)
    assert (1, 1) == (len(lock.packages), len(said))


def test_every_source_of_linux_is_pinned(archive: Archive, work: Path) -> None:
    """A new lock has all Linux sources of the archives; an update drops and adds series."""
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
    """An unresolvable set is reported in apt's words."""
    archive.offer(*named("qemu", dash="libshared (>= 2)"), Offer("libshared", "1.0"))
    with pytest.raises(AptFailed) as caught:
        make_lock(["qemu"], work, options=archive.options)
    assert caught.value.command == "apt-get install"
    assert "dash : Depends: libshared (>= 2)" in str(caught.value)


def test_unreachable_mirror(archive: Archive, work: Path) -> None:
    """An unreachable mirror is reported in apt's words, with the address."""
    (archive.root / "sources.list").write_text("deb http://127.0.0.1:9/debian stable main\n")
    with pytest.raises(AptFailed) as caught:
        make_lock(["busybox"], work, options=(*archive.options, "Acquire::http::Proxy=DIRECT"))
    assert caught.value.command == "apt-get update"
    assert "http://127.0.0.1:9/debian" in str(caught.value)
    assert caught.value.hint is not None


def test_a_mirror_that_is_down_is_left_out(archive: Archive, work: Path) -> None:
    """Of two mirrors of one archive, the unreachable one is left out, with a warning."""
    archive.offer(Offer("busybox-static"))
    options = f"[signed-by={archive.root}/key.gpg]"
    (archive.root / "sources.list").write_text(
        f"deb {options} http://127.0.0.1:9/debian stable main\ndeb {options} {archive.uri} stable main\n"
    )
    said: list[str] = []
    proxy = "Acquire::http::Proxy=DIRECT"
    lock = make_lock(["busybox"], work, choice=ArchiveChoice(warn=said.append), options=(*archive.options, proxy))
    assert ["busybox-static"] == [it.name for it in lock.packages]
    assert [True] == [it.startswith("ignoring http://127.0.0.1:9/debian stable: ") for it in said]


def test_no_sources(archive: Archive, work: Path) -> None:
    """A machine whose apt has no sources gets that as the error, not a missing package."""
    (archive.root / "sources.list").write_text("# nothing\n")
    with pytest.raises(NoSources):
        make_lock(["busybox"], work, options=archive.options)


def test_no_archive(archive: Archive, work: Path) -> None:
    """An archive whose directory is gone is reported in apt's words."""
    shutil.rmtree(archive.root / "debian")
    with pytest.raises(AptFailed) as caught:
        make_lock(["busybox"], work, options=archive.options)
    assert caught.value.command == "apt-get update"


def test_no_apt(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without apt, the error says how else to get a lock."""
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
    """A package without a SHA-256 is refused."""
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
