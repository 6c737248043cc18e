"""Caches that are damaged, lie or attack: the right object or a named error, and the next cache is tried."""

from __future__ import annotations

import contextlib
import json
import os

from typing import TYPE_CHECKING

import attrs
import pytest

from blake3 import blake3

from store.caches import zstd
from store.caches.cache import Cache
from store.caches.directory import DirectoryTransport
from store.caches.errors import CacheUnreachable
from store.caches.info import Info
from store.caches.listing import Directory, File, Frame, Link, Listing
from store.caches.paths import blob_path, info_path
from store.caches.pull import Caches, NotPulled
from store.caches.transport import Stream, Transport, read_small
from store.trees.content import Kind
from store.verify import verify
from tests.store.caches.conftest import KEY, TRUST, fresh


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from store.caches.push import Push
    from store.local import Store
    from store.path import StorePath


FILES = {"a": b"one", "big": os.urandom(300_000), "sub/c": b"two" * 1000}
Spoil = "Callable[[bytes], bytes]"


@attrs.frozen
class Odd(DirectoryTransport):
    """A transport whose streams of the files in *folder* go through *change*: a server that misbehaves."""

    change: Callable[[Stream, int | None], Stream] = lambda stream, _: stream
    folder: str = "blobs"

    @contextlib.contextmanager
    def stream(self, path: str, start: int = 0, end: int | None = None) -> Iterator[Stream]:
        """Give the changed stream."""
        with DirectoryTransport.stream(self, path, start, end) as stream:
            yield self.change(stream, end) if path.startswith(self.folder) else stream


def directory_of(push: Push) -> Path:
    """Return the directory of the cache that *push* writes."""
    assert isinstance(push.cache.transport, DirectoryTransport)
    return push.cache.transport.directory


def flip(stream: Stream, _: int | None) -> Stream:
    """Flip a bit of every chunk."""
    return Stream(stream.start, (bytes([it[0] ^ 1]) + it[1:] for it in stream.chunks))


def html(_: Stream, __: int | None) -> Stream:
    """Answer with a page."""
    return Stream(0, iter([b"<!DOCTYPE html><title>Please log in</title>"]))


def endless(_: Stream, __: int | None) -> Stream:
    """Never stop."""

    def chunks() -> Iterator[bytes]:
        while True:
            yield b"\0" * 65536

    return Stream(0, chunks())


def empty(_: Stream, __: int | None) -> Stream:
    """Send nothing."""
    return Stream(0, iter([]))


SPOILT = {"flips a bit": flip, "answers with a page": html, "never ends": endless, "sends nothing": empty}


@pytest.mark.parametrize("folder", ["blobs", "infos"])
@pytest.mark.parametrize("name", SPOILT)
def test_a_bad_cache_is_named_and_the_next_one_is_tried(
    push: Push, put: Callable[..., StorePath], other: Store, name: str, folder: str
) -> None:
    """An object comes from the second cache if the first one misbehaves, which is said."""
    path = put("program", FILES)
    push.push([path])
    bad = Cache("bad", Odd(directory_of(push), SPOILT[name], folder), TRUST)
    warned: list[str] = []
    Caches(store=other, caches=[bad, fresh(push.cache)], warn=warned.append).pull([path])
    assert verify(other, contents=True) == []
    assert len(warned) == 1
    assert [*other.layout.cache.joinpath("caches").glob("*")] == []
    with pytest.raises(NotPulled):
        Caches(store=other, caches=[bad]).pull([put("second", {"x": os.urandom(10)})])


def test_a_cut_download_goes_on(push: Push, put: Callable[..., StorePath], other: Store, place: Path) -> None:
    """A connection that is cut again and again costs no byte twice."""
    path = put("program", {"big": os.urandom(2_000_000)})
    (done,) = push.push([path])

    def cut(stream: Stream, _: int | None) -> Stream:
        def chunks() -> Iterator[bytes]:
            yield next(stream.chunks)
            message = "the connection was cut"
            raise CacheUnreachable("file:", message, transient=True)

        return Stream(stream.start, chunks())

    heard: list[int] = []
    Caches(store=other, caches=[Cache("odd", Odd(place, cut), TRUST)], heard=heard.append).pull([path])
    assert verify(other, contents=True) == []
    assert sum(heard) == done.archive


def test_a_server_that_ignores_ranges_sends_the_archive(
    push: Push, put: Callable[..., StorePath], cache: Cache, other: Store, place: Path
) -> None:
    """Where parts are not to be had, all is taken."""
    files = {f"f{i}": os.urandom(100_000) for i in range(9)}
    first, second = put("first", files), put("second", {**files, "f5": os.urandom(100_000)})
    push.push([first, second])
    Caches(store=other, caches=[fresh(cache)]).pull([first])

    @attrs.frozen
    class Whole(DirectoryTransport):
        @contextlib.contextmanager
        def stream(self, path: str, start: int = 0, end: int | None = None) -> Iterator[Stream]:  # noqa: ARG002 -- ignored
            with DirectoryTransport.stream(self, path) as stream:
                yield stream

    warned: list[str] = []
    Caches(store=other, caches=[Cache("odd", Whole(place), TRUST)], warn=warned.append).pull([second])
    assert (verify(other, contents=True), warned) == ([], [])


