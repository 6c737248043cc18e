"""Which objects are alive: one recursive query, in SQLite, over the whole store.

An object is alive if it is a root, if it was used within the age that its retention class
grants it, or if something alive refers to it (or, as the policy says, was made by it). So
the live are closed under references, and so is what remains when more is spared later.

The dead are kept in a temporary table, `temp.dead`, of this connection. A marking is a
snapshot: what is registered afterwards has a larger id than anything in it, and is not dead.
"""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from store.database import Database
    from store.retention import Retention


_DERIVERS = """
    union select made.id from {table}
    join derivers on derivers.object = {table}.id join objects made on made.path = derivers.deriver {condition}
"""

# In order of id: SQLite would otherwise walk the index by path, and insert all over the table of the dead.
# In the order of falling ids references are read from one end of their table to the other: twice as fast.
_MARK = """
    with recursive live (id) as (
        select id from temp.root
        union select reference from refs join live on refs.referrer = live.id
        {derivers}
        order by 1 desc
    )
    insert into temp.dead select id from objects where id not in live order by id
"""

# What is not dead, and was there at the marking, needs no second visit: all that it refers to is
# not dead either. What has been registered since has its references held, and so among the paths.
_SPARE = """
    with recursive spared (id) as (
        select id from objects where path in (select value from json_each(?))
        union select reference from refs join spared on refs.referrer = spared.id
        join temp.dead on temp.dead.id = refs.reference
        {derivers}
    )
    delete from temp.dead where id in spared
"""


@attrs.frozen(kw_only=True)
class Marking:
    """How to tell the living: by *roots*, by last use since a time given for a class, and by derivers or not."""

    roots: frozenset[str]
    used_since: Mapping[Retention, int]
    keep_derivers: bool


def mark(database: Database, marking: Marking) -> None:
    """Fill `temp.dead` with the ids of all objects that are not alive."""
    for table in ("root", "dead", "chunk"):
        database.execute(f"drop table if exists temp.{table}")
        database.execute(f"create temporary table {table} (id integer primary key)")
    with database.snapshot():
        roots = json.dumps(sorted(marking.roots))
        database.execute(
            "insert into temp.root select id from objects where path in (select value from json_each(?))", (roots,)
        )
        for retention, since in marking.used_since.items():
            # The class is written out so that SQLite sees that its partial index will do.
            database.execute(
                f"insert or ignore into temp.root select id from objects where retention = '{retention}' and used > ?",  # noqa: S608  a member's value
                (since,),
            )
        derivers = _DERIVERS.format(table="live", condition="") if marking.keep_derivers else ""
        database.execute(_MARK.format(derivers=derivers))


def spare(database: Database, marking: Marking, paths: Iterable[str]) -> None:
    """Take *paths*, and all that they keep alive, out of `temp.dead`."""
    condition = "join temp.dead on temp.dead.id = made.id"
    derivers = _DERIVERS.format(table="spared", condition=condition) if marking.keep_derivers else ""
    database.execute(_SPARE.format(derivers=derivers), (json.dumps(sorted(paths)),))


def deletion_order(database: Database) -> list[int]:
    """Return the dead, referrers first."""
    return [number for (number,) in database.execute("select id from temp.dead order by id desc")]


def deletion_order_by_use(database: Database) -> list[int]:
    """Return the dead, referrers first, and among those the longest unused first.

    An object counts as used whenever one of its dead referrers was: so whoever sorts by
    that time never puts an object before a referrer.
    """
    used = dict(database.execute("select id, used from objects where id in (select id from temp.dead)"))
    edges = """
        select referrer, reference from temp.dead join refs on refs.referrer = temp.dead.id order by referrer desc
    """
    for referrer, reference in database.execute(edges):
        if reference in used:
            used[reference] = max(used[reference], used[referrer])
    return sorted(used, key=lambda number: (used[number], -number))
