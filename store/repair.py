"""Repair: do about problems what can be done, in an order that is right wherever it stops.

What is to be done is known before anything is. Then, with collections waiting and the gate closed:

1. Files that do not hold what the pool says leave it, so that nothing is linked to them from now on.
2. The rows of damaged and of missing objects, and of all that refers to them, are deleted in one transaction.
3. These objects go to the trash, and what is left over does.

Then the gate is open again: modes and times are put right, and the trash is emptied. Stopped before 2 the objects
are still registered, and the next verification finds them again; stopped after it they are left over, and
whoever makes one of them puts a whole one in its place.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat

from typing import TYPE_CHECKING

from store.gc.trash import empty, trash
from store.system.failpoints import reach
from store.trees.content import Kind
from store.trees.reading import OPEN_DIRECTORY, file_kind
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
    """Do about *problems* what can be done; *report* is called with each place and what was done about it.

    If it waits for a collection, *on_wait* is called.

    Damaged objects, and all that refer to them, are forgotten and returned; the next build makes them again.

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
    """Return whether *path* has not come back meanwhile, if it was missing."""
    of_it = [problem for problem in problems if problem.damages == path]
    return not (store.is_valid(path) and all(problem.missing for problem in of_it))


def _with_referrers(store: Store, paths: list[StorePath]) -> list[StorePath]:
    found = set(paths)
    generation = found
    while generation:
        generation = set(itertools.chain.from_iterable(map(store.database.referrers, generation))) - found
        found |= generation
    return sorted(found)


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
    """Give what has another mode or time its own; what is below a directory can be reached once that has its mode."""
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
                # There is no way to change the mode of such a descriptor directly, and none is needed to open it.
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
    """Give the body a descriptor of the directory in which *place* lies, and its name there; no link is followed."""
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
