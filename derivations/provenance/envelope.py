"""A statement with its signature, in a DSSE envelope (https://github.com/secure-systems-lab/dsse).

What is signed is not the payload but its pre-authentication encoding, which includes the type of the payload and
all lengths: `DSSEv1 SP LEN(type) SP type SP LEN(payload) SP payload`.
"""

from __future__ import annotations

import base64

from typing import TYPE_CHECKING

from derivations.derivation import canonical_json
from store.errors import Error
from store.parsing import parse_json
from store.signing.keys import SIGNATURE_LENGTH, Signature


if TYPE_CHECKING:
    from store.signing.keys import SecretKey


IN_TOTO = "application/vnd.in-toto+json"


class InvalidEnvelope(Error):
    """A text is not a signed statement."""

    reason: str

    def __str__(self) -> str:
        return f"not a DSSE envelope: {self.reason}"


def signed_form(payload: bytes, payload_type: str = IN_TOTO) -> bytes:
    """Return the bytes that are signed for *payload*."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def seal(payload: bytes, key: SecretKey) -> bytes:
    """Return the envelope of *payload*, signed with *key*, as canonical JSON."""
    signature = key.sign(signed_form(payload))
    document = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": IN_TOTO,
        "signatures": [{"keyid": signature.key, "sig": base64.b64encode(signature.raw).decode()}],
    }
    return canonical_json(document)


def opened(text: bytes) -> tuple[bytes, tuple[Signature, ...]]:
    """Return the payload in the envelope *text*, and its signatures, which are not checked yet.

    They are signatures of `signed_form(payload)`.

    Raises:
        InvalidEnvelope: *text* is not an envelope with an in-toto statement.
    """
    try:
        document = parse_json(text)
        if document["payloadType"] != IN_TOTO:
            raise InvalidEnvelope(f"its payload is of another type, {document['payloadType']!r}")
        payload = base64.b64decode(document["payload"], validate=True)
        signatures = tuple(
            Signature(str(it["keyid"]), base64.b64decode(it["sig"], validate=True)) for it in document["signatures"]
        )
    except (ValueError, TypeError, LookupError) as error:
        raise InvalidEnvelope(f"{type(error).__name__}: {error}") from None
    if wrong := next((it for it in signatures if len(it.raw) != SIGNATURE_LENGTH), None):
        raise InvalidEnvelope(f"a signature has {len(wrong.raw)} bytes, not {SIGNATURE_LENGTH}")
    return payload, signatures
