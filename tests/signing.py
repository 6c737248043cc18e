"""Keys for tests, made and used by gpg in a separate directory."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from tests.programs import program


if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def gnupg_home() -> Iterator[Path]:
    """Yield a directory for keys, and end the agent that GnuPG starts for it."""
    # The agent has a socket, whose path must be short, even if that of the tests' directory is long.
    with tempfile.TemporaryDirectory(prefix="gnupg-", dir="/tmp") as directory:
        try:
            yield Path(directory)
        finally:
            command = [program("gpgconf"), "--homedir", directory, "--kill", "all"]
            subprocess.run(command, check=True, capture_output=True)


@attrs.frozen
class Key:
    """A key pair of one user.

    Attributes:
        home: GnuPG's directory.
        fingerprint: The fingerprint of the public key.
        time: The time of its creation and signatures, such as `20200101T000000`; empty for the present.
    """

    home: Path
    fingerprint: str
    time: str = ""

    @property
    def public(self) -> bytes:
        """Return the public key in binary form."""
        return _gpg(self.home, "--export", self.fingerprint)

    @property
    def armored(self) -> bytes:
        """Return the public key as text."""
        return _gpg(self.home, "--armor", "--export", self.fingerprint)

    def sign(self, text: str) -> bytes:
        """Return *text* clearsigned."""
        return _gpg(self.home, *_at(self.time), "--local-user", self.fingerprint, "--clearsign", text=text)


def make_key(home: Path, user: str, *, time: str = "", expires: str = "never") -> Key:
    """Return a new key of *user*, made at *time* and valid until it *expires*."""
    _gpg(home, *_at(time), "--passphrase", "", "--quick-generate-key", user, "ed25519", "sign", expires)
    listed = _gpg(home, "--with-colons", "--list-keys", f"={user}").decode()
    return Key(home, next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:")), time)


def _at(time: str) -> list[str]:
    # "!" stops the clock: otherwise the time of a key may be a second later than that of its signature, which gpg rejects.
    return ["--faked-system-time", f"{time}!"] if time else []


def _gpg(home: Path, *arguments: str, text: str = "") -> bytes:
    command = [program("gpg"), "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback"]
    done = subprocess.run([*command, *arguments], input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
