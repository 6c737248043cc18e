"""Use a store in a loop together with other processes: `python -m tests.store.crowding ROLE HOME SECONDS SEED`.

A worker makes objects, looks up results, holds them and reads them; every object that the store returns must
exist, complete, with everything that it refers to. A collector deletes everything that is not held.
"""

from __future__ import annotations

import random
import sys
import time

from pathlib import Path

from store.gc.collect import Policy, collect
from store.local import Store
from store.path import StorePath
from store.registration import Entry
from store.trees.adopt import adopt


ALL = Policy(keep={}, keep_derivers=False)
KEYS = [bytes([number]) * 32 for number in range(60)]


def work(home: Path, until: float, chance: random.Random) -> int:
    """Return how many objects were used."""
    used = 0
    while time.monotonic() < until:
        with Store.open(home) as store:
            for _ in range(chance.randint(1, 5)):
                number = chance.randrange(len(KEYS))
                library = _make(store, f"library-{number}", chance)
                program = _make(store, f"program-{number}", chance, library)
                store.record([(KEYS[number], "out", program)])
                _read(store, [library, program])
                results = [outputs["out"] for outputs in store.realised(KEYS).values()]
                held = store.hold(chance.sample(results, min(1, len(results))))
                _read(store, held)
                used += 2 + len(held)
    return used


def gather(home: Path, until: float, chance: random.Random) -> int:
    """Return how many objects were deleted."""
    deleted = 0
    with Store.open(home) as store:
        while time.monotonic() < until:
            deleted += collect(store, ALL, chunk=chance.randint(1, 5)).objects
    return deleted


def _make(store: Store, name: str, chance: random.Random, *references: StorePath) -> StorePath:
    with store.scratch() as scratch:
        place = scratch / name
        place.mkdir()
        (place / "file").write_text(f"{name} {references}")
        content = adopt(place, store.pool)
        path = StorePath.make(content.digest, name, references)
        # Some check that the object exists before they build theirs, some find out on commit.
        if chance.random() < 0.5 or path not in store.hold([path]):
            store.commit([Entry(path=path, place=place, content=content, references=frozenset(references))])
    return path


def _read(store: Store, paths: list[StorePath] | set[StorePath]) -> None:
    infos = store.infos(paths)
    for path in paths:
        text = (store.path(path) / "file").read_text()
        assert text == f"{path.name} {infos[path].references}", (path, text)
        _read(store, list(infos[path].references))


if __name__ == "__main__":
    role, home, seconds, seed = sys.argv[1:]
    until = time.monotonic() + float(seconds)
    count = (work if role == "work" else gather)(Path(home), until, random.Random(seed))  # noqa: S311  no secret
    sys.stdout.write(f"{count}\n")
