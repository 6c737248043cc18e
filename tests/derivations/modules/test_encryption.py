"""Tests of derivations.modules.encryption."""

from __future__ import annotations

import json

from typing import Any

import pytest

from derivations.modules.encryption import InvalidEncryption, luks_encryption, needed


CRYPT = ("dm-mod", "dm-crypt")


@pytest.mark.parametrize(
    ("text", "algorithms", "more"),
    [
        ("aes-xts-plain64", ("xts", "aes"), ("crypto-ecb",)),
        ("aes-cbc-essiv:sha256", ("cbc", "aes", "essiv", "sha256"), ()),
        ("aes", ("cbc", "aes"), ()),
        ("aes-plain", ("cbc", "aes"), ()),
        ("aegis128-random", ("aegis128",), ("net-pf-38", "algif-skcipher")),
        ("aes:64-cbc-lmk", ("cbc", "aes", "md5"), ()),
        ("xchacha12,aes-adiantum-plain64", ("adiantum", "xchacha12", "aes"),
         ("crypto-nhpoly1305", "net-pf-38", "algif-skcipher")),
        ("serpent-xts-plain64", ("xts", "serpent"), ("crypto-ecb", "net-pf-38", "algif-skcipher")),
        ("capi:authenc(hmac(sha256),xts(aes))-random", ("authenc", "hmac", "sha256", "xts", "aes"), ("crypto-ecb",)),
        ("capi:essiv(cbc(aes),sha256)-plain64", ("essiv", "cbc", "aes", "sha256"), ()),
        ("capi:cbc(aes)-essiv:sha256", ("cbc", "aes", "essiv", "sha256"), ()),
        ("0 409600 crypt aes-xts-plain64 0123 0 8:2 4096", ("xts", "aes"), ("crypto-ecb",)),
        ("root: 0 409600 crypt aes-gcm-random 0 0 8:2 4096 1 integrity:28:aead", ("gcm", "aes"), ("crypto-ctr", "crypto-ghash")),
        ("0 8 crypt aes-xts-plain64 0 0 8:2 0 2 allow_discards integrity:32:hmac(sha256)",
         ("xts", "aes", "hmac", "sha256"), ("crypto-ecb",)),
    ],
)  # fmt: skip
def test_ciphers(text: str, algorithms: tuple[str, ...], more: tuple[str, ...]) -> None:
    """The kernel asks for every algorithm that a cipher names, and for what those use themselves."""
    found = needed(text)
    assert found.required == (*CRYPT, *(f"crypto-{it}" for it in algorithms))
    assert found.optional == more


@pytest.mark.parametrize(
    ("text", "required"),
    [
        ("0 100 linear 8:1 0", ("dm-mod",)),
        ("vg-root: 0 100 thin 253:1 1", ("dm-mod", "dm-thin-pool")),
        ("0 100 thin-pool 253:1 1", ("dm-mod", "dm-thin-pool")),
        ("0 8 integrity 8:1 0 4 J 2 internal_hash:crc32c journal_mac:hmac(sha1):00",
         ("dm-mod", "dm-integrity", "crypto-crc32c", "crypto-hmac", "crypto-sha1")),
        ("0 8 verity 1 8:1 8:2 4096 4096 2048 1 sha512 00 ff", ("dm-mod", "dm-verity", "crypto-sha512")),
    ],
)  # fmt: skip
def test_other_targets(text: str, required: tuple[str, ...]) -> None:
    """Each line of a table asks for its target, and for the hashes that it names."""
    assert needed(text).required == required


def test_what_targets_use() -> None:
    """A target may ask for a level, a policy or a selector when it is set up."""
    assert needed("0 8 cache 8:1 8:2 8:3 512 0 default 0").optional == ("dm-cache-default",)
    assert "md-level-1" in needed("0 8 raid raid1 3 0 region_size 1024 2 8:1 8:2").optional


@pytest.mark.parametrize("text", ["", "AES", "aes xts", "-xts", "0 crypt", "aes-xts-plain64\nx", "a-b-c-d-e", "capi:"])
def test_neither(text: str) -> None:
    """A text that is neither a cipher nor a line of a table is refused."""
    with pytest.raises(InvalidEncryption):
        needed(text)


def luks2(document: Any, size: int = 16384) -> bytes:  # noqa: ANN401 -- any JSON
    """Return a LUKS2 header with *document*."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    start = b"LUKS\xba\xbe\0\2" + size.to_bytes(8, "big")
    return (start.ljust(4096, b"\0") + text).ljust(size, b"\0")


def test_luks1() -> None:
    """A LUKS1 header names a cipher and its mode."""
    header = (
        b"LUKS\xba\xbe\0\1"
        + b"aes".ljust(32, b"\0")
        + b"cbc-essiv:sha256".ljust(32, b"\0")
        + b"sha256".ljust(32, b"\0")
    )
    assert luks_encryption(header) == ("aes-cbc-essiv:sha256",)


def test_luks2() -> None:
    """A LUKS2 header names the cipher of its data, and those of its key slots."""
    document = {
        "keyslots": {"0": {"area": {"encryption": "aes-xts-plain64"}}},
        "segments": {"0": {"type": "crypt", "encryption": "xchacha12,aes-adiantum-plain64"}, "1": {"type": "linear"}},
    }
    assert luks_encryption(luks2(document) + b"data") == ("xchacha12,aes-adiantum-plain64", "aes-xts-plain64")


def test_luks2_with_integrity() -> None:
    """Integrity needs a target of its own, and its hash."""
    segment = {"type": "crypt", "encryption": "aes-xts-plain64", "integrity": {"type": "hmac(sha256)"}}
    found = [needed(it).required for it in luks_encryption(luks2({"segments": {"0": segment}}))]
    assert found == [
        ("dm-mod", "dm-crypt", "crypto-xts", "crypto-aes", "crypto-hmac", "crypto-sha256"), ("dm-mod", "dm-integrity"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"LUKS",
        b"LUKS\xba\xbe\0\3" + bytes(5000),
        luks2({"segments": {}})[:5000],
        luks2({"segments": {}}, size=8 << 20)[:5000],
        luks2(b"{"),
        luks2([1]),
        luks2({"segments": {"0": {"type": "crypt"}}}),
        luks2({"segments": {"0": {"type": "crypt", "encryption": "\x1b[2J"}}}),
        luks2({"segments": {"0": {"type": "crypt", "encryption": 5}}}),
        b"LUKS\xba\xbe\0\1" + bytes(20),
    ],
)
def test_damaged_headers(header: bytes) -> None:
    """What is not a whole header is refused."""
    with pytest.raises(InvalidEncryption):
        luks_encryption(header)
