"""Tests of derivations.realise.unpack_budget: archives that would fill the disk."""

from __future__ import annotations

import gzip
import io
import tarfile

from typing import TYPE_CHECKING

import pytest

from derivations.realise.archives.decompress import FileSection, Reader
from derivations.realise.archives.extract import Extraction
from derivations.realise.sandbox.bounds import Bounds
from derivations.realise.unpack_budget import STEP, UnpackBudget, WouldFillDisk
from store.trees.pool import Pool
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from pathlib import Path


def _blocks(place: Path) -> int:
    """Return how many bytes of the disk the files below *place* take; nothing else frees any of them meanwhile."""
    inodes = {it.lstat().st_ino: it.lstat().st_size for it in place.rglob("*") if it.is_file()}
    return sum(inodes.values())


def _interrupted() -> None:
    raise KeyboardInterrupt


def bomb(sizes: list[int]) -> bytes:
    """Return an archive of a few kilobytes with files of *sizes*."""
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb") as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for number, size in enumerate(sizes):
            info = tarfile.TarInfo(f"a/{number}")
            info.size = size
            archive.addfile(info, io.BytesIO(number.to_bytes(4) + bytes(size)))
    return file.getvalue()


@pytest.mark.parametrize("sizes", [[400 << 20], [1 << 19] * 800], ids=["one-file", "many-files"])
def test_a_bomb(tmp_path: Path, sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A small archive that unpacks to too much is stopped while there is still space, with one file or many."""
    data = bomb(sizes)
    assert len(data) < 1 << 20
    monkeypatch.setattr(Bounds, "too_full", lambda _, place: 1 << 20 if _blocks(place) > 50 << 20 else None)
    with (
        Pool.open(tmp_path / "pool") as pool,
        TreeWriter(pool, tmp_path / "out") as writer,
        Reader(FileSection(io.BytesIO(data), len(data)), "x.tar.gz") as reader,
        pytest.raises(WouldFillDisk) as caught,
    ):
        Extraction(writer=writer, archive="x.tar.gz", budget=UnpackBudget("x.tar.gz", tmp_path, Bounds())).extract(
            reader, lambda _: None
        )
    assert caught.value.written < 100 << 20
    assert str(caught.value).startswith("cannot unpack x.tar.gz: after ")


def test_what_fits(tmp_path: Path) -> None:
    """The disk is checked only at intervals, and what fits is unpacked."""
    full = Bounds(free_space=1 << 60)
    UnpackBudget("x", tmp_path, full).count(STEP - 1)
    with pytest.raises(WouldFillDisk):
        UnpackBudget("x", tmp_path, full).count(STEP)
    UnpackBudget("x", tmp_path, Bounds(free_space=0)).count(1 << 50)
    with pytest.raises(KeyboardInterrupt):
        UnpackBudget("x", tmp_path, full, _interrupted).count(STEP)
    assert list(UnpackBudget("x", tmp_path, Bounds(free_space=0)).counted([memoryview(b"a")])) == [b"a"]
