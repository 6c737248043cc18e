"""Finding the live objects: one pass, newest first.

An object is alive if it is a root, if it was used within the age that its retention class grants,
or if a live object refers to it (or, if the policy says so, was made by it). So the live objects are
closed under references, and remain so when more are spared later.

The other outputs of the build that made a root are alive, too: a user who has linked a kernel and asks for its
modules a month later does not have to compile it again. They keep what they refer to, but not the outputs of other
builds that produced one of them. If several builds produced the root itself, the most recently used output counts.

A reference has a smaller id than its referrer (`store.records.database`). In descending order of ids, everything
that may keep an object alive comes before it, so each object is visited once, with the references in its own row;
where few are alive, only their rows are read. A recursive query over `refs` finds the same set, but reads a row for
each reference and looks each up among those found, which takes many times as long. Only a deriver may be newer than
what it made; such derivers are spared after the pass.

A marking is a snapshot: what is registered afterwards has a larger id than anything in it, and is not dead.
"""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import attrs

from store.records.connection import StoreCorrupt
from store.records.packed_ids import unpack


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from store.gc.retention import Retention
    from store.records.database import Database


_ROOTS = "select id from objects where path in (select value from json_each(?))"
_DERIVERS = "select object, made.id from derivers join objects made on made.path = deriver"
_DERIVERS_OF = f"{_DERIVERS} where object in (select value from json_each(?))"  # noqa: S608  a constant
_OUTPUTS = """
    select root.object, other.output, other.object
    from realisations root join realisations other on other.key = root.key join objects on objects.id = other.object
    where root.object in (select value from json_each(?)) order by objects.used, objects.id
"""
_ONE = "select id, needs from objects where id = ?"
_SOME = "select id, needs from objects where id between ? and ? order by id desc"
_REFERENCES = "select reference from refs where referrer in (select value from json_each(?))"

_MOST = 1 << 28  # the most ids ever given, and bytes that a marking takes
_STRETCH = 1000  # ids in one query: many enough that queries cost little, few enough to fit in memory
_MANY = _STRETCH // 6  # reading this many of a stretch one by one takes as long as reading the whole stretch


@attrs.frozen(kw_only=True)
class Marking:
    """What is alive: *roots* and their sibling outputs, objects used since their class' time, and perhaps derivers."""

    roots: frozenset[str]
    used_since: Mapping[Retention, int]
    keep_derivers: bool


@attrs.define
class Marked:
    """The objects that existed at the marking, and which of them are alive."""

    _database: Database
    _keep_derivers: bool
    _alive: bytearray = attrs.field(factory=bytearray, init=False, repr=False)  # by id; 1 if alive

    def is_dead(self, number: int) -> bool:
        """Return whether the object *number* existed at the marking and is not alive."""
        return number < len(self._alive) and not self._alive[number]

    def dead(self) -> list[int]:
        """Return the dead objects that still exist, referrers first."""
        rows = self._database.execute("select id from objects where id < ? order by id desc", (len(self._alive),))
        with self._database.understood():
            return [number for (number,) in rows if not self._alive[number]]

    def dead_by_use(self) -> list[int]:
        """Return the dead objects that still exist, referrers first, and among those the longest unused first.

        An object counts as used whenever one of its dead referrers was, so sorting by that
        time never puts an object before a referrer.
        """
        statement = "select id, used, needs from objects where id in (select value from json_each(?)) order by id desc"
        rows = self._database.execute(statement, (json.dumps(self.dead()),))
        used = {number: time for number, time, _ in rows}
        with self._database.understood():
            for number, _, needs in rows:
                for reference in unpack(needs):
                    if reference in used:
                        used[reference] = max(used[reference], used[number])
            return sorted(used, key=lambda number: (used[number], -number))

    def spare(self, paths: Iterable[str]) -> None:
        """Mark *paths* and everything that they keep as alive."""
        numbers = set(self._database.ids(paths).values())
        self._spare(numbers | _outputs_beside(self._database, numbers))

    def mark(self, live: Iterable[int]) -> None:
        """Mark the objects *live*, and everything that they keep, as alive."""
        statement = "select coalesce((select min(id) from objects), 1), coalesce((select max(id) from objects), 0)"
        ((oldest, newest),) = self._database.execute(statement)
        if oldest < 1 or newest > _MOST:
            raise StoreCorrupt(self._database.path, f"objects have the numbers {oldest} to {newest}")
        alive = self._alive = bytearray(newest + 1)
        derivers = dict(self._database.execute(_DERIVERS)) if self._keep_derivers else {}
        newer: set[int] = set()
        with self._database.understood():
            for number in live:
                alive[number] = 1
            for number, needs in self._visit():
                for reference in unpack(needs):
                    alive[reference] = 1
                if (deriver := derivers.get(number, 0)) > number:
                    newer.add(deriver)
                else:
                    alive[deriver] = 1  # no object has the id 0
        self._spare(newer)

    def _visit(self) -> Iterator[tuple[int, bytes]]:
        """Yield the live objects with their references, newest first; the caller may mark older ones as it goes."""
        alive, each = self._alive, self._database.each
        number = len(alive) - 1
        while (number := alive.rfind(1, 1, number + 1)) > 0:
            # Assume the next stretch below to be as populated as the one above, which is known.
            if alive.count(1, number, number + _STRETCH) < _MANY:
                yield from each(_ONE, (number,))
                number -= 1
            else:
                for row in each(_SOME, (number - _STRETCH, number)):
                    if alive[row[0]]:
                        yield row
                number = max(0, number - _STRETCH - 1)

    def _spare(self, numbers: set[int]) -> None:
        # An object that was alive at the marking needs no visit: everything that it refers to is alive,
        # too. An object registered since has its references held, so they are among the paths.
        while numbers := {number for number in numbers if self.is_dead(number)}:
            for number in numbers:
                self._alive[number] = 1
            among = json.dumps([*numbers])
            kept = self._database.execute(_REFERENCES, (among,))
            if self._keep_derivers:
                kept += self._database.execute(_DERIVERS_OF, (among,))
            numbers = {row[-1] for row in kept}


def _outputs_beside(database: Database, numbers: set[int]) -> set[int]:
    """Return the outputs of the builds that made the objects *numbers*, one per name and object."""
    rows = database.execute(_OUTPUTS, (json.dumps([*numbers]),))
    return set({(root, output): other for root, output, other in rows}.values())


def mark(database: Database, marking: Marking) -> Marked:
    """Return which objects are alive."""
    marked = Marked(database, marking.keep_derivers)
    with database.snapshot():
        roots = json.dumps(sorted(marking.roots))
        live = {number for (number,) in database.execute(_ROOTS, (roots,))}
        live |= _outputs_beside(database, live)
        for retention, since in marking.used_since.items():
            # The class is a literal, so that SQLite can use its partial index.
            statement = f"select id from objects where retention = '{retention}' and used > ?"  # noqa: S608  a member's value
            live.update(number for (number,) in database.execute(statement, (since,)))
        marked.mark(live)
    return marked
