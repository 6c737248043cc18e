"""Doubtful moments: after one, no file of the pool becomes part of an object before it has been read."""

from __future__ import annotations

import os
import subprocess
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blake3 import blake3

from store import registration
from store.local import Store
from store.osutil import failpoints
from store.scratch import StoreRemounted
from store.trees.hash_tree import content_of
from store.trees.seal import MTIME_NS


if TYPE_CHECKING:
    from collections.abc import Callable

    from store.path import StorePath
    from store.trees.pool import Pool
    from tests.store.conftest import Make


ROOT = Path(__file__).parents[3]
DATA = b"what the object holds\n" * 100


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a tree of two equal files, an executable one, and a large one."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    for name in ("one", "sub/two"):
        (source / name).write_bytes(DATA)
    (source / "run").write_bytes(b"#!/bin/sh\n" + DATA)
    (source / "run").chmod(0o755)
    (source / "large").write_bytes(DATA * 1000)
    return source


@pytest.fixture
def added(store: Store, source: Path) -> StorePath:
    """Return the object made of the tree."""
    return store.add(source)


def _doubt(store: Store) -> None:
    (store.layout.home / "boot").write_text("another boot")


def _spoil(path: Path, damage: Callable[[Path], object]) -> None:
    """Damage *path* as a disk might: only the size in its status may change."""
    mode = path.stat().st_mode
    path.chmod(0o600)
    damage(path)
    path.chmod(mode)
    os.utime(path, ns=(MTIME_NS, MTIME_NS))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _is_whole(store: Store, path: StorePath) -> bool:
    return content_of(store.path(path)).digest == store.info(path).digest


DAMAGES = [_empty, _truncate, _flip, _zero]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["one", "run", "large"])
def test_damaged_files_are_not_linked(
    store: Store, source: Path, added: StorePath, damage: Callable[[Path], object], name: str
) -> None:
    """After a doubtful moment, no new object contains a damaged file, and the pool lists it as damaged."""
    _spoil(store.path(added) / name, damage)
    _doubt(store)
    again = store.add(source, "again")
    assert not _is_whole(store, added)
    assert _is_whole(store, again)
    assert 1 == len(store.pool.damaged())
    third = store.add(source, "third")
    assert _is_whole(store, third)
    assert (store.path(again) / name).samefile(store.path(third) / name)


@pytest.mark.parametrize("damage", [_empty])
def test_an_empty_file_is_seen_at_any_time(
    store: Store, source: Path, added: StorePath, damage: Callable[[Path], object]
) -> None:
    """An empty file that should not be empty is never linked, doubtful moment or not."""
    _spoil(store.path(added) / "one", damage)
    assert _is_whole(store, store.add(source, "again"))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_changed_file_is_seen_at_any_time(
    store: Store, source: Path, added: StorePath, damage: Callable[[Path], object]
) -> None:
    """Writing to a file of the store changes its time, so it is read before it is linked."""
    path = store.path(added) / "one"
    path.chmod(0o600)
    damage(path)
    path.chmod(0o444)
    assert _is_whole(store, store.add(source, "again"))


def test_a_changed_mode_is_restored(store: Store, source: Path, added: StorePath) -> None:
    """A file with the right content and a wrong mode gets its mode back when it is linked."""
    path = store.path(added) / "one"
    path.chmod(0o644)
    again = store.add(source, "again")
    assert path.samefile(store.path(again) / "one")
    assert 0o444 == path.stat().st_mode & 0o777


def test_intact_files_are_shared_again(store: Store, source: Path, added: StorePath) -> None:
    """After a doubtful moment, equal files still become one inode, and no used file is doubtful any more."""
    _doubt(store)
    again = store.add(source, "again")
    for name in ("one", "sub/two", "run", "large"):
        assert (store.path(added) / name).samefile(store.path(again) / name)
    store.pool.sweep()
    assert not (store.layout.pool / "doubtful").exists()
    assert [] == store.pool.damaged()


