"""Nix's base-32: 32 characters without e, o, u and t, least significant digit last.

The bytes are read as one little-endian number and written most significant digit first
(Nix, `libutil/hash.cc`). Every character carries five bits, so *n* bytes give
``ceil(8 n / 5)`` characters; bits beyond the last byte must be zero.
"""

from __future__ import annotations


ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz"

_DIGITS = {character: value for value, character in enumerate(ALPHABET)}


def encode(data: bytes) -> str:
    """Return *data* in Nix's base-32."""
    length = (len(data) * 8 + 4) // 5
    number = int.from_bytes(data, "little")
    return "".join(ALPHABET[number >> (5 * i) & 31] for i in reversed(range(length)))


def decode(text: str) -> bytes:
    """Return the bytes that *text* encodes.

    Raises:
        ValueError: a character outside the alphabet, or bits beyond the last byte.
    """
    number = 0
    for character in text:
        if character not in _DIGITS:
            msg = f"invalid base-32 character: {character!r}"
            raise ValueError(msg)
        number = number << 5 | _DIGITS[character]
    size = len(text) * 5 // 8
    if number >> (8 * size):
        msg = f"base-32 text has bits beyond its last byte: {text!r}"
        raise ValueError(msg)
    return number.to_bytes(size, "little")
