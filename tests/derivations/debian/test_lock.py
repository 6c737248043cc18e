"""Tests of derivations.debian.lock."""

from __future__ import annotations

import json

from typing import Any

import attrs
import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.debian.lock import (
    InvalidLock,
    Lock,
    LockTooNew,
    MissingPackage,
    MissingSet,
    Package,
    archive_of,
    dumps,
    parse,
)
from tests.fakes import fake_package


TEXT = """\
{
  "packages": {
    "bash_5.2.15-2+b13_amd64": {
      "archive": "debian",
      "path": "pool/main/b/bash/bash_5.2.15-2+b13_amd64.deb",
      "sha256": "82130bb6a560cd2a7234d8018baf73f188f5dd56413d5aa0accc987b2197a6a1",
      "size": 1490652
    },
    "busybox-static_1:1.35.0-4_amd64": {
      "archive": "debian",
      "path": "pool/main/b/busybox/busybox-static_1.35.0-4_amd64.deb",
      "sha256": "3d3fdbe91d4660c873e14b092c213fe81c1da6362daa236eb25d0171eb108744",
      "size": 928188
    },
    "linux-source-6.1_6.1.192-2_all": {
      "archive": "debian-security",
      "path": "pool/updates/main/l/linux/linux-source-6.1_6.1.192-2_all.deb",
      "sha256": "ae95fe63d4c553f8d0e6c86cb1ab566f3894a43743eb19ab585cd97d82f26514",
      "size": 139331676
    }
  },
  "sets": {
    "linux-source-6.1": [
      "linux-source-6.1_6.1.192-2_all"
    ],
    "shells": [
      "bash_5.2.15-2+b13_amd64",
      "busybox-static_1:1.35.0-4_amd64"
    ]
  },
  "version": 1
}
"""
BASH = Package(
    name="bash",
    version="5.2.15-2+b13",
    architecture="amd64",
    path="pool/main/b/bash/bash_5.2.15-2+b13_amd64.deb",
    archive="debian",
    size=1490652,
    sha256="82130bb6a560cd2a7234d8018baf73f188f5dd56413d5aa0accc987b2197a6a1",
)

NAMES = st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,12}", fullmatch=True)
VERSIONS = st.from_regex(r"([0-9]:)?[0-9][A-Za-z0-9.+~-]{0,8}", fullmatch=True)


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    """Draw a lock with a few sets, which may share packages."""
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    kinds = st.sampled_from(["all", "amd64"])
    packages = [fake_package(name, draw(kinds), draw(VERSIONS)) for name in names]
    members = st.lists(st.sampled_from(packages), min_size=1, unique=True)
    sets = draw(st.dictionaries(NAMES, members, max_size=3))
    suite = draw(st.none() | st.sampled_from(["bookworm", "sid"]))
    packages = [attrs.evolve(it, unsigned=draw(st.booleans())) for it in packages]
    return Lock(
        packages=packages, sets={name: [it.identity for it in found] for name, found in sets.items()}, suite=suite
    )


def changed(*path: str, to: object = None) -> str:
    """Return the text with the value at *path* replaced or removed."""
    document = json.loads(TEXT)
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return json.dumps(document)


def test_writes_what_it_reads() -> None:
    """A lock has one canonical text: reading and writing agree byte for byte."""
    assert dumps(parse(TEXT)) == TEXT


def test_reads_package() -> None:
    """A package's key consists of its name, version and architecture."""
    assert parse(TEXT).package("shells", "bash") == BASH


@given(locks())
def test_round_trip(lock: Lock) -> None:
    """What is written is read again."""
    assert parse(dumps(lock)) == lock


@given(locks(), st.randoms())
def test_order_does_not_matter(lock: Lock, random: Any) -> None:  # noqa: ANN401 -- hypothesis' own kind of Random
    """Locks that were made in different orders are equal, and so are their texts."""
    packages = list(lock.packages)
    random.shuffle(packages)
    sets = {name: tuple(reversed(lock.sets[name])) for name in reversed(list(lock.sets))}
    other = Lock(packages=packages, sets=sets, suite=lock.suite)
    assert (other, hash(other), dumps(other)) == (lock, hash(lock), dumps(lock))


