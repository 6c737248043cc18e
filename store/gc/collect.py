"""The collector: delete what nothing needs, while other processes go on using the store.

Only one collection runs at a time (the lock `collector`); everything else may run beside it. Its steps:

1. Inside the gate (`store.osutil.locks`, exclusive): delete the temporary roots of dead processes, read those of
   the others. From here on, everything that any process holds is spared, even if that process dies.
2. Read the permanent roots and what running processes have open; mark (`store.gc.liveness`).
3. For each thousand dead objects, referrers first: inside the gate, exclusive: read the temporary roots that were
   added, and spare those objects and what they need; delete the rows of the rest and commit; rename the objects
   to the trash. Outside the gate: unlink.
4. Delete objects without a row, which a crash left. They are listed before step 2, outside the gate, and checked
   again and renamed inside it. If there are any, every row must first prove that it matches its object.
5. Unlink the files that only the pool still has, remove unused scratches, and drop the journal's lines of deleted
   objects.

A thousand deletions keep others out of the gate for some hundredths of a second. Rows are deleted before bytes,
within one stay: an object that is held first and then found registered is complete. A collector that is killed
leaves objects without rows, and trash; the next one deletes both.

On a completely full disk rows cannot be deleted, because SQLite writes before it deletes. Then the bytes of a
thousand dead objects are deleted first, to make room. Their rows look like those of objects that have disappeared
from the disk, which the store never returns, until they are deleted: with those of the next thousand, at the end, or
by the next collection.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import time

from typing import TYPE_CHECKING

import attrs

from store.gc.liveness import Marked, Marking, mark
from store.gc.process_roots import runtime_roots
from store.gc.retention import Retention
from store.gc.roots import remove_dangling, roots
from store.gc.temproots import TempRootsView
from store.gc.trash import Trash, empty, trash
from store.osutil.failpoints import reach
from store.osutil.meter import Meter
from store.osutil.space import DiskFull, disk_full_reported, give_up_reserve, make_reserve
from store.osutil.writability import StoreReadOnly
from store.path import DIGEST_LENGTH, InvalidStorePath, StorePath
from store.records.connection import StoreCorrupt
from store.records.journal import ObjectLine, RealisationLine, VerdictLine
from store.records.verdicts import verdicts
from store.trees.content import InvalidTree
from store.trees.hash_tree import content_of


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from store.local import Store
    from store.records.database import PathInfo

    Progress = Callable[[str, int, int], None]  # the step, how many are done, how many there are


CHUNK = 1000
"""Objects in one transaction: others wait while it runs, and each has a cost of its own. The number is not critical."""
_AMONG = "in (select value from json_each(?))"
_MONTH = 30 * 24 * 60 * 60  # seconds

# A guess: longer than until the next stable release of Linux, which needs most of them again.
DEFAULT_KEEP: Mapping[Retention, int] = {
    Retention.SOURCE: _MONTH,
    Retention.TOOLCHAIN: _MONTH,
    Retention.CACHE: _MONTH,
}


@attrs.frozen(kw_only=True)
class Policy:
    """Which of the objects that no root needs to delete.

    *older_than*: only those last used more than this many seconds ago.
    *max_freed*: stop once objects of this many bytes are deleted; those unused for longest go first.
    *keep*: for each retention class, how many seconds to spare an object after its last use.
    *keep_derivers*: a live object keeps the derivation that made it alive.
    *keep_manifests*: the digests of trees whose manifests are kept although no object has them.
    """

    older_than: int | None = None
    max_freed: int | None = None
    keep: Mapping[Retention, int] = attrs.field(factory=lambda: DEFAULT_KEEP)
    keep_derivers: bool = True
    keep_manifests: frozenset[bytes] = frozenset()

    def satisfied_by(self, size: int) -> bool:
        """Return whether deleting *size* bytes is enough."""
        return self.max_freed is not None and size >= self.max_freed


@attrs.frozen
class Collected:
    """What a collection did: objects deleted, the bytes of their content, and the bytes freed on the disk."""

    objects: int
    size: int
    freed: int


def plan(store: Store, policy: Policy, on_wait: Callable[[], None] | None = None) -> list[PathInfo]:
    """Return what `collect` would delete now, referrers first; call *on_wait* if another collection must end first."""
    with store.collector(on_wait=on_wait):
        marked = mark(store.database, _marking(store, policy, _begin(store, TempRootsView(store.layout.temproots))))
        numbers = _order(marked, policy)
        infos = store.database.infos_by_id(numbers)
        order = [infos[number] for number in numbers if number in infos]
    before = itertools.accumulate((info.size for info in order), initial=0)
    return [info for info, size in zip(order, before, strict=False) if not policy.satisfied_by(size)]


def collect(
    store: Store,
    policy: Policy,
    progress: Progress = lambda _what, _done, _total: None,
    on_wait: Callable[[], None] | None = None,
    *,
    chunk: int = CHUNK,
) -> Collected:
    """Delete what *policy* says, *chunk* objects at a time; call *on_wait* if another collection must finish first."""
    if store.read_only:
        raise StoreReadOnly(store.layout.home)
    with store.collector(on_wait=on_wait):
        give_up_reserve(store.layout.reserve)
        try:
            with trash(store.layout) as bin_:
                return _Collection(store, policy, progress, chunk, bin_).run()
        finally:
            with contextlib.suppress(OSError):
                make_reserve(store.layout.reserve)


@attrs.define
class _Collection:
    store: Store
    policy: Policy
    progress: Progress
    chunk: int
    bin: Trash
    objects: int = 0
    size: int = 0  # this and the next in bytes, as in `Collected`
    freed: int = 0

    def run(self) -> Collected:
        self.progress("emptying the trash", 0, 1)
        self.freed += empty(self.store.layout)
        view = TempRootsView(self.store.layout.temproots)
        held = _begin(self.store, view)
        suspects = self._unregistered()
        self.progress("marking", 0, 1)
        marked = mark(self.store.database, _marking(self.store, self.policy, held))
        remaining = self._delete_dead(marked, view)
        self._delete_unregistered(suspects)
        self._tidy()
        if remaining:  # there may be room for it now; if not, the next collection does it
            self._delete(remaining, marked, view)
        return Collected(self.objects, self.size, self.freed)

    def _delete_dead(self, marked: Marked, view: TempRootsView) -> list[int]:
        """Delete the dead objects; return the numbers of those whose rows could not be deleted for lack of room."""
        remaining: list[int] = []
        order = _order(marked, self.policy)
        meter = Meter(self.progress, "deleting", len(order))
        for start in range(0, len(order), self.chunk):
            if self.policy.satisfied_by(self.size):
                break
            meter.reach(start)
            # A row must not outlive the rows of what it refers to.
            numbers = remaining + order[start : start + self.chunk]
            done = self._delete(numbers, marked, view, meter.add) or self._delete(numbers, marked, view)
            remaining = [] if done else numbers
        meter.reach(len(order))
        return remaining

    def _delete(
        self, numbers: list[int], marked: Marked, view: TempRootsView, gone: Callable[[], None] = lambda: None
    ) -> bool:
        """Delete the dead among *numbers*, calling *gone* after each; return False if there was no room for that."""
        done = True
        with self.store.gate.exclusive():
            if added := view.new():
                marked.spare(added)
            doomed = self._doomed([number for number in numbers if marked.is_dead(number)])
            try:
                self._delete_rows(doomed)
            except DiskFull:
                done = False
            for path, _ in doomed.values():
                reach("collect: rename")
                self.bin.discard(path)
                if not done:
                    self.freed += empty(self.store.layout)  # one more directory entry may not fit
        reach("collect: unlink")
        self.freed += empty(self.store.layout, gone)
        if not done:
            self.freed += self.store.pool.sweep().size
        return done

    def _doomed(self, numbers: list[int]) -> dict[int, tuple[str, int]]:
        statement = f"select id, path, size from objects where id {_AMONG}"  # noqa: S608  a constant
        rows = self.store.database.execute(statement, (json.dumps(numbers),))
        with self.store.database.understood():
            sizes = {number: (_checked(path), int(size)) for number, path, size in rows}
        return self._limited(numbers, sizes)

    def _delete_rows(self, doomed: dict[int, tuple[str, int]]) -> None:
        database = self.store.database
        with database.write():
            reach("collect: rows")
            among = (json.dumps([*doomed]),)
            # All the references first: SQLite may delete the rows of a chunk in any order.
            database.execute(f"delete from refs where referrer {_AMONG}", among)  # noqa: S608  a constant
            database.execute(f"delete from objects where id {_AMONG}", among)  # noqa: S608  a constant
            reach("collect: commit")
        self.objects += len(doomed)
        self.size += sum(size for _, size in doomed.values())

    def _limited(self, numbers: list[int], rows: dict[int, tuple[str, int]]) -> dict[int, tuple[str, int]]:
        doomed: dict[int, tuple[str, int]] = {}
        size = self.size
        for number in numbers:
            if self.policy.satisfied_by(size):
                break
            if number in rows:
                doomed[number] = rows[number]
                size += rows[number][1]
        return doomed

    def _unregistered(self) -> list[str]:
        """Return the names in the store that have no row.

        Raises:
            StoreCorrupt: one may have had a row that is damaged or lost.
        """
        # Names before rows: what is registered in between then has its row.
        names = {place.name for place in self.store.layout.objects.iterdir()}
        suspects = sorted(names - self.store.database.paths())
        if any(map(_is_store_path, suspects)):
            check_rows(self.store, suspects)
        return suspects

    def _delete_unregistered(self, suspects: list[str]) -> None:
        for start in range(0, len(suspects), self.chunk):
            some = suspects[start : start + self.chunk]
            with self.store.gate.exclusive():
                for name in set(some) - self.store.database.paths_among(some):
                    reach("collect: unregistered")
                    self.bin.discard(name)
            self.freed += empty(self.store.layout)

    def _tidy(self) -> None:
        store = self.store
        with store.gate.exclusive():
            reach("collect: dangling roots")
            remove_dangling(store.layout)
        reach("collect: scratches")
        self.freed += store.scratches.sweep()[1]
        reach("collect: pool")
        self.progress("sweeping the pool", 0, 1)
        self.freed += store.pool.sweep().size
        self._remove_manifests()
        if self.objects or store.journal.interrupted:
            reach("collect: journal")
            with contextlib.suppress(DiskFull), disk_full_reported(store.layout.journal):  # the next collection does it
                self._compact_journal()
        reach("collect: done")

    def _remove_manifests(self) -> None:
        # Names before rows: what is kept in between then has its row.
        names = self.store.manifests.names()
        if names:
            used = self.store.database.digests() | self.policy.keep_manifests
            self.freed += self.store.manifests.remove(names - {digest.hex() for digest in used})

    def _compact_journal(self) -> None:
        database, journal, gate = self.store.database, self.store.journal, self.store.gate
        try:
            journal.compact(database.paths(), database.paths_among, gate.exclusive)
        except FileNotFoundError:  # the journal was lost: rewrite it from the database
            with gate.exclusive():
                results = [RealisationLine(key=k, output=o, path=p) for k, o, p in database.all_realisations()]
                judged = map(VerdictLine, verdicts(database))
                journal.replace([*map(ObjectLine.of, database.all_infos()), *judged, *results])


def _checked(path: str) -> str:
    """Return *path*, from a row, if it can be an object's: whatever has that name goes to the trash."""
    if len(path) <= DIGEST_LENGTH or "/" in path:
        message = f"{path!r:.60} is not a store path"
        raise ValueError(message)
    return path


