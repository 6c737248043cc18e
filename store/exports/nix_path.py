"""The store path that Nix gives to content: a function of its archive's hash, references and name.

    inner       = SHA-256 of the archive
    type        = "source" (":" path of a reference)*          references sorted, as whole paths
    fingerprint = type ":sha256:" hexadecimal(inner) ":" store-directory ":" name
    digest      = the 32 bytes of SHA-256(fingerprint), folded to 20 by exclusive or

This is the form of content that is addressed by its whole archive with SHA-256, `fixed:r:sha256` (Nix,
`libstore/store-api.cc`, `makeFixedOutputPath`). Whoever has the archive can compute the path, so no signature is needed.
"""

from __future__ import annotations

import hashlib

from typing import TYPE_CHECKING

from store import base32
from store.path import StorePath


if TYPE_CHECKING:
    from collections.abc import Iterable


STORE_DIRECTORY = "/nix/store"

_FOLDED = 20  # bytes


def nix_path(
    nar_hash: bytes, name: str, references: Iterable[StorePath] = (), directory: str = STORE_DIRECTORY
) -> StorePath:
    """Return Nix's path, in the store *directory*, of content with *nar_hash* and *references* of that store."""
    kind = ":".join(["source", *(f"{directory}/{it}" for it in sorted(references))])
    fingerprint = f"{kind}:sha256:{nar_hash.hex()}:{directory}:{name}"
    folded = bytearray(_FOLDED)
    for number, byte in enumerate(hashlib.sha256(fingerprint.encode()).digest()):
        folded[number % _FOLDED] ^= byte
    return StorePath(base32.encode(bytes(folded)), name)
