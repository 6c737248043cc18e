"""A closure as a binary cache of Nix in a directory, which is read as it is, or over HTTP from any web server.

    nix-cache-info          the store directory of its paths
    DIGEST.narinfo          what one path is (`store.exports.narinfo`)
    nar/HASH.nar.zst        its archive (`store.exports.nar`), named after the SHA-256 of this file

Each path is addressed by its content by Nix's own rule (`store.exports.nix_path`), so clients need no key to believe
it, and it differs from the path here. So where an object refers to others, their digests in its content are replaced
by those of their new paths. Objects that refer to nothing, as kernels do, keep every byte.

Archives are written first, then the descriptions, those of referenced paths before those of their referrers, each
file under another name until it is on the disk. So whatever stops an export, each description in the directory has
its archive and the descriptions of all its references.
"""

from __future__ import annotations

import hashlib

from typing import TYPE_CHECKING

import attrs

from store.closure import closure, topological
from store.errors import Error
from store.exports.errors import reported
from store.exports.nar import NarWriter
from store.exports.narinfo import NarInfo, fields, sha256
from store.exports.nix_path import STORE_DIRECTORY, nix_path
from store.exports.outgoing import COMPRESSIONS, PARTIAL, Outgoing, remove_partial
from store.exports.read_object import read_object
from store.exports.rewriting import Rewriting
from store.osutil.durable import sync_directory, write_whole
from store.osutil.failpoints import reach
from store.osutil.locks import locked


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from store.local import Store
    from store.path import StorePath
    from store.records.database import PathInfo


CACHE_INFO = "nix-cache-info"
ARCHIVES = "nar"

_LOCK = f"{PARTIAL}lock"


class NotACache(Error):
    """The directory for a binary cache holds something else."""

    place: Path

    def __str__(self) -> str:
        return f"{self.place} is not empty, and is not a binary cache: it has no {CACHE_INFO}"

    @property
    def hint(self) -> str:
        """Return what to do."""
        return "name a new or empty directory"


class OtherStoreDirectory(Error):
    """The directory holds a binary cache for another store directory."""

    place: Path
    found: str
    wanted: str

    def __str__(self) -> str:
        return f"the binary cache {self.place} is for the store directory {self.found!r}, not for {self.wanted!r}"

    @property
    def hint(self) -> str:
        """Return what to do."""
        return "name another directory; one cache serves one store directory"


@attrs.frozen(kw_only=True)
class Exported:
    """An object in a binary cache.

    Attributes:
        path: The object.
        info: What the cache says about it.
        new: Whether it was written by this export, rather than found.
    """

    path: StorePath
    info: NarInfo
    new: bool


def export_nix(
    store: Store,
    paths: Iterable[StorePath],
    directory: Path,
    *,
    compression: str = "zstd",
    store_directory: str = STORE_DIRECTORY,
    each: Callable[[Exported], None] = lambda _: None,
) -> dict[StorePath, Exported]:
    """Add *paths*, which the caller holds, and all that they refer to, to the binary cache in *directory*.

    The directory is created if it does not exist. What it has already is not written again. *each* is called
    with every object that is in the cache now.

    Raises:
        NotACache, OtherStoreDirectory: the directory holds something else.
        CannotExport: it cannot be written; what it has is whole.
        TooDeepForNix: an object has too many nested directories.
        ObjectDamaged, ObjectGone: an object is not what was registered; it is not exported.
    """
    graph = closure(paths, store.references)
    infos = store.infos(graph)
    with reported(directory):
        _prepare(directory, store_directory)
    done: dict[StorePath, Exported] = {}
    with locked(directory / _LOCK):
        _remove_leftovers(directory)
        cache = _Cache(store, directory, compression, store_directory)
        for path in topological(graph):
            done[path] = cache.add(infos[path], done)
            each(done[path])
    return done


@attrs.frozen
class _Cache:
    store: Store
    directory: Path
    compression: str
    store_directory: str

    def add(self, info: PathInfo, done: dict[StorePath, Exported]) -> Exported:
        """Add the object of *info*, whose references are *done*."""
        renamed = {it: done[it].info.path for it in info.references}
        rewriting = Rewriting.of(renamed)
        summary = _Summary()
        self._read(info, NarWriter(summary.write, rewriting), rewriting)
        references = tuple(sorted(renamed.values()))
        path = nix_path(summary.hasher.digest(), info.path.name, references, self.store_directory)
        place = self.directory / f"{path.digest}.narinfo"
        if (found := self._found(place, path, references)) is not None:
            return Exported(path=info.path, info=found, new=False)
        with Outgoing(self.directory / ARCHIVES, self.compression) as archive:
            reach("export: archive")
            self._read(info, NarWriter(archive.write, rewriting), rewriting)
            archive.finish()
            file_hash = archive.hasher.digest()
            made = NarInfo(
                directory=self.store_directory,
                path=path,
                url=f"{ARCHIVES}/{sha256(file_hash).removeprefix('sha256:')}.nar{COMPRESSIONS[self.compression]}",
                compression=self.compression,
                file_hash=file_hash,
                file_size=archive.size,
                nar_hash=archive.plain_hasher.digest(),
                nar_size=archive.plain_size,
                references=references,
            )
            reach("export: archive in place")
            archive.move(self.directory / made.url)
        with reported(self.directory):
            sync_directory(self.directory / ARCHIVES)
            reach("export: description")
            write_whole(place, str(made))
            sync_directory(self.directory)
        reach("export: done")
        return Exported(path=info.path, info=made, new=True)

    def _read(self, info: PathInfo, sink: NarWriter, rewriting: Rewriting | None) -> None:
        order = rewriting.all_in if rewriting else None
        read_object(info.path, self.store.path(info.path), info.digest, sink, order=order)

    def _found(self, place: Path, path: StorePath, references: tuple[StorePath, ...]) -> NarInfo | None:
        """Return what the cache says about *path* at *place*, if its archive is there."""
        try:
            said = fields(place.read_text(encoding="utf-8"))
            found = NarInfo.of(said, path, references)
            there = (self.directory / found.url).stat().st_size == found.file_size
        except (OSError, ValueError):
            return None
        return found if there and found.directory == self.store_directory else None


@attrs.define
class _Summary:
    """The hash of an archive that is not written."""

    hasher: hashlib._Hash = attrs.field(factory=hashlib.sha256, init=False)

    def write(self, data: bytes | memoryview) -> None:
        self.hasher.update(data)


def _prepare(directory: Path, store_directory: str) -> None:
    """Make *directory* a binary cache, unless it is one.

    Raises:
        NotACache, OtherStoreDirectory: it holds something else.
    """
    directory.mkdir(parents=True, exist_ok=True)
    place = directory / CACHE_INFO
    if place.exists():
        found = fields(place.read_text(encoding="utf-8", errors="replace")).get("StoreDir", "")
        if found != store_directory:
            raise OtherStoreDirectory(directory, found, store_directory)
    elif any(it.name != ARCHIVES and not it.name.startswith(".") for it in directory.iterdir()):
        raise NotACache(directory)
    (directory / ARCHIVES).mkdir(exist_ok=True)
    if not place.exists():
        reach("export: cache")
        write_whole(place, f"StoreDir: {store_directory}\nWantMassQuery: 1\nPriority: 30\n")


def _remove_leftovers(directory: Path) -> None:
    """Remove what exports that did not end have left in *directory*, which no other process is writing."""
    with reported(directory):
        remove_partial(directory / ARCHIVES)
        for place in directory.glob(".*.narinfo.*"):
            place.unlink(missing_ok=True)