def test_a_file_is_read_once(store: Store, source: Path, added: StorePath) -> None:
    """A file read since the doubtful moment is not read again: the next one finds later damage that keeps all times."""
    _doubt(store)
    store.add(source, "again")
    _spoil(store.path(added) / "one", _flip)
    assert not _is_whole(store, store.add(source, "third"))
    _doubt(store)
    assert _is_whole(store, store.add(source, "fourth"))


def test_doubts_add_up(store: Store, source: Path, added: StorePath, make: Make) -> None:
    """Files not read between two doubtful moments are still doubtful after the second."""
    for _ in range(2):
        _doubt(store)
        make("other")
    _spoil(store.path(added) / "one", _flip)
    assert _is_whole(store, store.add(source, "again"))


def test_an_abandoned_scratch_is_a_doubtful_moment(store: Store, source: Path, added: StorePath) -> None:
    """A process that dies leaves a scratch with something in it; an empty one does not count."""
    _spoil(store.path(added) / "one", _flip)
    (store.layout.builds / "left").mkdir()
    assert not _is_whole(store, store.add(source, "second"))
    (store.layout.builds / "left/file").write_text("half an obj")
    assert _is_whole(store, store.add(source, "third"))
    assert [] == list(store.layout.builds.iterdir())


def test_a_scratch_that_was_given_up(store: Store, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that finishes, but is interrupted while it removes its scratch, causes no doubt."""

    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("store.scratch.remove_tree", interrupted)
        with pytest.raises(KeyboardInterrupt), store.scratch() as scratch:
            (scratch / "file").write_text("half an obj")
    assert 1 == len(list(store.layout.builds.iterdir()))
    boot = store.layout.home / "boot"
    before = boot.stat().st_ino
    store.add(source, "again")
    assert before == boot.stat().st_ino
    store.scratches.sweep()
    assert (before, []) == (boot.stat().st_ino, list(store.layout.builds.iterdir()))


def test_a_collection_does_not_wipe_the_traces(store: Store, source: Path, added: StorePath) -> None:
    """If the collector removes an abandoned scratch, the doubtful moment is not forgotten."""
    _spoil(store.path(added) / "one", _flip)
    (store.layout.builds / "left").mkdir()
    (store.layout.builds / "left/file").write_text("half an obj")
    store.scratches.sweep()
    assert _is_whole(store, store.add(source, "again"))


def test_a_disk_that_does_not_write_is_a_doubtful_moment(
    store: Store, source: Path, added: StorePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When `syncfs` fails, the pool's files are read again."""

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(registration, "syncfs", fail)
        with pytest.raises(OSError, match="Input"):
            store.add(source, "lost")
    _spoil(store.path(added) / "one", _flip)
    assert _is_whole(store, store.add(source, "again"))


def test_a_copy_of_a_store_is_doubted(store: Store, source: Path, added: StorePath, tmp_path: Path) -> None:
    """In a copy of a store, all files are doubtful."""
    _spoil(store.path(added) / "one", _flip)
    subprocess.run(["/bin/cp", "-a", store.layout.home, tmp_path / "copy"], check=True)
    with Store.open(tmp_path / "copy") as copy:
        assert _is_whole(copy, copy.add(source, "again"))


@pytest.mark.parametrize("step", ["recover: scratches", "recover: pool", "recover: doubt", "recover: boot"])
def test_an_interrupted_recovery_is_repeated(store: Store, source: Path, added: StorePath, step: str) -> None:
    """Wherever a recovery stops, the next one doubts the same files."""

    def stop(name: str) -> None:
        if name == step:
            raise KeyboardInterrupt

    _spoil(store.path(added) / "one", _flip)
    _doubt(store)
    failpoints.install(stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            store.add(source, "again")
    finally:
        failpoints.uninstall()
    assert _is_whole(store, store.add(source, "again"))


def test_doubts_reach_open_stores(store: Store, home: Path, source: Path, added: StorePath) -> None:
    """A process that had the store open when another one came to doubt it links no unread file."""
    _spoil(store.path(added) / "one", _flip)
    with Store.open(home) as other:
        _doubt(store)
        with store.scratch():
            pass
        assert _is_whole(other, other.add(source, "again"))


def test_an_entry_that_is_not_a_file(pool: Pool, tmp_path: Path) -> None:
    """A symbolic link or a fifo in the pool is never linked to."""
    digest = blake3(DATA).digest()
    (tmp_path / "secret").write_bytes(DATA)
    place = pool.directory / digest.hex()[:2] / digest.hex()[2:]
    place.parent.mkdir()
    place.symlink_to(tmp_path / "secret")
    assert not pool.link(digest, False, None, os.fspath(tmp_path / "linked"))
    os.mkfifo(place)
    assert not pool.link(digest, False, None, os.fspath(tmp_path / "linked"))


DISK = """
import fcntl, os, struct, subprocess, sys
from pathlib import Path
from store.trees.adopt import adopt
from store.local import Store

disk, image, step = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

def mount():
    subprocess.run(["mount", "-o", "loop", image, disk], check=True)

if step == "probe":
    mount()
    sys.exit()
mount()
with Store.open(disk / "home") as store, store.scratch():
    pass
os.sync()
child = os.fork()
if child == 0:
    store = Store.open(disk / "home")
    with store.scratch() as scratch:
        (scratch / "tree").mkdir()
        for number in range(50):
            (scratch / "tree" / str(number)).write_text(f"content {number}" * 20000)
        adopt(scratch / "tree", store.pool)
        # The directories are on the disk, and the bytes of the files are not: what ext4 does in five seconds.
        other = os.open(disk / "other", os.O_WRONLY | os.O_CREAT)
        os.fsync(other)
        root = os.open(disk, os.O_RDONLY)
        fcntl.ioctl(root, 0x8004587D, struct.pack("I", 2))  # EXT4_IOC_SHUTDOWN, without the journal
        os._exit(0)
os.waitpid(child, 0)
subprocess.run(["umount", disk], check=True)
subprocess.run(["e2fsck", "-fy", image], stdout=subprocess.DEVNULL, check=False)
mount()
empty = sum(1 for place in (disk / "home/pool").rglob("*") if place.is_file() and not place.stat().st_size)
source = Path(sys.argv[4])
source.mkdir()
for number in range(50):
    (source / str(number)).write_text(f"content {number}" * 20000)
with Store.open(disk / "home") as store:
    made = store.path(store.add(source, "made"))
    wrong = sum((made / str(number)).read_text() != f"content {number}" * 20000 for number in range(50))
print(empty, wrong)
subprocess.run(["umount", disk], check=True)
"""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return a file with an ext4 file system, if this machine lets us mount one."""
    if os.geteuid():
        pytest.skip("needs root")
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    try:
        subprocess.run(["/sbin/mkfs.ext4", "-q", image], capture_output=True, check=True)
        (tmp_path / "disk").mkdir()
        _on_disk(tmp_path, image, "probe")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"cannot mount a file system from a file: {getattr(error, 'stderr', None) or error}")
    return image


def _on_disk(top: Path, image: Path, step: str) -> str:
    # In its own mount namespace, so that nothing stays mounted.
    words: list[str | Path] = [
        "/usr/bin/unshare",
        "--mount",
        sys.executable,
        "-c",
        DISK,
        top / "disk",
        image,
        step,
        top / "source",
    ]
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    child = subprocess.run(
        words, cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
    )
    return child.stdout


def test_a_disk_that_went_away_under_a_running_kernel(image: Path, tmp_path: Path) -> None:
    """A disk that is shut down during a build, checked and remounted within one boot yields no empty files."""
    empty, wrong = map(int, _on_disk(tmp_path, image, "run").split())
    assert empty >= 50
    assert 0 == wrong


def test_a_mount_over_an_open_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process stops if its store is on another mount than when it was opened."""
    numbers = iter(["ext4 1", "ext4 2"])
    monkeypatch.setattr("store.scratch.superblock_identity", lambda _: next(numbers))
    with pytest.raises(StoreRemounted), store.scratch():
        pass
