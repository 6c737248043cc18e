"""Verification: check that the store holds what its database says, byte for byte.

The database has one digest per whole tree. When a tree differs, the pool (`store.trees.pool`)
helps to find the changed file: a pool entry is another name of the same inode, and tells which
digest its bytes should have. A directory with a time other than the canonical one has had an
entry added, removed or renamed. Pool entries that no object has, or whose bytes do not have
the digest in their name, are read separately.

Each problem carries its remedy; `store.repair` applies it.
"""

from __future__ import annotations

import enum
import os
import stat

from typing import TYPE_CHECKING

import attrs

from store.osutil.interrupt import check
from store.osutil.meter import Meter
from store.osutil.parallel import in_parallel
from store.trees.content import InvalidTree, Kind
from store.trees.hash_tree import content_of
from store.trees.reading import file_kind
from store.trees.seal import DIRECTORY_MODE, EXECUTABLE_MODE, FILE_MODE, MTIME_NS


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from store.local import Store
    from store.path import StorePath
    from store.records.database import PathInfo
    from store.trees.hash_tree import Node
    from store.trees.pool import Pooled

    Progress = Callable[[str, int, int], None]


_FILES = frozenset({Kind.FILE, Kind.EXECUTABLE})
_MODES = {Kind.FILE: FILE_MODE, Kind.EXECUTABLE: EXECUTABLE_MODE, Kind.DIRECTORY: DIRECTORY_MODE}


class Remedy(enum.Enum):
    """What can be done about a problem."""

    NONE = enum.auto()
    FORGET = enum.auto()  # drop the object and everything that refers to it; they will be built again
    RESTORE = enum.auto()  # reset the mode and time of an object's file or directory
    REMOVE = enum.auto()  # remove a leftover
    SET_ASIDE = enum.auto()  # take the file out of the pool, so that nothing links to it
    CLEAR = enum.auto()  # remove from the pool what is not its own


def _by_damage(problem: Problem) -> Remedy:
    return Remedy.NONE if problem.damages is None else Remedy.FORGET


@attrs.frozen(kw_only=True)
class Problem:
    """A fault of the store: *place*, below the store's directory, and what is wrong with it.

    *damages* is the object, if any, that can no longer be trusted. *entry* is the pool's entry for it;
    *missing* means that the whole object is missing.
    """

    place: str
    reason: str
    damages: StorePath | None = None
    remedy: Remedy = attrs.field(default=attrs.Factory(_by_damage, takes_self=True), eq=False)
    entry: Pooled | None = attrs.field(default=None, eq=False)
    missing: bool = attrs.field(default=False, eq=False)

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


def verify(
    store: Store,
    *,
    contents: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
    on_wait: Callable[[], None] | None = None,
) -> list[Problem]:
    """Return the problems of *store*; with *contents*, read every byte. If it waits for a collection, it calls *on_wait*."""
    # Collections wait: what they remove would seem to be missing.
    with store.collector(shared=True, on_wait=on_wait):
        names = {place.name for place in store.layout.objects.iterdir()}
        infos = store.database.all_infos()
        present = [info for info in infos if str(info.path) in names or os.path.lexists(store.path(info.path))]
        problems = list(_absences(infos, present))
        problems += _strangers(store, names)
        problems += (problem for info in infos for problem in _check_record(info))
        if contents:
            problems += _Contents(store, progress).check(present)
    return sorted(problems, key=lambda problem: problem.place)


def _absences(infos: list[PathInfo], present: list[PathInfo]) -> Iterator[Problem]:
    on_disk = {info.path for info in present}
    for info in infos:
        if info.path not in on_disk:
            yield Problem(place=str(info.path), reason="is registered but missing", damages=info.path, missing=True)


def _strangers(store: Store, names: set[str]) -> Iterator[Problem]:
    suspects = names - store.database.paths()
    if suspects:
        with store.gate.exclusive():  # an object on its way to registration is registered by now
            suspects -= store.database.paths_among(suspects)
    for name in suspects:
        reason = "is not registered; the next collection will delete it"
        yield Problem(place=name, reason=reason, remedy=Remedy.REMOVE)


def _check_record(info: PathInfo) -> Iterator[Problem]:
    if not info.proves_itself:
        reason = "its digest and references in the database do not match its path"
        yield Problem(place=str(info.path), reason=reason, damages=info.path)


