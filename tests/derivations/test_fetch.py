"""Tests for derivations.fetch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from derivations.derivation import Fixed
from derivations.fetch import InvalidSource, fetch_deb, fetch_git, fetch_url, name_of, parse_sha256, without_credentials
from store.gc.retention import Retention


HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@attrs.frozen(kw_only=True)
class Package:
    """A package, as in a lock."""

    name: str = "libc6"
    version: str = "1:2.36-9+deb12u7"
    archive: str = "debian-security"
    path: str = "pool/main/g/glibc/libc6_2.36-9+deb12u7_amd64.deb"
    size: int = 12
    sha256: str = HASH


def test_a_url_gives_the_name() -> None:
    """The last part of the URL is the name."""
    assert fetch_url("https://example.org/v6.x/linux-6.1.tar.xz", sha256=HASH).name == "linux-6.1.tar.xz"


def test_urls_are_not_part_of_the_key() -> None:
    """The same hash and name from another place is the same derivation."""
    one = fetch_url("https://example.org/a/x.tar", sha256=HASH, mirrors=["https://example.net/x.tar"])
    assert fetch_url("https://example.com/x.tar", sha256=HASH).key == one.key


def test_mirrors_come_after_the_url() -> None:
    """The mirrors are tried after the URL itself."""
    it = fetch_url("https://example.org/x", sha256=HASH, mirrors=["https://example.net/x"])
    assert it.env["urls"] == '["https://example.org/x","https://example.net/x"]'


def test_an_executable_file_differs() -> None:
    """An executable file has another key than the same bytes as a plain file."""
    url = "https://example.org/x"
    assert fetch_url(url, sha256=HASH).key != fetch_url(url, sha256=HASH, executable=True).key


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(HASH, id="hexadecimal"),
        pytest.param(HASH.upper(), id="upper-case"),
        pytest.param(f"sha256:{HASH}", id="with-a-prefix"),
        pytest.param("sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", id="sri"),
        pytest.param("0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73", id="base-32"),
    ],
)
def test_forms_of_hashes(text: str) -> None:
    """Hexadecimal, SRI and Nix's base-32 are all accepted."""
    assert parse_sha256(text, "x") == HASH


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(HASH[:-1], id="short"),
        pytest.param(HASH + "0", id="long"),
        pytest.param("g" * 64, id="no-digits"),
        pytest.param("e" * 52, id="not-base-32"),
        pytest.param("!" * 44, id="not-base-64"),
        pytest.param("A" * 44, id="base-64-of-33-bytes"),
        pytest.param(5, id="number"),
        pytest.param(None, id="none"),
    ],
)
def test_other_hashes_are_rejected(text: Any) -> None:  # noqa: ANN401 -- what a user may write
    """Anything that is not a SHA-256 is rejected; the hint says how to find the right one."""
    with pytest.raises(InvalidSource) as caught:
        fetch_url("https://example.org/x", sha256=text)
    assert (caught.value.what, repr(text) in caught.value.reason) == ("https://example.org/x", True)
    assert "64 zeros" in str(caught.value.hint)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("ftp://example.org/x", id="ftp"),
        pytest.param("/etc/passwd", id="path"),
        pytest.param("x", id="word"),
        pytest.param("https://me:secret@example.org/x", id="password"),
        pytest.param("https://token@example.org/x", id="user"),
        pytest.param("http://[::1/x", id="bracket"),
        pytest.param(5, id="number"),
        pytest.param(Path("x"), id="path-object"),
    ],
)
def test_other_urls_are_rejected(url: Any) -> None:  # noqa: ANN401 -- as above
    """URLs with other schemes or with credentials are rejected, without repeating the password."""
    with pytest.raises(InvalidSource) as caught:
        fetch_url(url, sha256=HASH)
    assert "secret" not in str(caught.value)
    assert "token" not in str(caught.value)


def test_a_url_without_a_name_is_rejected() -> None:
    """A URL that does not end in a name requires one."""
    with pytest.raises(InvalidSource) as caught:
        fetch_url("https://example.org/", sha256=HASH)
    assert caught.value.hint == 'give one: name="..."'


def test_names_are_made_valid() -> None:
    """Characters that are not allowed in names of store objects are replaced."""
    assert name_of("https://example.org/.linux%206%2Fx.tar?token=1") == "linux-6-x.tar"


def test_git_takes_a_commit() -> None:
    """A repository and a commit make a fixed output named after both."""
    it = fetch_git("https://example.org/linux.git", COMMIT)
    assert Fixed("git", COMMIT) == it.fixed
    assert it.name == "linux-0123456789ab"


@pytest.mark.parametrize(
    "rev",
    [
        pytest.param("master", id="branch"),
        pytest.param("v6.1", id="tag"),
        pytest.param(COMMIT[:12], id="abbreviated"),
        pytest.param(f"--upload-pack=x{COMMIT}", id="option"),
    ],
)
def test_git_rejects_branches(rev: str) -> None:
    """Anything but a full commit id is rejected."""
    with pytest.raises(InvalidSource) as caught:
        fetch_git("https://example.org/linux.git", rev)
    assert (caught.value.what, repr(rev) in caught.value.reason) == ("https://example.org/linux.git", True)


def test_git_rejects_helpers() -> None:
    """URLs that make git run programs are rejected."""
    with pytest.raises(InvalidSource):
        fetch_git("ext::sh -c id", COMMIT)


def test_a_package_is_kept_as_a_toolchain() -> None:
    """A package has its path below a mirror, but not the mirror."""
    it = fetch_deb(Package())
    assert {"archive": "debian-security", "path": Package().path, "size": "12"} == dict(it.env)
    assert Fixed("deb", HASH) == it.fixed
    assert it.name == "libc6-1-2.36-9+deb12u7"
    assert it.hints.retention == Retention.TOOLCHAIN


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param("https://u:p@h:1/x", "https://h:1/x", id="password"),
        pytest.param("https://h/x?sig=1#f", "https://h/x", id="query"),
        pytest.param("file:///a/b", "file:///a/b", id="file"),
    ],
)
def test_urls_are_shown_without_secrets(url: str, shown: str) -> None:
    """User, password and query are not shown."""
    assert shown == without_credentials(url)
