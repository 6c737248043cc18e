"""Registration: how trees in scratch directories become objects, many at once.

1. Inside the gate (`store.osutil.locks`, shared): hold the paths and their references as temporary roots, and
   append to the journal.
2. One `syncfs` of the store's file system puts trees and journal on the disk. This takes most of the time, and
   the collector may run meanwhile.
3. Inside the gate again, in one write transaction of the database: skip objects that another process has
   registered meanwhile; move anything that a crash left at a final name to the trash; rename each tree to its
   final name; insert its row, references and realisations; `fsync` the store directory; commit.

Why a crash at any point loses nothing valid:

- A row is committed only after bytes, journal line and rename are on the disk, in this order, so every row
  has a complete object. A rename without a row is garbage for the collector, or goes to the trash in step 3
  when the same object is registered again.
- Rename and commit happen within one stay inside the gate. The collector is alone when it is inside, so it
  never mistakes an object that is about to be registered for such garbage.
- The collector deletes rows and renames to the trash within one exclusive stay. So in step 3 a reference is
  either registered, and held since step 1, or gone, and then the whole registration fails.
- Step 2 runs between two stays: meanwhile the collector may have replaced the journal (`store.records.journal`)
  or deleted references that were registered before but not held in time. Step 3 checks both again.

Threads register in groups: each queues its request, and the one that gets the leader's lock serves the whole
queue. While one group waits for the disk the next one gathers, so any number of threads share a `syncfs` and a
commit. Each request of a group succeeds or fails by itself.
"""

from __future__ import annotations

import contextlib
import graphlib
import os
import threading
import time

from typing import TYPE_CHECKING

import attrs

from store.errors import Error
from store.gc.retention import Retention
from store.gc.trash import trash
from store.osutil.failpoints import reach
from store.osutil.space import disk_full_reported
from store.osutil.syscalls import syncfs
from store.records.database import PathInfo
from store.records.journal import ObjectLine, RealisationLine
from store.trees import seal


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from store.gc.temproots import TempRoots
    from store.layout import Layout
    from store.osutil.locks import Gate
    from store.path import StorePath
    from store.records.database import Database, Divergence
    from store.records.journal import Appended, Journal, Line
    from store.scratch import Scratches
    from store.trees.content import Content


class ReferenceMissing(Error):
    """An object refers to one that is not in the store."""

    path: StorePath
    reference: StorePath

    def __str__(self) -> str:
        return f"{self.path} refers to {self.reference}, which is not in the store"


class ObjectMissing(Error):
    """A requested object is not in the store."""

    path: StorePath

    def __str__(self) -> str:
        return f"{self.path} is not in the store"


class ObjectGone(ObjectMissing):
    """An object is registered but has been removed from the disk."""

    def __str__(self) -> str:
        return f"{self.path} is registered but missing from the disk"

    @property
    def hint(self) -> str:
        """Return the command that drops its row."""
        return "`kernix verify --repair` drops it from the database; the next build builds it again"


@attrs.frozen(kw_only=True)
class Entry:
    """A tree to register: its future name and its present location."""

    path: StorePath
    place: Path
    content: Content
    references: frozenset[StorePath] = frozenset()
    retention: Retention = Retention.RESULT
    deriver: StorePath | None = None
    realisations: tuple[tuple[bytes, str], ...] = ()


@attrs.define
class _Request:
    entries: tuple[Entry, ...]
    realisations: tuple[tuple[bytes, str, StorePath], ...]
    done: bool = False
    error: Exception | None = None
    divergences: list[Divergence] = attrs.field(factory=list)
    moved: list[tuple[Path, Path]] = attrs.field(factory=list)


