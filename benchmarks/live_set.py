"""Find the live objects among a million with six million references."""

from __future__ import annotations

import random
import sqlite3
import time

from typing import TYPE_CHECKING

from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import alternate
from benchmarks.workbench import clear, say
from store import base32
from store.gc.liveness import Marking, mark
from store.records.database import Database
from store.records.packed_ids import pack


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.timing import Contestant
    from benchmarks.workbench import Workbench


COUNT = 1_000_000
REFERENCES = 6
FAMILIES = 100
"""Objects of a hundred families take turns; each refers to the last of its family, and to others of its last ten."""

REACH = 10
SHARE, ALL = 0.06, 1.0
"""Shares of live objects: about that of the bound's first measurement (58,000), and all of them, the worst case."""


def measure(bench: Workbench) -> Result:
    """Measure only the marking, on a generated database with few live objects, and again with all of them alive."""
    file, count = bench.scratch / "live.sqlite", bench.count(COUNT)
    clear(file)
    say("generating the database")
    _generate(file, count)

    def marking(share: float) -> float:
        # Each object needs, directly or not, all earlier ones of its family.
        roots = frozenset(_path(count - family) for family in range(min(count, int(FAMILIES * share))))
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
        notes=(f"{SHARE:.0%} of the objects are alive; the time with all of them alive is beside it",),
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
        "insert into objects values (?, ?, ?, 1000, 1, 1, 1, 'result', ?)",
        ((number, _path(number), number.to_bytes(32), pack(found)) for number, found in _references(count)),
    )
    edges = ((number, reference) for number, found in _references(count) for reference in found)
    connection.executemany("insert into refs values (?, ?)", edges)
    connection.execute("create index referrers on refs (reference)")
    connection.execute("commit")
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()


def _references(count: int) -> Iterator[tuple[int, list[int]]]:
    """Yield each object with its references."""
    chance = random.Random(1)  # noqa: S311 -- the same graph each time
    for number in range(1, count + 1):
        older = range(number - FAMILIES, 0, -FAMILIES)[:REACH]
        others = chance.sample(older[1:], min(REFERENCES, len(older)) - 1) if older else []
        yield number, sorted([*older[:1], *others])


def _path(number: int) -> str:
    return f"{base32.encode(number.to_bytes(20))}-object"
