"""The database of a store's objects, in SQLite (`store.records.schema` has the tables).

A reference always has a smaller id than its referrer: ids only grow, and an object is inserted
after everything that it refers to. The schema checks this, so there are no cycles and no
self-references, and everything can be deleted in the order of descending ids. The schema also
keeps referenced objects from being deleted (`ON DELETE RESTRICT`). References are recorded
twice, in `refs` and in the object's row (`store.records.packed_ids`).

All threads of a process may use one `Database`; every write is one transaction (`Database.write`).
Its methods work on many objects at once.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import time

from typing import TYPE_CHECKING, Any

import attrs

from store.gc.retention import Retention
from store.osutil.space import DiskFull
from store.osutil.writability import StoreReadOnly
from store.path import DIGEST_LENGTH, InvalidStorePath, StorePath
from store.records.connection import Connection
from store.records.packed_ids import pack


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


_CHUNK = 900  # bound variables in one statement; SQLite before 3.32 allowed 999 (sqlite.org/limits.html)


@attrs.frozen(kw_only=True)
class PathInfo:
    """The record of a registered object.

    Attributes:
        path: Its store path.
        digest: The digest of its content, 32 bytes.
        size: The total size of its files, in bytes.
        nodes: The number of its files, links and directories.
        registered: When it was registered, in seconds since 1970.
        used: When it was last used, in seconds since 1970, recorded once a day at most.
        retention: How long the collector spares it.
        deriver: The derivation that it was built from, if known.
        references: The objects that it refers to, sorted.
    """

    path: StorePath
    digest: bytes
    size: int
    nodes: int
    registered: int
    used: int
    retention: Retention
    deriver: StorePath | None
    references: tuple[StorePath, ...]

    @property
    def proves_itself(self) -> bool:
        """Whether its path follows from its digest and references."""
        try:
            return StorePath.make(self.digest, self.path.name, self.references) == self.path
        except InvalidStorePath:
            return False


@attrs.frozen(kw_only=True)
class Divergence:
    """A second result for a key that already had a different one: the build is not deterministic."""

    key: bytes
    output: str
    kept: StorePath
    other: StorePath


class Database(Connection):
    """The queries and updates of a store's database."""

    def valid(self, paths: Iterable[StorePath]) -> set[StorePath]:
        """Return those of *paths* that are registered."""
        by_text = {str(path): path for path in paths}
        return {by_text[text] for text in self.ids(by_text)}

    def ids(self, paths: Iterable[str]) -> dict[str, int]:
        """Return the ids of those of *paths* that are registered."""
        statement = "select path, id from objects where path in (select value from json_each(?))"
        return dict(self.execute(statement, (json.dumps(list(paths)),)))

    def infos(self, paths: Iterable[StorePath]) -> dict[StorePath, PathInfo]:
        """Return the records of those of *paths* that are registered."""
        names = json.dumps([str(path) for path in paths])
        among = "in (select value from json_each(?))"
        with self.snapshot():
            rows = self.execute(f"{_INFO} where path {among}", (names,))
            return self._infos(rows, f"where r.path {among}", (names,))

    def all_infos(self) -> list[PathInfo]:
        """Return the records of all objects, in order of registration."""
        with self.snapshot():
            return list(self._infos(self.execute(_INFO + "order by objects.id"), "", ()).values())

    def infos_by_id(self, ids: Iterable[int]) -> dict[int, PathInfo]:
        """Return the records of the objects with *ids*."""
        numbers = json.dumps(list(ids))
        among = "in (select value from json_each(?))"
        with self.snapshot():
            rows = self.execute(f"{_INFO} where objects.id {among}", (numbers,))
            infos = self._infos(rows, f"where refs.referrer {among}", (numbers,))
        return {row[0]: info for row, info in zip(rows, infos.values(), strict=True)}

    def references(self, paths: Iterable[StorePath]) -> dict[StorePath, tuple[StorePath, ...]]:
        """Return the references of those of *paths* that are registered."""
        return {path: info.references for path, info in self.infos(paths).items()}

    def referrers(self, path: StorePath) -> list[StorePath]:
        """Return the objects that refer to *path*."""
        statement = """
            select o.path from objects t join refs on refs.reference = t.id join objects o on o.id = refs.referrer
            where t.path = ? order by o.path
        """
        return self._paths(statement, (str(path),))

    def beginning_with(self, prefix: str) -> list[StorePath]:
        """Return the registered objects whose paths begin with *prefix*."""
        statement = "select path from objects where path >= ? and path < ? order by path"
        return self._paths(statement, (prefix, prefix + "\x7f"))

    def named(self, names: Iterable[str]) -> list[StorePath]:
        """Return the registered objects with one of *names*, in order of registration."""
        statement = f"""
            select path from objects where substr(path, {DIGEST_LENGTH + 2}) in (select value from json_each(?))
            order by id
        """  # noqa: S608  the number is ours
        return self._paths(statement, (json.dumps([*names]),))

    def paths_among(self, paths: Iterable[str]) -> set[str]:
        """Return those of *paths* that are registered."""
        return set(self.ids(paths))

    def paths(self) -> set[str]:
        """Return every registered path."""
        return {path for (path,) in self.execute("select path from objects")}

    def digests(self) -> set[bytes]:
        """Return the digests of all registered objects."""
        with self.understood():
            return {bytes(digest) for (digest,) in self.execute("select digest from objects")}

    def realised(self, keys: Iterable[bytes]) -> dict[bytes, dict[str, StorePath]]:
        """Return the outputs recorded for *keys*, without keys that have none."""
        found: dict[bytes, dict[str, StorePath]] = {}
        for chunk in _chunks(keys):
            statement = f"""
                select key, output, path from realisations join objects on objects.id = object
                where key in ({",".join("?" * len(chunk))})
            """  # noqa: S608  only question marks are put in
            with self.understood():
                for key, output, path in self.execute(statement, chunk):
                    found.setdefault(key, {})[_text(output)] = _path(path)
        return found

    def results_of(self, path: StorePath) -> list[tuple[bytes, str]]:
        """Return the keys, and the outputs of these, that *path* is recorded for."""
        statement = """
            select key, output from realisations join objects on objects.id = object where path = ?
            order by key, output
        """
        with self.understood():
            return [(bytes(key), _text(output)) for key, output in self.execute(statement, (str(path),))]

    def all_realisations(self) -> list[tuple[bytes, str, StorePath]]:
        """Return every realisation."""
        statement = "select key, output, path from realisations join objects on objects.id = object"
        with self.understood():
            return [(bytes(key), _text(output), _path(path)) for key, output, path in self.execute(statement)]

    def divergences(self) -> list[Divergence]:
        """Return every second result seen so far."""
        rows = self.execute("select key, output, kept, other from divergences order by seen, key, output")
        with self.understood():
            return [
                Divergence(key=bytes(key), output=_text(output), kept=_path(kept), other=_path(other))
                for key, output, kept, other in rows
            ]

    def insert(self, info: PathInfo, ids: dict[str, int]) -> None:
        """Insert *info*, whose references' ids are in *ids*, and add its own id there. Only within `write`."""
        needs = [ids[str(reference)] for reference in info.references]
        columns = (
            str(info.path), info.digest, info.size, info.nodes, info.registered, info.used, str(info.retention),
            pack(needs),
        )  # fmt: skip
        statement = """
            insert into objects (path, digest, size, nodes, registered, used, retention, needs)
            values (?, ?, ?, ?, ?, ?, ?, ?) returning id
        """
        ((row,),) = self.execute(statement, columns)
        ids[str(info.path)] = row
        if needs:
            self.execute_many("insert into refs values (?, ?)", [(row, number) for number in needs])
        if info.deriver is not None:
            self.execute("insert into derivers values (?, ?)", (row, str(info.deriver)))

    def realise(
        self,
        *,
        key: bytes,
        output: str,
        path: StorePath,
        object_id: int,
        now: int,
        exists: Callable[[StorePath], bool] = lambda _path: True,
    ) -> Divergence | None:
        """Insert a realisation unless the key has one that *exists*; return a divergence if that is another object."""
        self.execute("insert or ignore into realisations values (?, ?, ?)", (key, output, object_id))
        with self.understood():
            kept = self.realised([key])[key][output]
        if kept == path:
            return None
        if not exists(kept):
            self.execute("insert or replace into realisations values (?, ?, ?)", (key, output, object_id))
            return None
        row = (key, output, str(kept), str(path), now)
        self.execute("insert or ignore into divergences values (?, ?, ?, ?, ?)", row)
        return Divergence(key=key, output=output, kept=kept, other=path)

    def touch(self, paths: Iterable[StorePath], *, older_than: int) -> None:
        """Set the last use of *paths* to now if it was over *older_than* seconds ago; skip it if the disk is full."""
        names = json.dumps([str(path) for path in paths])
        where = "path in (select value from json_each(?)) and used < ?"
        now = int(time.time())
        old = self.execute(f"select id from objects where {where}", (names, now - older_than))  # noqa: S608  a constant
        if old:  # the query takes no lock and writes nothing, and nearly always it finds nothing
            with contextlib.suppress(DiskFull, StoreReadOnly), self.write():
                self.execute_many("update objects set used = ? where id = ?", [(now, number) for (number,) in old])

    def _paths(self, statement: str, parameters: tuple[str, ...]) -> list[StorePath]:
        with self.understood():
            return [_path(text) for (text,) in self.execute(statement, parameters)]

    def _infos(self, rows: list[tuple[Any, ...]], where: str, parameters: tuple[str, ...]) -> dict[StorePath, PathInfo]:
        references: dict[int, list[StorePath]] = {}
        statement = f"""
            select refs.referrer, refs.reference, o.path from refs join objects r on r.id = refs.referrer
            join objects o on o.id = refs.reference {where}
        """  # noqa: S608  the condition is ours
        with self.understood():
            for referrer, reference, path in self.execute(statement, parameters):
                if reference >= referrer:
                    message = f"{path} is newer than an object that refers to it"
                    raise ValueError(message)
                references.setdefault(referrer, []).append(_path(path))
            infos = {info.path: info for info in (_info(row, references) for row in rows)}
            if len(infos) < len(rows):
                message = "a store path is listed twice"
                raise ValueError(message)
            return infos