@attrs.define(kw_only=True)
class Registrar:
    """Registers objects and realisations in one store, for any number of threads."""

    layout: Layout
    database: Database
    gate: Gate
    temproots: TempRoots
    journal: Journal
    scratches: Scratches
    descriptor: int  # of the objects' directory, opened before anything was written: see `syncfs`
    _pending: list[_Request] = attrs.field(factory=list, init=False)
    _queue: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _leader: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def register(
        self, entries: Sequence[Entry], realisations: Iterable[tuple[bytes, str, StorePath]] = ()
    ) -> tuple[Divergence, ...]:
        """Register *entries*, and existing objects as results of keys; all or nothing.

        Return the results that differ from a key's recorded one; they are kept separately.

        Raises:
            ReferenceMissing: an entry refers to an object that is neither registered nor among *entries*.
            ObjectMissing: a result is not an object.
            DiskFull: there is no room.
        """
        request = _Request(_referenced_first(entries), tuple(realisations))
        with self._queue:
            self._pending.append(request)
        with self._leader:
            if not request.done:
                self._serve(request)
        with disk_full_reported(self.layout.home):
            if request.error is not None:
                raise request.error
        return tuple(request.divergences)

    def _serve(self, own: _Request) -> None:
        with self._queue:
            group, self._pending = self._pending, []
        try:
            self._register(group)
        except Exception as error:  # noqa: BLE001  each of the group's threads raises it
            for request in group:
                request.error = request.error or error
        except BaseException:
            # Only this thread was interrupted; the others will elect a leader among themselves.
            others = [request for request in group if request is not own]
            for request in others:
                request.error = None
            with self._queue:
                self._pending[:0] = others
            raise
        for request in group:
            request.done = True

    def _register(self, group: list[_Request]) -> None:
        with contextlib.ExitStack() as stack:
            with self.gate.shared():
                reach("register: hold")
                self.temproots.hold_inside_gate(_touched(group))
                fresh = self._fresh(group)
                reach("register: journal")
                appended = stack.enter_context(self.journal.appended(_lines(group, fresh)))
            if fresh:
                reach("register: syncfs")
                self._sync(syncfs)
            with self.gate.shared():
                reach("register: transaction")
                self._commit(group, appended)

    def _fresh(self, group: list[_Request]) -> list[Entry]:
        entries = [entry for request in group for entry in request.entries]
        valid = self.database.valid(entry.path for entry in entries)
        return [entry for entry in entries if entry.path not in valid or not self._exists(entry.path)]

    def _sync(self, sync: Callable[[int], None]) -> None:
        try:
            sync(self.descriptor)
        except OSError:
            self.scratches.require_recovery()
            raise

    def _commit(self, group: list[_Request], appended: Appended) -> None:
        try:
            with self.database.write():
                appended.ensure()
                ids = self.database.ids({str(path) for path in _touched(group)})
                for request in group:
                    self._try(request, ids)
                if any(request.moved for request in group):
                    reach("register: fsync")
                    self._sync(os.fsync)
                reach("register: commit")
        except BaseException:
            self._undo(group)
            raise
        reach("register: done")

    def _undo(self, group: list[_Request]) -> None:
        # The interrupt may have come after the commit succeeded, and once ours is rolled back others may
        # register the same paths. So another transaction decides what to move back.
        with contextlib.suppress(Error, OSError), self.database.write():
            valid = self.database.paths_among(final.name for request in group for _, final in request.moved)
            for request in group:
                request.moved = [(place, final) for place, final in request.moved if final.name not in valid]
                _move_back(request)

    def _try(self, request: _Request, ids: dict[str, int]) -> None:
        known = dict(ids)
        self.database.execute("savepoint request")
        try:
            for entry in request.entries:
                self._insert(entry, known, request)
            for key, output, path in request.realisations:
                self._realise(key, output, path, known, request)
        except (ReferenceMissing, ObjectMissing, OSError) as error:
            _move_back(request)
            self.database.execute("rollback to request")
            request.error = error
        else:
            ids.update(known)
        self.database.execute("release request")

    def _insert(self, entry: Entry, ids: dict[str, int], request: _Request) -> None:
        final = self.layout.objects / str(entry.path)
        row = ids.get(str(entry.path))
        if row is None or not self._exists(entry.path):  # a row whose object is missing gets it back
            if row is None:
                self._set_aside(final)
            reach("register: rename")
            seal.move(entry.place, final)
            request.moved.append((entry.place, final))
        if row is None:
            for reference in entry.references:
                if str(reference) not in ids:
                    raise ReferenceMissing(entry.path, reference)
            self.database.insert(_info(entry), ids)
        elif entry.retention is not Retention.RESULT:
            statement = "update objects set retention = ? where id = ? and retention = 'result'"
            self.database.execute(statement, (str(entry.retention), row))
        for key, output in entry.realisations:
            self._realise(key, output, entry.path, ids, request)

    def _realise(self, key: bytes, output: str, path: StorePath, ids: dict[str, int], request: _Request) -> None:
        if str(path) not in ids:
            raise ObjectMissing(path)
        divergence = self.database.realise(
            key=key, output=output, path=path, object_id=ids[str(path)], now=int(time.time()), exists=self._exists
        )
        if divergence is not None:
            request.divergences.append(divergence)

    def _exists(self, path: StorePath) -> bool:
        return os.path.lexists(self.layout.objects / str(path))

    def _set_aside(self, final: Path) -> None:
        if os.path.lexists(final):
            reach("register: set aside")
            with trash(self.layout) as bin_:
                bin_.discard(final.name)


def _referenced_first(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    paths = {entry.path for entry in entries}
    if not any(entry.references & paths for entry in entries):
        return tuple(entries)
    graph = {entry.path: sorted(entry.references & paths) for entry in entries}
    position = {path: i for i, path in enumerate(graphlib.TopologicalSorter(graph).static_order())}
    return tuple(sorted(entries, key=lambda entry: position[entry.path]))


def _touched(group: list[_Request]) -> Iterator[StorePath]:
    for request in group:
        for entry in request.entries:
            yield entry.path
            yield from entry.references
        for _, _, path in request.realisations:
            yield path


def _lines(group: list[_Request], fresh: list[Entry]) -> Iterator[Line]:
    for entry in fresh:
        yield ObjectLine.of(_info(entry))
    for request in group:
        for entry in request.entries:
            for key, output in entry.realisations:
                yield RealisationLine(key=key, output=output, path=entry.path)
        for key, output, path in request.realisations:
            yield RealisationLine(key=key, output=output, path=path)


def _info(entry: Entry) -> PathInfo:
    now = int(time.time())
    return PathInfo(
        path=entry.path,
        digest=entry.content.digest,
        size=entry.content.size,
        nodes=entry.content.nodes,
        registered=now,
        used=now,
        retention=entry.retention,
        deriver=entry.deriver,
        references=tuple(sorted(entry.references)),
    )


def _move_back(request: _Request) -> None:
    for place, final in reversed(request.moved):
        with contextlib.suppress(OSError):
            seal.move(final, place)
    request.moved.clear()
    request.divergences.clear()
