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

    from benchmarks.timing import Contestant
    from benchmarks.workbench import Workbench


COUNT = 1_000_000
REFERENCES = 6
REACH = 1000
"""How far back in time an object refers."""

SHARE, ALL = 0.06, 1.0
"""What is alive: about as much as where the bound's first measurement was made (58,000), and everything, the most there is to visit."""


def measure(bench: Workbench) -> Result:
    """Measure the marking alone, on a generated database of which little is alive, and again with everything alive."""
    file, count = bench.scratch / "live.sqlite", bench.count(COUNT)
    clear(file)
    say("generating the database")
    _generate(file, count)

    def marking(share: float) -> float:
        # Each object needs, by way of others, all before it.
        roots = frozenset({_path(max(1, int(count * share)))})
        database = Database(file, fresh=False)
        started = time.perf_counter()
        mark(database, Marking(roots=roots, used_since={}, keep_derivers=True))
        taken = time.perf_counter() - started
        database.close()
        return taken

    everything = f"{KERNIX}, all alive"
    contestants: dict[str, Contestant] = {KERNIX: lambda _: marking(SHARE), everything: lambda _: marking(ALL)}
    times = alternate(bench.rounds, contestants, bench.scratch)
    for place in bench.scratch.glob("live.sqlite*"):
        clear(place)
    return Result(
        name="live-set",
        what=f"live set of {count:,} objects, {count * REFERENCES:,} references (a generated database)",
        times=times,
        bounds=(Bound(floor=1.0),),
        notes=(f"{SHARE:.0%} of the objects are alive; beside it the time where all are",),
    )


def _generate(file: Path, count: int) -> None:
    """Write the database."""
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