def test_set_has_architecture() -> None:
    """A set has the architecture of its packages, or `all`."""
    lock = parse(TEXT)
    assert (lock.architecture("shells"), lock.architecture("linux-source-6.1")) == ("amd64", "all")


def test_missing_set() -> None:
    """A set that is not pinned is an error that names the command to add it."""
    with pytest.raises(MissingSet) as caught:
        parse(TEXT).set("gcc")
    assert ("gcc", ("linux-source-6.1", "shells")) == (caught.value.name, caught.value.known)
    assert "`kernix lock --add gcc`" in caught.value.hint


def test_missing_package() -> None:
    """A package missing from a set is an error that names the command to resolve the set again."""
    lock = parse(TEXT)
    with pytest.raises(MissingPackage) as caught:
        lock.package("shells", "zsh")
    assert ("shells", "zsh") == (caught.value.set_name, caught.value.package)
    assert "`kernix lock --update shells`" in caught.value.hint
    with pytest.raises(MissingPackage):
        lock.check("shells", ["bash", "zsh"])
    lock.check("shells", ["bash", "busybox-static"])


def test_two_versions_in_two_sets() -> None:
    """Sets resolved at different times may pin different versions of a package."""
    old, new = fake_package("bash", version="1"), fake_package("bash", version="2")
    lock = parse(dumps(Lock(packages=[old, new], sets={"a": [old.identity], "b": [new.identity]})))
    assert (old, new) == (lock.package("a", "bash"), lock.package("b", "bash"))


PACKAGE = "bash_5.2.15-2+b13_amd64"
AT = f"packages.{PACKAGE}"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        pytest.param("", ("not JSON: expecting value: line 1 column 1 (char 0)",), id="empty"),
        pytest.param(TEXT[:-60], None, id="cut off"),
        pytest.param("[" * 100_000, None, id="too deep"),
        pytest.param("[]", ("expected an object, got []",), id="no object"),
        pytest.param("{}", ("version: null is not a valid version",), id="nothing in it"),
        pytest.param(changed("version", to="1"), ('version: "1" is not a valid version',), id="version as text"),
        pytest.param(changed("version", to=True), ("version: true is not a valid version",), id="version as truth"),
        pytest.param(changed("version", to=0), ("version: 0 is not a valid version",), id="version 0"),
        pytest.param(changed("packages", to=[]), ("packages: expected an object, got []",), id="packages as list"),
        pytest.param(
            '{"version": 1}',
            ("packages: expected an object, got null", "sets: expected an object, got null"),
            id="both missing",
        ),
        pytest.param(changed("mirror", to="x"), ("mirror: unknown field",), id="unknown part"),
        pytest.param(
            changed("packages", "bash", to={}),
            ("packages.bash: not of the form name_version_architecture",),
            id="no identity",
        ),
        pytest.param(changed("packages", PACKAGE, to=7), (f"{AT}: expected an object, got 7",), id="package as number"),
        pytest.param(changed("packages", PACKAGE, "size"), (f"{AT}.size: missing",), id="field missing"),
        pytest.param(changed("packages", PACKAGE, "url", to="x"), (f"{AT}.url: unknown field",), id="field unknown"),
        pytest.param(changed("packages", PACKAGE, "size", to=0), (f"{AT}.size: 0",), id="no size"),
        pytest.param(changed("packages", PACKAGE, "size", to=True), (f"{AT}.size: true",), id="size as truth"),
        pytest.param(changed("packages", PACKAGE, "sha256", to="AB"), (f'{AT}.sha256: "AB"',), id="short hash"),
        pytest.param(changed("suite", to="a b"), ('suite: "a b" is not a valid release name',), id="suite"),
        pytest.param(changed("packages", PACKAGE, "unsigned", to="yes"), (f'{AT}.unsigned: "yes"',), id="unsigned"),
        pytest.param(
            changed("packages", PACKAGE, "path", to="/etc/x.deb"), (f'{AT}.path: "/etc/x.deb"',), id="absolute path"
        ),
        pytest.param(
            changed("packages", PACKAGE, "path", to="a/../x.deb"), (f'{AT}.path: "a/../x.deb"',), id="path upwards"
        ),
        pytest.param(changed("packages", PACKAGE, "path", to="x.rpm"), (f'{AT}.path: "x.rpm"',), id="not a package"),
        pytest.param(changed("packages", PACKAGE, "archive", to=".."), (f'{AT}.archive: ".."',), id="archive upwards"),
        pytest.param(changed("packages", PACKAGE, "archive", to=""), (f'{AT}.archive: ""',), id="no archive"),
        pytest.param(
            changed("sets", "x", to="bash"), ('sets.x: expected a list of packages, got "bash"',), id="set as text"
        ),
        pytest.param(
            changed("sets", "x", to=[1]), ("sets.x: expected a list of packages, got [1]",), id="set of numbers"
        ),
        pytest.param(changed("sets", "x", to=[]), ("sets.x: it is empty",), id="empty set"),
        pytest.param(changed("sets", "../x", to=[PACKAGE]), ("sets.../x: not a valid set name",), id="name of set"),
        pytest.param(
            changed("sets", "x", to=["zsh_1_all"]),
            ("sets.x: zsh_1_all is not among the packages",),
            id="unknown member",
        ),
        pytest.param(changed("sets", "x", to=[PACKAGE, PACKAGE]), ("sets.x: bash is in it twice",), id="member twice"),
        pytest.param(
            TEXT.replace('"shells"', '"linux-source-6.1"'), ("linux-source-6.1: is listed twice",), id="key twice"
        ),
    ],
)
def test_refuses(text: str, problems: tuple[str, ...] | None) -> None:
    """A damaged lock is refused with every problem and its location."""
    with pytest.raises(InvalidLock) as caught:
        parse(text)
    assert problems is None or caught.value.problems == problems


