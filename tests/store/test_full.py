"""Full disks, disks without inodes, and read-only ones: collections always work, and reading does, too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store.gc.collect import Policy, collect, plan
from store.gc.forecast import forecast
from store.gc.roots import add_root, roots
from store.local import Store
from store.osutil.space import DiskFull
from store.osutil.writability import StoreReadOnly
from store.verify import verify


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from store.path import StorePath
    from tests.store.conftest import Make

    Mount = Callable[[str], Path]


ROOT = Path(__file__).parents[2]
ALL = Policy(keep={}, keep_derivers=False)
MEGABYTE = 1 << 20


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Return a function that mounts a tmpfs with the given options and returns its path."""
    if os.geteuid():
        pytest.skip("needs root")
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> Path:
        words: list[str | Path] = ["/bin/mount", "-t", "tmpfs", "-o", f"mode=755,{options}", "tmpfs", place]
        mounted = subprocess.run(words, capture_output=True, check=False)
        if mounted.returncode:
            pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
        return place

    yield mount
    subprocess.run(["/bin/umount", "-l", place], capture_output=True, check=False)


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    """Return the mount point of a small ext4 file system with no blocks reserved for root."""
    if os.geteuid():
        pytest.skip("needs root")
    image, place = tmp_path / "image", tmp_path / "ext4"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(32 * MEGABYTE)
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    for words in (["mkfs.ext4", "-q", "-m", "0", str(image)], ["mount", "-o", "loop", str(image), str(place)]):
        try:
            subprocess.run(["/usr/bin/env", *words], env={"PATH": path}, capture_output=True, check=True)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"cannot mount a file system from a file: {error.stderr.decode().strip()}")
    yield place
    subprocess.run(["/bin/umount", place], capture_output=True, check=False)


