"""A user's keys, and those that they trust, as files."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from store.signing.keyring import (
    InvalidCacheURL,
    InvalidTrust,
    Keyring,
    NotTrusted,
    OtherKeyTrusted,
    TrustedKey,
    loads,
    plain_url,
)
from store.signing.keys import InvalidKeyName, SecretKey
from store.signing.secret import SecretExists, SecretUnreadable
from store.signing.trusted import Purpose, Trust


if TYPE_CHECKING:
    from pathlib import Path


BUILDER = SecretKey("builder", bytes([1] * 32)).public
OTHER = SecretKey("builder", bytes([2] * 32)).public
MIRROR = SecretKey("mirror", bytes([3] * 32)).public

URLS = st.from_regex(r"\A[a-z]{1,8}://[a-z0-9.:/%?&=-]{0,20}[a-z]\Z")


@pytest.fixture
def keys(tmp_path: Path) -> Keyring:
    """Return the keys in a directory that does not exist yet."""
    return Keyring(tmp_path / "config/keys")


def put(keys: Keyring, name: str, text: str) -> Path:
    """Write *text* as the file of the trusted key *name*."""
    file = keys.directory / f"trusted/{name}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_nothing_yet(keys: Keyring) -> None:
    """Without a directory there are no keys, and nobody is trusted."""
    assert (keys.own(), keys.trusted(), keys.trust_for(None)) == ((), (), Trust())


def test_generated(keys: Keyring) -> None:
    """A new key is the user's, and not trusted for that."""
    public = keys.generate("me-1")

    assert keys.own() == ("me-1",)
    assert keys.secret("me-1").public == public
    assert keys.trusted() == ()


def test_a_second_key_of_one_name(keys: Keyring) -> None:
    """A second key of one name is refused, and the first stays."""
    public = keys.generate("me-1")

    with pytest.raises(SecretExists):
        keys.generate("me-1")
    assert keys.secret("me-1").public == public


@pytest.mark.parametrize("name", ["", "..", "a/b", "../x", "a\n"])
def test_names_lead_nowhere_else(keys: Keyring, name: str) -> None:
    """No name leads to a file outside of the directory."""
    for call in (keys.generate, keys.secret, keys.distrust):
        with pytest.raises(InvalidKeyName):
            call(name)


def test_no_such_secret(keys: Keyring) -> None:
    """A key that is not the user's cannot sign."""
    with pytest.raises(SecretUnreadable):
        keys.secret("other")


def test_trusted_for_everything(keys: Keyring) -> None:
    """A key is trusted for both purposes, with every cache, unless something else is said."""
    keys.trust(TrustedKey(BUILDER))

    assert keys.trusted() == (TrustedKey(BUILDER, (Purpose.OBJECTS, Purpose.RESULTS), ()),)
    assert keys.trust_for("https://a.example.org") == Trust(objects=(BUILDER,), results=(BUILDER,))
    assert keys.trust_for(None) == Trust(objects=(BUILDER,), results=(BUILDER,))


def test_trusted_with_one_cache(keys: Keyring) -> None:
    """A key that is trusted with some caches is not believed elsewhere."""
    keys.trust(TrustedKey(BUILDER, (Purpose.RESULTS,), ("https://a.example.org",)))
    keys.trust(TrustedKey(MIRROR, (Purpose.OBJECTS,)))

    assert keys.trust_for("https://a.example.org/") == Trust(objects=(MIRROR,), results=(BUILDER,))
    for elsewhere in ("https://a.example.org/other", "https://b.example.org", None):
        assert keys.trust_for(elsewhere) == Trust(objects=(MIRROR,))


def test_trusted_again(keys: Keyring) -> None:
    """Trusting a key again replaces what it was trusted for."""
    keys.trust(TrustedKey(BUILDER))
    keys.trust(TrustedKey(BUILDER, (Purpose.OBJECTS,)))

    assert keys.trusted() == (TrustedKey(BUILDER, (Purpose.OBJECTS,)),)


def test_another_key_of_the_name(keys: Keyring) -> None:
    """Another key of a trusted name is refused until the first is distrusted."""
    keys.trust(TrustedKey(BUILDER))
    with pytest.raises(OtherKeyTrusted):
        keys.trust(TrustedKey(OTHER))
    keys.distrust("builder")
    keys.trust(TrustedKey(OTHER))

    assert [it.key for it in keys.trusted()] == [OTHER]


def test_distrusted(keys: Keyring) -> None:
    """A key that is not trusted cannot be distrusted, and the error names those that can."""
    keys.trust(TrustedKey(MIRROR))
    with pytest.raises(NotTrusted) as caught:
        keys.distrust("builder")

    assert caught.value.known == ("mirror",)


