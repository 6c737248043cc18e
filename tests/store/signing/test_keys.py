"""Keys and signatures, their text forms, and texts that are neither."""

from __future__ import annotations

import base64
import subprocess
import sys

import pytest

from hypothesis import given
from hypothesis import strategies as st

from store.signing.keys import (
    InvalidKey,
    InvalidKeyName,
    InvalidSecretKey,
    InvalidSignature,
    PublicKey,
    SecretKey,
    Signature,
    check_key_name,
    generate,
)


NAMES = st.from_regex(r"\A[0-9a-zA-Z][0-9a-zA-Z.+_=@-]{0,30}\Z")
SEEDS = st.binary(min_size=32, max_size=32)

# RFC 8032, section 7.1, test 2
SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNED = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)

LOW_ORDER = {
    "zero": bytes(32),
    "one": bytes([1]) + bytes(31),
    "minus-one": bytes.fromhex("ec" + "ff" * 30 + "7f"),
    "order-8": bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    "order-8-negative": bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
}
"""Points of low order, for which anybody can make signatures."""


def text(name: str, raw: bytes) -> str:
    """Return `NAME:BASE64`."""
    return f"{name}:{base64.b64encode(raw).decode()}"


def test_the_standard_s_example() -> None:
    """A key of RFC 8032 gives the public key and the signature that are printed there."""
    key = SecretKey("rfc", SEED)

    assert key.public == PublicKey("rfc", PUBLIC)
    assert key.sign(b"\x72") == Signature("rfc", SIGNED)
    assert key.public.verify(b"\x72", Signature("rfc", SIGNED))


@given(NAMES, SEEDS, st.binary())
def test_round_trips(name: str, seed: bytes, message: bytes) -> None:
    """Secret keys, public keys and signatures are equal after being written and parsed."""
    key = SecretKey(name, seed)
    signature = key.sign(message)

    assert SecretKey.parse(key.text) == key
    assert PublicKey.parse(str(key.public)) == key.public
    assert Signature.parse(str(signature)) == signature
    assert key.public.verify(message, signature)


