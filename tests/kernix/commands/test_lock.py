"""`kernix lock`, with the machine's apt on an archive made by the test."""

from __future__ import annotations

import concurrent.futures
import hashlib
import shlex
import shutil
import threading
import time

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.debian.lock import dumps, parse
from derivations.debian.sets import SETS
from store.osutil.locks import locked
from tests.fakes import fake_lock


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.kernix.conftest import CommandLine
    from tests.signing import Key


needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="a lock is made by apt")

ALL = sorted({package for it in SETS.values() if it.architecture is None for package in it.packages})


@pytest.fixture
def archive(plain_path: Path, monkeypatch: pytest.MonkeyPatch, archive_key: Key) -> Path:
    """Return the directory of the only archive that apt sees, with every package of every set at 1.0-1."""
    root = plain_path / "mirror"
    (root / "debian/dists/stable").mkdir(parents=True)
    (root / "sources.list").write_text(f"deb [signed-by={root}/key.gpg] file:{root}/debian stable main\n")
    (root / "key.gpg").write_bytes(archive_key.public)
    (root / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{root}/sources.list";\nDir::Etc::sourceparts "-";\nAPT::Sandbox::User "root";\n'
        'APT::Architecture "amd64";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(root / "apt.conf"))
    offer(root, dict.fromkeys(ALL, "1.0-1"), archive_key)
    return root


def offer(root: Path, versions: Mapping[str, str], key: Key) -> None:
    """Write the archive in *root* with packages of these *versions* and nothing else."""
    index = "main/binary-amd64/Packages"
    text = "\n".join(
        f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: nobody\nSize: 1000\n"
        f"Filename: pool/main/{name[0]}/{name}/{name}_{version}_amd64.deb\n"
        f"SHA256: {hashlib.sha256(f'{name} {version}'.encode()).hexdigest()}\nDescription: a package\n"
        for name, version in sorted(versions.items())
    )
    place = root / "debian/dists/stable" / index
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    release = "Suite: stable\nCodename: stable\nArchitectures: amd64\nComponents: main\nSHA256:\n"
    (root / "debian/dists/stable/InRelease").write_bytes(key.sign(f"{release} {digest} {len(text)} {index}\n"))


@needs_apt
@pytest.mark.usefixtures("archive")
def test_a_lock_is_created_and_reported_on_first_use(kernix: CommandLine) -> None:
    """The first verb that needs a lock creates the user's lock, and reports it on stderr."""
    ran = kernix("instantiate", "linux_micro")
    place = kernix.config / "kernix.lock"
    assert (0, True) == (
        ran.code,
        ran.err.startswith(f"creating the lock {place}: asking apt for the packages\n"),
    )
    assert "gcc" in parse(place.read_text()).sets
    assert "" == kernix("instantiate", "linux_micro").err


@needs_apt
@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize("name", ["mine.lock", "deep/down/mine.lock"])
def test_a_lock_is_created_where_requested(kernix: CommandLine, name: str) -> None:
    """`--lock FILE` names the lock, which is created if it does not exist."""
    ran = kernix("lock", "--lock", name)
    assert (0, str(kernix.work / name)) == (ran.code, ran.lines[0])
    assert (True, False) == ((kernix.work / name).exists(), kernix.config.exists())


@needs_apt
def test_an_update_prints_the_changes(kernix: CommandLine, archive: Path, archive_key: Key) -> None:
    """`--update` pins what apt offers now, and prints each package with its old and new version."""
    kernix("lock")
    offer(archive, {**dict.fromkeys(ALL, "1.0-1"), "busybox-static": "2.0-1", "gcc": "13-1"}, archive_key)
    assert ["~  busybox-static  1.0-1 -> 2.0-1"] == kernix("lock", "--update", "busybox").lines
    assert ["~  gcc  1.0-1 -> 13-1"] == kernix("lock", "--update").lines
    ran = kernix("lock", "--update")
    assert ([], "nothing changed") == (ran.lines, ran.err.splitlines()[-1])


@needs_apt
@pytest.mark.usefixtures("archive")
def test_a_set_is_added(kernix: CommandLine) -> None:
    """`--add` pins one more set and leaves the others as they are."""
    kernix.write("kernix.lock", dumps(fake_lock(["busybox"])))
    ran = kernix("lock", "--add", "linux-source-6.12")
    lock = parse((kernix.work / "kernix.lock").read_text())
    assert (["+  linux-source-6.12  1.0-1"], fake_lock(["busybox"]).set("busybox")) == (ran.lines, lock.set("busybox"))


NEEDY = """
from derivations.context import current
from derivations.debian.rootfs import root_file_system

first = root_file_system("busybox", current().lock())
second = root_file_system("e2fsck", current().lock())
third = root_file_system("nonesuch", current().lock())
"""


@needs_apt
@pytest.mark.usefixtures("archive")
def test_what_an_attribute_needs_is_added(kernix: CommandLine) -> None:
    """`--for` adds every set that evaluating the attribute asks for, one after the other, and prints them at once."""
    kernix.write("kernix.lock", dumps(fake_lock(["qemu"])))
    kernix.write("needy.py", NEEDY.partition("third")[0])
    ran = kernix("lock", "-f", "needy.py", "--for", "second")
    assert (0, {"qemu", "busybox", "e2fsck"}) == (ran.code, {*parse((kernix.work / "kernix.lock").read_text()).sets})
    assert any("busybox-static" in it for it in ran.lines)
    assert any("e2fsck" in it for it in ran.lines)
    again = kernix("lock", "-f", "needy.py", "--for", "second")
    assert ([], "nothing changed\n") == (again.lines, again.err)


@needs_apt
@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        pytest.param(["--for", "first"], "'nonesuch'", "", id="no-such-set"),
        pytest.param(["--for", "fourth"], "", "", id="no-such-attribute"),
        pytest.param([], "`-f needy.py` is given without `--for`", "--for ATTR", id="no-attribute"),
    ],
)
def test_what_cannot_be_added(kernix: CommandLine, words: list[str], error: str, hint: str) -> None:
    """A set or an attribute that does not exist, or a file without an attribute, is one sentence."""
    kernix.write("kernix.lock", dumps(fake_lock(["busybox", "e2fsck"])))
    kernix.write("needy.py", NEEDY)
    ran = kernix("lock", "-f", "needy.py", *words)
    assert 0 != ran.code
    assert error in ran.err
    assert hint in ran.err


