"""Keys and signatures: ed25519 (RFC 8032), with names, in Nix's text form `NAME:BASE64`.

A public key has 32 bytes. The text of a secret key has 64: the seed of 32 bytes, and the public key that belongs to
it. A signature has 64 bytes. Base64 is that of RFC 4648 with padding; each value has exactly one spelling.
"""

from __future__ import annotations

import base64
import binascii
import re

import attrs

from store.errors import Error


PUBLIC_LENGTH = 32
SEED_LENGTH = 32
SIGNATURE_LENGTH = 64
MAX_NAME_LENGTH = 100

_NAME = re.compile(r"[0-9a-zA-Z][0-9a-zA-Z.+_=@-]*", re.ASCII)
_SHOWN = 120


class InvalidKeyName(Error):
    """A text cannot be the name of a key."""

    exit_code = 2

    name: str
    reason: str

    def __str__(self) -> str:
        return f"invalid key name {_cut(self.name)!r}: {self.reason}"

    @property
    def hint(self) -> str:
        """Give an example."""
        return "`builder-1` is a good name: who signs, and a number for the next key"


class InvalidKey(Error):
    """A text is not a public key."""

    text: str
    reason: str

    def __str__(self) -> str:
        return f"invalid key {_cut(self.text)!r}: {self.reason}"

    @property
    def hint(self) -> str:
        """Say what a key looks like."""
        return "a public key is `NAME:` and 44 characters of base64, as `kernix key list` prints it"


class InvalidSecretKey(Error):
    """A text is not a secret key; the text is not shown, because it may nearly be one."""

    reason: str

    def __str__(self) -> str:
        return f"invalid secret key: {self.reason}"


class InvalidSignature(Error):
    """A text is not a signature."""

    text: str
    reason: str

    def __str__(self) -> str:
        return f"invalid signature {_cut(self.text)!r}: {self.reason}"


def check_key_name(name: str) -> str:
    """Return *name* if it can be the name of a key: it becomes part of file names and of `NAME:BASE64`.

    Raises:
        InvalidKeyName: it is empty, too long, or has other characters.
    """
    if (reason := _why_no_name(name)) is not None:
        raise InvalidKeyName(name, reason)
    return name


@attrs.frozen
class Signature:
    """Who signed, and the 64 bytes of the signature.

    Attributes:
        key: The name of the key.
        raw: The signature.
    """

    key: str
    raw: bytes

    @classmethod
    def parse(cls, text: str) -> Signature:
        """Parse *text*, `NAME:BASE64`.

        Raises:
            InvalidSignature: *text* has a different form.
        """
        try:
            return cls(*_split(text, SIGNATURE_LENGTH))
        except ValueError as error:
            raise InvalidSignature(text, str(error)) from None

    def __str__(self) -> str:
        return _joined(self.key, self.raw)


@attrs.frozen
class PublicKey:
    """A key that checks signatures.

    Attributes:
        name: Its name, which signatures carry.
        raw: Its 32 bytes.
    """

    name: str
    raw: bytes

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Parse *text*, `NAME:BASE64`.

        Raises:
            InvalidKey: *text* has a different form, or its bytes are no point that a key can be: for some of these, of
                low order, anybody can make signatures.
        """
        try:
            key = cls(*_split(text, PUBLIC_LENGTH))
        except ValueError as error:
            raise InvalidKey(text, str(error)) from None
        if not _is_sound(key.raw):
            raise InvalidKey(text, "no key pair has this public key")
        return key

    def __str__(self) -> str:
        return _joined(self.name, self.raw)

    def verify(self, message: bytes, signature: Signature) -> bool:
        """Return whether *signature* is one of *message* by this key, whatever name it carries."""
        from nacl.exceptions import BadSignatureError  # noqa: PLC0415 -- start-up: most runs check no signature
        from nacl.signing import VerifyKey  # noqa: PLC0415 -- as above

        if len(signature.raw) != SIGNATURE_LENGTH or not _is_sound(self.raw):
            return False
        try:
            VerifyKey(self.raw).verify(message, signature.raw)
        except BadSignatureError:
            return False
        return True


@attrs.frozen
class SecretKey:
    """A key that signs. Its text form is to be kept secret; it is not shown by `repr`.

    Attributes:
        name: Its name, also that of the public key.
        seed: The 32 bytes that everything else follows from.
    """

    name: str
    seed: bytes = attrs.field(repr=False)

    @classmethod
    def parse(cls, text: str) -> SecretKey:
        """Parse *text*, `NAME:BASE64` of the seed and the public key.

        Raises:
            InvalidSecretKey: *text* has a different form, or its public key belongs to another seed.
        """
        try:
            name, both = _split(text, SEED_LENGTH + PUBLIC_LENGTH)
        except ValueError as error:
            raise InvalidSecretKey(str(error)) from None
        key = cls(name, both[:SEED_LENGTH])
        if key.public.raw != both[SEED_LENGTH:]:
            raise InvalidSecretKey("its public half does not belong to its secret half")
        return key

    @property
    def text(self) -> str:
        """Return the text form, which contains the secret."""
        return _joined(self.name, self.seed + self.public.raw)

    @property
    def public(self) -> PublicKey:
        """Return the key that checks the signatures of this one."""
        from nacl.signing import SigningKey  # noqa: PLC0415 -- as above

        return PublicKey(self.name, bytes(SigningKey(self.seed).verify_key))

    def sign(self, message: bytes) -> Signature:
        """Return the signature of *message*; ed25519 gives the same one each time."""
        from nacl.signing import SigningKey  # noqa: PLC0415 -- as above

        return Signature(self.name, SigningKey(self.seed).sign(message).signature)


def generate(name: str) -> SecretKey:
    """Return a new key called *name*, made from the system's random numbers.

    Raises:
        InvalidKeyName: *name* cannot be the name of a key.
    """
    from nacl.utils import random  # noqa: PLC0415 -- as above

    return SecretKey(check_key_name(name), random(SEED_LENGTH))


def _is_sound(raw: bytes) -> bool:
    """Return whether *raw* is a point of the prime-order group, which excludes those of low order."""
    from nacl.bindings import crypto_core_ed25519_is_valid_point  # noqa: PLC0415 -- as above

    return len(raw) == PUBLIC_LENGTH and bool(crypto_core_ed25519_is_valid_point(raw))


def _why_no_name(name: str) -> str | None:
    if len(name) > MAX_NAME_LENGTH:
        return f"the name is longer than {MAX_NAME_LENGTH} characters"
    if not _NAME.fullmatch(name):
        return "a name consists of letters, digits and any of . + - _ = @, and begins with a letter or a digit"
    return None


def _split(text: str, length: int) -> tuple[str, bytes]:
    """Return the name and the *length* bytes of *text*, or raise a ValueError that does not quote it."""
    name, colon, encoded = text.partition(":")
    if not colon:
        message = "it has no `:` after a name"
        raise ValueError(message)
    if (reason := _why_no_name(name)) is not None:
        raise ValueError(reason)
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        message = f"`{name}:` is not followed by base64 alone"
        raise ValueError(message) from None
    if len(raw) != length:
        message = f"it has {len(raw)} bytes after `{name}:`, not {length}"
        raise ValueError(message)
    if _joined(name, raw) != text:
        message = "its last digit of base64 has bits beyond the last byte"
        raise ValueError(message)
    return name, raw


def _joined(name: str, raw: bytes) -> str:
    return f"{name}:{base64.b64encode(raw).decode()}"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
