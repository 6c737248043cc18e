"""One cache during one run: its infos and results, read once, and believed only if a trusted key signed them.

What a cache lacks is remembered as long as this object lives: a run, and no longer. A cache that does not answer is not asked again.
"""

from __future__ import annotations

import threading

from typing import TYPE_CHECKING, Any

import attrs

from store.caches.documents import MAX_DOCUMENT
from store.caches.errors import CacheDamaged, CacheUnreachable, NoCacheYet, NotACache, NotInCache
from store.caches.info import Info
from store.caches.paths import HEADER, info_path, result_path
from store.caches.result import Result, fits_a_cache
from store.caches.transport import read_small
from store.parsing import parse_json
from store.signing.trusted import Purpose


if TYPE_CHECKING:
    from collections.abc import Callable

    from store.caches.transport import Transport
    from store.path import StorePath
    from store.signing.trusted import Trust


VERSION = 1
"""The version of the format."""

HEADER_TEXT = f'{{"format": "kernix-cache", "version": {VERSION}}}\n'
_MAX_HEADER = 1 << 16


@attrs.define(eq=False)
class Cache:
    """A cache: what the user calls it, where it is, and whose signatures are believed about what it has."""

    name: str
    transport: Transport
    trust: Trust
    _known: dict[str, Any] = attrs.field(factory=dict, init=False)
    _failure: CacheUnreachable | NotACache | None = attrs.field(default=None, init=False)
    _open: bool = attrs.field(default=False, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @property
    def url(self) -> str:
        """Return its URL, for messages."""
        return self.transport.url

    def open(self) -> None:
        """Check that there is a cache of this format; only the first call asks.

        Raises:
            CacheUnreachable: it does not answer, now or earlier in this run.
            NotACache: there is none yet (`NoCacheYet`), or one of another version.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._open:
                return
            try:
                check_header(self.url, read_small(self.transport, HEADER, _MAX_HEADER))
            except NotInCache:
                self._failure = NoCacheYet(self.url)
            except CacheDamaged as error:
                self._failure = NotACache(self.url, error.reason)
            except (CacheUnreachable, NotACache) as error:
                self._failure = error
            if self._failure is not None:
                raise self._failure
            self._open = True

    def give_up(self, failure: CacheUnreachable) -> None:
        """Ask this cache nothing more, because of *failure*."""
        self._failure = failure

    def info(self, path: StorePath) -> Info | None:
        """Return what it says about the object *path*, or None if it does not have that.

        Raises:
            Untrusted: it is not signed by a key that is trusted for objects.
            CacheError: it cannot be read, or is not an info.
        """
        found = self.stated_info(path)
        if found is not None:
            subject = f"{path} in {self.url}"
            self.trust.check(found.message, found.signatures, Purpose.OBJECTS, subject=subject)
        return found

    def result(self, key: bytes, output: str) -> Result | None:
        """Return its result *output* of *key*, or None if it does not have that.

        Raises:
            Untrusted: it is not signed by a key that is trusted for results.
            CacheError: it cannot be read, or is not a result.
        """
        found = self.stated_result(key, output)
        if found is not None:
            subject = f"the result {found.path} in {self.url}"
            self.trust.check(found.message, found.signatures, Purpose.RESULTS, subject=subject)
        return found

    def stated_info(self, path: StorePath) -> Info | None:
        """Return its info of the object *path*, whoever signed it: not to be believed.

        Raises:
            CacheError: it cannot be read, or is not an info.
        """
        found: Info | None = self._read(info_path(path), lambda data: Info.decode(data, path))
        return found

    def stated_result(self, key: bytes, output: str) -> Result | None:
        """Return its result *output* of *key*, whoever signed it: not to be believed.

        Raises:
            CacheError: it cannot be read, or is not a result.
        """
        if not fits_a_cache(output):
            return None
        found: Result | None = self._read(result_path(key, output), lambda data: Result.decode(data, key, output))
        return found

    def forget(self, path: str) -> None:
        """Read the file *path* again the next time."""
        self._known.pop(path, None)

    def _read(self, path: str, decode: Callable[[bytes], Any]) -> Any:  # noqa: ANN401 -- what `decode` returns
        self.open()
        if path in self._known:
            return self._known[path]
        try:
            data = read_small(self.transport, path, MAX_DOCUMENT)
        except NotInCache:
            self._known[path] = None
            return None
        except CacheUnreachable as error:
            self.give_up(error)
            raise
        try:
            self._known[path] = decode(data)
        except ValueError as error:
            raise CacheDamaged(self.url, path, str(error)) from None
        return self._known[path]


def check_header(url: str, data: bytes) -> None:
    """Check that *data* is the header of a cache of our version.

    Raises:
        NotACache: it is something else.
    """
    try:
        document = parse_json(data)
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("format") != "kernix-cache":
        raise NotACache(url, f"its {HEADER} file is not that of a cache")
    if document.get("version") != VERSION:
        raise NotACache(url, f"its format has version {str(document.get('version'))[:20]}, not {VERSION}")
