"""Pushing: SIGKILL at every step leaves no info without data; and what a cache has is not written twice."""

from __future__ import annotations

import subprocess
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from store.caches.cache import Cache
from store.caches.check import verify_cache
from store.caches.collect import CachePolicy, collect_cache, infos_in
from store.caches.directory import DirectoryTransport
from store.caches.errors import NotACache
from store.caches.paths import blob_path
from store.caches.pull import Caches
from store.caches.push import Push
from store.local import Store
from store.signing.keys import SecretKey
from tests.store.caches.conftest import fresh
from tests.store.caches.pushing import KEY, TRUST, prepare


if TYPE_CHECKING:
    from collections.abc import Callable

    from store.path import StorePath


ROOT = Path(__file__).parents[3]
STEPS = {
    "push: header", "push: listing", "push: archive", "push: info", "push: result", "push: names",
    "cache: sync", "cache: rename",
}  # fmt: skip


def test_a_killed_push_leaves_no_info_without_data(memory: Path) -> None:
    """At each step, what a cache says it has is there, with all references; pushing again completes it."""
    command = [sys.executable, "-m", "tests.store.caches.pushing", str(memory)]
    names = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")[:-1]
    assert {*names} == STEPS
    paths = prepare(memory / "home")
    with Store.open(memory / "home") as store:
        for number in range(1, len(names) + 1):
            place = memory / str(number)
            cache = Cache("c", DirectoryTransport(place), TRUST)
            try:
                assert verify_cache(cache) == []
            except NotACache:
                assert number <= 3
            for path in infos_in(cache.transport):
                info = cache.info(path)
                assert info is not None
                assert {*info.references} <= {*infos_in(cache.transport)}
            Push(store=store, cache=Cache("c", DirectoryTransport(place), TRUST), key=KEY, threads=1).push(paths)
            assert len(infos_in(cache.transport)) == 3


def test_what_is_there_is_not_written_again(
    push: Push, put: Callable[..., StorePath], cache: Cache, store: Store
) -> None:
    """The second push writes no archive; if a blob is missing, it is written again."""
    path = put("program", {"f": b"x" * 1000})
    assert [it.written for it in push.push([path])] == [True]
    again = attrs.evolve(push, cache=fresh(cache))
    assert [it.written for it in again.push([path])] == [False]
    info = cache.info(path)
    assert info is not None
    cache.transport.delete(blob_path(info.archive.digest))
    assert [it.written for it in attrs.evolve(push, cache=fresh(cache)).push([path])] == [True]
    assert verify_cache(fresh(cache)) == []
    assert store.is_valid(path)


def test_another_result_does_not_replace_the_first(push: Push, put: Callable[..., StorePath], cache: Cache) -> None:
    """Of two results of one action, the first one stays, and the second is reported."""
    key = b"k" * 32
    first = put("program", {"f": b"1"}, (), key)
    push.push([first])
    second = put("program", {"f": b"2"})
    push.store.database.execute(
        "update realisations set object = (select id from objects where path = ?)", (str(second),)
    )
    warned: list[str] = []
    attrs.evolve(push, cache=fresh(cache), warn=warned.append).push([second])
    result = fresh(cache).result(key, "out")
    assert result is not None
    assert (result.path, len(warned)) == (first, 1)


def test_the_collector_keeps_roots_recent_objects_and_their_closures(
    push: Push, put: Callable[..., StorePath], cache: Cache, other: Store
) -> None:
    """What no root names goes with its results, and its blobs one collection later."""
    key = b"k" * 32
    library = put("library", {"f": b"1"})
    kept = put("kept", {"f": str(library).encode()}, (library,))
    dead = put("dead", {"f": b"dead" * 100}, (), key)
    push.push([kept], root="release")
    push.push([dead])
    now = 1e11
    assert collect_cache(cache, CachePolicy(retention=1e11), now=now).objects == 0
    policy = CachePolicy(retention=10, grace=10)
    foreseen = collect_cache(cache, policy, now=now, dry_run=True)
    assert len(infos_in(cache.transport)) == 3
    done = collect_cache(cache, policy, now=now)
    assert done == foreseen
    assert (done.objects, done.blobs, done.kept) == (1, 0, 2)
    assert (fresh(cache).info(dead), fresh(cache).result(key, "out")) == (None, None)
    assert collect_cache(cache, policy, now=now).blobs == 2
    assert verify_cache(fresh(cache)) == []
    Caches(store=other, caches=[fresh(cache)]).pull([kept])


def test_somebody_elses_unknown_signature_is_replaced(push: Push, put: Callable[..., StorePath], cache: Cache) -> None:
    """An info that we do not believe is written again with our signature, and that is said."""
    path = put("program", {"f": b"x"})
    attrs.evolve(push, key=SecretKey("other-1", b"o" * 32)).push([path])
    warned: list[str] = []
    attrs.evolve(push, cache=fresh(cache), warn=warned.append).push([path])
    assert len(warned) == 1
    info = fresh(cache).info(path)
    assert info is not None
    assert [it.key for it in info.signatures] == ["test-1"]