@attrs.define
class _Contents:
    """Reads everything in the objects and in the pool."""

    store: Store
    progress: Progress
    read: set[int] = attrs.field(factory=set)  # each file's inode, digest and kind, as one number
    reported: set[int] = attrs.field(factory=set)  # inodes
    meter: Meter = attrs.field(init=False)

    def check(self, infos: list[PathInfo]) -> Iterator[Problem]:
        self.meter = Meter(self.progress, "verifying", sum(info.size for info in infos))
        pool: dict[int, Pooled] = {}
        # Largest first, so that no thread is left with the largest at the end.
        infos = sorted(infos, key=lambda info: info.nodes, reverse=True)
        checked = in_parallel(self._check_object, infos, os.cpu_count() or 1)
        for info, (problems, intact) in zip(infos, checked, strict=True):
            yield from problems
            if not intact:
                pool = pool or {entry.inode: entry for entry in self.store.pool.entries()}
                yield from self._culprits(info, pool)
        yield from self._check_pool()

    def _check_object(self, info: PathInfo) -> tuple[list[Problem], bool]:
        problems: list[Problem] = []

        def look(node: Node) -> None:
            if node.kind in _FILES:
                self.meter.add(node.status.st_size)
                self.read.add(hash((node.status.st_ino, node.digest, node.kind is Kind.EXECUTABLE)))
            if not _is_canonical(node.kind, node.status):
                place = _place(info, node.place)
                problems.append(Problem(place=place, reason=_describe(node.status), remedy=Remedy.RESTORE))

        place = self.store.path(info.path)
        try:
            content = content_of(place, look)
        except PermissionError as error:
            return list(_locked(info, os.fspath(place))) or [_unreadable(info, error)], True
        except (InvalidTree, OSError) as error:
            return [_unreadable(info, error)], True
        return problems, content.digest == info.digest

    def _culprits(self, info: PathInfo, pool: Mapping[int, Pooled]) -> list[Problem]:
        nodes: list[Node] = []
        content_of(self.store.path(info.path), nodes.append)
        files = [node for node in nodes if node.kind in _FILES]
        known = {entry.digest for entry in pool.values()}
        changed = [node for node in files if _differs(node, pool)]
        reason = "has changed"
        if not changed:
            changed = [node for node in files if node.status.st_ino not in pool and node.digest not in known]
            reason = "may have changed: it is not in the pool, and the object's digest differs"
        if not changed:
            return [Problem(place=str(info.path), reason=_STRUCTURE, damages=info.path)]
        self.reported.update(node.status.st_ino for node in changed)
        entries = [(node, pool.get(node.status.st_ino)) for node in changed]
        if all(entry is not None and entry.digest == node.digest for node, entry in entries):
            # The next verification finds anything else, once these have their modes back.
            return [
                Problem(
                    place=_place(info, node.place), reason=_describe(node.status), remedy=Remedy.RESTORE, entry=entry
                )
                for node, entry in entries
                if _is_canonical(node.kind, node.status)  # the others have been reported already
            ]
        return [
            Problem(place=_place(info, node.place), reason=reason, damages=info.path, entry=entry)
            for node, entry in entries
        ]

    def _check_pool(self) -> Iterator[Problem]:
        entries = list(self.store.pool.entries())
        meter = Meter(self.progress, "verifying the pool", len(entries))
        for entry in entries:
            check()
            meter.add()
            if entry.inode in self.reported or hash((entry.inode, entry.digest, entry.executable)) in self.read:
                continue
            if not self.store.pool.is_whole(entry):
                reason = "does not match the digest in its name"
                place = f"pool/{entry.name}"
                yield Problem(place=place, reason=reason, remedy=Remedy.SET_ASIDE, entry=entry)
        for stray in self.store.pool.strays():
            yield Problem(place=f"pool/{stray}", reason="does not belong to the pool", remedy=Remedy.CLEAR)


def _unreadable(info: PathInfo, error: InvalidTree | OSError) -> Problem:
    return Problem(place=str(info.path), reason=f"cannot be read: {error}", damages=info.path)


def _locked(info: PathInfo, top: str) -> Iterator[Problem]:
    """Yield the nodes without the canonical mode or time in a tree that cannot be read because of that."""
    below = len(top) + 1
    for directory, folders, names in os.walk(top):
        for place in [*([top] if directory == top else []), *(f"{directory}/{name}" for name in [*folders, *names])]:
            status = os.lstat(place)
            kind = kind_of(status.st_mode)
            if kind is not None and not _is_canonical(kind, status):
                reason = f"{_describe(status)}; its contents were not read"
                yield Problem(place=_place(info, place[below:]), reason=reason, remedy=Remedy.RESTORE)


def kind_of(mode: int) -> Kind | None:
    """Return the kind of a node with *mode*, or None if objects cannot contain it."""
    kinds = {stat.S_IFDIR: Kind.DIRECTORY, stat.S_IFLNK: Kind.SYMLINK}
    if stat.S_ISREG(mode):
        return file_kind(mode)
    return kinds.get(stat.S_IFMT(mode))


def _is_canonical(kind: Kind, status: os.stat_result) -> bool:
    return status.st_mtime_ns == MTIME_NS and stat.S_IMODE(status.st_mode) == _MODES.get(kind, 0o777)


_STRUCTURE = "its structure has changed: an entry was added, removed or renamed, or a symbolic link was changed"


def _differs(node: Node, pool: Mapping[int, Pooled]) -> bool:
    entry = pool.get(node.status.st_ino)
    return entry is not None and (entry.digest != node.digest or entry.executable != (node.kind is Kind.EXECUTABLE))


def _place(info: PathInfo, below: str) -> str:
    return f"{info.path}/{below}" if below else str(info.path)


def _describe(status: os.stat_result) -> str:
    seconds = status.st_mtime_ns / 1_000_000_000
    return f"has the wrong mode ({stat.S_IMODE(status.st_mode):04o}) or time ({seconds:.15g})"


def damaged(problems: Iterable[Problem]) -> list[StorePath]:
    """Return the objects that cannot be trusted because of *problems*."""
    return sorted({problem.damages for problem in problems if problem.damages is not None})
