"""Rebuild the database from the objects themselves and the journal.

An object's path is derived from its content, its references and its name. So whatever is in
the store directory can prove its identity: its content is hashed, its references come from the
journal or are found in its bytes, and if these give its path, it is intact and can be registered.
Whatever fails this is left in place, unregistered, and reported. Only the journal knows the
results of keys.
"""

from __future__ import annotations

import itertools
import os
import time

from typing import TYPE_CHECKING

import attrs

from store.closure import topological
from store.gc.retention import Retention
from store.home import layout_at, set_up
from store.osutil.durable import sync_directory
from store.osutil.failpoints import reach
from store.osutil.locks import Gate, permanent_lock
from store.osutil.meter import Meter
from store.osutil.parallel import in_parallel
from store.path import InvalidStorePath, StorePath
from store.records import verdicts
from store.records.database import Database, PathInfo
from store.records.journal import Journal, ObjectLine, RealisationLine, VerdictLine
from store.trees.content import InvalidTree
from store.trees.hash_tree import content_of
from store.trees.references import find_references
from store.verify import Problem


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from store.layout import Layout
    from store.trees.content import Content

    Progress = Callable[[str, int, int], None]


@attrs.frozen
class Rebuilt:
    """The outcome of a rebuild: how many objects and results, and what could not be registered."""

    objects: int
    realisations: int
    problems: list[Problem]


def rebuild(
    home: Path,
    progress: Progress = lambda _what, _done, _total: None,
    on_wait: Callable[[], None] | None = None,
) -> Rebuilt:
    """Rebuild the database of the store in *home*; the old one is kept beside it as `db.sqlite.old-<time>`.

    Other processes wait until it is done, and then use the new one. If it waits for a collection, it calls *on_wait*.

    Raises:
        StoreTooNew, JournalTooNew: a newer kernix wrote it.
    """
    layout = layout_at(home)
    set_up(layout)
    with permanent_lock(layout.locks / "collector", on_wait=on_wait), Gate(layout.locks).exclusive():
        return _Rebuild(layout, progress).run()


@attrs.define
class _Rebuild:
    layout: Layout
    progress: Progress
    problems: list[Problem] = attrs.field(factory=list)
    lines: dict[StorePath, ObjectLine] = attrs.field(factory=dict)
    results: dict[tuple[bytes, str], RealisationLine] = attrs.field(factory=dict)
    verdicts: list[VerdictLine] = attrs.field(factory=list)

    def run(self) -> Rebuilt:
        self._read_journal()
        found = self._find()
        infos = self._closed({info.path: info for info in found})
        results = [line for line in self.results.values() if line.path in infos]
        judged = [line for line in self.verdicts if line.path in infos]
        self._write(infos, results, judged)
        self.problems.sort(key=lambda problem: problem.place)
        return Rebuilt(len(infos), len(results), self.problems)

    def _read_journal(self) -> None:
        present = {place.name for place in self.layout.objects.iterdir()}
        for line in Journal(self.layout.journal).lines():
            if isinstance(line, ObjectLine):
                self.lines[line.path] = line
            elif isinstance(line, VerdictLine):
                self.verdicts.append(line)
                if line.verdict.withdrawn:
                    self._withdraw(line.path)
            elif str(line.path) in present:
                self.results.setdefault((line.key, line.output), line)

    def _withdraw(self, path: StorePath) -> None:
        for place in [place for place, result in self.results.items() if result.path == path]:
            del self.results[place]

    def _find(self) -> list[PathInfo]:
        paths = list(self._paths())
        by_digest = {path.digest: path for path in paths}
        meter = Meter(self.progress, "hashing", len(paths))

        def identify(path: StorePath) -> PathInfo | None:
            info = self._identify(path, by_digest)
            meter.add()
            return info

        return list(filter(None, in_parallel(identify, paths, os.cpu_count() or 1)))

    def _paths(self) -> Iterator[StorePath]:
        for place in sorted(self.layout.objects.iterdir()):
            try:
                yield StorePath.parse(place.name)
            except InvalidStorePath as error:
                self._report(place.name, error.reason)

    def _identify(self, path: StorePath, by_digest: Mapping[str, StorePath]) -> PathInfo | None:
        place = self.layout.objects / str(path)
        try:
            content = content_of(place)
            for references in self._guesses(path, place, by_digest):
                if StorePath.make(content.digest, path.name, references) == path:
                    return self._info(path, content, references)
        except (InvalidTree, OSError) as error:
            self._report(str(path), f"cannot be read: {error}")
            return None
        self._report(str(path), "does not match the digest in its path")
        return None

    def _guesses(
        self, path: StorePath, place: Path, by_digest: Mapping[str, StorePath]
    ) -> Iterator[tuple[StorePath, ...]]:
        line = self.lines.get(path)
        if line is not None:
            yield line.references
        yield ()
        yield tuple(sorted(by_digest[digest] for digest in find_references(place, by_digest)))

    def _info(self, path: StorePath, content: Content, references: tuple[StorePath, ...]) -> PathInfo:
        line = self.lines.get(path)
        now = int(time.time())
        return PathInfo(
            path=path,
            digest=content.digest,
            size=content.size,
            nodes=content.nodes,
            registered=now if line is None else line.registered,
            used=now,
            retention=Retention.SOURCE if line is None else line.retention,
            deriver=None if line is None else line.deriver,
            references=references,
        )

    def _closed(self, infos: dict[StorePath, PathInfo]) -> dict[StorePath, PathInfo]:
        """Return *infos*, references first, without those that refer to a missing object."""
        closed: dict[StorePath, PathInfo] = {}
        for path in topological({path: info.references for path, info in infos.items()}):
            missing = [reference for reference in infos[path].references if reference not in closed]
            if missing:
                self._report(str(path), f"refers to {missing[0]}, which is missing or damaged")
            else:
                closed[path] = infos[path]
        return closed

    def _write(
        self, infos: dict[StorePath, PathInfo], results: list[RealisationLine], judged: list[VerdictLine]
    ) -> None:
        fresh = self.layout.database.with_suffix(".new")
        for leftover in _files_of(fresh):
            leftover.unlink(missing_ok=True)
        database = Database(fresh, fresh=True)
        ids: dict[str, int] = {}
        with database.write():
            for info in infos.values():
                database.insert(info, ids)
            rows = [(line.key, line.output, ids[str(line.path)]) for line in results]
            database.execute_many("insert into realisations values (?, ?, ?)", rows)
            verdicts.insert(database, [line.verdict for line in judged])
        database.close()  # merges the log, so that one file is left
        Journal(self.layout.journal).replace([*map(ObjectLine.of, infos.values()), *judged, *results])
        reach("rebuild: set aside")
        old = self._aside()
        for file, aside in zip(_files_of(self.layout.database), _files_of(old), strict=True):
            if os.path.lexists(file):
                file.rename(aside)
        reach("rebuild: rename")
        fresh.rename(self.layout.database)
        sync_directory(self.layout.home)

    def _aside(self) -> Path:
        """Return an unused name for the old database."""
        now = int(time.time())
        names = (f"{self.layout.database.name}.old-{number}" for number in itertools.count(now))
        places = map(self.layout.database.with_name, names)
        return next(place for place in places if not any(map(os.path.lexists, _files_of(place))))

    def _report(self, place: str, reason: str) -> None:
        self.problems.append(Problem(place=place, reason=reason))


def _files_of(database: Path) -> list[Path]:
    return [database, database.with_name(f"{database.name}-wal"), database.with_name(f"{database.name}-shm")]
