"""A user's keys: those of their own, and those that they trust.

    NAME.secret             a secret key (`store.signing.secret`)
    trusted/NAME.toml       a key that is trusted:
        key = "NAME:BASE64"
        for = ["objects", "results"]
        caches = ["https://cache.example.org"]      # of these caches alone; without this line, of every cache

A file for each key, so that trusting one is putting a file there, and nothing has to be merged.
"""

from __future__ import annotations

import json
import os
import re
import tomllib

from typing import TYPE_CHECKING, Any

import attrs

from store.errors import Error, reason_of
from store.osutil.durable import write_whole
from store.signing.keys import InvalidKey, PublicKey, SecretKey, check_key_name, generate
from store.signing.secret import SecretExists, load_secret, write_secret
from store.signing.trusted import Purpose, Trust


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


_SECRET = ".secret"  # noqa: S105 -- how file names end
_TRUSTED = ".toml"

_URL = re.compile(r"[a-z][a-z0-9+.-]*://[!#-\[\]-~]+", re.ASCII)  # printable, without space, quote and backslash
_WRITABLE = 0o022
_MAX_SIZE = 1 << 16


class InvalidTrust(Error):
    """A file that should name a trusted key cannot be believed."""

    file: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.file} names no trusted key: {self.reason}"

    @property
    def hint(self) -> str:
        """Name the command that writes such files."""
        return "delete the file, and trust the key again with `kernix key trust`"


class InvalidCacheURL(Error):
    """A text is not the URL of a cache."""

    exit_code = 2

    text: str
    reason: str

    def __str__(self) -> str:
        return f"invalid URL of a cache {self.text[:200]!r}: {self.reason}"

    @property
    def hint(self) -> str:
        """Give examples."""
        return "a cache is `file:///DIRECTORY` or `https://HOST/PATH`"


class OtherKeyTrusted(Error):
    """A different key of the same name is trusted already: a signature names its key by name alone."""

    name: str

    def __str__(self) -> str:
        return f"another key called `{self.name}` is trusted already"

    @property
    def hint(self) -> str:
        """Say what to do if the new one is right."""
        return f"if the new key is the right one, `kernix key distrust {self.name}` first"


class NotTrusted(Error):
    """A key that is not trusted cannot be distrusted."""

    name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"no key called `{self.name}` is trusted"

    @property
    def hint(self) -> str:
        """List the keys that are."""
        return f"trusted keys: {', '.join(self.known)}" if self.known else "no key is trusted"


@attrs.frozen
class TrustedKey:
    """A key, what it is trusted for, and from where.

    Attributes:
        key: The key.
        purposes: What it is trusted for, in the order of `Purpose`.
        caches: URLs of the caches whose content it is trusted for; none for every cache.
    """

    key: PublicKey
    purposes: tuple[Purpose, ...] = tuple(Purpose)
    caches: tuple[str, ...] = ()

    def is_for(self, purpose: Purpose, cache: str | None) -> bool:
        """Return whether the key is trusted for *purpose* with content of *cache*; None is no cache in particular."""
        return purpose in self.purposes and (not self.caches or (cache is not None and plain_url(cache) in self.caches))

    def dumps(self) -> str:
        """Return the text of the key's file."""
        lines = [f'key = "{self.key}"', f"for = {json.dumps([str(it) for it in self.purposes])}"]
        lines += [f"caches = {json.dumps(list(self.caches))}"] if self.caches else []
        return "".join(f"{line}\n" for line in lines)


def loads(text: str) -> TrustedKey:
    """Return the trusted key in *text*, the content of a file.

    Raises:
        ValueError: *text* is no such content.
    """
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except RecursionError:
        message = "not TOML: brackets are nested too deeply"
        raise ValueError(message) from None
    if unknown := sorted(document.keys() - {"key", "for", "caches"}):
        message = f"unknown setting `{unknown[0]}`"
        raise ValueError(message)
    if not isinstance(key := document.get("key"), str):
        message = "`key` is missing, or not a string"
        raise ValueError(message)  # noqa: TRY004 -- callers catch ValueErrors
    try:
        return TrustedKey(
            PublicKey.parse(key),
            _purposes(_strings(document, "for", ["objects", "results"])),
            tuple(dict.fromkeys(map(plain_url, _strings(document, "caches", [])))),
        )
    except (InvalidKey, InvalidCacheURL) as error:
        raise ValueError(str(error)) from None


def plain_url(text: str) -> str:
    """Return *text*, the URL of a cache, without slashes at its end.

    Raises:
        InvalidCacheURL: it is not a URL.
    """
    if not _URL.fullmatch(text):
        raise InvalidCacheURL(text, "it is not of the form SCHEME://HOST/PATH")
    return text.rstrip("/")