def test_changes_by_other_processes_are_not_lost(kernix: CommandLine) -> None:
    """A change waits for another one of the same lock, and begins with what that wrote."""
    kernix.write("kernix.lock", dumps(fake_lock(["busybox"])))
    started = threading.Event()

    def other() -> None:
        with locked(kernix.work / ".kernix.lock.changing"):
            started.set()
            time.sleep(0.3)  # apt takes its time
            kernix.write("kernix.lock", dumps(fake_lock(["busybox", "disks"])))

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        done = pool.submit(other)
        started.wait()
        ran = kernix("lock", "--add", "linux-source-6.12")
        done.result()

    lock = parse((kernix.work / "kernix.lock").read_text())
    assert {*lock.sets} == {"busybox", "disks", "linux-source-6.12"}
    assert "waiting for another process that changes" in ran.err
    assert not (kernix.work / ".kernix.lock.changing").exists()


def test_a_lock_with_one_unsigned_package_is_shown(kernix: CommandLine) -> None:
    """Only the set with the package changes."""
    lock = fake_lock(["busybox", "linux-source-6.12"])
    first, second = lock.packages
    kernix.write("kernix.lock", dumps(attrs.evolve(lock, packages=[attrs.evolve(first, unsigned=True), second])))
    assert ["  busybox            1 package  14 B  1 unsigned", "  linux-source-6.12  1 package  17 B"] == kernix(
        "lock"
    ).lines[1:]


