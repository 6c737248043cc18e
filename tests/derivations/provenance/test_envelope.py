"""DSSE envelopes, verified by PyNaCl and by OpenSSL, which know nothing of our code."""

from __future__ import annotations

import base64
import json
import subprocess

from typing import TYPE_CHECKING

import pytest

from nacl.signing import VerifyKey

from derivations.provenance.envelope import IN_TOTO, InvalidEnvelope, opened, seal, signed_form
from store.signing.keys import SecretKey
from store.signing.trusted import Purpose, Trust, Untrusted
from tests.programs import program


if TYPE_CHECKING:
    from pathlib import Path


KEY = SecretKey("me-1", bytes(range(32)))
PAYLOAD = b'{"a":"\xc3\xa4"}'


def encoded(document: dict[str, str | list[dict[str, str]]]) -> bytes:
    """Return what DSSE's `protocol.md` says is signed, from the envelope alone."""
    kind, payload = str(document["payloadType"]).encode(), base64.b64decode(str(document["payload"]))
    return b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])


def test_the_specification_s_example() -> None:
    """The example of DSSE's `protocol.md` is encoded as there."""
    form = signed_form(b"hello world", "http://example.com/HelloWorld")
    assert form == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_verified_by_pynacl() -> None:
    """The signature is one of the encoding, by the named key."""
    document = json.loads(seal(PAYLOAD, KEY))
    (signature,) = document["signatures"]

    assert (document["payloadType"], signature["keyid"]) == (IN_TOTO, "me-1")
    assert VerifyKey(KEY.public.raw).verify(encoded(document), base64.b64decode(signature["sig"]))


def test_verified_by_openssl(tmp_path: Path) -> None:
    """OpenSSL finds the signature good, and bad once the payload has changed."""
    document = json.loads(seal(PAYLOAD, KEY))
    # RFC 8410: a SubjectPublicKeyInfo with the algorithm 1.3.101.112 and the 32 bytes.
    (tmp_path / "key.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + KEY.public.raw)
    (tmp_path / "signature").write_bytes(base64.b64decode(document["signatures"][0]["sig"]))
    (tmp_path / "good").write_bytes(encoded(document))
    (tmp_path / "bad").write_bytes(encoded(document) + b" ")
    command = [program("openssl"), "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "key.der"]
    codes = [
        subprocess.run(
            [*command, "-sigfile", "signature", "-in", name], cwd=tmp_path, capture_output=True, check=False
        ).returncode
        for name in ("good", "bad")
    ]

    assert codes == [0, 1]


def test_opened() -> None:
    """An envelope gives back its payload and its signatures, which trust decides about."""
    payload, signatures = opened(seal(PAYLOAD, KEY))
    trust = Trust(results=(KEY.public,))

    assert payload == PAYLOAD
    assert trust.check(signed_form(payload), signatures, Purpose.RESULTS) == KEY.public
    with pytest.raises(Untrusted):
        trust.check(signed_form(payload + b" "), signatures, Purpose.RESULTS)


INVALID = {
    "empty": b"",
    "not-json": b"{",
    "list": b"[]",
    "nothing": b"{}",
    "other-type": b'{"payload":"","payloadType":"text/plain","signatures":[]}',
    "payload-not-base64": f'{{"payload":"%","payloadType":"{IN_TOTO}","signatures":[]}}'.encode(),
    "payload-number": f'{{"payload":1,"payloadType":"{IN_TOTO}","signatures":[]}}'.encode(),
    "signatures-number": f'{{"payload":"","payloadType":"{IN_TOTO}","signatures":1}}'.encode(),
    "signature-without-key": f'{{"payload":"","payloadType":"{IN_TOTO}","signatures":[{{"sig":""}}]}}'.encode(),
    "signature-short": f'{{"payload":"","payloadType":"{IN_TOTO}","signatures":[{{"keyid":"a","sig":""}}]}}'.encode(),
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("text", INVALID.values(), ids=INVALID)
def test_invalid(text: bytes) -> None:
    """Anything else is a named error."""
    with pytest.raises(InvalidEnvelope):
        opened(text)
