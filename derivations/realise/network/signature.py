"""Verify clearsigned texts with gpgv, against one key.

gpgv uses no web of trust and no network: it reports what signed a text, if the key is in the given keyring,
and writes out what the signature covers. Only that output is used: text before or after the signed part is
ignored, and so is everything if verification fails. gpgv's report is read from its
status lines (`doc/DETAILS` of GnuPG), which have the fingerprint of the whole key.
"""

from __future__ import annotations

import base64
import binascii
import re
import shutil
import subprocess
import tempfile

from pathlib import Path

from store.errors import Error


_ARMOR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n(.*?)(?:^=[^\r\n]{4}\r?\n)?-----END PGP PUBLIC KEY BLOCK-----",
    re.DOTALL | re.MULTILINE,
)
_REASONS = {
    "EXPKEYSIG": "the key that signed it has expired",
    "EXPSIG": "its signature has expired",
    "REVKEYSIG": "the key that signed it has been revoked",
    "BADSIG": "its signature does not match",
    "NO_PUBKEY": "the key that signed it is not in the keyring",
    "ERRSIG": "its signature cannot be checked",
    "NODATA": "it has no signature",
}


class NoGpgv(Error):
    """The program that checks signatures is not installed."""

    def __str__(self) -> str:
        return "gpgv, which checks signatures, is not installed"

    @property
    def hint(self) -> str:
        """Return how to install it."""
        return "install it, on Debian with `apt-get install gpgv`"


class InvalidKeyring(Error):
    """A file does not contain public keys."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} is not a keyring: {self.reason}"

    @property
    def hint(self) -> str:
        """Return how to make a keyring."""
        return "`gpg --export FINGERPRINT > FILE` writes one"


class NotSigned(Error):
    """A text is not signed by the required key."""

    name: str
    reason: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.name} cannot be trusted: {self.reason}"

    @property
    def hint(self) -> str:
        """Return which key must sign it."""
        return f"it must be signed by the key {self.fingerprint}; none of it was used"


def signed_text(name: str, message: bytes, keyring: bytes, fingerprint: str) -> str:
    """Return the part of the clearsigned *message* that its one signature, by the key with *fingerprint*, covers.

    Args:
        name: The name of the message in errors.
        message: The message.
        keyring: Public keys, as `gpg --export` writes them, armored or not.
        fingerprint: The primary key's, in upper-case hexadecimal.

    Raises:
        NotSigned: it has no signature, or one by another key, or was changed.
        InvalidKeyring: the keyring contains no keys.
        NoGpgv: gpgv is not installed.
    """
    program = shutil.which("gpgv")
    if program is None:
        raise NoGpgv
    with tempfile.TemporaryDirectory(prefix="kernix-") as directory:
        place = Path(directory)
        (place / "keyring").write_bytes(binary_keys("the keyring", keyring))
        (place / "message").write_bytes(message)
        command = (
            program,
            "--homedir",
            directory,
            "--weak-digest",
            "SHA1",
            "--status-fd",
            "1",
            "--keyring",
            "./keyring",
        )
        done = subprocess.run(
            [*command, "--output", "signed", "message"],
            cwd=place,
            env={"LC_ALL": "C"},
            capture_output=True,
            check=False,
        )
        status = [line.split() for line in done.stdout.decode(errors="replace").splitlines()]
        reports = [words[1:] for words in status if words[:1] == ["[GNUPG:]"] and len(words) > 1]
        if (reason := _objection(reports, fingerprint, done.returncode)) is not None:
            raise NotSigned(name, reason, fingerprint)
        return (place / "signed").read_text(encoding="utf-8", errors="replace")


def _objection(reports: list[list[str]], fingerprint: str, code: int) -> str | None:
    """Return why a message with gpgv's status lines *reports* cannot be trusted, None if it can."""
    kinds = [words[0] for words in reports]
    for kind, reason in _REASONS.items():
        if kind in kinds:
            return reason
    valid = [words for words in reports if words[0] == "VALIDSIG"]
    if len(valid) != 1 or kinds.count("GOODSIG") != 1 or kinds.count("PLAINTEXT") != 1 or code != 0:
        return "it does not have exactly one good signature" if reports else "gpgv cannot read it"
    if valid[0][-1] != fingerprint:  # the last field is the primary key's, whichever subkey signed
        return f"it is signed by another key, {valid[0][-1]}"
    return None


def binary_keys(name: str, keys: bytes) -> bytes:
    """Return *keys* in binary form, the only one that gpgv reads.

    Raises:
        InvalidKeyring: they are not keys.
    """
    if b"-----BEGIN PGP PUBLIC KEY BLOCK-----" in keys:
        try:
            found = b"".join(base64.b64decode(match[1], validate=False) for match in _ARMOR.finditer(keys))
        except binascii.Error:
            found = b""
        if not found:
            raise InvalidKeyring(name, "its armor is damaged")
        return found
    # A public-key packet in the old or the new form (RFC 9580, 4.2), or GnuPG's own keybox.
    if keys[:1] not in {b"\x98", b"\x99", b"\x9a", b"\xc6"} and keys[8:12] != b"KBXf":
        raise InvalidKeyring(name, "it does not begin like a key" if keys else "it is empty")
    return keys
