"""What a cache has, for people who look at it: objects by name, what is in them, what they need.

Nothing here is verified but the content of a file that is shown, against its digest: who fetches an object checks all of it.
"""

from __future__ import annotations

import itertools
import re
import threading

from collections import OrderedDict
from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from store.caches import zstd
from store.caches.cache import Cache
from store.caches.errors import CacheDamaged, CacheError, NoCacheYet, NotInCache
from store.caches.listing import EMPTY, Listing
from store.caches.paths import NAMES, blob_path
from store.caches.transport import read_small
from store.path import InvalidStorePath, StorePath
from store.signing.trusted import Trust


if TYPE_CHECKING:
    from store.caches.info import Info
    from store.caches.listing import File
    from store.caches.transport import Transport


_IMAGES = frozenset({b"bzImage", b"Image", b"Image.gz", b"vmlinux", b"vmlinuz", b"zImage"})
"""How the images of kernels are called."""

_CONFIG = b"config"
_TITLE = re.compile(r"^# Linux/(\S+) (\S+) Kernel Configuration$", re.MULTILINE)
_SET = re.compile(r"^CONFIG_\w+=", re.MULTILINE)

_MAX_NAMES = 1 << 16
_MAX_LISTING = 64 << 20  # bytes as it is in the cache
_MAX_FRAME = 64 << 20  # bytes: of a frame that is unpacked to show one file of it
_MAX_OBJECTS = 100_000
_REMEMBERED = 4096  # kernels and other objects: what never changes about them


@attrs.frozen(kw_only=True)
class KernelFacts:
    """What is known of an object that is a kernel: its version, its architecture, and how many options are set."""

    version: str
    arch: str
    options: int


@attrs.frozen(kw_only=True)
class Item:
    """An object, what it has been called, and what kind of kernel it is, if it is one."""

    info: Info
    kernel: KernelFacts | None = None


@attrs.frozen(kw_only=True)
class Closure:
    """An object with all that it refers to, the largest first, and what of that the cache lacks."""

    objects: tuple[Info, ...]
    missing: tuple[StorePath, ...] = ()

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(it.size for it in self.objects)

    @property
    def packed(self) -> int:
        """Return the bytes of all archives."""
        return sum(it.archive.size for it in self.objects)


