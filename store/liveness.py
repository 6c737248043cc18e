"""Which objects are alive: one pass over all of them, the newest first.

An object is alive if it is a root, if it was used within the age that its retention class
grants it, or if something alive refers to it (or, as the policy says, was made by it). So
the live are closed under references, and so is what remains when more is spared later.

A reference has a smaller id than its referrer (`store.database`). In the order of falling ids, whatever
may keep an object alive has therefore been seen before it, and each object is seen once, with its
references in its own row. A recursive query over `refs` finds the same set; but it reads a row for each
reference and looks each up among those found, which takes many times as long if most are alive.
Only a deriver may be newer than what it made: such are spared when the pass is over.

A marking is a snapshot: what is registered afterwards has a larger id than anything in it, and is not dead.
"""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import attrs

from store.needs import unpack


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from store.database import Database
    from store.retention import Retention


_ROOTS = "select id from objects where path in (select value from json_each(?))"
_DERIVERS = "select object, made.id from derivers join objects made on made.path = deriver"
_DERIVERS_OF = f"{_DERIVERS} where object in (select value from json_each(?))"  # noqa: S608  a constant
_REFERENCES = "select reference from refs where referrer in (select value from json_each(?))"


@attrs.frozen(kw_only=True)
class Marking:
    """How to tell the living: by *roots*, by last use since a time given for a class, and by derivers or not."""

    roots: frozenset[str]
    used_since: Mapping[Retention, int]
    keep_derivers: bool


@attrs.define
class Dead:
    """The ids of the objects that are not alive, less those that are spared; referrers come first."""

    _database: Database
    _keep_derivers: bool
    _ids: dict[int, None] = attrs.field(factory=dict, init=False, repr=False)

    def __contains__(self, number: int) -> bool:
        return number in self._ids

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids)

    def find(self, live: Iterable[int]) -> None:
        """Find the dead, where the objects *live* and all that they keep are alive."""
        ((newest,),) = self._database.execute("select coalesce(max(id), 0) from objects")
        alive = bytearray(newest + 1)
        for number in live:
            alive[number] = True
        derivers = dict(self._database.execute(_DERIVERS)) if self._keep_derivers else {}
        newer: set[int] = set()
        dead = self._ids
        for number, needs in self._database.each("select id, needs from objects order by id desc"):
            if not alive[number]:
                dead[number] = None
                continue
            for reference in unpack(needs):
                alive[reference] = True
            if (deriver := derivers.get(number)) is not None:
                alive[deriver] = True
                newer.add(deriver)
        self._spare(newer & dead.keys())

    def spare(self, paths: Iterable[str]) -> None:
        """Take out *paths* and all that they keep alive."""
        self._spare(set(self._database.ids(paths).values()))

    def by_use(self) -> list[int]:
        """Return the dead, referrers first, and among those the longest unused first.

        An object counts as used whenever one of its dead referrers was: so whoever sorts by
        that time never puts an object before a referrer.
        """
        statement = "select id, used, needs from objects where id in (select value from json_each(?)) order by id desc"
        rows = self._database.execute(statement, (json.dumps([*self]),))
        used = {number: time for number, time, _ in rows}
        for number, _, needs in rows:
            for reference in unpack(needs):
                if reference in used:
                    used[reference] = max(used[reference], used[number])
        return sorted(used, key=lambda number: (used[number], -number))

    def _spare(self, numbers: set[int]) -> None:
        # What is not dead, and was there at the marking, needs no visit: all that it refers to is
        # not dead either. What has been registered since has its references held, and so among the paths.
        while numbers:
            for number in numbers:
                self._ids.pop(number, None)
            among = json.dumps([*numbers])
            kept = self._database.execute(_REFERENCES, (among,))
            if self._keep_derivers:
                kept += self._database.execute(_DERIVERS_OF, (among,))
            numbers = {row[-1] for row in kept if row[-1] in self._ids}


def mark(database: Database, marking: Marking) -> Dead:
    """Return the objects that are not alive."""
    dead = Dead(database, marking.keep_derivers)
    with database.snapshot():
        roots = json.dumps(sorted(marking.roots))
        live = {number for (number,) in database.execute(_ROOTS, (roots,))}
        for retention, since in marking.used_since.items():
            # The class is written out so that SQLite sees that its partial index will do.
            statement = f"select id from objects where retention = '{retention}' and used > ?"  # noqa: S608  a member's value
            live.update(number for (number,) in database.execute(statement, (since,)))
        dead.find(live)
    return dead
