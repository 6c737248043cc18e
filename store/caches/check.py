"""Verifying a cache: every info and result is one, is signed, and what it names is there and intact.

What is damaged is removed on request, infos before blobs; where the object is in the local store, it is pushed again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from store.caches.collect import infos_in
from store.caches.errors import CacheDamaged, NotInCache
from store.caches.paths import BLOBS, RESULTS, blob_path, info_path
from store.osutil.interrupt import check
from store.osutil.parallel import in_parallel
from store.signing.trusted import Untrusted


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from store.caches.cache import Cache
    from store.path import StorePath


_READERS = 4


@attrs.frozen(kw_only=True)
class Fault:
    """Something wrong in a cache.

    Attributes:
        file: The file, relative to the cache.
        reason: What is wrong with it.
        path: The object that cannot be pulled because of it, if that is known.
    """

    file: str
    reason: str
    path: StorePath | None = None


def verify_cache(cache: Cache, heard: Callable[[int], None] = lambda _: None) -> list[Fault]:
    """Return everything that is wrong in *cache*; *heard* is called with the number of bytes of each blob read.

    Raises:
        CacheUnreachable, NotACache: it cannot be read.
    """
    cache.open()
    faults: list[Fault] = []
    owners: dict[bytes, tuple[int, StorePath]] = {}
    for path in infos_in(cache.transport):
        check()
        place = info_path(path)
        try:
            info = cache.info(path)
        except CacheDamaged as error:
            faults.append(Fault(file=place, reason=error.reason, path=path))
            continue
        except Untrusted as error:
            faults.append(Fault(file=place, reason="; ".join(error.reasons), path=path))
            continue
        for digest, size in info.blobs.items() if info is not None else ():
            owners[digest] = (size, path)
    results = in_parallel(lambda digest: _blob(cache, digest, *owners[digest]), sorted(owners), _READERS)
    for size, fault in results:
        heard(size)
        if fault is not None:
            faults.append(fault)
    faults += _results(cache)
    return faults


def remove_faults(cache: Cache, faults: list[Fault]) -> list[StorePath]:
    """Remove the files with *faults*, and the infos that need them; return the objects that can no longer be pulled."""
    lost = sorted({it.path for it in faults if it.path is not None})
    for path in lost:
        cache.transport.delete(info_path(path))
        cache.forget(info_path(path))
    for fault in faults:
        cache.transport.delete(fault.file)
        cache.forget(fault.file)
    return lost


def _blob(cache: Cache, digest: bytes, size: int, path: StorePath) -> tuple[int, Fault | None]:
    place = blob_path(digest)
    hasher = blake3()
    read = 0
    try:
        with cache.transport.stream(place) as stream:
            for chunk in stream.chunks:
                check()
                hasher.update(chunk)
                read += len(chunk)
                if read > size:
                    break
    except NotInCache:
        return 0, Fault(file=place, reason="it is missing", path=path)
    if read != size:
        return read, Fault(file=place, reason=f"it does not have the {size} bytes that it should have", path=path)
    if hasher.digest() != digest:
        return read, Fault(file=place, reason="it does not have the digest in its name", path=path)
    return read, None


def _results(cache: Cache) -> Iterator[Fault]:
    for listed in cache.transport.list(RESULTS):
        check()
        key, _, output = listed.path.rpartition("/")[2].partition("-")
        try:
            cache.result(bytes.fromhex(key), output)
        except ValueError:
            continue  # not one of our names
        except CacheDamaged as error:
            yield Fault(file=listed.path, reason=error.reason)
        except Untrusted as error:
            yield Fault(file=listed.path, reason="; ".join(error.reasons))


def size_of(cache: Cache) -> tuple[int, int]:
    """Return how many objects *cache* has, and how many bytes its blobs take.

    Raises:
        CacheError: it cannot be listed.
    """
    cache.open()
    return len(infos_in(cache.transport)), sum(it.size for it in cache.transport.list(BLOBS))