@attrs.define(eq=False)
class Catalogue:
    """What the cache at *transport* has; used by several threads at once."""

    transport: Transport
    _facts: OrderedDict[StorePath, KernelFacts | None] = attrs.field(factory=OrderedDict, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def newest(self, words: str = "") -> list[Item]:
        """Return the newest objects of each name, kernels first; with *words*, those whose store paths have all of them.

        Raises:
            CacheError: the cache cannot be read.
        """
        wanted = words.lower().split()
        named = (path for listed in self.transport.list(NAMES) for path in self._named(listed.path))
        fitting = (path for path in named if all(it in str(path).lower() for it in wanted))
        infos = (self.info(path) for path in itertools.islice(fitting, _MAX_OBJECTS))
        found = [Item(info=info, kernel=self.kernel(info)) for info in infos if info is not None]
        return sorted(found, key=lambda it: (it.kernel is None, it.info.path.name, str(it.info.path)))

    def info(self, path: StorePath) -> Info | None:
        """Return what the cache says about *path*, or None if it does not have that, or has something unreadable.

        Raises:
            CacheUnreachable: the cache cannot be read.
            NotACache: it is of another version.
        """
        try:
            return Cache("", self.transport, Trust()).stated_info(path)
        except (CacheDamaged, NoCacheYet):
            return None

    def closure(self, info: Info) -> Closure:
        """Return the object of *info* and all that it refers to.

        Raises:
            CacheUnreachable: the cache cannot be read.
        """
        found, missing, pending = {info.path: info}, [], list(info.references)
        seen = {info.path, *pending}
        while pending and len(found) < _MAX_OBJECTS:
            path = pending.pop()
            below = self.info(path)
            if below is None:
                missing.append(path)
                continue
            found[path] = below
            fresh = [it for it in below.references if it not in seen]
            seen.update(fresh)
            pending += fresh
        ordered = sorted(found.values(), key=lambda it: (-it.size, str(it.path)))
        return Closure(objects=tuple(ordered), missing=tuple(sorted(missing)))

    def listing(self, info: Info) -> Listing:
        """Return what is in the object of *info*.

        Raises:
            CacheError: its listing is missing or damaged.
        """
        path = blob_path(info.archive.listing)
        data = read_small(self.transport, path, min(info.archive.listing_size, _MAX_LISTING))
        if blake3(data).digest() != info.archive.listing:
            raise CacheDamaged(self.transport.url, path, "its content does not have the digest of its name")
        try:
            return Listing.decode(data)
        except ValueError as error:
            raise CacheDamaged(self.transport.url, path, str(error)) from None

    def file(self, info: Info, name: bytes, most: int) -> bytes | None:
        """Return the content of the file *name* of the object; None if it has no such file, or a larger one than *most* bytes.

        Raises:
            CacheError: the archive is missing or damaged.
        """
        listing = self.listing(info)
        file = next((it for it in listing.files if it.path == name), None)
        if file is None or file.size > most:
            return None
        return self._content(info, listing, file)

    def config(self, info: Info) -> str | None:
        """Return the configuration of a kernel, None for other objects.

        Raises:
            CacheError: the archive is missing or damaged.
        """
        data = self.file(info, _CONFIG, _MAX_NAMES << 6) if self.kernel(info) is not None else None
        return None if data is None else data.decode(errors="replace")

    def kernel(self, info: Info) -> KernelFacts | None:
        """Return what kernel the object is; None if it is something else, or is damaged."""
        with self._lock:
            if info.path in self._facts:
                return self._facts[info.path]
        try:
            found = self._kernel(info)
        except CacheError:
            return None  # it may be mended
        with self._lock:
            self._facts[info.path] = found
            while len(self._facts) > _REMEMBERED:
                self._facts.popitem(last=False)
        return found

    def _kernel(self, info: Info) -> KernelFacts | None:
        listing = self.listing(info)
        files = {it.path: it for it in listing.files if b"/" not in it.path}
        if _CONFIG not in files or not _IMAGES & files.keys() or files[_CONFIG].size > _MAX_NAMES << 6:
            return None
        text = self._content(info, listing, files[_CONFIG]).decode(errors="replace")
        title = _TITLE.search(text)
        return KernelFacts(
            version=title[2] if title is not None else "",
            arch=title[1] if title is not None else "",
            options=len(_SET.findall(text)),
        )

    def _content(self, info: Info, listing: Listing, file: File) -> bytes:
        if file.frame == EMPTY:
            return b""
        path, frame = blob_path(info.archive.digest), listing.frames[file.frame]
        if max(frame.size, frame.packed) > _MAX_FRAME or frame.prefix is not None:
            raise CacheDamaged(self.transport.url, path, "a frame with a small file is too large")
        start = list(listing.starts())[file.frame]
        with self.transport.stream(path, start, start + frame.packed) as stream:
            packed = b"".join(stream.chunks)

        def unpacked(data: bytes) -> bytes:
            return b"".join(zstd.unpack([data], frame.size))[file.offset : file.offset + file.size]

        try:
            content = unpacked(packed)
        except ValueError as error:
            raise CacheDamaged(self.transport.url, path, str(error)) from None
        if blake3(content).digest() != file.digest:
            raise CacheDamaged(self.transport.url, path, "a file in it does not have its digest")
        return content

    def _named(self, path: str) -> list[StorePath]:
        """Return the objects that the file of names at *path* lists, newest first; none if it is damaged."""
        try:
            text = read_small(self.transport, path, _MAX_NAMES).decode("ascii", "replace")
            return [StorePath.parse(it) for it in text.split()]
        except (CacheDamaged, InvalidStorePath, NotInCache):
            return []
