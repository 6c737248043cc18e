"""The user's keys: where they are, and which of them signs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from store.errors import Error
from store.signing.keyring import Keyring
from store.signing.secret import load_secret, secret_from


if TYPE_CHECKING:
    from kernix.session import Session
    from store.signing.keys import SecretKey


class NoSigningKey(Error):
    """Something is to be signed, and it is not clear with which key."""

    known: tuple[str, ...]

    def __str__(self) -> str:
        return "several keys could sign, and none is chosen" if self.known else "there is no key to sign with"

    @property
    def hint(self) -> str:
        """Say how to choose or make one."""
        if self.known:
            return f"choose one of {', '.join(self.known)}, with `--key` or as `signing.key` in config.toml"
        return "`kernix key generate NAME` makes one"


def keyring(session: Session) -> Keyring:
    """Return the keys of the user.

    Raises:
        InvalidPlace: the environment does not say where they are.
    """
    return Keyring(session.config_home / "keys")


def signing_key(session: Session, name: str | None = None) -> SecretKey:
    """Return the key to sign with: the one called *name*, else the configured one, else the only one.

    Raises:
        NoSigningKey: there is none, or several.
        Error: it cannot be used, see `load_secret` and `secret_from`.
    """
    keys = keyring(session)
    if name is not None:
        return keys.secret(name)
    configured = session.configuration.signing if session.configuration is not None else None
    if configured is not None and configured.command:
        return secret_from(configured.command)
    if configured is not None and configured.key:
        is_path = configured.key.startswith("/")
        return load_secret(Path(configured.key)) if is_path else keys.secret(configured.key)
    own = keys.own()
    if len(own) != 1:
        raise NoSigningKey(own)
    return keys.secret(own[0])
