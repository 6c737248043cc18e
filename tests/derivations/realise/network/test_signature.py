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
    """Only the text that the signature covers is returned."""
    message = b"before\n" + key.sign(TEXT) + b"behind\n"

    assert verify(message, key.public, key).rstrip("\n") == TEXT.rstrip("\n")


def test_an_armored_keyring(key: Key, other: Key) -> None:
    """A keyring may be armored, consist of several blocks, and contain other keys."""
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
def test_unverified_messages_are_refused(key: Key, change: object, said: str) -> None:
    """A message with any defect is refused."""
    assert callable(change)
    with pytest.raises(NotSigned) as caught:
        verify(change(key.sign(TEXT)), key.public, key)
    assert said in str(caught.value)
    assert str(caught.value).startswith("the list cannot be trusted: ")
    assert key.fingerprint in caught.value.hint


def test_another_key(key: Key, other: Key) -> None:
    """A good signature by another key in the keyring is not enough."""
    with pytest.raises(NotSigned, match=f"it is signed by another key, {other.fingerprint}"):
        verify(other.sign(TEXT), key.public + other.public, key)


def test_an_unknown_key(key: Key, other: Key) -> None:
    """A signature by a key outside the keyring does not count."""
    with pytest.raises(NotSigned, match="the key that signed it is not in the keyring"):
        verify(key.sign(TEXT), other.public, key)


def test_an_expired_key(expired: Key) -> None:
    """An expired key is refused, even if it is the right one."""
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
    """A file without keys is reported differently from a keyring without the right key."""
    with pytest.raises(InvalidKeyring, match=r"^the keyring is not a keyring: "):
        binary_keys("the keyring", keys)


def test_no_gpgv(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without gpgv nothing is trusted, and the error says what to install."""
    message, keys = key.sign(TEXT), key.public
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoGpgv) as caught:
        verify(message, keys, key)
    assert "apt-get install gpgv" in caught.value.hint