_INFO = """
    select objects.id, path, digest, size, nodes, registered, used, retention, deriver
    from objects left join derivers on derivers.object = objects.id
"""


def _path(text: Any) -> StorePath:  # noqa: ANN401 -- whatever the column holds
    # Paths were parsed before they were inserted, so this check only finds damage.
    if not isinstance(text, str) or text[DIGEST_LENGTH : DIGEST_LENGTH + 1] != "-" or "/" in text:
        message = f"{text!r:.60} is not a store path"
        raise ValueError(message)
    return StorePath(text[:DIGEST_LENGTH], text[DIGEST_LENGTH + 1 :])


def _text(value: Any) -> str:  # noqa: ANN401 -- whatever the column holds
    if not isinstance(value, str):
        message = f"{value!r:.60} is not the name of an output"
        raise TypeError(message)
    return value


def _info(row: tuple[Any, ...], references: dict[int, list[StorePath]]) -> PathInfo:
    number, path, digest, size, nodes, registered, used, retention, deriver = row
    if not isinstance(digest, bytes) or not all(isinstance(it, int) for it in (size, nodes, registered, used)):
        message = f"the digest or a number of {path} has the wrong type"
        raise TypeError(message)
    return PathInfo(
        path=_path(path),
        digest=digest,
        size=size,
        nodes=nodes,
        registered=registered,
        used=used,
        retention=Retention(retention),
        deriver=None if deriver is None else _path(deriver),
        references=tuple(sorted(references.get(number, ()))),
    )


def _chunks(keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    iterator = iter(keys)
    while chunk := list(itertools.islice(iterator, _CHUNK)):
        yield chunk
