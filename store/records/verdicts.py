"""Verdicts: what became of building a result again.

A verdict belongs to an object, and goes with it. It names the derivation and the action (`derivations.derivation`) that
were built again: an object may be the result of several, and what was proved of one says nothing about another.

A result that is *withdrawn* was refuted and is trusted no more: it is no result of any key from then on, although the
object stays until the collector takes it, for whoever wants to look into it.
"""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import attrs

from store.path import StorePath


if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.records.connection import Connection


@attrs.frozen(kw_only=True)
class Verdict:
    """One comparison of a result with what another build of the same inputs gave.

    Attributes:
        path: The result.
        key: The key of the derivation that was built again, 32 bytes.
        action: The same with its inputs' contents, 32 bytes.
        output: The output's name.
        seen: When, in seconds since 1970.
        rebuilt: The digest of the other build's output.
        equal: Whether the result has that digest, too.
        conditions: What the other build ran under, for people.
        withdrawn: Whether the result is trusted no more.
    """

    path: StorePath
    key: bytes
    action: bytes
    output: str
    seen: int
    rebuilt: bytes
    equal: bool
    conditions: str
    withdrawn: bool = False


def insert(database: Connection, verdicts: Iterable[Verdict]) -> None:
    """Insert *verdicts*, those of unregistered objects excepted. Only within `write`."""
    statement = """
        insert into verdicts (object, key, action, output, seen, rebuilt, conditions, withdrawn)
        select id, ?, ?, ?, ?, ?, ?, ? from objects where path = ?
    """
    database.execute_many(
        statement,
        [
            (it.key, it.action, it.output, it.seen, it.rebuilt, it.conditions, int(it.withdrawn), str(it.path))
            for it in verdicts
        ],
    )


def withdraw(database: Connection, paths: Iterable[StorePath]) -> None:
    """Make the objects *paths* the results of no key. Only within `write`."""
    among = "object in (select id from objects where path in (select value from json_each(?)))"
    database.execute(f"delete from realisations where {among}", (json.dumps([str(it) for it in paths]),))  # noqa: S608  a constant


def verdicts(database: Connection, paths: Iterable[StorePath] | None = None) -> list[Verdict]:
    """Return the verdicts on the objects *paths*, by default on all, oldest first."""
    among = "" if paths is None else "where path in (select value from json_each(?))"
    parameters = () if paths is None else (json.dumps([str(it) for it in paths]),)
    statement = f"""
        select path, key, action, output, seen, rebuilt, rebuilt = digest, conditions, withdrawn
        from verdicts join objects on objects.id = object {among} order by seen, verdicts.id
    """  # noqa: S608  a constant
    with database.understood():
        return [
            Verdict(
                path=StorePath.parse(path),
                key=bytes(key),
                action=bytes(action),
                output=str(output),
                seen=int(seen),
                rebuilt=bytes(rebuilt),
                equal=bool(equal),
                conditions=str(conditions),
                withdrawn=bool(withdrawn),
            )
            for path, key, action, output, seen, rebuilt, equal, conditions, withdrawn in database.execute(
                statement, parameters
            )
        ]
