"""Tests for derivations.realise.archives.extract; what is refused is in builtins/test_unpack."""

from __future__ import annotations

import io
import tarfile

from typing import TYPE_CHECKING

import pytest

from derivations.realise.archives.decompress import FileSection, Reader
from derivations.realise.archives.extract import CaseFolding, Extraction, Refused, check_case
from store.trees.hash_tree import content_of
from store.trees.pool import Pool
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from pathlib import Path


def link(name: str, target: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = tarfile.SYMTYPE, target
        archive.addfile(info)
    return file.getvalue()


def extract(directory: Path, data: bytes, *, links_may_leave: bool) -> None:
    with (
        Pool.open(directory / "pool") as pool,
        TreeWriter(pool, directory / "out") as writer,
        Reader(FileSection(io.BytesIO(data), len(data)), "x.tar") as reader,
    ):
        extraction = Extraction(writer=writer, archive="x.tar", links_may_leave=links_may_leave)
        extraction.extract(reader, lambda _: None)
        assert content_of(directory / "out") == writer.finish()


@pytest.mark.parametrize("target", ["/usr/bin/mawk", "../../../etc"])
def test_links_may_leave_where_that_is_allowed(tmp_path: Path, target: str) -> None:
    """In a root file system a link may lead anywhere; in sources it may not."""
    extract(tmp_path / "root", link("a/awk", target), links_may_leave=True)
    assert target == str((tmp_path / "root/out/a/awk").readlink())
    with pytest.raises(Refused, match="a/awk: it is a symbolic link"):
        extract(tmp_path / "source", link("a/awk", target), links_may_leave=False)


def test_a_file_system_that_folds_case_is_refused(tmp_path: Path) -> None:
    """A case-insensitive file system is an error that says where to move the store."""
    with pytest.raises(CaseFolding, match="is case-insensitive") as caught:
        check_case(tmp_path, lambda path: (path.parent / path.name.lower()).exists())
    assert "KERNIX_HOME" in caught.value.hint


def test_the_probe_is_removed(tmp_path: Path) -> None:
    """The probe leaves nothing behind."""
    check_case(tmp_path)
    assert list(tmp_path.iterdir()) == []
