"""Verification: does the store hold what its database says, and is every byte what it was.

The database knows the digest of each whole tree only. When a tree differs, the changed file is
found with the help of the pool (`store.pool`): an entry there is another name of the same
inode, and says what that inode's bytes hash to. A directory whose time is not the canonical one
has had an entry added, removed or renamed.
"""

from __future__ import annotations

import itertools
import os
import stat

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from store.locks import standing
from store.look import content_of
from store.meter import Meter
from store.path import StorePath
from store.seal import DIRECTORY_MODE, EXECUTABLE_MODE, FILE_MODE, MTIME_NS
from store.trash import trash
from store.tree import InvalidTree, Kind


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from store.database import PathInfo
    from store.local import Store
    from store.look import Node
    from store.pool import Pooled

    Progress = Callable[[str, int, int], None]


_MODES = {Kind.FILE: FILE_MODE, Kind.EXECUTABLE: EXECUTABLE_MODE, Kind.DIRECTORY: DIRECTORY_MODE}


@attrs.frozen(kw_only=True)
class Problem:
    """Something that is not as it should be: *place*, below the store's directory, and what is wrong there.

    *damages* is the object that cannot be trusted because of it, if one cannot.
    """

    place: str
    reason: str
    damages: StorePath | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


def verify(
    store: Store, *, contents: bool = False, progress: Progress = lambda _what, _done, _total: None
) -> list[Problem]:
    """Return what is wrong with *store*; with *contents*, every byte is read."""
    # Collections wait: what they take away would seem to be missing.
    with standing(store.layout.locks / "collector", shared=True):
        names = {place.name for place in store.layout.objects.iterdir()}
        infos = store.database.all_infos()
        present = [info for info in infos if str(info.path) in names or os.path.lexists(store.path(info.path))]
        problems = list(_absences(infos, present))
        problems += _strangers(store, names)
        problems += (problem for info in infos for problem in _check_record(info))
        if contents:
            problems += _check_contents(store, present, progress)
    return sorted(problems, key=lambda problem: problem.place)


def _absences(infos: list[PathInfo], present: list[PathInfo]) -> Iterator[Problem]:
    there = {info.path for info in present}
    for info in infos:
        if info.path not in there:
            yield Problem(place=str(info.path), reason="is registered but not there", damages=info.path)


def _strangers(store: Store, names: set[str]) -> Iterator[Problem]:
    suspects = names - store.database.paths()
    if suspects:
        with store.gate.exclusive():  # one that was on its way to registration has arrived now, or is none
            suspects -= store.database.paths_among(suspects)
    for name in suspects:
        yield Problem(place=name, reason="is not registered; the next collection will delete it")


def _check_record(info: PathInfo) -> Iterator[Problem]:
    if StorePath.make(info.digest, info.path.name, info.references) != info.path:
        reason = "its digest and references in the database are not those that its path is made of"
        yield Problem(place=str(info.path), reason=reason, damages=info.path)


def _check_contents(store: Store, infos: list[PathInfo], progress: Progress) -> Iterator[Problem]:
    meter = Meter(progress, "verifying", sum(info.size for info in infos))
    pool: dict[int, Pooled] = {}
    # Largest first, so that no thread is left alone with the largest at the end.
    infos = sorted(infos, key=lambda info: info.nodes, reverse=True)
    with ThreadPoolExecutor(os.cpu_count()) as executor:
        checks = executor.map(lambda info: _check_object(store, info, meter), infos)
        for info, (problems, intact) in zip(infos, checks, strict=True):
            yield from problems
            if not intact:
                pool = pool or {entry.inode: entry for entry in store.pool.entries()}
                yield from _culprits(store, info, pool)


