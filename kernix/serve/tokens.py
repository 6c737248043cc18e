"""Who may write to a cache that is served, and read it if it is private.

The file has the hashes of the tokens, and only its owner can read it:

    {"version": 1, "tokens": [{"name": "ci", "sha256": "…", "write": true}, …]}

A token has 256 random bits, so that a plain SHA-256 of it cannot be searched.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import secrets
import stat

from typing import TYPE_CHECKING

import attrs

from store.errors import Error, UsageError, reason_of
from store.osutil.durable import write_whole
from store.parsing import parse_json


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


VERSION = 1

_OTHERS = 0o077
_BYTES = 32
_NAME = re.compile(r"[0-9a-zA-Z][0-9a-zA-Z._-]{0,63}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


class InvalidTokens(Error):
    """The file with the hashes of tokens cannot be used."""

    file: Path
    reason: str

    def __str__(self) -> str:
        return f"the tokens in {self.file} are not used: {self.reason}"

    @property
    def hint(self) -> str:
        """Say how to get a valid one."""
        return "make it readable by its owner alone, or delete it and make new tokens with `kernix cache token NAME`"


@attrs.frozen
class Token:
    """What is kept of a token: whose it is, its SHA-256 in hexadecimal, and whether it may write."""

    name: str
    sha256: str = attrs.field(repr=False)
    write: bool

    @classmethod
    def make(cls, name: str, *, write: bool) -> tuple[Token, str]:
        """Return a new token, and its secret text.

        Raises:
            UsageError: no token can have this name.
        """
        if not _NAME.fullmatch(name):
            message = f"invalid name of a token {name[:80]!r}"
            raise UsageError(
                message, "a name has letters, digits and any of . _ -, and begins with a letter or a digit"
            )
        text = secrets.token_urlsafe(_BYTES)
        return cls(name, _hash(text), write), text


@attrs.define
class TokenFile:
    """The tokens in *file*; it is read again when it changes, so that a removed token is refused at once."""

    file: Path
    _stamp: tuple[int, ...] | None = attrs.field(default=None, init=False)
    _known: tuple[Token, ...] = attrs.field(default=(), init=False)

    def read(self) -> tuple[Token, ...]:
        """Return the tokens; none if there is no file.

        Raises:
            InvalidTokens: it cannot be read, others can read it, or it is something else.
        """
        try:
            descriptor = os.open(self.file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise InvalidTokens(self.file, reason_of(error)) from None
        with open(descriptor, "rb") as opened:  # noqa: PTH123 -- a descriptor
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise InvalidTokens(self.file, "it is not a file")
            if status.st_mode & _OTHERS:
                raise InvalidTokens(self.file, f"others can read it (mode {stat.S_IMODE(status.st_mode):o})")
            if status.st_uid not in {os.geteuid(), 0}:
                raise InvalidTokens(self.file, f"it belongs to the user {status.st_uid}")
            stamp = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._known, self._stamp = self._parsed(opened.read()), stamp
        return self._known

    def write(self, tokens: Sequence[Token]) -> None:
        """Write *tokens*, for the user alone."""
        document = {"version": VERSION, "tokens": [attrs.asdict(it) for it in tokens]}
        write_whole(self.file, json.dumps(document, indent=2) + "\n", mode=0o600)

    def bearer(self, authorization: str | None) -> Token | None:
        """Return whose token an Authorization header has: `Bearer TOKEN`, or `Basic` with the token as the password.

        Raises:
            InvalidTokens: as `read`.
        """
        text = _secret(authorization)
        if text is None:
            return None
        digest = _hash(text)
        found = None
        for it in self.read():  # all of them, whichever fits: the time says nothing
            if hmac.compare_digest(it.sha256, digest):
                found = it
        return found

    def _parsed(self, data: bytes) -> tuple[Token, ...]:
        try:
            document = parse_json(data)
            if document["version"] != VERSION:
                raise InvalidTokens(self.file, f"it is not of version {VERSION}")
            return tuple(_token(it) for it in document["tokens"])
        except (ValueError, KeyError, TypeError):
            raise InvalidTokens(self.file, "it is not a list of tokens") from None


def _token(facts: dict[str, object]) -> Token:
    name, sha256, write = facts["name"], facts["sha256"], facts["write"]
    if isinstance(name, str) and isinstance(sha256, str) and isinstance(write, bool) and _HASH.fullmatch(sha256):
        return Token(name, sha256, write)
    raise ValueError


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _secret(authorization: str | None) -> str | None:
    scheme, _, value = (authorization or "").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2] or None
        except (binascii.Error, ValueError):
            return None
    return None