def check_rows(store: Store, unregistered: list[str]) -> None:
    """Check that *unregistered* objects were left by a crash, and have not lost their rows.

    Raises:
            StoreCorrupt: a row does not match its object, or an intact object with a root has no row.
    """
    for info in store.database.all_infos():
        if not info.proves_itself:
            raise StoreCorrupt(store.database.path, f"the row of {info.path} does not match its path")
    rooted = {str(root.target): root for root in roots(store.layout)}
    for root in map(rooted.__getitem__, sorted(rooted.keys() & set(unregistered))):
        if not store.is_valid(root.target) and _is_intact(store, root.target):
            raise StoreCorrupt(store.database.path, f"it has no row for {root.target}, the target of {root.link}")


def _is_intact(store: Store, path: StorePath) -> bool:
    """Return whether the object *path* on the disk is what was once registered."""
    try:
        digest = content_of(store.path(path)).digest
    except (InvalidTree, OSError):
        return False
    lines = store.journal.lines()
    return StorePath.make(digest, path.name) == path or any(
        isinstance(line, ObjectLine) and line.path == path and line.digest == digest for line in lines
    )


def _is_store_path(name: str) -> bool:
    try:
        StorePath.parse(name)
    except InvalidStorePath:
        return False
    return True


def _begin(store: Store, view: TempRootsView) -> set[str]:
    with store.gate.exclusive():
        reach("collect: temporary roots")
        store.database.refresh()
        if store.read_only:
            return set()  # any holds were made before the store became read-only
        view.delete_stale()
        return view.new()


def _marking(store: Store, policy: Policy, held: set[str]) -> Marking:
    permanent = {str(root.target) for root in roots(store.layout)}
    running = {str(path) for path in runtime_roots(store.layout)}
    return Marking(
        roots=frozenset(permanent | running | held),
        used_since=dict(_used_since(policy)),
        keep_derivers=policy.keep_derivers,
    )


def _used_since(policy: Policy) -> Iterator[tuple[Retention, int]]:
    now = int(time.time())
    for retention in Retention:
        age = max(policy.keep.get(retention, 0), policy.older_than or 0)
        if age:
            yield retention, now - age


def _order(marked: Marked, policy: Policy) -> list[int]:
    return marked.dead() if policy.max_freed is None else marked.dead_by_use()
