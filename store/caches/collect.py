"""Collecting the garbage of a cache, while others read and write it.

Kept are the objects that a root names, those that were pushed within the retention time, and everything that
they refer to. Of the others, results go first, then infos, and blobs last, and not before they have been
unused for a grace time: a reader who has seen an info still finds what it names, and a writer who has written blobs still
finds them when its info follows. An info that was written again meanwhile is kept.
"""

from __future__ import annotations

import contextlib
import itertools
import time

from typing import TYPE_CHECKING

import attrs

from store.caches.documents import MAX_DOCUMENT
from store.caches.errors import CacheDamaged, NotInCache
from store.caches.info import Info
from store.caches.paths import BLOBS, INFOS, ROOTS, blob_path, info_path, result_path
from store.caches.result import Result, fits_a_cache
from store.caches.transport import read_small
from store.osutil.parallel import in_parallel
from store.path import InvalidStorePath, StorePath


if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.caches.cache import Cache
    from store.caches.transport import Transport


_READERS = 16
_DAY = 24 * 60 * 60


@attrs.frozen(kw_only=True)
class CachePolicy:
    """What the collector of a cache keeps.

    Attributes:
        retention: Seconds for which an object is kept after it was last pushed.
        grace: Seconds for which a blob is kept after it was written, whether or not an info names it.
    """

    retention: float = 30 * _DAY
    grace: float = 1 * _DAY


@attrs.frozen(kw_only=True)
class Collected:
    """What a collection deleted, or would delete.

    Attributes:
        objects: The number of objects deleted.
        blobs: The number of blobs deleted.
        size: The bytes that the blobs had.
        kept: The number of objects kept.
    """

    objects: int
    blobs: int
    size: int
    kept: int


def collect_cache(cache: Cache, policy: CachePolicy, *, now: float | None = None, dry_run: bool = False) -> Collected:
    """Delete from *cache* what *policy* does not keep.

    Raises:
        CacheError: the cache cannot be listed, read or written.
    """
    now = time.time() if now is None else now
    cache.open()
    transport = cache.transport
    written = _written(transport, INFOS)
    recent = [path for path, when in written.items() if now - when < policy.retention]
    live = _closure(transport, [*_roots(transport), *recent])
    dead = sorted(written.keys() - live.keys())
    used = {digest for info in live.values() for digest in info.blobs}
    count = len(dead)
    for shard, paths in itertools.groupby(dead, lambda path: path.digest[:2]):
        still = _written(transport, f"{INFOS}/{shard}")
        for path in paths:
            if (info := _read(transport, path)) is not None:
                used.update(info.blobs)  # until the next collection: somebody may have read the info just now
            if still.get(path) != written[path]:  # pushed again
                count -= 1
                continue
            if dry_run:
                continue
            if info is not None:
                _delete_results(transport, info)
            transport.delete(info_path(path))
            cache.forget(info_path(path))
    names = {blob_path(digest) for digest in used}
    blobs = [it for it in transport.list(BLOBS) if it.path not in names and now - it.written >= policy.grace]
    for blob in blobs if not dry_run else ():
        transport.delete(blob.path)
    return Collected(objects=count, blobs=len(blobs), size=sum(it.size for it in blobs), kept=len(written) - count)


def infos_in(transport: Transport) -> list[StorePath]:
    """Return the objects whose infos are in a cache, whatever these say.

    Raises:
        CacheUnreachable: it cannot be listed.
    """
    return sorted(_written(transport, INFOS))


def _written(transport: Transport, folder: str) -> dict[StorePath, float]:
    """Return when the info of each object below *folder* was written; other files are not ours."""
    found = {}
    for it in transport.list(folder):
        with contextlib.suppress(InvalidStorePath):
            path = StorePath.parse(it.path.rpartition("/")[2])
            if info_path(path) == it.path:
                found[path] = it.written
    return found


def _roots(transport: Transport) -> list[StorePath]:
    found = []
    for root in transport.list(ROOTS):
        with contextlib.suppress(NotInCache):
            for line in read_small(transport, root.path, MAX_DOCUMENT).decode("ascii", "replace").split():
                try:
                    found.append(StorePath.parse(line))
                except InvalidStorePath as error:  # deleting what it may have named would be worse
                    raise CacheDamaged(transport.url, root.path, str(error)) from None
    return found


def _closure(transport: Transport, paths: Iterable[StorePath]) -> dict[StorePath, Info]:
    """Return the infos of *paths* and everything that they refer to, as far as they can be read."""
    found: dict[StorePath, Info] = {}
    seen: set[StorePath] = set()
    generation = {*paths}
    while generation:
        seen |= generation
        wanted = sorted(generation)
        infos = in_parallel(lambda path: _read(transport, path), wanted, _READERS)
        found |= {path: info for path, info in zip(wanted, infos, strict=True) if info is not None}
        generation = {it for info in infos if info is not None for it in info.references} - seen
    return found


def _read(transport: Transport, path: StorePath) -> Info | None:
    """Return the info of *path*, whoever signed it: None if it is missing or no info."""
    try:
        return Info.decode(read_small(transport, info_path(path), MAX_DOCUMENT), path)
    except (NotInCache, CacheDamaged, ValueError):
        return None


def _delete_results(transport: Transport, info: Info) -> None:
    """Delete the results that lead to the object of *info*."""
    for key, output in info.results:
        if not fits_a_cache(output):
            continue
        place = result_path(key, output)
        with contextlib.suppress(NotInCache, CacheDamaged, ValueError):
            if Result.decode(read_small(transport, place, MAX_DOCUMENT), key, output).path == info.path:
                transport.delete(place)
