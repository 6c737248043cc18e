"""Tests for store.manifests, and for what the store does with them."""

from __future__ import annotations

import stat

from typing import TYPE_CHECKING

import pytest

from store.gc.collect import Policy, collect
from store.manifests import FEW
from store.path import StorePath
from store.registration import Entry, ObjectDamaged, ObjectMissing
from store.trees.content import Kind
from store.trees.manifest import Manifest
from store.trees.writer import TreeWriter
from tests.trees import File, write


if TYPE_CHECKING:
    from pathlib import Path

    from store.local import Store


@pytest.fixture
def large(store: Store, tmp_path: Path) -> StorePath:
    """Return an object that is large enough for a manifest, copied from a user's directory."""
    return store.add(write({b"%d" % i: File(b"%d" % i) for i in range(FEW)}, tmp_path / "large"))


def _kept(store: Store, path: StorePath) -> Path:
    return store.layout.manifests / store.info(path).digest.hex()


def test_it_is_kept(store: Store, large: StorePath) -> None:
    """The first request reads the object and keeps the manifest; the next ones read that."""
    assert not _kept(store, large).exists()
    first = store.manifest(large)
    assert first == Manifest.of(store.path(large)) == Manifest.decode(_kept(store, large).read_bytes())
    assert store.manifest(large) == first
    assert stat.S_IMODE(_kept(store, large).stat().st_mode) == 0o600
    assert stat.S_IMODE(store.layout.manifests.stat().st_mode) == 0o700


def test_a_small_object_is_read_each_time(store: Store, tmp_path: Path) -> None:
    """Nothing is kept for an object of a few files."""
    path = store.add(write({b"a": File(b"1")}, tmp_path / "small"))
    assert [*store.manifest(path).paths()] == [*Manifest.of(store.path(path)).paths()]
    assert not store.layout.manifests.exists()


def test_written_trees_have_one_at_once(store: Store) -> None:
    """A tree that kernix wrote has its manifest from the beginning."""
    with store.scratch() as scratch:
        with TreeWriter(store.pool, scratch / "tree") as writer:
            for i in range(FEW):
                writer.file(f"d/{i}", b"%d" % i)
            content = writer.finish()
        path = StorePath.make(content.digest, "written")
        store.commit([Entry(path=path, place=scratch / "tree", content=content)])
    assert Manifest.decode(_kept(store, path).read_bytes()).digest == content.digest


@pytest.mark.parametrize("damage", [b"", b"kernix manifest 1\n", None])
def test_a_damaged_one_is_made_again(store: Store, large: StorePath, damage: bytes | None) -> None:
    """A manifest that is cut off, empty or another tree's is replaced."""
    good = store.manifest(large).encode()
    other = Manifest(Kind.FILE, bytes(32), {}).encode()
    _kept(store, large).write_bytes(other if damage is None else damage)
    assert store.manifest(large).encode() == good
    assert _kept(store, large).read_bytes() == good


def test_a_damaged_object_has_none(store: Store, large: StorePath) -> None:
    """What is on the disk is not passed off as what was registered."""
    file = store.path(large) / "7"
    file.chmod(0o644)
    file.write_text("other")
    with pytest.raises(ObjectDamaged):
        store.manifest(large)
    assert not store.layout.manifests.exists()


def test_no_object(store: Store) -> None:
    """A path that is not registered has no manifest."""
    path = StorePath.make(bytes(32), "none")
    with pytest.raises(ObjectMissing):
        store.manifest(path)


def test_the_collector_removes_those_without_objects(store: Store, large: StorePath) -> None:
    """Manifests of deleted objects go, and unfinished files, but for those that are asked for."""
    manifest = store.manifest(large)
    wanted = Manifest(Kind.FILE, bytes(32), {})
    store.manifests.put(wanted)
    unfinished = store.layout.manifests / ".unfinished"
    unfinished.touch()
    policy = Policy(keep={}, keep_manifests=frozenset({wanted.digest}))
    collect(store, policy)
    assert store.manifests.names() == {manifest.digest.hex(), wanted.digest.hex()}
    store.temproots.close()
    collect(store, policy)
    assert not store.is_valid(large)
    assert store.manifests.names() == {wanted.digest.hex()}


def test_a_full_disk_is_no_error(store: Store, large: StorePath) -> None:
    """Without a place to keep it, the manifest is still right."""
    store.layout.manifests.write_text("in the way")
    assert store.manifest(large) == Manifest.of(store.path(large))
