"""The store of this machine: the one class through which everything else uses it.

Its parts, each with its own protocol: `store.osutil.locks` (the gate), `store.gc.temproots`,
`store.scratch`, `store.registration`, `store.records.database`, `store.records.journal`. Operations
on a whole store are functions that take one: `store.gc.roots`, `store.gc.collect`, `store.verify`.
"""

from __future__ import annotations

import contextlib
import os

from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from store.errors import Error
from store.gc.retention import Retention
from store.gc.temproots import TempRoots
from store.home import is_store, layout_at, set_up
from store.manifests import FEW, Manifests
from store.osutil.failpoints import reach
from store.osutil.locks import Gate, NoGate, permanent_lock
from store.osutil.space import DiskFull, disk_full_reported, give_up_reserve, is_full
from store.osutil.writability import StoreReadOnly, is_read_only
from store.path import DIGEST_LENGTH, StorePath, check_name
from store.records.database import Database, PathInfo
from store.records.journal import Journal, VerdictLine
from store.records.verdicts import Verdict, insert, verdicts, withdraw
from store.registration import Entry, ObjectDamaged, ObjectGone, ObjectMissing, Registrar
from store.scratch import Scratches
from store.trees.cached_walk import FileChanged
from store.trees.copy_in import copy_in, seems_new
from store.trees.helpers import read_content
from store.trees.manifest import Manifest
from store.trees.pool import Pool
from store.trees.stat_cache import Index


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from store.layout import Layout
    from store.records.database import Divergence


_DAY = 24 * 60 * 60  # seconds


class NoSuchObject(Error):
    """No object's path begins with *prefix*."""

    prefix: str

    def __str__(self) -> str:
        return f"no object in the store begins with {self.prefix!r}"


class AmbiguousPrefix(Error):
    """More than one object's path begins with *prefix*."""

    prefix: str
    candidates: tuple[StorePath, ...]

    def __str__(self) -> str:
        return f"{len(self.candidates)} objects in the store begin with {self.prefix!r}"

    @property
    def hint(self) -> str:
        """Return some of them."""
        return ", ".join(str(path) for path in self.candidates[:5])


