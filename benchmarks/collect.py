"""Collect garbage in a store of fifty thousand objects, half of them dead."""

from __future__ import annotations

import itertools
import os

from typing import TYPE_CHECKING

from blake3 import blake3

from benchmarks.peers import copy_home
from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import alternate
from benchmarks.workbench import clear, say
from store import base32
from store.gc.roots import add_root
from store.local import Store
from store.path import StorePath
from store.registration import Entry
from store.trees.content import Content, Kind, tree_digest
from store.trees.seal import FILE_MODE, MTIME_NS


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.peers import Nix
    from benchmarks.timing import Contestant
    from benchmarks.workbench import Workbench


NIX = "nix-collect-garbage"
COUNT = 50_000
GROUP = 100
"""Objects in a group, which one root needs, or none."""

_BATCH = 5000


def measure(bench: Workbench) -> Result:
    """Measure against Nix on a store with the same objects: small files that refer to one or two others each."""
    home, nix = bench.scratch / "home", bench.nix
    say("generating the stores")
    count = bench.count(COUNT)
    kept = _generate(home, count)
    home.rename(bench.scratch / "full")

    def kernix(_: int) -> float:
        copy_home(bench.scratch / "full", home)
        taken = bench.seconds(home, "gc")
        _expect(kept, sum(1 for _ in (home / "store").iterdir()))
        return taken

    contestants: dict[str, Contestant] = {KERNIX: kernix}
    if nix is not None:
        nix.reset()
        _generate_nix(nix, count)
        nix.home.rename(bench.scratch / "full-nix")

        def peer(_: int) -> float:
            copy_home(bench.scratch / "full-nix", nix.home)
            taken = nix.seconds("nix-collect-garbage")
            _expect(kept, sum(1 for path in nix.store.iterdir() if not path.name.startswith(".")))
            return taken

        contestants[NIX] = peer
    times = alternate(bench.rounds, contestants, bench.scratch)
    for place in (home, bench.scratch / "full", bench.scratch / "full-nix"):
        clear(place)
    if nix is not None:
        nix.clear()
    return Result(
        name="collect",
        what=f"collecting {count:,} objects, half dead",
        times=times,
        bounds=(Bound(peer=NIX, factor=0.5),),
    )


def _expect(wanted: int, found: int) -> None:
    if found != wanted:
        message = f"{found} objects are left, expected {wanted}"
        raise RuntimeError(message)


def _references(number: int) -> list[int]:
    """Return the references of the object *number*, within its group: the previous object and another one."""
    first = number - number % GROUP
    return sorted({number - 1, first + (number * 7919) % (number - first)}) if number > first else []


def _is_root(number: int, count: int) -> bool:
    """Return whether *number* is the last of its group, and the group is a live one."""
    return (number % GROUP == GROUP - 1 or number == count - 1) and (number // GROUP) % 2 == 0


def _content(number: int) -> bytes:
    return f"object {number}\n".encode() * 20


def _generate(home: Path, count: int) -> int:
    """Create the store in *home* and return how many of its objects are alive."""
    paths: list[StorePath] = []
    with Store.open(home) as store:
        numbers = iter(range(count))
        while batch := list(itertools.islice(numbers, _BATCH)):
            with store.scratch() as scratch:
                entries = []
                for number in batch:
                    entry = _entry(scratch, number, paths)
                    store.pool.offer(blake3(_content(number)).digest(), False, None, os.fspath(entry.place))
                    paths.append(entry.path)
                    entries.append(entry)
                store.commit(entries)
        for number, path in enumerate(paths):
            if _is_root(number, count):
                add_root(store, f"root-{number}", path)
    return sum(1 for number in range(count) if (number // GROUP) % 2 == 0)


def _entry(scratch: Path, number: int, paths: list[StorePath]) -> Entry:
    data = _content(number)
    digest = tree_digest(Kind.FILE, blake3(data).digest())
    references = frozenset(paths[it] for it in _references(number))
    path = StorePath.make(digest, f"object-{number}", references)
    place = scratch / str(path)
    place.write_bytes(data)
    place.chmod(FILE_MODE)
    os.utime(place, ns=(MTIME_NS, MTIME_NS))
    return Entry(path=path, place=place, content=Content(digest, len(data), 1), references=references)


def _generate_nix(nix: Nix, count: int) -> None:
    names = [f"{base32.encode(blake3(_content(number)).digest(length=20))}-object-{number}" for number in range(count)]

    def objects() -> Iterator[tuple[str, bytes, list[str]]]:
        for number, name in enumerate(names):
            yield name, _content(number), [names[it] for it in _references(number)]

    nix.register(objects())
    for number, name in enumerate(names):
        if _is_root(number, count):
            (nix.home / "state/gcroots" / f"root-{number}").symlink_to(nix.store / name)