@pytest.mark.parametrize("which", ["archive", "listing"])
def test_a_damaged_delta_falls_back_to_the_archive(
    push: Push, put: Callable[..., StorePath], cache: Cache, other: Store, which: str
) -> None:
    """A delta that is missing or damaged is said, and the archive taken."""
    text = os.urandom(400_000)
    first, second = put("linux-1", {"big": text}), put("linux-2", {"big": text[:1000] + b"!" + text[1000:]})
    push.push([first])
    push.push([second])
    info = cache.info(second)
    assert info is not None
    (delta,) = info.deltas
    (directory_of(push) / blob_path(delta.digest if which == "archive" else delta.listing)).unlink()
    Caches(store=other, caches=[fresh(cache)]).pull([first])
    warned: list[str] = []
    Caches(store=other, caches=[fresh(cache)], warn=warned.append).pull([second])
    assert verify(other, contents=True) == []
    assert len(warned) == 1


FIELDS: dict[str, object] = {
    "digest": "00" * 32,
    "size": 1,
    "nodes": 1,
    "references": ["0" * 32 + "-x"],
    "deriver": "0" * 32 + "-x.drv",
    "results": [["00" * 32, "out"]],
    "archive": {"digest": "00" * 32, "size": 1, "listing": "00" * 32, "listing_size": 1},
    "deltas": [{"base": "0" * 32 + "-x", "digest": "00" * 32, "size": 1, "listing": "00" * 32, "listing_size": 1}],
    "signatures": [],
    "format": "kernix-cache info 2",
    "unknown": 1,
}


@pytest.mark.parametrize("field", FIELDS)
def test_each_changed_field_of_an_info_is_refused(
    push: Push, put: Callable[..., StorePath], cache: Cache, other: Store, field: str
) -> None:
    """Nothing that a client uses can be changed without the key."""
    path = put("program", FILES)
    push.push([path])
    file = directory_of(push) / info_path(path)
    document = json.loads(file.read_bytes())
    document[field] = FIELDS[field]
    file.write_text(json.dumps(document))
    with pytest.raises(NotPulled) as caught:
        Caches(store=other, caches=[fresh(cache)]).pull([path])
    assert caught.value.reasons


def signed(place: Path, path: StorePath, listing: Listing, frames: bytes) -> None:
    """Let a trusted key sign an archive of *frames* with *listing* as that of *path*."""
    transport: Transport = DirectoryTransport(place)
    info = Info.decode(read_small(transport, info_path(path), 1 << 20), path)
    encoded = listing.encode()
    transport.put(blob_path(blake3(frames).digest()), frames)
    transport.put(blob_path(blake3(encoded).digest()), encoded)
    archive = attrs.evolve(
        info.archive,
        digest=blake3(frames).digest(),
        size=len(frames),
        listing=blake3(encoded).digest(),
        listing_size=len(encoded),
    )
    info = attrs.evolve(info, archive=archive, signatures=())
    info = attrs.evolve(info, signatures=(KEY.sign(info.message),))
    transport.put(info_path(path), info.encode())


SMALL = zstd.compress(b"x")
BOMB = zstd.compress(bytes(1 << 28))
EVIL = {
    "a name above": Listing(frames=(), files=(), directories=(Directory(b"../escaped"),)),
    "an absolute name": Listing(frames=(), files=(), directories=(Directory(b"/tmp/escaped"),)),
    "an empty name": Listing(frames=(), files=(), directories=(Directory(b"a//b"),)),
    "a link, and a file through it": Listing(
        frames=(Frame(len(SMALL), 1),),
        files=(File(b"l/escaped", Kind.FILE, bytes(32), 1, 0, 0),),
        links=(Link(b"l", b"/tmp"),),
    ),
    "one name twice": Listing(frames=(), files=(), links=(Link(b"l", b"x"), Link(b"l", b"y"))),
    "a bomb": Listing(frames=(Frame(len(BOMB), 1),), files=(File(b"f", Kind.FILE, bytes(32), 1, 0, 0),)),
    "an announced bomb": Listing(
        frames=(Frame(len(BOMB), 1 << 28),), files=(File(b"f", Kind.FILE, bytes(32), 1 << 28, 0, 0),)
    ),
    "frames that are not there": Listing(
        frames=(Frame(1 << 40, 1),), files=(File(b"f", Kind.FILE, bytes(32), 1, 0, 0),)
    ),
    "a prefix without a base": Listing(
        frames=(Frame(len(SMALL), 1, b"../../etc/passwd"),), files=(File(b"f", Kind.FILE, bytes(32), 1, 0, 0),)
    ),
    "other content": Listing(frames=(Frame(len(SMALL), 1),), files=(File(b"f", Kind.FILE, bytes(32), 1, 0, 0),)),
}


@pytest.mark.parametrize("name", EVIL)
def test_a_signed_attack_stays_without_effect(
    push: Push, put: Callable[..., StorePath], cache: Cache, other: Store, name: str
) -> None:
    """Even what a trusted key signs writes nothing elsewhere, uses no memory, and does not become an object."""
    path = put("program", {"f": b"small", "g": b"small too"})
    push.push([path])
    place = directory_of(push)
    listing = EVIL[name]
    frames = {len(SMALL): SMALL, len(BOMB): BOMB}.get(listing.frames[0].packed, b"") if listing.frames else b""
    signed(place, path, listing, frames)
    with pytest.raises(NotPulled) as caught:
        Caches(store=other, caches=[fresh(cache)]).pull([path])
    assert "damaged" in caught.value.reasons[0]
    assert other.valid([path]) == set()
    assert not [*place.parent.rglob("escaped")]


def test_a_listing_that_is_too_large_is_refused() -> None:
    """What a listing unpacks to is bounded."""
    data = zstd.compress(bytes(1 << 20))
    with pytest.raises(ValueError, match="at most"):
        zstd.decompress(data, 1 << 10)