@attrs.define(kw_only=True, eq=False)
class Store:
    """A store in one directory; threads of this process and other processes may use it at the same time."""

    layout: Layout
    database: Database
    pool: Pool
    gate: Gate
    journal: Journal
    temproots: TempRoots
    scratches: Scratches
    registrar: Registrar
    manifests: Manifests
    read_only: bool = False
    # Closes the database, the pool and the directory of objects.
    _opened: contextlib.ExitStack = attrs.field(alias="opened")

    @classmethod
    def open(cls, home: Path, *, full_disk: bool = False) -> Store:
        """Return the store in *home*, creating it if it does not exist.

        With *full_disk*, which the collector sets, the reserve is given up if there is no room
        to open the database.

        Raises:
            NotAStore: *home* is something else.
            ForeignStore: it belongs to another user.
            UnusableHome: it cannot hold a store.
            StoreTooNew, SchemaTooNew: a newer kernix created it.
            StoreCorrupt: the database is damaged or missing.
        """
        layout = layout_at(home)
        read_only = is_read_only(layout.home)
        with disk_full_reported(layout.home):
            set_up(layout)
        if full_disk and not read_only and is_full(layout.home):
            give_up_reserve(layout.reserve)
        with contextlib.ExitStack() as opened:
            database = opened.enter_context(contextlib.closing(_database(layout)))
            pool = opened.enter_context(Pool.open(layout.pool))
            descriptor = os.open(layout.objects, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, descriptor)
            gate = NoGate(layout.locks) if read_only else Gate(layout.locks)
            journal = Journal(layout.journal)
            temproots = TempRoots(layout.temproots, gate, layout.locks / "collector")
            scratches = Scratches(layout, gate, pool)
            registrar = Registrar(
                layout=layout,
                database=database,
                gate=gate,
                temproots=temproots,
                journal=journal,
                scratches=scratches,
                descriptor=descriptor,
            )
            return cls(
                layout=layout,
                database=database,
                pool=pool,
                gate=gate,
                journal=journal,
                temproots=temproots,
                scratches=scratches,
                registrar=registrar,
                manifests=Manifests(layout.manifests),
                read_only=read_only,
                opened=opened.pop_all(),
            )

    @classmethod
    def open_existing(cls, home: Path, *, full_disk: bool = False) -> Store | None:
        """Return the store in *home*, as `open` does, or None if there is no store; create nothing."""
        return cls.open(home, full_disk=full_disk) if is_store(layout_at(home)) else None

    def close(self) -> None:
        """Release the holds and close the files; further calls do nothing."""
        with self._opened.pop_all():
            self.temproots.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def path(self, path: StorePath) -> Path:
        """Return where the object *path* is, or would be."""
        return self.layout.objects / str(path)

    def is_valid(self, path: StorePath) -> bool:
        """Return whether *path* is registered and on the disk."""
        return bool(self.valid([path]))

    def valid(self, paths: Iterable[StorePath]) -> set[StorePath]:
        """Return those of *paths* that are registered and on the disk."""
        return {path for path in self.database.valid(paths) if self._is_on_disk(path)}

    def info(self, path: StorePath) -> PathInfo:
        """Return what is known about the object *path*.

        Raises:
            ObjectMissing: it is not registered.
        """
        try:
            return self.infos([path])[path]
        except KeyError:
            raise ObjectMissing(path) from None

    def infos(self, paths: Iterable[StorePath]) -> dict[StorePath, PathInfo]:
        """Return what is known about those of *paths* that are registered."""
        return self.database.infos(paths)

    def manifest(self, path: StorePath) -> Manifest:
        """Return the listing of the object *path*, which is read unless its manifest is kept; then it is kept.

        Raises:
            ObjectMissing: it is not registered.
            ObjectDamaged: it is not what was registered.
            OSError: it cannot be read.
        """
        info = self.info(path)
        found = self.manifests.get(info.digest)
        if found is None:
            found = Manifest.of(self.path(path))
            if found.digest != info.digest:
                raise ObjectDamaged(path)
            if info.nodes >= FEW and not self.read_only:
                self.manifests.put(found)
        return found

    def references(self, paths: Iterable[StorePath]) -> dict[StorePath, tuple[StorePath, ...]]:
        """Return the references of those of *paths* that are registered: a lookup for `store.closure`."""
        return self.database.references(paths)

    def find(self, prefix: str) -> StorePath:
        """Return the one object whose path begins with *prefix*.

        Raises:
            NoSuchObject: there is none.
            AmbiguousPrefix: there are several.
        """
        candidates = self.database.beginning_with(prefix) if prefix else []
        if not candidates:
            raise NoSuchObject(prefix)
        if len(candidates) > 1 and len(prefix) <= DIGEST_LENGTH:
            raise AmbiguousPrefix(prefix, tuple(candidates))
        return candidates[0]

    def realised(self, keys: Iterable[bytes]) -> dict[bytes, dict[str, StorePath]]:
        """Return the objects of each of *keys* by output name, without keys that have none on the disk."""
        known = self.database.realised(keys)
        found = {
            key: {output: path for output, path in outputs.items() if self._is_on_disk(path)}
            for key, outputs in known.items()
        }
        return {key: outputs for key, outputs in found.items() if outputs}

    def hold(self, paths: Iterable[StorePath]) -> set[StorePath]:
        """Keep the collector from *paths* and everything they refer to, and return those that are valid.

        Do not use the others: they may be gone. The hold lasts until `close` or the end of
        the process.
        """
        paths = set(paths)
        if not self.read_only:
            with disk_full_reported(self.layout.temproots):
                self.temproots.hold(paths)
        return self.valid(paths)

    def hold_if_possible(self, paths: Iterable[StorePath]) -> set[StorePath]:
        """Return those of *paths* that are valid, and hold them unless the disk is too full.

        For callers that only read and can cope with an object that disappears.
        """
        paths = set(paths)
        try:
            return self.hold(paths)
        except DiskFull:
            return self.valid(paths)

    def hold_all(self, paths: Iterable[StorePath], *, to_read: bool = False) -> None:
        """Hold *paths*; with *to_read*, as `hold_if_possible` does.

        Raises:
            ObjectMissing: one of them is not registered.
            ObjectGone: one is registered but missing from the disk.
        """
        paths = set(paths)
        missing = paths - (self.hold_if_possible(paths) if to_read else self.hold(paths))
        if missing:
            first = min(missing)
            raise (ObjectGone if self.database.valid([first]) else ObjectMissing)(first)

    def touch(self, paths: Iterable[StorePath]) -> None:
        """Record the use of *paths*, to the day, if that is possible."""
        self.database.touch(paths, older_than=_DAY)

    def collector(
        self, *, shared: bool = False, on_wait: Callable[[], None] | None = None
    ) -> contextlib.AbstractContextManager[None]:
        """Return a context without other collections, or, if *shared*, without any collection.

        *on_wait* is called if it has to wait.
        """
        if self.read_only:
            return contextlib.nullcontext()
        return permanent_lock(self.layout.locks / "collector", shared=shared, on_wait=on_wait)

    def scratch(self) -> contextlib.AbstractContextManager[Path]:
        """Return a context with an empty directory on the store's file system, which is removed at the end.

        Raises:
            StoreReadOnly: the store cannot be written.
        """
        if self.read_only:
            raise StoreReadOnly(self.layout.home)
        return self.scratches.scratch()

    def add(self, path: Path, name: str | None = None, *, retention: Retention = Retention.SOURCE) -> StorePath:
        """Make an object of the file, directory or symbolic link *path*, named *name* or like *path*.

        If the object already exists, the store does not change.

        Raises:
            InvalidStorePath: the name is not valid for an object.
            InvalidTree: it contains something that an object cannot have.
            DiskFull: there is no room.
        """
        name = check_name(name if name is not None else (Path.cwd() / path).name)
        with Index.open(self.layout.index) as index:
            found = self._find(path, name, index)
            if found:
                return found
            with self.scratch() as scratch, disk_full_reported(self.layout.home):
                place = scratch / "object"
                content = copy_in(path, place, self.pool, index)
                # Named after what was copied, in case the source has changed meanwhile.
                added = StorePath.make(content.digest, name)
                self.commit([Entry(path=added, place=place, content=content, retention=retention)])
            index.save()
        return added

    def _is_on_disk(self, path: StorePath) -> bool:
        return os.path.lexists(f"{self.layout.objects}/{path}")

    def _find(self, path: Path, name: str, index: Index) -> StorePath | None:
        """Return the object of *path* if it exists already; skip reading all of *path* if that is unlikely."""
        if not index.has(path) and seems_new(path, self.pool):
            return None
        try:
            found = StorePath.make(read_content(path, index, until_change=True).digest, name)
        except FileChanged:
            return None
        if not self.hold([found]):
            return None
        index.save()
        self.touch([found])
        return found

    def commit(self, entries: Sequence[Entry]) -> tuple[Divergence, ...]:
        """Turn canonical trees in scratch directories into objects, durably, all or nothing.

        Calls from several threads share the work. A tree whose object is registered already stays in its
        scratch. A result that differs from its key's recorded one does not replace that one, and is returned.

        Raises:
            ReferenceMissing: an entry refers to an object that is neither registered nor among *entries*.
            DiskFull: there is no room.
        """
        divergences = self.registrar.register(entries)
        self.manifests.put_written(entry.content for entry in entries)
        return divergences

    def record(self, realisations: Iterable[tuple[bytes, str, StorePath]]) -> tuple[Divergence, ...]:
        """Record registered objects as the results of keys; return those that differ from a key's recorded one.

        Raises:
            ObjectMissing: one is not registered.
        """
        return self.registrar.register((), realisations)

    def judge(self, found: Sequence[Verdict]) -> None:
        """Record the verdicts *found*; an object that one of them withdraws is no result of any key from now on.

        Raises:
            StoreReadOnly, DiskFull: they cannot be written.
        """
        with (
            disk_full_reported(self.layout.home),
            self.gate.shared(),
            self.journal.appended(map(VerdictLine, found)) as appended,
            self.database.write(),
        ):
            appended.ensure()
            insert(self.database, found)
            withdraw(self.database, [it.path for it in found if it.withdrawn])

    def verdicts(self, paths: Iterable[StorePath] | None = None) -> list[Verdict]:
        """Return the verdicts on the objects *paths*, by default on all, oldest first."""
        return verdicts(self.database, paths)


def _database(layout: Layout) -> Database:
    if layout.database.exists() and layout.database.stat().st_size:
        return Database(layout.database, fresh=False)
    with permanent_lock(layout.locks / "setup"):
        # A new store has no database; but if there are objects or a journal, one has been lost.
        if not any(_signs_of_use(layout)):
            temporary = layout.database.with_suffix(".new")
            temporary.unlink(missing_ok=True)
            reach("make: database")
            Database(temporary, fresh=True).close()
            reach("make: rename database")
            temporary.rename(layout.database)
            reach("make: open database")
        return Database(layout.database, fresh=False)


def _signs_of_use(layout: Layout) -> Iterator[object]:
    if layout.database.exists() and layout.database.stat().st_size:
        yield layout.database  # another process was quicker
    if layout.journal.exists() and layout.journal.stat().st_size:
        yield layout.journal
    with os.scandir(layout.objects) as entries:
        yield from entries
