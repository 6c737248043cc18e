"""Interrupts stop a thread's work in the store at any point."""

from __future__ import annotations

import fcntl
import os
import time

from typing import TYPE_CHECKING

import pytest

from store import scratch
from store.gc.collect import Policy, collect
from store.local import Store
from store.osutil.interrupt import Interrupted, check, current_check, grace_period, interruptible
from store.osutil.locks import Gate, locked, permanent_lock
from store.osutil.parallel import in_parallel
from store.rebuild import rebuild
from store.trees.adopt import adopt
from store.trees.copy_in import copy_in
from store.trees.hash_tree import content_of
from store.trees.reading import sha256_of
from store.trees.references import find_references
from store.trees.remove import remove_many, remove_tree
from store.trees.writer import TreeWriter
from store.verify import verify


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from store.trees.pool import Pool


HUGE = 1 << 42
"""Bytes of a hole that would take half an hour to hash."""


class _After:
    """Returns False a number of times, and then True."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def _huge(path: Path) -> Path:
    with path.open("wb") as file:
        try:
            file.truncate(HUGE)
        except OSError:
            pytest.skip("the file system has no files so large")
    return path


def _many(path: Path) -> Path:
    for number in range(30):
        (path / str(number)).mkdir(parents=True)
        for other in range(10):
            (path / str(number) / str(other)).write_text(f"{number} {other}")
    return path


def _zeros() -> object:
    while True:
        yield bytes(1 << 16)


def _write(pool: Pool, path: Path) -> None:
    with TreeWriter(pool, path) as writer:
        writer.file("file", _zeros())  # type: ignore[arg-type]


def _filled(path: Path) -> Path:
    with Store.open(path / "home") as store:
        for number in range(30):
            (path / "file").write_text(f"{number}")
            store.add(path / "file", f"object-{number}")
    return path / "home"


def _verify(path: Path) -> None:
    path.mkdir()
    with interruptible(None):
        home = _filled(path)
    with Store.open(home) as store:
        verify(store, contents=True)


def _rebuild(path: Path) -> None:
    path.mkdir()
    with interruptible(None):
        home = _filled(path)
    (home / "db.sqlite").unlink()
    rebuild(home)


def _wait_for_gate(path: Path) -> None:
    path.mkdir()
    descriptor = os.open(path / "gate", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with Gate(path).shared():
            pytest.fail("two at once")
    finally:
        os.close(descriptor)


def _wait_for_lock(path: Path) -> None:
    with locked(path), locked(path):
        pytest.fail("two at once")


def _wait_for_permanent(path: Path) -> None:
    with permanent_lock(path), permanent_lock(path):
        pytest.fail("two at once")


WORK: dict[str, Callable[[Path, Pool], object]] = {
    "hash": lambda path, _: content_of(_huge(path)),
    "hash-by-sha256": lambda path, _: sha256_of(_huge(path)),
    "hash-many": lambda path, _: content_of(_many(path)),
    "copy": lambda path, pool: copy_in(_huge(path), path.with_name("copy"), pool),
    "copy-many": lambda path, pool: copy_in(_many(path), path.with_name("copy"), pool),
    "take-in": lambda path, pool: adopt(_huge(path), pool),
    "take-in-many": lambda path, pool: adopt(_many(path), pool),
    "scan-many": lambda path, _: find_references(_many(path), ["0" * 32]),
    "verify": lambda path, _: _verify(path),
    "rebuild": lambda path, _: _rebuild(path),
    "write": lambda path, pool: _write(pool, path),
    "remove": lambda path, _: remove_tree(_many(path)),
    "remove-many": lambda path, _: remove_many([*_many(path).iterdir()], 4),
    "gate": lambda path, _: _wait_for_gate(path),
    "lock": lambda path, _: _wait_for_lock(path),
    "permanent-lock": lambda path, _: _wait_for_permanent(path),
}


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("times", [0, 5, 20])
def test_work_is_interrupted(tmp_path: Path, pool: Pool, work: str, times: int) -> None:
    """Any long operation keeps checking whether to stop."""
    with pytest.raises(Interrupted), interruptible(_After(times)):
        WORK[work](tmp_path / "it", pool)


def test_no_interrupt_outside(tmp_path: Path) -> None:
    """Code outside the interruptible body is never interrupted, even if the body was."""
    with pytest.raises(Interrupted), interruptible(lambda: True):
        check()
    check()
    assert current_check() is None
    with interruptible(lambda: True), interruptible(None):
        remove_tree(_many(tmp_path / "it"))


def _check_for_long(_: int) -> None:
    for _ in range(1000):
        check()


def test_worker_threads_are_interrupted() -> None:
    """Threads that work for an interruptible thread are interruptible, too, and stop when one of them fails."""
    with pytest.raises(Interrupted), interruptible(_After(10)):
        in_parallel(_check_for_long, range(20), 4)

    def fail(number: int) -> None:
        if number == 0:
            raise ZeroDivisionError
        while True:
            check()

    with pytest.raises(ZeroDivisionError):
        in_parallel(fail, range(4), 4)


def _check_for_ever() -> None:
    while True:
        check()
        time.sleep(0.001)


def test_a_moment_for_cleaning_up(tmp_path: Path) -> None:
    """After an interrupt, short work may finish; longer work is abandoned without an error."""
    with interruptible(lambda: True):
        with grace_period(60):
            remove_tree(_many(tmp_path / "little"))
        with grace_period(0):
            _check_for_ever()
    assert not (tmp_path / "little").exists()


def test_interrupted_addition(tmp_path: Path) -> None:
    """An addition that is interrupted leaves no scratch and no object."""
    with Store.open(tmp_path / "home") as store:
        for times in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89):
            source = _many(tmp_path / f"source-{times}")
            with pytest.raises(Interrupted), interruptible(_After(times)):
                store.add(source)
            assert [] == [*store.layout.builds.iterdir()]
        assert [] == [*store.layout.objects.iterdir()]


def test_a_scratch_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scratch that takes too long to remove goes to the trash, and the next collection deletes it."""
    monkeypatch.setattr(scratch, "_PATIENCE", 0)
    with Store.open(tmp_path / "home") as store:
        with interruptible(lambda: True), store.scratch() as place:
            _many(place / "tree")
        assert [] == [*store.layout.builds.iterdir()]
        assert len([*store.layout.trash.iterdir()]) == 1
        collect(store, Policy())
        assert [] == [*store.layout.trash.iterdir()]
