"""Tests of derivations.realise.network.signature, with real keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.realise.network.signature import InvalidKeyring, NoGpgv, NotSigned, binary_keys, signed_text
from tests.signing import Key, gnupg_home, make_key


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT = "0123  linux-6.12.tar.xz\n- dashes\nFrom here\n"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with gnupg_home() as home:
        yield home


@pytest.fixture(scope="module")
def key(home: Path) -> Key:
    return make_key(home, "Signer")


@pytest.fixture(scope="module")
def other(home: Path) -> Key:
    return make_key(home, "Somebody else")


@pytest.fixture(scope="module")
def expired(home: Path) -> Key:
    return make_key(home, "Once upon a time", time="20200101T000000", expires="2020-02-01")


def verify(message: bytes, keyring: bytes, key: Key) -> str:
    return signed_text("the list", message, keyring, key.fingerprint)


def test_what_is_signed(key: Key) -> None:
    """What the signature covers comes out, and nothing that stands around it."""
    message = b"before\n" + key.sign(TEXT) + b"behind\n"

    assert verify(message, key.public, key).rstrip("\n") == TEXT.rstrip("\n")


def test_an_armored_keyring(key: Key, other: Key) -> None:
    """A keyring may be text, of several blocks, and hold other keys too."""
    assert verify(key.sign(TEXT), other.armored + key.armored, key).rstrip("\n") == TEXT.rstrip("\n")


def tampered(message: bytes) -> bytes:
    return message.replace(b"0123", b"0124")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(tampered, "its signature does not match", id="tampered"),
        pytest.param(lambda message: message[: len(message) // 2], "", id="truncated"),
        pytest.param(lambda _: TEXT.encode(), "it has no signature", id="unsigned"),
        pytest.param(lambda _: b"", "it has no signature", id="empty"),
        pytest.param(lambda message: message + message, "exactly one good signature", id="twice"),
        pytest.param(lambda message: message + tampered(message), "", id="good-and-bad"),
    ],
)
def test_what_is_not_signed(key: Key, change: object, said: str) -> None:
    """Whatever is wrong with a message, nothing of it is believed."""
    assert callable(change)
    with pytest.raises(NotSigned) as caught:
        verify(change(key.sign(TEXT)), key.public, key)
    assert said in str(caught.value)
    assert str(caught.value).startswith("the list cannot be trusted: ")
    assert key.fingerprint in caught.value.hint


def test_another_key(key: Key, other: Key) -> None:
    """A good signature of a key that is in the keyring is not enough: it must be the one key."""
    with pytest.raises(NotSigned, match=f"it is signed by another key, {other.fingerprint}"):
        verify(other.sign(TEXT), key.public + other.public, key)


def test_an_unknown_key(key: Key, other: Key) -> None:
    """A signature by a key that is not in the keyring is none."""
    with pytest.raises(NotSigned, match="the key that signed it is not in the keyring"):
        verify(key.sign(TEXT), other.public, key)


def test_an_expired_key(expired: Key) -> None:
    """A key that has expired signs no more, though it is the right one and its signature was good in its time."""
    with pytest.raises(NotSigned, match="has expired"):
        verify(expired.sign(TEXT), expired.public, expired)


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>not found</html>", id="html"),
        pytest.param(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nnothing", id="truncated-armor"),
    ],
)
def test_no_keyring(keys: bytes) -> None:
    """What holds no keys is told apart from a keyring without the right key."""
    with pytest.raises(InvalidKeyring, match=r"^the keyring is not a keyring: "):
        binary_keys("the keyring", keys)


def test_no_gpgv(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without gpgv nothing is believed, and the error tells what to install."""
    message, keys = key.sign(TEXT), key.public
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoGpgv) as caught:
        verify(message, keys, key)
    assert "apt-get install gpgv" in caught.value.hint
