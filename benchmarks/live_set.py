"""Find what is alive among a million objects with six million references."""

from __future__ import annotations

import random
import sqlite3
import time

from typing import TYPE_CHECKING

from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import alternate
from benchmarks.workbench import clear, say
from store import base32
from store.database import Database
from store.liveness import Marking, mark


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.workbench import Workbench


COUNT = 1_000_000
REFERENCES = 6
REACH = 1000
"""How far back in time an object refers."""


def measure(bench: Workbench) -> Result:
    """Measure the marking alone, on a generated database in which all but a few objects are alive."""
    file, count = bench.scratch / "live.sqlite", bench.count(COUNT)
    clear(file)
    say("generating the database")
    root = _generate(file, count)
    marking = Marking(roots=frozenset({root}), used_since={}, keep_derivers=True)

    def kernix(_: int) -> float:
        database = Database(file, fresh=False)
        started = time.perf_counter()
        mark(database, marking)
        taken = time.perf_counter() - started
        database.close()
        return taken

    times = alternate(bench.rounds, {KERNIX: kernix}, bench.scratch)
    for place in bench.scratch.glob("live.sqlite*"):
        clear(place)
    return Result(
        name="live-set",
        what=f"live set of {count:,} objects, {count * REFERENCES:,} references (a generated database)",
        times=times,
        bounds=(Bound(floor=1.0),),
    )


def _generate(file: Path, count: int) -> str:
    """Write the database and return the path of the object that keeps all before it alive."""
    Database(file, fresh=True).close()
    connection = sqlite3.connect(file, isolation_level=None)
    for pragma in ("foreign_keys = off", "synchronous = off", "cache_size = -500000"):
        connection.execute(f"pragma {pragma}")
    connection.execute("drop index referrers")
    connection.execute("begin")
    connection.executemany(
        "insert into objects values (?, ?, ?, 1000, 1, 1, 1, 'result')",
        ((number, _path(number), number.to_bytes(32)) for number in range(1, count + 1)),
    )
    connection.executemany("insert into refs values (?, ?)", _references(count))
    connection.execute("create index referrers on refs (reference)")
    connection.execute("commit")
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    return _path(count - REFERENCES)


def _references(count: int) -> Iterator[tuple[int, int]]:
    """Yield who refers to whom: each to the one before it and some others that are not much older."""
    chance = random.Random(1)  # noqa: S311 -- the same graph each time
    for referrer in range(2, count + 1):
        reach = min(referrer - 1, REACH)
        found = {referrer - 1}
        while len(found) < min(REFERENCES, reach):
            found.add(referrer - 1 - int(chance.random() * reach))
        yield from ((referrer, reference) for reference in sorted(found))


def _path(number: int) -> str:
    return f"{base32.encode(number.to_bytes(20))}-object"
