"""Where secret keys are kept: a file that only its owner can read, or whatever a command prints."""

from __future__ import annotations

import errno
import os
import stat
import subprocess

from typing import TYPE_CHECKING

from store.errors import Error, reason_of
from store.osutil.durable import sync_directory, write_whole
from store.signing.keys import InvalidSecretKey, SecretKey


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


MAX_LENGTH = 4096
"""How long the text of a key may be, in bytes: some twenty times what it is."""

COMMAND_TIMEOUT = 60.0
"""How long a command may take, in seconds: it may ask for a passphrase."""

_OTHERS = 0o077


class UnsafeSecret(Error):
    """A file with a secret key is one that others can read or replace."""

    file: Path
    reason: str
    advice: str | None = None

    def __str__(self) -> str:
        return f"{self.file} is not used as a secret key: {self.reason}"

    @property
    def hint(self) -> str | None:
        """Return what makes it safe."""
        return self.advice


class SecretUnreadable(Error):
    """A secret key cannot be read."""

    file: Path
    reason: str

    def __str__(self) -> str:
        return f"cannot read the secret key {self.file}: {self.reason}"

    @property
    def hint(self) -> str:
        """Name the command that makes a key."""
        return "`kernix key generate` makes a key"


class SecretCommandFailed(Error):
    """The command that prints the secret key failed."""

    command: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        return f"the command for the secret key, `{' '.join(self.command)}`, {self.reason}"


class SecretExists(Error):
    """A secret key is not overwritten: whatever it signed could not be signed again."""

    file: Path

    def __str__(self) -> str:
        return f"{self.file} exists already, and a secret key is never overwritten"

    @property
    def hint(self) -> str:
        """Say how keys follow one another."""
        return "give the new key another name, such as the old one with the next number"


def load_secret(file: Path) -> SecretKey:
    """Return the secret key in *file*.

    Raises:
        UnsafeSecret: *file* is a symbolic link, not a regular file, or one that others own or may read or write.
        SecretUnreadable: it does not exist, or cannot be read.
        InvalidSecretKey: its content is not a secret key.
    """
    try:  # O_NONBLOCK: opening a pipe must not wait for a writer
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnsafeSecret(file, "it is a symbolic link", "name the file that it leads to") from None
        raise SecretUnreadable(file, reason_of(error)) from error
    try:
        _check_safe(file, os.fstat(descriptor))
        return _parse(os.read(descriptor, MAX_LENGTH + 1))
    except OSError as error:
        raise SecretUnreadable(file, reason_of(error)) from error
    finally:
        os.close(descriptor)


def secret_from(command: Sequence[str], *, timeout: float = COMMAND_TIMEOUT) -> SecretKey:
    """Return the secret key that *command* prints; it may use the terminal to ask for a passphrase.

    Raises:
        SecretCommandFailed: it cannot be run, fails, or takes longer than *timeout* seconds.
        InvalidSecretKey: what it prints is not a secret key.
    """
    words = tuple(command)
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, check=False, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise SecretCommandFailed(words, f"took longer than {timeout:g} s") from None
    except (OSError, ValueError) as error:
        raise SecretCommandFailed(words, f"cannot be run: {reason_of(error)}") from None
    if done.returncode:
        how = (
            f"failed with code {done.returncode}" if done.returncode > 0 else f"was ended by signal {-done.returncode}"
        )
        raise SecretCommandFailed(words, how)
    return _parse(done.stdout)


def write_secret(file: Path, key: SecretKey) -> None:
    """Write *key* to *file*, all of it or nothing, readable for its owner alone from the beginning.

    Raises:
        SecretExists: there is something at *file* already.
        OSError: it cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not write_whole(file, f"{key.text}\n", replace=False, mode=0o600):
        raise SecretExists(file)
    sync_directory(file.parent)


def _check_safe(file: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeSecret(file, "it is not a regular file")
    if status.st_uid != os.geteuid():
        raise UnsafeSecret(file, "it belongs to another user")
    if (
        status.st_mode & _OTHERS
    ):  # with an access control list, the group's bits are the most that the list gives to anyone
        reason = f"others have access to it (mode {stat.S_IMODE(status.st_mode):04o})"
        raise UnsafeSecret(file, reason, f"`chmod 600 {file}`, or make a new key if somebody may have read it")


def _parse(data: bytes) -> SecretKey:
    if len(data) > MAX_LENGTH:
        raise InvalidSecretKey(f"it is longer than {MAX_LENGTH} bytes")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidSecretKey("it is not text") from None
    return SecretKey.parse(text.strip())
