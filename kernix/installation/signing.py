"""Signing EFI programs for Secure Boot, with sbsign."""

from __future__ import annotations

import shutil
import subprocess

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from store import base32
from store.errors import Error, reason_of


if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self


_DIGEST = 10  # bytes of the digest of a certificate


class NoSigningProgram(Error):
    """The program that signs is not installed."""

    def __str__(self) -> str:
        return "cannot sign: this machine has no sbsign"

    @property
    def hint(self) -> str:
        """Name the packages."""
        return "install sbsigntool (Debian) or sbsigntools (Fedora)"


class UnusableKey(Error):
    """A key or a certificate cannot be used to sign."""

    place: Path
    reason: str

    def __str__(self) -> str:
        return f"cannot sign with {self.place}: {self.reason}"

    @property
    def hint(self) -> str:
        """Say what is needed."""
        return "`--sign-key` is a private key and `--sign-cert` its certificate, both PEM"


@attrs.frozen
class Signer:
    """A key and its certificate, by paths; *identity* is a digest of the certificate, and *program* signs."""

    program: str
    key: Path
    certificate: Path
    identity: str

    @classmethod
    def of(cls, key: Path, certificate: Path) -> Self:
        """Return the signer with *key* and *certificate*.

        Raises:
            NoSigningProgram: there is none.
            UnusableKey: one of them cannot be read.
        """
        program = shutil.which("sbsign")
        if program is None:
            raise NoSigningProgram
        for it in (key, certificate):
            try:
                data = it.read_bytes()
            except OSError as error:
                raise UnusableKey(it, reason_of(error)) from None
        return cls(program, key, certificate, base32.encode(blake3(data).digest(length=_DIGEST)))

    def sign(self, program: Path) -> None:
        """Sign the file *program*, in its place.

        Raises:
            UnusableKey: the key or the certificate is not one, or they do not belong together.
        """
        signed = program.with_name(f"{program.name}.signed")
        done = subprocess.run(
            [
                self.program,
                "--key",
                self.key.absolute(),
                "--cert",
                self.certificate.absolute(),
                "--output",
                signed,
                program,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0 or not signed.is_file():
            lines = [it for it in done.stderr.splitlines() if not it.startswith("warning")]
            raise UnusableKey(self.key, lines[0] if lines else f"sbsign ended with status {done.returncode}")
        signed.replace(program)