def test_reports_all_problems_at_once() -> None:
    """Problems of several packages are reported together, in one sentence."""
    text = TEXT.replace('"size": ', '"size": -').replace('"path": "', '"path": "/')
    with pytest.raises(InvalidLock) as caught:
        parse(text)
    assert len(caught.value.problems) == 6
    assert str(caught.value).endswith("; and 1 more")


def test_two_architectures_in_a_set() -> None:
    """A set cannot mix packages of two architectures."""
    packages = [fake_package("bash"), fake_package("dash", "arm64")]
    with pytest.raises(InvalidLock) as caught:
        Lock(packages=packages, sets={"x": [it.identity for it in packages]})
    assert caught.value.problems == ("sets.x: its packages are for amd64 and arm64",)


def test_two_hashes_of_a_package() -> None:
    """One version of a package has one hash."""
    packages = [BASH, attrs.evolve(BASH, sha256="0" * 64)]
    with pytest.raises(InvalidLock) as caught:
        Lock(packages=packages, sets={})
    assert caught.value.problems == ("packages: a package is pinned with two hashes",)


def test_newer_version() -> None:
    """A lock of a newer version is refused as such, whatever else it contains."""
    with pytest.raises(LockTooNew) as caught:
        parse('{"version": 4, "anything": []}')
    assert caught.value.version == 4


def test_what_version_1_does_not_know() -> None:
    """A lock with a release or an unsigned package is written as version 2, any other as version 1."""
    packages = (BASH, attrs.evolve(BASH, name="zsh", unsigned=True))
    lock = Lock(packages=packages, sets={"shells": [it.identity for it in packages]}, suite="trixie")
    document = json.loads(dumps(lock))
    assert (2, "trixie") == (document["version"], document["suite"])
    assert {it.identity: it.unsigned for it in packages} == {
        name: it.get("unsigned", False) for name, it in document["packages"].items()
    }
    assert (lock, 1) == (parse(dumps(lock)), json.loads(dumps(parse(TEXT)))["version"])


@pytest.mark.parametrize(
    ("base", "archive"),
    [
        pytest.param("http://mirror.example/debian/", "debian", id="trailing slash"),
        pytest.param("https://mirror.example/pub/debian-security", "debian-security", id="deep"),
        pytest.param("https://snapshot.example/archive/debian/20250520T000000Z/", "debian", id="snapshot"),
        pytest.param("file:/srv/mirror/debian", "debian", id="file"),
        pytest.param("file:///srv/packages/./", "packages", id="flat"),
        pytest.param("mirror+file:/etc/apt/mirrors/debian.list", "debian", id="list of mirrors"),
    ],
)
def test_archive_of(base: str, archive: str) -> None:
    """An archive has the same name on every mirror, without the host."""
    assert archive == archive_of(base)
