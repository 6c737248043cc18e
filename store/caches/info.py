"""The info of an object in a cache: everything that a client has to know and to believe before it fetches it.

    {"format": "kernix-cache info 1", "path": "…", "digest": "…", "size": 1, "nodes": 1, "references": ["…"],
     "deriver": "…" | null, "results": [["<key>", "<output>"], …],
     "archive": {"digest": "…", "size": 1, "listing": "…", "listing_size": 1},
     "deltas": [{"base": "…", "digest": "…", "size": 1, "listing": "…", "listing_size": 1}, …], "signatures": […]}

Digests are BLAKE3 in hexadecimal: that of the tree (`store.trees.content`), those of blobs. All sizes are in bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from store.caches.documents import (
    digest_of,
    list_of,
    message,
    number_of,
    read_document,
    text_of,
    write_document,
)
from store.path import InvalidStorePath, StorePath


if TYPE_CHECKING:
    from store.signing.keys import Signature


FORMAT = "kernix-cache info 1"

_MEMBERS = ("path", "digest", "size", "nodes", "references", "deriver", "results", "archive", "deltas")
_ARCHIVE = {"digest", "size", "listing", "listing_size"}


@attrs.frozen(kw_only=True)
class Archive:
    """Two blobs: frames, and the listing that says what is in them.

    Attributes:
        digest: BLAKE3 of the frames.
        size: Their size in bytes.
        listing: BLAKE3 of the listing, as it is in the cache.
        listing_size: Its size in bytes.
        base: The object that this is a delta against, if it is one.
    """

    digest: bytes
    size: int
    listing: bytes
    listing_size: int
    base: StorePath | None = None

    @property
    def cost(self) -> int:
        """Return the bytes that taking all of it costs."""
        return self.size + self.listing_size

    def facts(self) -> dict[str, Any]:
        """Return its facts as JSON has them."""
        found: dict[str, Any] = {} if self.base is None else {"base": str(self.base)}
        return found | {
            "digest": self.digest.hex(),
            "size": self.size,
            "listing": self.listing.hex(),
            "listing_size": self.listing_size,
        }


@attrs.frozen(kw_only=True)
class Info:
    """What a cache says about an object.

    Attributes:
        path: Its store path.
        digest: The digest of its content.
        size: The total size of its files, in bytes.
        nodes: The number of its files, links and directories.
        references: The objects that it refers to, sorted.
        deriver: The derivation that it was built from, if known.
        results: The keys, and outputs of these, that it is the result of.
        archive: All of it.
        deltas: What differs from older objects.
        signatures: Those of `message`.
    """

    path: StorePath
    digest: bytes
    size: int
    nodes: int
    references: tuple[StorePath, ...]
    deriver: StorePath | None
    results: tuple[tuple[bytes, str], ...]
    archive: Archive
    deltas: tuple[Archive, ...] = ()
    signatures: tuple[Signature, ...] = ()

    @property
    def archives(self) -> tuple[Archive, ...]:
        """Return the archive and the deltas."""
        return (self.archive, *self.deltas)

    @property
    def blobs(self) -> dict[bytes, int]:
        """Return the sizes of all its blobs by digest."""
        return {
            digest: size
            for it in self.archives
            for digest, size in ((it.digest, it.size), (it.listing, it.listing_size))
        }

    @property
    def message(self) -> bytes:
        """Return what is signed: all but the signatures."""
        return message(FORMAT, self._facts())

    def encode(self) -> bytes:
        """Return the info as a document."""
        return write_document(FORMAT, self._facts(), self.signatures)

    @classmethod
    def decode(cls, data: bytes, path: StorePath) -> Info:
        """Return the info of *path* that the document *data* is.

        Raises:
            ValueError: it is not one, it is about another object, or the path does not follow from its facts.
        """
        facts, signatures = read_document(data, FORMAT, _MEMBERS)
        try:
            info = cls(
                path=StorePath.parse(text_of(facts["path"])),
                digest=digest_of(facts["digest"]),
                size=number_of(facts["size"]),
                nodes=number_of(facts["nodes"]),
                references=tuple(StorePath.parse(text_of(it)) for it in list_of(facts["references"])),
                deriver=None if facts["deriver"] is None else StorePath.parse(text_of(facts["deriver"])),
                results=tuple(_result(it) for it in list_of(facts["results"])),
                archive=_archive(facts["archive"], is_delta=False),
                deltas=tuple(_archive(it, is_delta=True) for it in list_of(facts["deltas"])),
                signatures=signatures,
            )
        except InvalidStorePath as error:
            raise ValueError(str(error)) from None
        if info.path != path:
            msg = f"it is about {info.path}"
            raise ValueError(msg)
        if list(info.references) != sorted(set(info.references)):
            msg = "its references are not sorted"
            raise ValueError(msg)
        if StorePath.make(info.digest, path.name, info.references) != path:
            msg = "its path does not follow from its digest and references"
            raise ValueError(msg)
        return info

    def _facts(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "digest": self.digest.hex(),
            "size": self.size,
            "nodes": self.nodes,
            "references": [str(it) for it in self.references],
            "deriver": None if self.deriver is None else str(self.deriver),
            "results": [[key.hex(), output] for key, output in self.results],
            "archive": self.archive.facts(),
            "deltas": [it.facts() for it in self.deltas],
        }


def _archive(value: object, *, is_delta: bool) -> Archive:
    wanted = {*_ARCHIVE, "base"} if is_delta else _ARCHIVE
    if not isinstance(value, dict) or value.keys() != wanted:
        msg = f"an archive has the members {', '.join(sorted(wanted))}"
        raise ValueError(msg)
    return Archive(
        digest=digest_of(value["digest"]),
        size=number_of(value["size"]),
        listing=digest_of(value["listing"]),
        listing_size=number_of(value["listing_size"]),
        base=StorePath.parse(text_of(value["base"])) if is_delta else None,
    )


def _result(value: object) -> tuple[bytes, str]:
    key, output = list_of(value) if isinstance(value, list) and len(value) == 2 else (None, None)  # noqa: PLR2004 -- a pair
    return digest_of(key), text_of(output)