@attrs.frozen
class Keyring:
    """The keys in *directory*, which need not exist."""

    directory: Path

    def secret_file(self, name: str) -> Path:
        """Return the file of the secret key *name*.

        Raises:
            InvalidKeyName: *name* cannot be the name of a key.
        """
        return self.directory / f"{check_key_name(name)}{_SECRET}"

    def trusted_file(self, name: str) -> Path:
        """Return the file of the trusted key *name*.

        Raises:
            InvalidKeyName: *name* cannot be the name of a key.
        """
        return self.directory / "trusted" / f"{check_key_name(name)}{_TRUSTED}"

    def generate(self, name: str) -> PublicKey:
        """Make a key called *name*, and return its public half.

        Raises:
            InvalidKeyName: *name* cannot be the name of a key.
            SecretExists: there is a key of this name.
            OSError: it cannot be written.
        """
        file = self.secret_file(name)
        if os.path.lexists(file):
            raise SecretExists(file)
        key = generate(name)
        write_secret(file, key)
        return key.public

    def own(self) -> tuple[str, ...]:
        """Return the names of the secret keys.

        Raises:
            OSError: the directory cannot be read.
        """
        return _names(self.directory, _SECRET)

    def secret(self, name: str) -> SecretKey:
        """Return the secret key *name*.

        Raises:
            InvalidKeyName: *name* cannot be the name of a key.
            UnsafeSecret: others can read or replace it.
            SecretUnreadable: there is no such key, or it cannot be read.
            InvalidSecretKey: its file has something else in it.
        """
        return load_secret(self.secret_file(name))

    def trusted(self) -> tuple[TrustedKey, ...]:
        """Return the trusted keys, by name.

        Raises:
            InvalidTrust: a file has something else in it, or others can write it.
            OSError: the directory cannot be read.
        """
        return tuple(self._read(name) for name in _names(self.directory / "trusted", _TRUSTED))

    def trust(self, key: TrustedKey) -> None:
        """Trust *key*, instead of what it was trusted for before.

        Raises:
            OtherKeyTrusted: another key has this name.
            InvalidTrust: what is known of this name cannot be believed.
            OSError: it cannot be written.
        """
        file = self.trusted_file(key.key.name)
        if os.path.lexists(file) and self._read(key.key.name).key != key.key:
            raise OtherKeyTrusted(key.key.name)
        for directory in (self.directory, file.parent):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(file, key.dumps())
        file.chmod(0o644)  # whatever the umask: the file is refused when others can write it

    def distrust(self, name: str) -> None:
        """Trust the key *name* no longer, whatever its file contains.

        Raises:
            InvalidKeyName: *name* cannot be the name of a key.
            NotTrusted: it is not trusted.
            OSError: the file cannot be deleted.
        """
        try:
            self.trusted_file(name).unlink()
        except FileNotFoundError:
            raise NotTrusted(name, _names(self.directory / "trusted", _TRUSTED)) from None

    def trust_for(self, cache: str | None) -> Trust:
        """Return the keys that are trusted with content of *cache*; with None, those that are for every cache.

        Raises:
            InvalidTrust: a file has something else in it, or others can write it.
            OSError: the directory cannot be read.
        """
        keys = self.trusted()
        return Trust(
            objects=tuple(it.key for it in keys if it.is_for(Purpose.OBJECTS, cache)),
            results=tuple(it.key for it in keys if it.is_for(Purpose.RESULTS, cache)),
        )

    def _read(self, name: str) -> TrustedKey:
        file = self.directory / "trusted" / f"{name}{_TRUSTED}"
        try:
            for place in (file.parent, file):
                status = place.stat()
                if status.st_uid not in {0, os.geteuid()} or status.st_mode & _WRITABLE:
                    raise InvalidTrust(file, f"others can write {place}")
            with file.open("rb") as opened:
                key = loads(opened.read(_MAX_SIZE).decode())
        except (OSError, ValueError) as error:
            raise InvalidTrust(file, reason_of(error)) from None
        if key.key.name != name:
            raise InvalidTrust(file, f"it has the key `{key.key.name}`")
        return key


def _names(directory: Path, suffix: str) -> tuple[str, ...]:
    """Return the names of the files in *directory* that end with *suffix*, without it."""
    try:
        found = sorted(it.name for it in directory.iterdir())
    except FileNotFoundError:
        return ()
    return tuple(it.removesuffix(suffix) for it in found if it.endswith(suffix) and not it.startswith("."))


def _strings(document: dict[str, Any], name: str, default: list[str]) -> list[str]:
    value = document.get(name, default)
    if not isinstance(value, list) or (not value and name in document) or not all(isinstance(it, str) for it in value):
        message = f"`{name}` is not a list of strings"
        raise ValueError(message)
    return value


def _purposes(words: Iterable[str]) -> tuple[Purpose, ...]:
    words = set(words)
    if unknown := sorted(words - set(Purpose)):
        message = f"`{unknown[0]}` is not what a key can be trusted for: {', '.join(Purpose)}"
        raise ValueError(message)
    return tuple(it for it in Purpose if it in words)
