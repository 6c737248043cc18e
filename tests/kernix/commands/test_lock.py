"""`kernix lock`, with the machine's apt on an archive that a test writes."""

from __future__ import annotations

import hashlib
import shutil

from typing import TYPE_CHECKING

import pytest

from derivations.debian.lock import dumps, parse
from derivations.debian.sets import SETS
from tests.fakes import fake_lock


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.kernix.conftest import CommandLine


needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="a lock is made by apt")

ALL = sorted({package for it in SETS.values() if it.architecture is None for package in it.packages})


@pytest.fixture
def archive(kernix: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of the one archive that apt sees, with every package of every set at 1.0-1."""
    root = kernix.top / "mirror"
    (root / "debian/dists/stable").mkdir(parents=True)
    (root / "sources.list").write_text(f"deb [trusted=yes] file:{root}/debian stable main\n")
    (root / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{root}/sources.list";\nDir::Etc::sourceparts "-";\nAPT::Sandbox::User "root";\n'
        'APT::Architecture "amd64";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(root / "apt.conf"))
    offer(root, dict.fromkeys(ALL, "1.0-1"))
    return root


def offer(root: Path, versions: Mapping[str, str]) -> None:
    """Let the archive in *root* have packages of these *versions* and nothing else."""
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
    (root / "debian/dists/stable/Release").write_text(f"{release} {digest} {len(text)} {index}\n")


@needs_apt
@pytest.mark.usefixtures("archive")
def test_a_lock_is_made_on_first_use_and_said_aloud(kernix: CommandLine) -> None:
    """What needs a lock makes it where the user's own is, and tells so on stderr."""
    ran = kernix("instantiate", "linux_micro")
    place = kernix.config / "kernix.lock"
    assert (0, True) == (
        ran.code,
        ran.err.startswith(f"there is no lock yet: asking apt what there is, to pin the toolchain in {place}\n"),
    )
    assert "gcc" in parse(place.read_text()).sets
    assert "" == kernix("instantiate", "linux_micro").err


@needs_apt
@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize("name", ["mine.lock", "deep/down/mine.lock"])
def test_a_lock_is_made_where_it_is_asked_for(kernix: CommandLine, name: str) -> None:
    """`--lock FILE` names the lock, which is made there if there is none."""
    ran = kernix("lock", "--lock", name)
    assert (0, str(kernix.work / name)) == (ran.code, ran.lines[0])
    assert (True, False) == ((kernix.work / name).exists(), kernix.config.exists())


@needs_apt
def test_an_update_tells_what_changed(kernix: CommandLine, archive: Path) -> None:
    """`--update` pins what apt offers now, and prints each package with its old and new version."""
    kernix("lock")
    offer(archive, {**dict.fromkeys(ALL, "1.0-1"), "busybox-static": "2.0-1", "gcc": "13-1"})
    assert ["~  busybox-static  1.0-1 -> 2.0-1"] == kernix("lock", "--update", "busybox").lines
    assert ["~  gcc  1.0-1 -> 13-1"] == kernix("lock", "--update").lines
    ran = kernix("lock", "--update")
    assert ([], "nothing has changed") == (ran.lines, ran.err.splitlines()[-1])


@needs_apt
@pytest.mark.usefixtures("archive")
def test_a_set_is_added(kernix: CommandLine) -> None:
    """`--add` pins one more set and leaves the others as they are."""
    kernix.write("kernix.lock", dumps(fake_lock(["busybox"])))
    ran = kernix("lock", "--add", "linux-source-6.12")
    lock = parse((kernix.work / "kernix.lock").read_text())
    assert (["+  linux-source-6.12  1.0-1"], fake_lock(["busybox"]).set("busybox")) == (ran.lines, lock.set("busybox"))


def test_the_lock_is_shown(kernix: CommandLine) -> None:
    """`kernix lock` alone prints where it is and what is in it."""
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
        pytest.param(
            ["gcc"], 2, "`gcc` is given, but nothing to do with it", "`kernix lock --update gcc`", id="no-verb"
        ),
        pytest.param(["--update", "gcc"], 1, "the lock has no set 'gcc'", "`kernix lock --add gcc`", id="not-there"),
        pytest.param(["--add", "gccc"], 2, "there is no set 'gccc'", "did you mean `gcc`", id="unknown"),
    ],
)
def test_sets_that_cannot_be(kernix: CommandLine, words: list[str], code: int, sentence: str, hint: str) -> None:
    """A set that is not pinned, or that there is not, is told with what to do; the lock stays."""
    text = dumps(fake_lock(["busybox"]))
    place = kernix.write("kernix.lock", text)
    ran = kernix("lock", *words)
    assert (code, text) == (ran.code, place.read_text())
    told = next(line for line in ran.err.splitlines() if line.startswith("error: "))
    assert (True, True) == (told.startswith(f"error: {sentence}"), hint in ran.err)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("{", "not JSON", id="damaged"),
        pytest.param('{"version": 2}', "version 2", id="newer"),
        pytest.param("\udcff", "it is not text", id="binary"),
    ],
)
def test_a_lock_that_cannot_be_read(kernix: CommandLine, text: str, sentence: str) -> None:
    """A damaged lock, or one of a later kernix, is told so and left alone."""
    place = kernix.work / "kernix.lock"
    place.write_bytes(text.encode(errors="surrogateescape"))
    ran = kernix("build", "linux_micro", "--dry-run")
    assert (1, True) == (ran.code, sentence in ran.err)


def test_without_apt_there_is_no_lock(kernix: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without apt is told so, and nothing is left."""
    monkeypatch.setenv("PATH", str(kernix.work))
    ran = kernix("lock")
    assert (1, True, False) == (ran.code, "only with it a lock can be made" in ran.err, kernix.config.exists())
