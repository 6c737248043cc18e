"""A cache in a directory, keys, and a second store to pull into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from store.caches.cache import Cache
from store.caches.directory import DirectoryTransport
from store.caches.push import Push
from store.local import Store
from store.path import StorePath
from store.registration import Entry
from store.signing.keys import SecretKey
from store.signing.trusted import Trust
from store.trees.adopt import adopt


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


KEY = SecretKey("test-1", bytes(range(32)))
TRUST = Trust(objects=(KEY.public,), results=(KEY.public,))


@pytest.fixture
def place(memory: Path) -> Path:
    """Return the directory of the cache."""
    return memory / "cache"


@pytest.fixture
def cache(place: Path) -> Cache:
    """Return a cache that does not exist yet."""
    return Cache("test", DirectoryTransport(place), TRUST)


@pytest.fixture
def push(store: Store, cache: Cache) -> Push:
    """Return what pushes from `store` to `cache`."""
    return Push(store=store, cache=cache, key=KEY, threads=2)


@pytest.fixture
def other(memory: Path) -> Iterator[Store]:
    """Return another, empty store."""
    with Store.open(memory / "other") as opened:
        yield opened


@pytest.fixture
def put(store: Store) -> Callable[..., StorePath]:
    """Return a function that registers a tree of files, given by path, in `store`."""

    def put(
        name: str, files: Mapping[str, bytes], references: tuple[StorePath, ...] = (), key: bytes | None = None
    ) -> StorePath:
        with store.scratch() as scratch:
            root = scratch / "object"
            root.mkdir()
            for path, data in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(data)
            (root / "empty").mkdir()
            (root / "link").symlink_to("empty")
            content = adopt(root, store.pool)
            entry = Entry(
                path=StorePath.make(content.digest, name, references),
                place=root,
                content=content,
                references=frozenset(references),
                realisations=() if key is None else ((key, "out"),),
            )
            store.commit([entry])
            return entry.path

    return put


def fresh(cache: Cache) -> Cache:
    """Return *cache* as another run sees it: nothing is remembered."""
    return Cache(cache.name, cache.transport, cache.trust)
