"""Getting one object from one cache in the cheapest way: a delta, the parts that are missing, or all of it.

A delta is taken if its base is here. Else, where the files that are not here come to less than half of the archive, their
frames are requested, neighbours in one request. Else, or if either fails, the archive is taken. What arrives is
unpacked in a scratch directory, and compared with the digest in the info before it is registered.
"""

from __future__ import annotations

import contextlib
import os

from typing import TYPE_CHECKING

import attrs

from store.caches.download import RangesIgnored, download, download_parts, ignore
from store.caches.errors import CacheDamaged, CacheError
from store.caches.listing import Listing
from store.caches.pack import Tree
from store.caches.paths import blob_path
from store.caches.unpack import Frames, check_sizes, unpack_tree
from store.gc.retention import Retention
from store.osutil.locks import locked
from store.registration import Entry
from store.trees.content import InvalidTree, Kind
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from store.caches.cache import Cache
    from store.caches.info import Archive, Info
    from store.local import Store
    from store.trees.content import Content


GAP = 32 << 10
"""Bytes between two missing frames that cost no more than another request."""


@attrs.frozen
class Fetching:
    """How to fetch into *store*; *heard* is called with each number of bytes that arrive, *warn* with what went wrong."""

    store: Store
    heard: Callable[[int], None] = ignore
    warn: Callable[[str], None] = lambda _: None

    def fetch(self, cache: Cache, info: Info, scratch: Path) -> Entry:
        """Return the object of *info*, which *cache* has, unpacked in *scratch*.

        Raises:
            CacheError: it cannot be had in any way.
            OSError: it cannot be written.
        """
        for number, delta in enumerate(sorted(info.deltas, key=lambda it: it.cost)):
            if delta.cost < info.archive.cost and delta.base is not None and self.store.hold([delta.base]):
                place = scratch / f"delta-{number}"
                try:
                    return self._entry(info, place, self._unpack(cache, info, delta, place))
                except CacheError as error:
                    self.warn(f"the delta for {info.path} cannot be used: {error}")
        place = scratch / "object"
        return self._entry(info, place, self._unpack(cache, info, info.archive, place))

    def _entry(self, info: Info, place: Path, content: Content) -> Entry:
        return Entry(
            path=info.path,
            place=place,
            content=content,
            references=frozenset(info.references),
            retention=Retention.RESULT,
            deriver=info.deriver,
        )

    def _unpack(self, cache: Cache, info: Info, archive: Archive, place: Path) -> Content:
        listing_path = blob_path(archive.listing)
        with self._downloaded(cache, archive.listing, archive.listing_size) as listed:
            try:
                listing = Listing.decode(listed.read_bytes())
                check_sizes(listing, info)
                starts = tuple(listing.starts())
                if starts[-1] != archive.size:
                    msg = f"its frames have {starts[-1]} bytes, the archive {archive.size}"
                    raise ValueError(msg)  # noqa: TRY301 -- as what `decode` raises
            except ValueError as error:
                raise CacheDamaged(cache.url, listing_path, str(error)) from None
        base = None
        if archive.base is not None:
            base = Tree.of(self.store.path(archive.base), self.store.manifest(archive.base))
        with self._frames(cache, archive, listing, starts) as packed:
            descriptor = os.open(packed, os.O_RDONLY | os.O_CLOEXEC)
            try:
                with TreeWriter(self.store.pool, place) as writer:
                    content = unpack_tree(listing, Frames(descriptor, starts), writer, base)
            except (ValueError, InvalidTree) as error:
                raise CacheDamaged(cache.url, blob_path(archive.digest), str(error)) from None
            finally:
                os.close(descriptor)
        if (content.digest, content.size, content.nodes) != (info.digest, info.size, info.nodes):
            reason = f"it does not contain what {info.path} has to contain"
            raise CacheDamaged(cache.url, blob_path(archive.digest), reason)
        return content

    @contextlib.contextmanager
    def _frames(self, cache: Cache, archive: Archive, listing: Listing, starts: tuple[int, ...]) -> Iterator[Path]:
        """Give a file that has the frames that are needed where the archive has them."""
        spans = None if archive.base is not None else self._spans(listing, starts)
        if spans is not None and 2 * sum(end - start for start, end in spans) < archive.size:
            place = self._place(archive.digest, ".parts")
            with contextlib.suppress(RangesIgnored), self._alone(archive.digest):
                try:
                    download_parts(cache.transport, archive.digest, spans, place, self.heard)
                    yield place
                finally:
                    place.unlink(missing_ok=True)
                return
        with self._downloaded(cache, archive.digest, archive.size) as place:
            yield place

    def _spans(self, listing: Listing, starts: tuple[int, ...]) -> list[tuple[int, int]]:
        """Return where the frames are that have files which are not here, small gaps included."""
        has = self.store.pool.has
        numbers = {it.frame for it in listing.files if it.size and not has(it.digest, it.kind is Kind.EXECUTABLE)}
        spans: list[tuple[int, int]] = []
        for number in sorted(numbers):
            start, end = starts[number], starts[number + 1]
            if spans and start - spans[-1][1] <= GAP:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        return spans

    @contextlib.contextmanager
    def _downloaded(self, cache: Cache, digest: bytes, size: int) -> Iterator[Path]:
        """Give the blob with *digest*, which is deleted afterwards; what arrived before a failure is kept for the next try."""
        place = self._place(digest, "")
        with self._alone(digest):
            download(cache.transport, digest, size, place, self.heard)
            try:
                yield place
            finally:
                place.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _alone(self, digest: bytes) -> Iterator[None]:
        """Let nobody else use the file of the blob with *digest*: objects with the same content have the same blobs."""
        with locked(self.store.layout.locks / f"{digest.hex()}.blob.lock"):
            yield

    def _place(self, digest: bytes, suffix: str) -> Path:
        directory = self.store.layout.cache / "caches"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return directory / f"{digest.hex()}{suffix}"
