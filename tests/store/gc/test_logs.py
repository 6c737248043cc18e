"""Removing old build logs."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import pytest

from store.gc.logs import LogPolicy, remove_logs, superfluous


if TYPE_CHECKING:
    from pathlib import Path


NOW = 1_000_000.0


def log(directory: Path, name: str, age: int, size: int = 4096) -> Path:
    """Write a log of *size* bytes, last written *age* seconds ago."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    os.utime(path, (NOW - age, NOW - age))
    return path


@pytest.mark.parametrize(
    ("policy", "gone"),
    [
        pytest.param(LogPolicy(older_than=1000, max_size=1 << 20), [], id="fits"),
        pytest.param(LogPolicy(older_than=250, max_size=1 << 20), ["cc/3.zst"], id="old"),
        pytest.param(LogPolicy(older_than=1000, max_size=2 * 4096), ["cc/3.zst"], id="large"),
        pytest.param(LogPolicy(older_than=1000, max_size=4096), ["cc/3.zst", "bb/2.zst"], id="oldest-first"),
        pytest.param(LogPolicy(older_than=0, max_size=0), ["cc/3.zst", "bb/2.zst", "aa/1.zst"], id="nothing"),
    ],
)
def test_which_logs_are_removed(tmp_path: Path, policy: LogPolicy, gone: list[str]) -> None:
    """Old logs are removed, and then the oldest of the others until the rest fits."""
    for name, age in (("aa/1.zst", 100), ("bb/2.zst", 200), ("cc/3.zst", 300)):
        log(tmp_path, name, age)
    assert [str(path.relative_to(tmp_path)) for path, _ in superfluous(tmp_path, policy, NOW)] == gone


def test_running_builds(tmp_path: Path) -> None:
    """The log of a running build stays, however large; one whose writer died long ago is removed."""
    log(tmp_path, "aa/1.zst.0011.part", 10, 1 << 16)
    old = log(tmp_path, "aa/2.zst.0011.part", 2000, 10)
    assert [path for path, _ in superfluous(tmp_path, LogPolicy(older_than=1000, max_size=0), NOW)] == [old]


def test_proofs(tmp_path: Path) -> None:
    """The logs of proofs are logs, too."""
    new, old = log(tmp_path, "proofs/1-new.log", 10), log(tmp_path, "proofs/2-old.log", 2000)
    other = log(tmp_path, "proofs/notes", 2000)
    assert [path for path, _ in superfluous(tmp_path, LogPolicy(older_than=1000), NOW)] == [old]
    assert new.exists()
    assert other.exists()


def test_other_files(tmp_path: Path) -> None:
    """Other files stay, whatever their age, and so do the targets of links."""
    kept = [log(tmp_path, "aa/notes", 10**6), log(tmp_path, "elsewhere/1.zst", 10**6)]
    (tmp_path / "bb").mkdir()
    (tmp_path / "bb" / "1.zst").symlink_to(kept[0])
    assert remove_logs(tmp_path, LogPolicy(older_than=0, max_size=0)) == (0, 0)
    assert all(it.exists() for it in kept)


def test_freed_bytes(tmp_path: Path) -> None:
    """The reported bytes are those freed on the disk."""
    for number in range(3):
        log(tmp_path, f"aa/{number}.zst", 10**6 - number, 10_000)
    before = sum(it.stat().st_blocks for it in tmp_path.rglob("*.zst")) * 512
    assert remove_logs(tmp_path, LogPolicy()) == (3, before)
    assert list(tmp_path.rglob("*.zst")) == []