def _check_object(store: Store, info: PathInfo, meter: Meter) -> tuple[list[Problem], bool]:
    problems: list[Problem] = []

    def look(node: Node) -> None:
        status = node.status
        if node.kind in {Kind.FILE, Kind.EXECUTABLE}:
            meter.add(status.st_size)
        if status.st_mtime_ns != MTIME_NS or stat.S_IMODE(status.st_mode) != _MODES.get(node.kind, 0o777):
            problems.append(Problem(place=_place(info, node), reason=_describe(node)))

    try:
        content = content_of(store.path(info.path), look)
    except (InvalidTree, OSError) as error:
        return [Problem(place=str(info.path), reason=f"cannot be read: {error}", damages=info.path)], True
    return problems, content.digest == info.digest


def _culprits(store: Store, info: PathInfo, pool: Mapping[int, Pooled]) -> list[Problem]:
    nodes: list[Node] = []
    content_of(store.path(info.path), nodes.append)
    files = [node for node in nodes if node.kind in {Kind.FILE, Kind.EXECUTABLE}]
    known = {entry.digest for entry in pool.values()}
    changed = [node for node in files if _differs(node, pool)]
    reason = "has changed"
    if not changed:
        changed = [node for node in files if node.status.st_ino not in pool and node.digest not in known]
        reason = "may have changed: it is not in the pool, and the object is not what it was"
    if not changed:
        return [Problem(place=str(info.path), reason=_STRUCTURE, damages=info.path)]
    return [Problem(place=_place(info, node), reason=reason, damages=info.path) for node in changed]


_STRUCTURE = "its structure has changed: an entry was added, removed or renamed, or a symbolic link has another target"


def _differs(node: Node, pool: Mapping[int, Pooled]) -> bool:
    entry = pool.get(node.status.st_ino)
    return entry is not None and (entry.digest != node.digest or entry.executable != (node.kind is Kind.EXECUTABLE))


def _place(info: PathInfo, node: Node) -> str:
    return f"{info.path}/{node.place}" if node.place else str(info.path)


def _describe(node: Node) -> str:
    mode = stat.S_IMODE(node.status.st_mode)
    seconds = node.status.st_mtime_ns / 1_000_000_000
    return f"has mode {mode:04o} and time {seconds:.15g}, not those of an object"


def damaged(problems: Iterable[Problem]) -> list[StorePath]:
    """Return the objects that *problems* leave no trust in."""
    return sorted({problem.damages for problem in problems if problem.damages is not None})


def repair(store: Store, problems: Iterable[Problem]) -> list[StorePath]:
    """Forget the objects that *problems* damage and all that refer to them; the next build makes them again.

    Return what was forgotten. Its files leave the pool, so that no new object is made of damaged ones.
    """
    with standing(store.layout.locks / "collector"):
        doomed = _with_referrers(store, damaged(problems))
        with store.gate.exclusive():
            with store.database.write():
                rows = [(str(path),) for path in doomed]
                ids = "(select id from objects where path = ?)"
                store.database.execute_many(f"delete from refs where referrer = {ids}", rows)  # noqa: S608  a constant
                store.database.execute_many("delete from objects where path = ?", rows)
            _purge_pool(store, doomed)
            with trash(store.layout) as bin_:
                for path in doomed:
                    bin_.discard(str(path))
    return doomed


def _with_referrers(store: Store, paths: list[StorePath]) -> list[StorePath]:
    found = set(paths)
    generation = found
    while generation:
        generation = set(itertools.chain.from_iterable(map(store.database.referrers, generation))) - found
        found |= generation
    return sorted(found)


def _purge_pool(store: Store, paths: list[StorePath]) -> None:
    inodes = {status.st_ino for path in paths for status in _files(store.path(path))}
    for entry in list(store.pool.entries()):
        if entry.inode in inodes:
            store.pool.drop(entry)


def _files(place: Path) -> Iterator[os.stat_result]:
    if not place.is_dir():
        yield place.lstat()
    for directory, _, names in os.walk(place):
        yield from (Path(directory, name).lstat() for name in names)
