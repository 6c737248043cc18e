"""What was pushed can be pulled, and nothing else."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from store.caches.pull import Caches, NotPulled
from store.verify import verify
from tests.store.caches.conftest import fresh


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from store.caches.cache import Cache
    from store.caches.push import Push
    from store.caches.transport import Stream, Transport
    from store.local import Store
    from store.path import StorePath


KEY = b"k" * 32
FILES = {"a": b"one", "b/c": os.urandom(300_000), "b/d": b"", "e%f": b"two" * 1000, "b/g": b"one"}


def test_a_pulled_object_is_the_same(
    push: Push, put: Callable[..., StorePath], cache: Cache, other: Store, store: Store
) -> None:
    """A pushed object with a reference arrives whole, with its deriver, size and references."""
    library = put("library", {"file": b"x"})
    program = put("program", {**FILES, "needs": str(library).encode()}, (library,), KEY)
    push.push([program])
    pulled = Caches(store=other, caches=[fresh(cache)]).pull([program])
    assert pulled.keys() == {program, library}
    assert verify(other, contents=True) == []
    ours, theirs = store.info(program), other.info(program)
    assert (ours.digest, ours.size, ours.nodes, ours.references) == (
        theirs.digest, theirs.size, theirs.nodes, theirs.references,
    )  # fmt: skip


def test_a_result_leads_to_the_object(push: Push, put: Callable[..., StorePath], cache: Cache, other: Store) -> None:
    """The key of an action finds its object."""
    path = put("program", FILES, (), KEY)
    push.push([path])
    found = Caches(store=other, caches=[fresh(cache)]).result(KEY, "out")
    assert found is not None
    assert found.path == path


def test_what_no_cache_has_is_an_error(push: Push, put: Callable[..., StorePath], cache: Cache, other: Store) -> None:
    """The error names the object and the caches."""
    push.push([put("program", FILES)])
    absent = put("absent", {"x": b"y"})
    with pytest.raises(NotPulled) as caught:
        Caches(store=other, caches=[fresh(cache)]).pull([absent])
    assert (caught.value.path, caught.value.caches) == (absent, ("test",))


def test_a_delta_is_taken_where_its_base_is_here(
    push: Push, put: Callable[..., StorePath], cache: Cache, other: Store
) -> None:
    """The second version of an object costs what differs, and is whole."""
    text = os.urandom(400_000)
    first = put("linux-6.1.1", {"lib/6.1.1/big": text, "same": os.urandom(100_000), "gone": b"1"})
    second = put("linux-6.1.2", {"lib/6.1.2/big": text[:1000] + b"!" + text[1000:], "same": b"", "new": b"2"})
    (one,) = push.push([first])
    (two,) = push.push([second])
    assert two.delta is not None
    assert two.delta < 5000 < one.archive
    Caches(store=other, caches=[fresh(cache)]).pull([first])
    heard: list[int] = []
    warned: list[str] = []
    Caches(store=other, caches=[fresh(cache)], heard=heard.append, warn=warned.append).pull([second])
    assert (sum(heard), warned) == (two.delta, [])
    assert verify(other, contents=True) == []


def test_only_missing_parts_are_fetched(push: Push, put: Callable[..., StorePath], cache: Cache, other: Store) -> None:
    """Of an archive most of whose files are here, the frames of the others are requested."""
    files = {f"f{i}": os.urandom(100_000) for i in range(9)}
    first, second = put("first", files), put("second", {**files, "f5": os.urandom(100_000)})
    push.push([first, second])
    Caches(store=other, caches=[fresh(cache)]).pull([first])
    heard: list[int] = []
    Caches(store=other, caches=[fresh(cache)], heard=heard.append).pull([second])
    assert 100_000 < sum(heard) < 110_000
    assert verify(other, contents=True) == []


@attrs.frozen
class _Together:
    """A transport in which two downloads of a blob wait for each other for a moment, and end one after the other."""

    transport: Transport
    barrier: threading.Barrier = attrs.field(factory=lambda: threading.Barrier(2))
    count: Iterator[int] = attrs.field(factory=itertools.count)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- the transport's
        return getattr(self.transport, name)

    @contextlib.contextmanager
    def stream(self, path: str, start: int = 0, end: int | None = None) -> Iterator[Stream]:
        """Give the bytes of *path*."""
        if path.startswith("blobs/"):
            with contextlib.suppress(threading.BrokenBarrierError):
                self.barrier.wait(timeout=0.3)
            if next(self.count) % 2:
                time.sleep(0.2)
        with self.transport.stream(path, start, end) as stream:
            yield stream


def test_objects_with_the_same_content_arrive_together(
    push: Push, put: Callable[..., StorePath], cache: Cache, other: Store
) -> None:
    """Two objects of different names have the same blobs: neither download disturbs the other."""
    paths = [put(name, FILES) for name in ("one", "two")]
    push.push(paths)
    slow = attrs.evolve(fresh(cache), transport=_Together(cache.transport))

    Caches(store=other, caches=[slow]).pull(paths)

    assert verify(other, contents=True) == []
    assert other.valid(paths) == set(paths)