def test_the_lock_is_shown(kernix: CommandLine) -> None:
    """`kernix lock` alone prints the path and content of the lock."""
    place = kernix.write("kernix.lock", dumps(fake_lock(["busybox", "linux-source-6.12"])))
    assert [str(place), "  busybox            1 package  14 B", "  linux-source-6.12  1 package  17 B"] == kernix(
        "lock"
    ).lines


def test_the_lock_of_the_directory_comes_first(kernix: CommandLine, lock: Path) -> None:
    """./kernix.lock is used before the user's own, and --lock before both."""
    assert str(lock) == kernix("lock").lines[0]
    here = kernix.write("kernix.lock", dumps(fake_lock(["busybox"])))
    other = kernix.write("other.lock", dumps(fake_lock(["busybox"])))
    assert [str(here), str(other)] == [kernix("lock").lines[0], kernix("lock", "--lock", "other.lock").lines[0]]


@pytest.mark.parametrize(
    ("words", "code", "sentence", "hint"),
    [
        pytest.param(["gcc"], 2, "`gcc` is given without `--update`", "`kernix lock --update gcc`", id="no-verb"),
        pytest.param(["--update", "gcc"], 1, "'gcc'", "`kernix lock --add gcc`", id="not-there"),
        pytest.param(["--add", "gccc"], 2, "'gccc'", "did you mean `gcc`", id="unknown"),
    ],
)
def test_invalid_sets(kernix: CommandLine, words: list[str], code: int, sentence: str, hint: str) -> None:
    """A set that is not pinned, or does not exist, is an error with a hint; the lock does not change."""
    text = dumps(fake_lock(["busybox"]))
    place = kernix.write("kernix.lock", text)
    ran = kernix("lock", *words)
    assert (code, text) == (ran.code, place.read_text())
    error = next(line for line in ran.err.splitlines() if line.startswith("error: "))
    assert (True, True) == (sentence in error, hint in ran.err)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("{", "not JSON", id="damaged"),
        pytest.param('{"version": 4}', "version 4", id="newer"),
        pytest.param("\udcff", "it is not text", id="binary"),
    ],
)
def test_an_unreadable_lock(kernix: CommandLine, text: str, sentence: str) -> None:
    """A damaged lock, or one of a newer kernix, is reported and left alone."""
    place = kernix.work / "kernix.lock"
    place.write_bytes(text.encode(errors="surrogateescape"))
    ran = kernix("build", "linux_micro", "--dry-run")
    assert (1, True) == (ran.code, sentence in ran.err)