def _fill(disk: Path) -> None:
    """Fill the disk to the last byte."""
    with (disk / "filler").open("ab", buffering=0) as file:
        for size in (MEGABYTE, 4096, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def _fill_inodes(disk: Path) -> None:
    try:
        (disk / "files").mkdir(exist_ok=True)
        while True:
            (disk / "files" / os.urandom(8).hex()).touch()
    except OSError:
        return


def _store(disk: Path, count: int = 4) -> list[StorePath]:
    """Create a store with *count* dead objects of one megabyte, and a rooted one."""
    source = disk.parent / "source"
    with Store.open(disk / "home") as store:
        paths = []
        for number in range(count):
            file = disk.parent / "tree/file" if number % 2 else source
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(os.urandom(MEGABYTE))
            paths.append(store.add(file.parent if number % 2 else file))
        source.write_bytes(b"kept")
        add_root(store, "kept", store.add(source, "kept"))
    return paths


def _collected(disk: Path) -> int:
    with Store.open(disk / "home", full_disk=True) as store:
        collected = collect(store, ALL)
        assert ["kept"] == [info.path.name for info in store.database.all_infos()]
        assert 1 == len(list(store.layout.objects.iterdir()))
        assert verify(store, contents=True) == []
    return collected.objects


def test_full_without_a_reserve(mount: Mount) -> None:
    """With no byte left and no reserve, deleting dead objects makes the room that deleting their rows needs."""
    disk = mount("size=24m")
    _store(disk)
    (disk / "home/reserve").unlink(missing_ok=True)
    _fill(disk)
    assert 4 == _collected(disk)


def test_full_again_and_again(mount: Mount) -> None:
    """Every time the disk is full, a collection makes room."""
    disk = mount("size=40m")
    for _ in range(3):
        _store(disk)
        _fill(disk)
        assert 4 == _collected(disk)
        (disk / "filler").unlink()
        _fill(disk)
        os.truncate(disk / "filler", (disk / "filler").stat().st_size - 6 * MEGABYTE)


@pytest.mark.parametrize("bytes_too", [False, True])
def test_no_inodes(mount: Mount, bytes_too: bool) -> None:
    """Without a free inode, with or without bytes, SQLite cannot open a database as usual, but collections work."""
    disk = mount("size=24m,nr_inodes=600")
    _store(disk)
    (disk / "home/reserve").unlink(missing_ok=True)
    if bytes_too:
        _fill(disk)
    _fill_inodes(disk)
    assert 4 == _collected(disk)


def test_full_ext4(ext4: Path) -> None:
    """The same on a file system whose directories take blocks."""
    _store(ext4)
    (ext4 / "home/reserve").unlink(missing_ok=True)
    _fill(ext4)
    _fill_inodes(ext4)
    assert 4 == _collected(ext4)


def _die_with_a_log(home: Path) -> None:
    """Have a process write to the database and be killed, so that the last rows are only in the log."""
    child = os.fork()
    if child == 0:
        store = Store.open(home)
        store.record([(b"k" * 32, "out", next(iter(store.database.all_infos())).path)])
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert (home / "db.sqlite-wal").stat().st_size


@pytest.mark.parametrize("fill", [_fill, _fill_inodes])
@pytest.mark.parametrize("shared_memory", [True, False])
def test_full_with_a_log(mount: Mount, fill: Callable[[Path], None], shared_memory: bool) -> None:
    """Rows written just before a process was killed are read, although the log can only be read."""
    disk = mount("size=24m,nr_inodes=600")
    _store(disk)
    (disk / "home/reserve").unlink(missing_ok=True)
    _die_with_a_log(disk / "home")
    if not shared_memory:
        (disk / "home/db.sqlite-shm").unlink()
    fill(disk)
    with Store.open(disk / "home", full_disk=True) as store:
        assert [b"k" * 32] == [key for key, _, _ in store.database.all_realisations()]
    assert 4 == _collected(disk)


def test_nothing_to_collect_on_a_full_disk(mount: Mount) -> None:
    """If nothing is dead, nothing is lost."""
    disk = mount("size=24m")
    _store(disk, 0)
    (disk / "home/reserve").unlink(missing_ok=True)
    _fill(disk)
    assert 0 == _collected(disk)


def test_a_use_that_cannot_be_recorded(mount: Mount) -> None:
    """On a full disk objects can be used without recording it."""
    disk = mount("size=24m")
    (path, *_) = _store(disk)
    (disk / "home/reserve").unlink(missing_ok=True)
    with Store.open(disk / "home") as store:
        store.database.execute("update objects set used = 1")
    _fill(disk)
    with Store.open(disk / "home") as store:
        store.touch([path])
        assert 1 == store.info(path).used


def test_reading_needs_no_hold(mount: Mount) -> None:
    """On a full disk objects cannot be held; those that are only read are found without that."""
    disk = mount("size=24m")
    (path, *_) = _store(disk)
    (disk / "home/reserve").unlink(missing_ok=True)
    _fill(disk)
    with Store.open(disk / "home") as store:
        assert {path} == store.hold_if_possible([path])
        store.hold_all([path], to_read=True)
        with pytest.raises(DiskFull):
            store.hold_all([path])


def test_rows_that_cannot_be_deleted_first(store: Store, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """If rows cannot be deleted, bytes are deleted first, and the next collection deletes the rows."""
    dead = [make(f"dead-{number}", f"{number}" * 9999) for number in range(3)]
    store.temproots.close()

    def full() -> None:
        raise DiskFull(str(store.layout.database))

    with monkeypatch.context() as patched:
        patched.setattr(type(store.database), "write", lambda _: full())
        assert collect(store, ALL).freed
    assert (set(), 3) == (store.valid(dead), len(store.database.all_infos()))
    assert 3 == collect(store, ALL).objects
    assert verify(store, contents=True) == []


def _remount(disk: Path) -> None:
    subprocess.run(["/bin/mount", "-o", "remount,ro", disk], check=True)


@pytest.mark.parametrize("log", [False, True])
def test_a_read_only_store_can_be_read(mount: Mount, log: bool) -> None:
    """Objects can be looked up, held, verified and planned to be collected; nothing can be written."""
    disk = mount("size=24m")
    (path, *_) = paths = _store(disk)
    if log:
        _die_with_a_log(disk / "home")
    _remount(disk)
    with Store.open(disk / "home") as store:
        assert set(paths) == store.hold(paths)
        store.hold_all(paths)
        store.touch(paths)
        assert MEGABYTE == store.info(path).size
        assert verify(store, contents=True) == []
        assert len(paths) == len(doomed := plan(store, ALL))
        assert forecast(store, doomed) >= len(paths) * MEGABYTE
        assert 1 == len(roots(store.layout))
        assert log == bool(store.database.all_realisations())
        for write in (lambda: collect(store, ALL), lambda: store.record([(b"k" * 32, "dev", path)])):
            with pytest.raises((StoreReadOnly, OSError)):
                write()
        with pytest.raises(StoreReadOnly), store.scratch():
            pass


SCRIPT = """
from derivations.source import text_file

hello = text_file("hello", "hello world\\n")
"""


def test_verbs_on_a_read_only_store(mount: Mount, tmp_path: Path) -> None:
    """Verbs that only read work; those that write explain why they cannot."""
    disk = mount("size=24m")
    (tmp_path / "hello.py").write_text(SCRIPT)
    (tmp_path / "file").write_text("added")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "KERNIX_HOME": str(disk / "home"),
        "PYTHONPATH": str(ROOT),
    }

    def run(*words: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "kernix", *words]
        ran = subprocess.run(command, env=environment, cwd=tmp_path, text=True, capture_output=True, check=False)
        return ran.returncode, ran.stdout, ran.stderr

    _, built, _ = run("build", "-f", "hello.py", "hello")
    _, added, _ = run("add", "file")
    _remount(disk)
    for words in (
        ["path-info", "-r", "--json", built.strip()],
        ["path-info", "-f", "hello.py", "hello"],
        ["why-depends", added.strip(), added.strip()],
        ["roots"],
        ["verify"],
        ["verify", "--contents"],
        ["gc", "--dry-run", "--all"],
        ["build", "-f", "hello.py", "hello"],
        ["build", "-f", "hello.py", "hello", "--no-link"],
        ["add", "file"],
        ["list", "-f", "hello.py"],
    ):
        code, _, err = run(*words)
        assert (0, False) == (code, "Traceback" in err), (words, err)
    (tmp_path / "file").write_text("something else")
    for words in (["gc"], ["add", "file"], ["verify", "--rebuild"], ["roots", "add", "result"]):
        code, _, err = run(*words)
        assert (1, False, True) == (code, "Traceback" in err, "read-only" in err), (words, err)
