"""Tests for derivations.unpack."""

from __future__ import annotations

import pytest

from derivations.derivation import InvalidDerivation
from derivations.fetch import fetch_url
from derivations.unpack import ARCHIVE, is_archive, unpack, without_suffixes


SOURCE = fetch_url("https://example.org/linux-6.1.tar.xz", sha256="0" * 64)


def test_a_tree_has_the_name_of_its_archive() -> None:
    """The name is that of the archive without suffixes."""
    assert unpack(SOURCE).name == "linux-6.1"


def test_a_member_gives_its_name() -> None:
    """For an archive inside a tree, the name is that of the archive."""
    it = unpack(SOURCE, member="usr/src/linux-source-6.12.tar.xz")
    assert (it.name, it.env["member"]) == ("linux-source-6.12", "usr/src/linux-source-6.12.tar.xz")


def test_the_archive_is_mounted() -> None:
    """The archive is the only input."""
    assert {ARCHIVE: SOURCE.out} == dict(unpack(SOURCE.out).mounts)


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        pytest.param("x-1.tar", "x-1", id="tar"),
        pytest.param("x-1.tar.gz", "x-1", id="tar.gz"),
        pytest.param("x-1.tgz", "x-1", id="tgz"),
        pytest.param("x-1.tar.bz2", "x-1", id="tar.bz2"),
        pytest.param("x-1.tar.zst", "x-1", id="tar.zst"),
        pytest.param("x-1", "x-1", id="none"),
        pytest.param(".tar", ".tar", id="nothing-else"),
    ],
)
def test_suffixes_are_removed(name: str, bare: str) -> None:
    """Suffixes of archives are removed, version numbers are not."""
    assert (bare, bare != name) == (without_suffixes(name), is_archive(name))


@pytest.mark.parametrize("given", ["x.tar", 3, None, [SOURCE]], ids=repr)
def test_invalid_archives(given: object) -> None:
    """A file's name, a number or a list is rejected."""
    with pytest.raises(InvalidDerivation, match="such as local_file"):
        unpack(given)  # type: ignore[arg-type]