@given(st.binary(min_size=1), st.data())
def test_one_bit_matters(message: bytes, data: st.DataObject) -> None:
    """A signature is bad once a bit of it or of the message has changed."""
    key = SecretKey("k", SEED)
    signature = key.sign(message)
    bit = data.draw(st.integers(0, 8 * len(message) - 1))
    other = bytearray(message)
    other[bit // 8] ^= 1 << bit % 8
    bit = data.draw(st.integers(0, 511))
    raw = bytearray(signature.raw)
    raw[bit // 8] ^= 1 << bit % 8

    assert not key.public.verify(bytes(other), signature)
    assert not key.public.verify(message, Signature("k", bytes(raw)))


def test_generated_keys_differ() -> None:
    """Two keys of one name have different seeds."""
    assert generate("k") != generate("k")


def test_the_secret_is_not_shown() -> None:
    """What Python shows of a secret key does not contain it."""
    key = SecretKey("k", SEED)

    assert repr(key) == "SecretKey(name='k')"
    assert str(key) == repr(key)


@pytest.mark.parametrize("name", ["k", "cache.example.org-1", "someone@example.org", "A+b_c=1", "x" * 100])
def test_names(name: str) -> None:
    """Hosts with a number, addresses and words are names of keys."""
    assert check_key_name(name) == name


ODD_NAMES = {
    "empty": "",
    "colon": "a:b",
    "slash": "a/b",
    "parent": "..",
    "hidden": ".a",
    "option": "-a",
    "space": "a b",
    "newline": "a\n",
    "nul": "a\0",
    "escape": "a\x1b[31m",
    "letters-of-other-scripts": "schlüssel",
    "digits-of-other-scripts": "a\u0661",
    "right-to-left": "a\u202eb",
    "surrogate": "a\udc80",
    "long": "x" * 101,
}


@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
def test_odd_names(name: str) -> None:
    """Other texts are not: in the name of a new key, a public key or a signature."""
    with pytest.raises(InvalidKeyName) as caught:
        generate(name)
    assert caught.value.name == name

    with pytest.raises(InvalidKey):
        PublicKey.parse(text(name, PUBLIC))
    with pytest.raises(InvalidSignature):
        Signature.parse(text(name, SIGNED))


BAD_TEXTS = {
    "nothing": "",
    "name-alone": "k",
    "nothing-after-the-name": "k:",
    "truncated": text("k", PUBLIC)[:-5],
    "without-padding": text("k", PUBLIC).rstrip("="),
    "more-padding": text("k", PUBLIC) + "=",
    "too-short": text("k", PUBLIC[:-1]),
    "too-long": text("k", PUBLIC + b"\0"),
    "hexadecimal": f"k:{PUBLIC.hex()}",
    "url-alphabet": f"k:{base64.urlsafe_b64encode(bytes([255] * 32)).decode()}",
    "other-spelling": text("k", PUBLIC)[:-2] + "x=",
    "space-before": " " + text("k", PUBLIC),
    "newline-after": text("k", PUBLIC) + "\n",
    "newline-inside": text("k", PUBLIC)[:9] + "\n" + text("k", PUBLIC)[9:],
    "letters-of-other-scripts": "k:ä" + text("k", PUBLIC)[3:],
    "not-on-the-curve": text("k", bytes([2]) + bytes(31)),
    "not-canonical": text("k", bytes.fromhex("ff" * 32)),
    **{f"low-order-{name}": text("k", raw) for name, raw in LOW_ORDER.items()},
}


@pytest.mark.parametrize("bad", BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_no_public_key(bad: str) -> None:
    """What is not a public key is an error that quotes it and says why."""
    with pytest.raises(InvalidKey) as caught:
        PublicKey.parse(bad)

    assert caught.value.text == bad
    assert caught.value.reason


def test_the_other_spelling_has_the_same_bytes() -> None:
    """The case above is one that Python's decoder takes: it differs only beyond the last byte."""
    assert base64.b64decode(BAD_TEXTS["other-spelling"].partition(":")[2], validate=True) == PUBLIC


@pytest.mark.parametrize("raw", LOW_ORDER.values(), ids=LOW_ORDER)
def test_low_order_keys_verify_nothing(raw: bytes) -> None:
    """A key of low order that is made from bytes finds no signature good, not even the one that suits them all."""
    assert not PublicKey("k", raw).verify(b"anything", Signature("k", bytes([1]) + bytes(63)))


@pytest.mark.parametrize("length", [0, 63, 65])
def test_signatures_of_other_lengths(length: int) -> None:
    """A signature of another length is refused when it is parsed, and bad when it is checked."""
    with pytest.raises(InvalidSignature, match=f"{length} bytes"):
        Signature.parse(text("k", bytes(length)))

    assert not PublicKey("k", PUBLIC).verify(b"", Signature("k", bytes(length)))


BAD_SECRETS = {
    "empty": "",
    "seed-alone": text("k", SEED),
    "truncated": text("k", SEED + PUBLIC)[:-9],
    "other-public-half": text("k", SEED + SEED),
    "public-key": text("k", PUBLIC),
    "name-of-a-path": text("../k", SEED + PUBLIC),
}


@pytest.mark.parametrize("bad", BAD_SECRETS.values(), ids=BAD_SECRETS)
def test_no_secret_key(bad: str) -> None:
    """What is not a secret key is an error that does not quote it."""
    with pytest.raises(InvalidSecretKey) as caught:
        SecretKey.parse(bad)

    encoded = bad.partition(":")[2]
    assert not encoded or encoded[:10] not in f"{caught.value} {caught.value!r}"


def test_parsing_signatures_loads_no_cryptography() -> None:
    """A run that only reads names of keys does not wait for PyNaCl to load."""
    program = (
        "import sys; from store.signing import keys, trusted, secret; "
        f"keys.Signature.parse({text('k', SIGNED)!r}); print('nacl' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
