"""The signed documents of a cache: JSON objects with their format, their facts, and signatures of these.

    {"format": "kernix-cache info 1", …facts…, "signatures": ["NAME:BASE64", …]}

What is signed is the document without its signatures, in canonical form: ASCII, members sorted, no spaces. It is made
of the facts as they were read, so everything that is used is covered. Unknown members are refused: another
version of the format has another name.
"""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

from store.parsing import parse_json
from store.signing.keys import InvalidSignature, Signature


if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


MAX_DOCUMENT = 8 << 20
"""Bytes of a document: one with a reference to each of 50,000 objects is smaller."""

MAX_SIZE = 1 << 50
"""Bytes of an object or a blob; larger numbers are mistakes or attacks."""

_DIGEST = 32


def message(format_name: str, facts: Mapping[str, Any]) -> bytes:
    """Return the bytes to sign for *facts*."""
    return json.dumps({"format": format_name, **facts}, sort_keys=True, separators=(",", ":")).encode()


def write_document(format_name: str, facts: Mapping[str, Any], signatures: Sequence[Signature]) -> bytes:
    """Return the document as bytes, a member a line."""
    whole = {"format": format_name, **facts, "signatures": [str(it) for it in signatures]}
    return (json.dumps(whole, indent=1) + "\n").encode()


def read_document(
    data: bytes, format_name: str, members: Collection[str]
) -> tuple[dict[str, Any], tuple[Signature, ...]]:
    """Return the facts, which are *members*, and the signatures of the document *data*.

    Raises:
        ValueError: it is not such a document.
    """
    document = parse_json(data)
    if not isinstance(document, dict) or document.get("format") != format_name:
        what = document.get("format") if isinstance(document, dict) else None
        msg = f"its format is {what!r}, not {format_name!r}" if isinstance(what, str) else f"it is not a {format_name}"
        raise ValueError(msg)
    wanted = {"format", "signatures", *members}
    if document.keys() != wanted:
        odd = min(document.keys() ^ wanted)
        msg = f"its member {odd!r} is {'unknown' if odd in document else 'missing'}"
        raise ValueError(msg)
    try:
        signatures = tuple(Signature.parse(text_of(it)) for it in list_of(document.pop("signatures")))
    except InvalidSignature as error:
        raise ValueError(str(error)) from None
    del document["format"]
    return document, signatures


def text_of(value: object) -> str:
    """Return *value* if it is a text, else raise a ValueError."""
    if not isinstance(value, str):
        msg = f"expected a text, got {_shown(value)}"
        raise ValueError(msg)  # noqa: TRY004 -- whatever is wrong with a document is a ValueError
    return value


def list_of(value: object) -> list[Any]:
    """Return *value* if it is a list, else raise a ValueError."""
    if not isinstance(value, list):
        msg = f"expected a list, got {_shown(value)}"
        raise ValueError(msg)  # noqa: TRY004 -- as above
    return value


def number_of(value: object, most: int = MAX_SIZE) -> int:
    """Return *value* if it is a number from 0 to *most*, else raise a ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        msg = f"expected a number from 0 to {most}, got {_shown(value)}"
        raise ValueError(msg)
    return value


def digest_of(value: object) -> bytes:
    """Return the digest that *value* has in hexadecimal, or raise a ValueError."""
    text = text_of(value)
    digest = bytes.fromhex(text)
    if len(digest) != _DIGEST or digest.hex() != text:
        msg = f"{_shown(text)} is not a digest"
        raise ValueError(msg)
    return digest


def _shown(value: object) -> str:
    return repr(value)[:80]
