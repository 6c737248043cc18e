"""Store paths, the names of store objects: 32 characters of digest, a hyphen, a name.

A store path is the last component of an object's location on disk; the directory depends on
the store and is not part of it. The digest is 160 bits of BLAKE3 in derive-key mode over the
object's tree digest, its name and its references, each preceded by its length, so that no two
different triples share an encoding.
"""

from __future__ import annotations

import functools
import re

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from store import base32
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable


DIGEST_LENGTH = 32  # characters of base 32: 160 bits, as in Nix
MAX_NAME_LENGTH = 211  # leaves room for suffixes such as `.lock` within NAME_MAX

_CONTEXT = "kernix 1 store path"
_NAME = re.compile(r"(?!\.\.?(-|$))[0-9a-zA-Z+\-._?=]+", re.ASCII)
_DIGEST = re.compile(f"[{base32.ALPHABET}]{{{DIGEST_LENGTH}}}")


class InvalidStorePath(Error):
    """A text is not a store path."""

    text: str
    reason: str

    def __str__(self) -> str:
        return f"invalid store path {self.text!r}: {self.reason}"


def check_name(name: str) -> str:
    """Return *name* if it is a valid name for a store object.

    Raises:
        InvalidStorePath: *name* is empty, too long, or has characters that Nix refuses.
    """
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidStorePath(name, f"the name is longer than {MAX_NAME_LENGTH} characters")
    if not _NAME.fullmatch(name):
        raise InvalidStorePath(name, "a name consists of letters, digits and any of + - . _ ? =")
    return name


def fitting_name(name: str) -> str:
    """Return *name* if it is valid for a store object, else a similar valid name."""
    if len(name) <= MAX_NAME_LENGTH and _NAME.fullmatch(name):
        return name
    import unicodedata  # noqa: PLC0415 -- start-up: rarely needed

    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    fitting = re.sub(r"[^0-9a-zA-Z+\-._?=]+", "-", letters).lstrip(".-")[:MAX_NAME_LENGTH]
    return fitting if any(map(str.isalnum, fitting)) else "source"


@functools.total_ordering
@attrs.frozen(order=False)
class StorePath:
    """The name of a store object: 32 characters of Nix base-32 and a readable name."""

    digest: str
    name: str

    @classmethod
    def parse(cls, text: str) -> StorePath:
        """Parse *text*, ``<digest>-<name>``.

        Raises:
            InvalidStorePath: *text* has a different form.
        """
        digest, hyphen, name = text[:DIGEST_LENGTH], text[DIGEST_LENGTH:][:1], text[DIGEST_LENGTH + 1 :]
        if not _DIGEST.fullmatch(digest) or hyphen != "-":
            raise InvalidStorePath(text, "it does not begin with 32 base-32 characters and a hyphen")
        return cls(digest, check_name(name))

    @classmethod
    def make(cls, tree: bytes, name: str, references: Iterable[StorePath] = ()) -> StorePath:
        """Return the path of the object with content *tree*, *name* and *references*."""
        hasher = blake3(derive_key_context=_CONTEXT)
        for part in (tree, check_name(name).encode(), *sorted(str(r).encode() for r in references)):
            hasher.update(len(part).to_bytes(8, "little"))
            hasher.update(part)
        return cls(base32.encode(hasher.digest(length=20)), name)

    def __str__(self) -> str:
        return f"{self.digest}-{self.name}"

    def __lt__(self, other: StorePath) -> bool:
        return (self.digest, self.name) < (other.digest, other.name)
