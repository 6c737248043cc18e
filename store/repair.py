"""Repair: fix what can be fixed, in an order that is safe to interrupt at any point.

The whole repair is planned first. Then, with collections waiting and the gate closed:

1. Files that do not match their name in the pool leave it, so that nothing links to them from now on; what is not the
   pool's own is removed from it.
2. One transaction deletes the rows of damaged and missing objects, and of everything that refers to them.
3. These objects go to the trash, and so do leftovers.

Then the gate opens again; modes and times are restored, and the trash is emptied. If it is interrupted before 2,
the objects are still registered and the next verification finds them again. After 2 they are leftovers, and
building one of them puts an intact object in its place.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat

from typing import TYPE_CHECKING

from store.gc.trash import empty, trash
from store.osutil.failpoints import reach
from store.trees.content import Kind
from store.trees.reading import OPEN_DIRECTORY, file_kind
from store.trees.remove import remove_tree
from store.trees.seal import DIRECTORY_MODE, EXECUTABLE_MODE, FILE_MODE, MTIME_NS
from store.verify import Remedy, damaged


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from store.local import Store
    from store.path import StorePath
    from store.verify import Problem

    Report = Callable[[str, str], None]


def repair(
    store: Store,
    problems: Iterable[Problem],
    report: Report = lambda _place, _done: None,
    on_wait: Callable[[], None] | None = None,
) -> list[StorePath]:
    """Fix those of *problems* that can be fixed; call *report* with each place and what was done about it.

    Damaged objects, and everything that refers to them, are dropped and returned; the next build builds them again.
    If it waits for a collection, it calls *on_wait*.

    Raises:
        OSError: something could not be changed.
    """
    problems = list(problems)
    with store.collector(on_wait=on_wait):
        doomed = _with_referrers(
            store, [path for path in damaged(problems) if _is_still_damaged(store, path, problems)]
        )
        left_over = [problem.place for problem in problems if problem.remedy is Remedy.REMOVE]
        with store.gate.exclusive():
            _clear(store, problems, report)
            _set_aside(store, problems, report)
            _forget(store, doomed)
            _discard(store, doomed, left_over, report)
        _restore(store, problems, {str(path) for path in doomed}, report)
        reach("repair: empty")
        empty(store.layout)
        if store.pool.damaged():
            store.pool.sweep()
    return doomed


def _is_still_damaged(store: Store, path: StorePath, problems: list[Problem]) -> bool:
    """Return whether *path* is still damaged: a missing object may have been built again meanwhile."""
    causes = [problem for problem in problems if problem.damages == path]
    return not (store.is_valid(path) and all(problem.missing for problem in causes))


def _with_referrers(store: Store, paths: list[StorePath]) -> list[StorePath]:
    found = set(paths)
    generation = found
    while generation:
        generation = set(itertools.chain.from_iterable(map(store.database.referrers, generation))) - found
        found |= generation
    return sorted(found)


def _clear(store: Store, problems: list[Problem], report: Report) -> None:
    for problem in problems:
        if problem.remedy is Remedy.CLEAR:
            reach("repair: stray")
            remove_tree(store.layout.home / problem.place)
            report(problem.place, "removed")


def _set_aside(store: Store, problems: list[Problem], report: Report) -> None:
    for problem in problems:
        if problem.entry is not None and problem.remedy is not Remedy.RESTORE:
            reach("repair: pool")
            store.pool.set_aside(problem.entry)
            if problem.remedy is Remedy.SET_ASIDE:
                report(problem.place, "no longer shared")


def _forget(store: Store, doomed: list[StorePath]) -> None:
    if not doomed:
        return
    reach("repair: rows")
    rows = [(str(path),) for path in doomed]
    ids = "(select id from objects where path = ?)"
    with store.database.write():
        store.database.execute_many(f"delete from refs where referrer = {ids}", rows)  # noqa: S608  a constant
        store.database.execute_many("delete from objects where path = ?", rows)
        reach("repair: commit")


def _discard(store: Store, doomed: list[StorePath], left_over: list[str], report: Report) -> None:
    registered = store.database.paths_among(left_over)
    with trash(store.layout) as bin_:
        for path in doomed:
            reach("repair: discard")
            bin_.discard(str(path))
            report(str(path), "forgotten")
        for name in left_over:
            if name not in registered:
                reach("repair: left over")
                bin_.discard(name)
                report(name, "removed")


def _restore(store: Store, problems: list[Problem], doomed: set[str], report: Report) -> None:
    """Restore modes and times, parents first: what is below a directory is out of reach until its mode is restored."""
    for problem in sorted(problems, key=lambda it: it.place):
        if problem.remedy is not Remedy.RESTORE or problem.place.partition("/")[0] in doomed:
            continue
        reach("repair: restore")
        with contextlib.suppress(FileNotFoundError):
            _make_canonical(store, problem)
            report(problem.place, "mode and time restored")


def _make_canonical(store: Store, problem: Problem) -> None:
    with _parent(store, problem.place) as (parent, name):
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            try:
                # fchmod refuses such a descriptor, and any other way of opening the file may need its mode.
                os.chmod(f"/proc/self/fd/{fd}", _mode(problem, status))  # noqa: PTH101 -- not a file's path
            finally:
                os.close(fd)
        os.utime(name, ns=(MTIME_NS, MTIME_NS), dir_fd=parent, follow_symlinks=False)


def _mode(problem: Problem, status: os.stat_result) -> int:
    if stat.S_ISDIR(status.st_mode):
        return DIRECTORY_MODE
    entry = problem.entry
    executable = entry.executable if entry is not None else file_kind(status.st_mode) is Kind.EXECUTABLE
    return EXECUTABLE_MODE if executable else FILE_MODE


@contextlib.contextmanager
def _parent(store: Store, place: str) -> Iterator[tuple[int, str]]:
    """Give the body a descriptor of the parent directory of *place*, and its name there; follow no links."""
    *folders, name = place.split("/")
    fd = os.open(store.layout.objects, OPEN_DIRECTORY)
    try:
        for folder in folders:
            child = os.open(folder, OPEN_DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = child
        yield fd, name
    finally:
        os.close(fd)
