"""A result in a cache: the object that is one output of an action, signed by somebody who ran it.

    {"format": "kernix-cache result 1", "key": "…", "output": "out", "path": "…", "digest": "…", "signatures": […]}

The key is that of an action or of a derivation, in hexadecimal.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING, Any

import attrs

from store.caches.documents import digest_of, message, read_document, text_of, write_document
from store.path import InvalidStorePath, StorePath


if TYPE_CHECKING:
    from store.signing.keys import Signature


FORMAT = "kernix-cache result 1"

_MEMBERS = ("key", "output", "path", "digest")
_OUTPUT = re.compile(r"[0-9a-zA-Z_][0-9a-zA-Z_+.-]{0,100}", re.ASCII)  # becomes part of a file name


@attrs.frozen(kw_only=True)
class Result:
    """One output of an action.

    Attributes:
        key: The key of the action or derivation.
        output: The name of the output.
        path: The object.
        digest: The digest of its content.
        signatures: Those of `message`.
    """

    key: bytes
    output: str
    path: StorePath
    digest: bytes
    signatures: tuple[Signature, ...] = ()

    @property
    def message(self) -> bytes:
        """Return what is signed: all but the signatures."""
        return message(FORMAT, self._facts())

    def encode(self) -> bytes:
        """Return the result as a document."""
        return write_document(FORMAT, self._facts(), self.signatures)

    @classmethod
    def decode(cls, data: bytes, key: bytes, output: str) -> Result:
        """Return the result *output* of *key* that the document *data* is.

        Raises:
            ValueError: it is not one, or that of something else.
        """
        facts, signatures = read_document(data, FORMAT, _MEMBERS)
        try:
            path = StorePath.parse(text_of(facts["path"]))
        except InvalidStorePath as error:
            raise ValueError(str(error)) from None
        found = cls(
            key=digest_of(facts["key"]),
            output=text_of(facts["output"]),
            path=path,
            digest=digest_of(facts["digest"]),
            signatures=signatures,
        )
        if (found.key, found.output) != (key, output):
            msg = f"it is the result {found.output!r} of {found.key.hex()}"
            raise ValueError(msg)
        return found

    def _facts(self) -> dict[str, Any]:
        return {"key": self.key.hex(), "output": self.output, "path": str(self.path), "digest": self.digest.hex()}


def fits_a_cache(output: str) -> bool:
    """Return whether *output* can be the name of an output in a cache."""
    return bool(_OUTPUT.fullmatch(output))
