"""Pushing: objects with everything that they refer to, and the results that they are, signed.

Of each object, what it refers to is written first; then its blobs, then its info, and then its results: whatever a reader
finds, everything that it needs is there, wherever the writer was killed. Blobs are named by their content, so
writers cannot disturb each other.
"""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from store.caches.cache import HEADER_TEXT, check_header
from store.caches.errors import CacheDamaged, CacheError, NotACache, NotInCache
from store.caches.info import Archive, Info
from store.caches.pack import Packed, Tree, pack_archive, pack_delta
from store.caches.paths import HEADER, ROOTS, blob_path, info_path, names_path, result_path
from store.caches.result import Result, fits_a_cache
from store.caches.transport import read_small
from store.closure import closure, topological
from store.osutil.failpoints import reach
from store.osutil.space import disk_full_reported
from store.path import InvalidStorePath, StorePath
from store.signing.trusted import Trust, Untrusted


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from store.caches.cache import Cache
    from store.local import Store
    from store.signing.keys import SecretKey


CANDIDATES = 16
"""How many objects of a name are remembered as bases for deltas."""

WORTH_IT = 0.8
"""A delta that is not below this part of its archive is not kept."""

_MAX_NAMES = 1 << 16


@attrs.frozen(kw_only=True)
class Pushed:
    """What became of one object.

    Attributes:
        path: The object.
        archive: The bytes of its archive and listing.
        delta: Those of its delta, if one was made.
        written: Whether anything was written; otherwise the cache had it.
    """

    path: StorePath
    archive: int
    delta: int | None
    written: bool