def test_a_damaged_file_can_be_distrusted(keys: Keyring) -> None:
    """Distrusting a key does not need its file to be valid."""
    file = put(keys, "builder", "nonsense")
    keys.distrust("builder")
    assert not file.exists()


@given(st.sets(st.sampled_from(Purpose), min_size=1), st.lists(URLS, unique_by=plain_url))
def test_round_trip(purposes: set[Purpose], urls: list[str]) -> None:
    """What is written of a trusted key is read again."""
    key = TrustedKey(BUILDER, tuple(it for it in Purpose if it in purposes), tuple(map(plain_url, urls)))
    assert loads(key.dumps()) == key


def test_the_format(keys: Keyring) -> None:
    """A file is TOML with three settings; two of them may be left out."""
    keys.trust(TrustedKey(BUILDER, (Purpose.OBJECTS,), ("file:///cache",)))
    text = keys.trusted_file("builder").read_text()

    assert text == f'key = "{BUILDER}"\nfor = ["objects"]\ncaches = ["file:///cache"]\n'
    assert loads(f'key = "{BUILDER}"') == TrustedKey(BUILDER)


INVALID = {
    "empty": ("", "`key` is missing"),
    "not-toml": ("key = ", "invalid value"),
    "deep": ("a = " + "[" * 100_000, ""),
    "number": ("key = 1", "`key` is missing, or not a string"),
    "no-key": ('key = "builder"', "no `:`"),
    "of-low-order": (f'key = "builder:{"A" * 43}="', "no key pair has this public key"),
    "other-name": (f'key = "{MIRROR}"', "it has the key `mirror`"),
    "for-nothing": (f'key = "{BUILDER}"\nfor = []', "`for` is not a list of strings"),
    "for-one-word": (f'key = "{BUILDER}"\nfor = "objects"', "`for` is not a list of strings"),
    "for-something-else": (f'key = "{BUILDER}"\nfor = ["everything"]', "`everything` is not what a key can be trusted"),
    "no-cache": (f'key = "{BUILDER}"\ncaches = []', "`caches` is not a list of strings"),
    "cache-without-scheme": (f'key = "{BUILDER}"\ncaches = ["example.org"]', "invalid url of a cache"),
    "misspelled": (f'key = "{BUILDER}"\ncache = ["file:///x"]', "unknown setting `cache`"),
}


@pytest.mark.parametrize(("text", "reason"), INVALID.values(), ids=INVALID)
def test_invalid_files(keys: Keyring, text: str, reason: str) -> None:
    """A file with anything else is an error: a misspelled restriction must not mean trust without it."""
    file = put(keys, "builder", text)
    with pytest.raises(InvalidTrust) as caught:
        keys.trusted()

    assert caught.value.file == file
    assert reason.lower() in caught.value.reason.lower()


@pytest.mark.parametrize("where", ["file", "directory"])
def test_writable_by_others(keys: Keyring, where: str) -> None:
    """A file that others could have written is not believed."""
    keys.trust(TrustedKey(BUILDER))
    file = keys.trusted_file("builder")
    place = file if where == "file" else file.parent
    place.chmod(0o777)

    with pytest.raises(InvalidTrust, match=f"others can write {place}"):
        keys.trusted()


@pytest.mark.root
def test_of_another_user(keys: Keyring) -> None:
    """A file that belongs to another user is not believed."""
    keys.trust(TrustedKey(BUILDER))
    os.chown(keys.trusted_file("builder"), 12345, 0)

    with pytest.raises(InvalidTrust, match="others can write"):
        keys.trusted()


def test_the_umask_does_not_matter(keys: Keyring) -> None:
    """A key that is trusted under any umask is trusted afterwards."""
    before = os.umask(0)
    try:
        keys.trust(TrustedKey(BUILDER))
    finally:
        os.umask(before)

    assert keys.trusted() == (TrustedKey(BUILDER),)


def test_other_files(keys: Keyring) -> None:
    """An editor's files beside are not keys."""
    keys.trust(TrustedKey(BUILDER))
    put(keys, "builder", keys.trusted_file("builder").read_text()).with_name("builder.toml~").write_text("x")
    put(keys, ".#builder", "x")

    assert keys.trusted() == (TrustedKey(BUILDER),)


@pytest.mark.parametrize(
    "text", ["", "example.org", "/cache", "https://", "https://a b", 'https://a"b', "https://ü.org", "https://a\n"]
)
def test_not_urls(text: str) -> None:
    """What is not a URL of printable ASCII characters is not a cache's."""
    with pytest.raises(InvalidCacheURL):
        plain_url(text)