def test_without_apt_there_is_no_lock(kernix: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without apt is an error, and nothing is left behind."""
    monkeypatch.setenv("PATH", str(kernix.work))
    ran = kernix("lock")
    assert (1, True, False) == (ran.code, "apt" in ran.err, kernix.config.exists())


@needs_apt
@pytest.mark.usefixtures("archive")
def test_a_lock_is_created_at_the_target_of_a_link(kernix: CommandLine) -> None:
    """A lock is created at the target of a dangling link; updating it keeps the link."""
    link = kernix.work / "mine.lock"
    link.symlink_to("kept/in/git.lock")
    ran = kernix("lock", "--lock", "mine.lock")
    assert (0, True, True) == (ran.code, link.is_symlink(), (kernix.work / "kept/in/git.lock").is_file())
    link.resolve().write_text(dumps(fake_lock(["busybox"])))
    assert 0 == kernix("lock", "--lock", "mine.lock", "--update").code
    assert (True, "1.0-1") == (link.is_symlink(), parse(link.read_text()).set("busybox")[0].version)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        pytest.param(lambda it: it.symlink_to(it.name), "leads back to itself", id="circle"),
        pytest.param(lambda it: it.mkdir(), "is a directory", id="directory"),
        pytest.param(lambda it: it.parent.joinpath("file").write_text(""), "is not a directory", id="below-a-file"),
    ],
)
def test_an_unwritable_lock_is_reported_before_apt_is_asked(
    kernix: CommandLine, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object], sentence: str
) -> None:
    """A place where no lock can be written is named with the reason, and the hint names another one."""
    monkeypatch.setenv("PATH", str(kernix.work))  # no apt
    place = kernix.work / "x.lock"
    make(place)
    words = "file/x.lock" if place.parent.joinpath("file").exists() else "x.lock"
    ran = kernix("lock", "--lock", words)
    assert (1, True, True) == (ran.code, sentence in ran.err, f"{kernix.work / words}" in ran.err)
    assert "`kernix lock" not in ran.err


@pytest.mark.parametrize("words", [("lock",), ("show", "linux_micro"), ("lock", "--update"), ("list",)])
def test_a_damaged_lock_is_named(kernix: CommandLine, words: tuple[str, ...]) -> None:
    """Every verb that reads a damaged lock names the file."""
    place = kernix.write("other.lock", "{")
    ran = kernix(*words, "--lock", "other.lock")
    assert (1, True) == (ran.code, str(place) in ran.err)


def test_the_hint_names_the_missing_lock(kernix: CommandLine) -> None:
    """If no lock may be created, the hint names the requested lock."""
    ran = kernix("build", "linux_micro", "--offline", "--lock", "other.lock")
    assert (1, True) == (ran.code, f"`kernix lock --lock {shlex.quote(str(kernix.work / 'other.lock'))}`" in ran.err)


@needs_apt
def test_unsigned_packages_need_an_option_and_are_marked(kernix: CommandLine, archive: Path) -> None:
    """An unsigned archive is skipped, with a hint; with the option, the lock and its listing mark its packages."""
    release = archive / "debian/dists/stable/InRelease"
    release.rename(release.with_name("Release"))
    text = release.with_name("Release").read_text().partition("\n\n")[2].partition("\n-----BEGIN")[0]
    release.with_name("Release").write_text(f"{text}\n")
    (archive / "sources.list").write_text(f"deb [trusted=yes] file:{archive}/debian stable main\n")
    ran = kernix("lock")
    assert (1, True) == (ran.code, "`kernix lock --allow-unsigned`" in ran.err)
    ran = kernix("lock", "--allow-unsigned")
    assert (0, ["busybox", "1", "package", "1.0", "kB", "1", "unsigned"]) == (ran.code, ran.lines[1].split())
    assert all(it.unsigned for it in parse((kernix.config / "kernix.lock").read_text()).packages)


def test_a_missing_set_is_added_to_the_lock_that_lacks_it(kernix: CommandLine) -> None:
    """The command in the hint changes the lock that lacks the set."""
    place = kernix.write("other.lock", dumps(fake_lock(["busybox"])))
    ran = kernix("show", "linux_debian_6_12", "--lock", "other.lock")
    assert (1, True) == (ran.code, f"`kernix lock --lock {shlex.quote(str(place))} --add linux-source-6.12`" in ran.err)


def test_one_lock_is_of_one_release(kernix: CommandLine) -> None:
    """A set of another release than the lock's is refused, with the command that moves the whole lock."""
    lock = attrs.evolve(fake_lock(["busybox"]), suite="bookworm")
    kernix.write("kernix.lock", dumps(lock))
    for words in (("--add", "gcc"), ("--update", "busybox"), ()):
        ran = kernix("lock", *words, "--suite", "trixie")
        assert (2, True, True) == (
            ran.code,
            "is for bookworm" in ran.err,
            "`kernix lock --update --suite trixie`" in ran.err,
        )
    assert ["  from Debian bookworm"] == kernix("lock", "--suite", "bookworm").lines[1:2]


@pytest.mark.parametrize("name", ["", "Trixie", "trixie-updates", "../x", "x y", "--", "trixie/main"])
def test_invalid_releases(kernix: CommandLine, name: str) -> None:
    """An invalid name of a release is refused before apt is asked."""
    ran = kernix("lock", f"--suite={name}")
    assert (2, True) == (ran.code, "is not the name of a Debian release" in ran.err)
