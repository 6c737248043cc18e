"""The pool of shared files."""

from __future__ import annotations

import errno
import os
import threading

from typing import TYPE_CHECKING

import attrs
import pytest

from blake3 import blake3

from store.trees.pool import Pool, Pooled


if TYPE_CHECKING:
    from pathlib import Path


DATA = b"some data"
DIGEST = blake3(DATA).digest()


def _file(path: Path, data: bytes = DATA) -> Path:
    path.write_bytes(data)
    path.chmod(0o444)
    return path


def _inode(path: Path) -> int:
    return path.stat().st_ino


def test_share(pool: Pool, tmp_path: Path) -> None:
    """A file that was offered once is linked from then on."""
    first, second = _file(tmp_path / "first"), tmp_path / "second"
    pool.offer(DIGEST, False, None, os.fspath(first))
    assert pool.link(DIGEST, False, None, os.fspath(second))
    assert _inode(first) == _inode(second)
    assert [Pooled(DIGEST, executable=False, inode=_inode(first))] == list(pool.entries())


def test_relative_to_descriptors(pool: Pool, tmp_path: Path) -> None:
    """Names are relative to the descriptor that comes with them."""
    _file(tmp_path / "first")
    fd = os.open(tmp_path, os.O_RDONLY)
    pool.offer(DIGEST, False, fd, b"first")
    assert pool.link(DIGEST, False, fd, "second")
    os.close(fd)
    assert _inode(tmp_path / "first") == _inode(tmp_path / "second")


def test_absent(pool: Pool, tmp_path: Path) -> None:
    """The pool does not link a file that it lacks, or only has with another mode."""
    pool.offer(DIGEST, False, None, os.fspath(_file(tmp_path / "first")))
    assert not pool.link(DIGEST, True, None, os.fspath(tmp_path / "second"))
    assert not pool.link(blake3(b"").digest(), False, None, os.fspath(tmp_path / "second"))
    assert not (tmp_path / "second").exists()


def test_offer_of_a_copy(pool: Pool, tmp_path: Path) -> None:
    """An offered file with the bytes of a pooled one becomes a link to it; one that is a link already stays."""
    first, second = _file(tmp_path / "first"), _file(tmp_path / "second")
    for path in (first, second, first, second):
        pool.offer(DIGEST, False, None, os.fspath(path))
    assert _inode(first) == _inode(second)
    assert first.stat().st_nlink == 3
    assert list((tmp_path / "pool/tmp").iterdir()) == []


def test_damaged_entry(pool: Pool, tmp_path: Path) -> None:
    """A truncated entry is replaced by an intact file."""
    first, second = _file(tmp_path / "first"), _file(tmp_path / "second")
    pool.offer(DIGEST, False, None, os.fspath(first))
    first.chmod(0o644)
    os.truncate(first, 3)
    pool.offer(DIGEST, False, None, os.fspath(second))
    assert second.read_bytes() == DATA
    assert [_inode(second)] == [entry.inode for entry in pool.entries()]


@pytest.mark.skipif(os.statvfs("/tmp").f_namemax != 255, reason="tests the limit of a usual file system")
def test_most_links(pool: Pool, tmp_path: Path) -> None:
    """When a pooled file cannot have more links, its next copy replaces it."""
    first = _file(tmp_path / "first")
    pool.offer(DIGEST, False, None, os.fspath(first))
    many = tmp_path / "many"
    many.mkdir()
    try:
        for number in range(66000):
            os.link(first, many / str(number))
    except OSError as error:
        assert error.errno == errno.EMLINK  # noqa: PT017 -- the end of the loop
    else:
        pytest.skip("this file system allows too many links to try")
    second, third = _file(tmp_path / "second"), tmp_path / "third"
    assert not pool.link(DIGEST, False, None, os.fspath(third))
    pool.offer(DIGEST, False, None, os.fspath(second))
    assert pool.link(DIGEST, False, None, os.fspath(third))
    assert _inode(second) == _inode(third)


def test_no_links_across_file_systems(pool: Pool, tmp_path: Path) -> None:
    """If hard links are impossible, nothing is shared and nothing fails."""
    elsewhere = _elsewhere(tmp_path)
    pool.offer(DIGEST, False, None, os.fspath(_file(tmp_path / "first")))
    assert not pool.link(DIGEST, False, None, os.fspath(elsewhere / "kernix-test-link"))
    path = _file(elsewhere / f"kernix-test-{os.getpid()}", b"other")
    try:
        pool.offer(blake3(b"other").digest(), False, None, os.fspath(path))
        assert path.read_bytes() == b"other"
    finally:
        path.unlink()
    assert len(list(pool.entries())) == 1


def _elsewhere(tmp_path: Path) -> Path:
    place = type(tmp_path)("/dev/shm")
    if not os.access(place, os.W_OK) or place.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    return place


def test_error(pool: Pool, tmp_path: Path) -> None:
    """An error that is unrelated to sharing is raised."""
    pool.offer(DIGEST, False, None, os.fspath(_file(tmp_path / "first")))
    with pytest.raises(FileExistsError):
        pool.link(DIGEST, False, None, os.fspath(tmp_path / "first"))
    with pytest.raises(FileNotFoundError):
        pool.offer(DIGEST, False, None, os.fspath(tmp_path / "gone"))


def test_sweep(pool: Pool, tmp_path: Path) -> None:
    """Entries that no object links to are removed, and so are abandoned temporary links."""
    kept, dead = _file(tmp_path / "kept"), _file(tmp_path / "dead", b"y" * 10000)
    pool.offer(DIGEST, False, None, os.fspath(kept))
    pool.offer(blake3(b"y" * 10000).digest(), True, None, os.fspath(dead))
    os.link(kept, tmp_path / "pool/tmp/1-1")
    size = dead.stat().st_blocks * 512
    dead.unlink()
    swept = pool.sweep()
    assert (2, size) == (swept.entries, swept.size)
    assert [entry.digest for entry in pool.entries()] == [DIGEST]
    assert kept.stat().st_nlink == 2


def test_drop(pool: Pool, tmp_path: Path) -> None:
    """A dropped entry is no longer linked to."""
    pool.offer(DIGEST, True, None, os.fspath(_file(tmp_path / "first")))
    for entry in list(pool.entries()):
        pool.drop(entry)
        pool.drop(entry)
    assert not pool.link(DIGEST, True, None, os.fspath(tmp_path / "second"))


def test_foreign_files(pool: Pool, tmp_path: Path) -> None:
    """A foreign file in the pool is not an entry."""
    (tmp_path / "pool/zz").mkdir()
    _file(tmp_path / "pool/zz/README")
    assert list(pool.entries()) == []


@attrs.define
class _Failures:
    errors: list[BaseException] = attrs.field(factory=list)


def test_many_at_once(pool: Pool, tmp_path: Path) -> None:
    """Threads can offer, link and sweep the same files at the same time."""
    failures = _Failures()
    contents = [b"%d" % number for number in range(8)]

    def work(name: str) -> None:
        directory = tmp_path / name
        directory.mkdir()
        try:
            for turn in range(40):
                for data in contents:
                    path = directory / f"{turn}-{data.decode()}"
                    if not pool.link(blake3(data).digest(), False, None, os.fspath(path)):
                        pool.offer(blake3(data).digest(), False, None, os.fspath(_file(path, data)))
                    assert data == path.read_bytes()
                    if turn % 3:
                        path.unlink()
                if name == "0":
                    pool.sweep()
        except BaseException as error:  # noqa: BLE001 -- raised below
            failures.errors.append(error)

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures.errors == []