@attrs.frozen(kw_only=True)
class Push:
    """How to push from *store* to *cache*, signing with *key*.

    Attributes:
        store: The store.
        cache: The cache; what is signed by the key is believed, too.
        key: The key that signs.
        threads: How many processors may pack.
        told: Called with what became of each object.
        warn: Called with what is odd.
    """

    store: Store
    cache: Cache
    key: SecretKey
    threads: int = attrs.field(factory=lambda: len(os.sched_getaffinity(0)))
    told: Callable[[Pushed], None] = lambda _: None
    warn: Callable[[str], None] = lambda _: None

    def push(self, paths: Iterable[StorePath], root: str | None = None) -> list[Pushed]:
        """Write *paths*, and everything that they refer to; with *root*, keep them under that name in the cache.

        Raises:
            ObjectMissing: one of them is not in the store.
            CacheError: the cache cannot be written.
        """
        paths = list(dict.fromkeys(paths))
        self.store.hold_all(paths)
        self._begin()
        graph = closure(paths, self.store.references)
        done = []
        for path in topological(graph):
            done.append(self._push(path))
            self.told(done[-1])
        if root is not None:
            self.cache.transport.put(f"{ROOTS}/{root}", "".join(f"{path}\n" for path in paths).encode())
        return done

    def _begin(self) -> None:
        """Write the header unless there is one.

        Raises:
            NotACache: there is one that we cannot use.
        """
        transport = self.cache.transport
        try:
            check_header(transport.url, read_small(transport, HEADER, _MAX_NAMES))
        except NotInCache:
            reach("push: header")
            transport.put(HEADER, HEADER_TEXT.encode())
        except CacheDamaged as error:
            raise NotACache(transport.url, error.reason) from None

    def _push(self, path: StorePath) -> Pushed:
        results = self._results(path)
        info = self._existing(path)
        written = info is None
        if info is None:
            info = self._new(path, tuple((it.key, it.output) for it in results))
        reach("push: info")
        # Written again even if it exists: the collector keeps what was pushed lately.
        self.cache.transport.put(info_path(path), info.encode())
        self.cache.forget(info_path(path))
        for result in results:
            self._put_result(result)
        if written:
            self._name(path)
        deltas = [it.cost for it in info.deltas]
        return Pushed(path=path, archive=info.archive.cost, delta=min(deltas, default=None), written=written)

    def _existing(self, path: StorePath) -> Info | None:
        """Return the info that the cache has, if it is believed and everything that it names is there."""
        mine = self.key.public
        trust = Trust(objects=(*self.cache.trust.objects, mine), results=(*self.cache.trust.results, mine))
        believing = attrs.evolve(self.cache, trust=trust)
        try:
            info = believing.info(path)
        except (CacheDamaged, Untrusted) as error:
            self.warn(f"replaced: {error}")
            return None
        if info is None or any(
            self.cache.transport.size(blob_path(digest)) != size for digest, size in info.blobs.items()
        ):
            return None
        return info

    def _new(self, path: StorePath, results: tuple[tuple[bytes, str], ...]) -> Info:
        """Write the blobs of *path* and return its info."""
        known = self.store.info(path)
        tree = Tree.of(self.store.path(path), self.store.manifest(path))
        with self.store.scratch() as scratch, disk_full_reported(self.store.layout.home):
            with (scratch / "archive").open("wb") as output:
                packed = pack_archive(tree, output, threads=self.threads)
            archive = self._put_archive(packed, scratch / "archive", None)
            deltas = []
            if (base := self._base(path, tree)) is not None:
                base_path, base_tree = base
                with (scratch / "delta").open("wb") as output:
                    packed = pack_delta(tree, base_tree, base_path, output, threads=self.threads)
                if packed.size < WORTH_IT * archive.size:
                    deltas.append(self._put_archive(packed, scratch / "delta", base_path))
        info = Info(
            path=path,
            digest=known.digest,
            size=known.size,
            nodes=known.nodes,
            references=known.references,
            deriver=known.deriver,
            results=results,
            archive=archive,
            deltas=tuple(deltas),
        )
        return attrs.evolve(info, signatures=(self.key.sign(info.message),))

    def _put_archive(self, packed: Packed, place: Path, base: StorePath | None) -> Archive:
        listing = packed.listing.encode()
        digest = blake3(listing).digest()
        reach("push: listing")
        self.cache.transport.put(blob_path(digest), listing)
        reach("push: archive")
        self.cache.transport.put(blob_path(packed.digest), place)
        return Archive(digest=packed.digest, size=packed.size, listing=digest, listing_size=len(listing), base=base)

    def _base(self, path: StorePath, tree: Tree) -> tuple[StorePath, Tree] | None:
        """Return the object of the same name, in the cache and the store, that has most bytes in common with *path*."""
        candidates = [it for it in self._names(path.name) if it != path]
        here = self.store.hold(candidates)
        best = None
        most = -1
        for candidate in candidates:
            if candidate not in here:
                continue
            other = Tree.of(self.store.path(candidate), self.store.manifest(candidate))
            digests = {digest for _, digest in other.nodes.values()}
            shared = sum(tree.size(it) for it, (_, digest) in tree.nodes.items() if digest in digests)
            if shared > most:
                most, best = shared, (candidate, other)
        return best

    def _names(self, name: str) -> list[StorePath]:
        """Return the objects called like *name*, newest first."""
        try:
            text = read_small(self.cache.transport, names_path(name), _MAX_NAMES).decode("ascii", "replace")
            return [StorePath.parse(it) for it in text.split()]
        except (CacheError, InvalidStorePath):  # only a hint
            return []

    def _name(self, path: StorePath) -> None:
        newest = [path, *(it for it in self._names(path.name) if it != path)][:CANDIDATES]
        reach("push: names")
        self.cache.transport.put(names_path(path.name), "".join(f"{it}\n" for it in newest).encode())

    def _results(self, path: StorePath) -> list[Result]:
        digest = self.store.info(path).digest
        found = self.store.database.results_of(path)
        return [
            Result(key=key, output=output, path=path, digest=digest) for key, output in found if fits_a_cache(output)
        ]

    def _put_result(self, result: Result) -> None:
        """Write *result*, unless a believed one is there: another one is reported, and does not replace it."""
        mine = self.key.public
        trust = Trust(objects=(), results=(*self.cache.trust.results, mine))
        try:
            found = attrs.evolve(self.cache, trust=trust).result(result.key, result.output)
        except (CacheDamaged, Untrusted) as error:
            self.warn(f"replaced: {error}")
            found = None
        if found is not None:
            if found.path != result.path:
                self.warn(f"{self.cache.url} has another result than {result.path}: {found.path}, which is kept")
            return
        signed = attrs.evolve(result, signatures=(self.key.sign(result.message),))
        place = result_path(result.key, result.output)
        reach("push: result")
        self.cache.transport.put(place, signed.encode())
        self.cache.forget(place)
