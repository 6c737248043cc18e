"""The index of files: unchanged files are not read again."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from store.trees.cached_walk import CachedVisitor, FileChanged
from store.trees.copy_in import copy_in
from store.trees.hash_tree import ContentVisitor, content_of
from store.trees.helpers import cached_content, read_content
from store.trees.pool import Pool
from store.trees.stat_cache import MARGIN, Index
from store.trees.walk import SkippingVisitor, walk
from tests.trees import LARGE, File, Tree, digest, directories, read, write


if TYPE_CHECKING:
    from collections.abc import Callable

    from store.trees.content import Content
    from store.trees.reading import FileReader, Name, Read
    from store.trees.walk import OpenDirectory

TREE: Tree = {b"a": File(b"1"), b"b": File(b"22", executable=True), b"dir": {b"c": File(b"3"), b"\xff": File(b"4")}}
TICK = 0.03
"""Seconds, longer than a tick of a file system's clock; passed to the index as its margin."""


@attrs.define
class Reading(SkippingVisitor):
    """Records which files are read."""

    names: list[str] = attrs.field(factory=list)
    _look: ContentVisitor = attrs.field(factory=ContentVisitor)

    def enter(self, directory: OpenDirectory) -> None:
        """Do nothing."""

    def file(self, directory: OpenDirectory | None, name: Name, place: str, reader: FileReader) -> Read:
        """Read the file *name*."""
        self.names.append(os.fsdecode(name))
        return self._look.file(directory, name, place, reader)

    def symlink(self, directory: OpenDirectory | None, name: Name, place: str) -> bytes:
        """Read the link *name*."""
        return self._look.symlink(directory, name, place)

    def leave(self, directory: OpenDirectory, digest: bytes) -> None:
        """Do nothing."""


@pytest.fixture(autouse=True, scope="module")
def _trusted(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip if temporary files are on a file system that the index does not trust."""
    if not _is_trusted(tmp_path_factory.getbasetemp()) or not _is_trusted(Path(tempfile.gettempdir())):
        pytest.skip("temporary files are on a file system that may not record every change")


def _is_trusted(directory: Path) -> bool:
    fd = os.open(directory, os.O_RDONLY)
    try:
        with Index.open(Path("/")) as index:
            return index.look_up(fd, []) is not None
    finally:
        os.close(fd)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a path for an index."""
    return tmp_path / "index.sqlite"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return the path of TREE."""
    return write(TREE, tmp_path / "tree")


def _looked(place: Path, tree: Path, margin: int = int(TICK / 2 * 1e9)) -> tuple[Content, list[str]]:
    """Return the content of *tree*, and the files that were read to compute it."""
    time.sleep(TICK)
    reading = Reading()
    with Index.open(place, margin=margin) as index:
        content = walk(tree, CachedVisitor(reading, index))
        index.save()
    assert content == content_of(tree)
    return content, sorted(reading.names)


def test_unchanged_files_are_not_read(place: Path, tree: Path) -> None:
    """The second time no file is read, and the content is the same."""
    first, names = _looked(place, tree)
    assert ["a", "b", "c", "\udcff"] == names
    assert (first, []) == _looked(place, tree)


def _grow(tree: Path) -> None:
    with (tree / "a").open("a") as file:
        file.write("more")


def _write_as_long(tree: Path) -> None:
    status = (tree / "a").stat()
    (tree / "a").write_text("2")
    os.utime(tree / "a", ns=(status.st_atime_ns, status.st_mtime_ns))


def _swap(tree: Path) -> None:
    (tree / "dir/c").rename(tree / "x")
    (tree / "dir/\udcff").rename(tree / "dir/c")
    (tree / "x").rename(tree / "dir/\udcff")


def _replace(tree: Path) -> None:
    status = (tree / "a").stat()
    (tree / "new").write_text("5")
    os.utime(tree / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
    (tree / "new").replace(tree / "a")


@pytest.mark.parametrize(
    ("change", "names"),
    [
        pytest.param(_grow, ["a"], id="longer"),
        pytest.param(_write_as_long, ["a"], id="as long, with the time that it had"),
        pytest.param(_replace, ["a"], id="another file of its name, as long and as old"),
        pytest.param(_swap, ["c", "\udcff"], id="names exchanged"),
        pytest.param(lambda tree: (tree / "a").chmod(0o755), ["a"], id="executable now"),
        pytest.param(lambda tree: (tree / "new").write_text("1"), ["new"], id="a new one"),
        pytest.param(lambda tree: (tree / "a").unlink(), [], id="one less"),
        pytest.param(lambda tree: (tree / "dir").rename(tree / "other"), [], id="a directory renamed"),
        pytest.param(lambda tree: os.utime(tree / "a", (5, 5)), ["a"], id="another time"),
    ],
)
def test_changed_files_are_read(place: Path, tree: Path, change: Callable[[Path], object], names: list[str]) -> None:
    """Whatever happened to a file, it alone is read again; the third time nothing is read."""
    _looked(place, tree)
    change(tree)
    content, found = _looked(place, tree)
    assert names == found
    assert (content, []) == _looked(place, tree)


def test_a_file_that_was_just_written_is_not_remembered(place: Path, tree: Path) -> None:
    """It may be written to again within the resolution of its file system's times without changing its status."""
    assert _looked(place, tree, margin=MARGIN) == _looked(place, tree, margin=MARGIN)
    assert ["a", "b", "c", "\udcff"] == _looked(place, tree, margin=MARGIN)[1]


@settings(max_examples=25, deadline=None)
@given(before=directories, after=directories)
def test_any_tree_after_any_other(before: Tree, after: Tree) -> None:
    """If one tree was turned into another in place, the content is that of the new tree."""
    assert isinstance(after, dict)
    with tempfile.TemporaryDirectory() as scratch:
        place, tree = Path(scratch, "index"), Path(scratch, "tree")
        write(before, tree)
        _looked(place, tree)
        for entry in os.scandir(os.fsencode(tree)):
            if entry.name not in after or entry.is_dir(follow_symlinks=False) or entry.is_symlink():
                os.rename(entry.path, os.fsencode(scratch) + b"/old-" + entry.name.hex().encode())  # noqa: PTH104 -- names are bytes
            else:
                os.unlink(entry.path)  # noqa: PTH108 -- as above
        write(after, Path(scratch, "next"))
        for entry in os.scandir(os.fsencode(scratch) + b"/next"):
            os.rename(entry.path, os.fsencode(tree) + b"/" + entry.name)  # noqa: PTH104 -- as above
        assert digest(after) == _looked(place, tree)[0].digest


@settings(max_examples=25, deadline=None)
@given(tree=directories, known=st.booleans(), pooled=st.booleans())
def test_copies(tree: Tree, known: bool, pooled: bool) -> None:
    """A copy equals the tree, whatever the index and the pool have of it."""
    with tempfile.TemporaryDirectory() as scratch, Pool.open(Path(scratch, "pool")) as pool:
        source = write(tree, Path(scratch, "tree"))
        time.sleep(TICK)
        with Index.open(Path(scratch, "index"), margin=int(TICK / 2 * 1e9)) as index:
            if pooled:
                copy_in(source, Path(scratch, "first"), pool)
            if known:
                read_content(source, index)
            content = copy_in(source, Path(scratch, "copy"), pool, index)
        assert content_of(source) == content
        assert tree == read(Path(scratch, "copy"))


def _garbage(place: Path) -> None:
    place.write_bytes(os.urandom(5000))


def _other_boot(place: Path) -> None:
    _change(place, "update boots set id = '2 before'")


def _flipped(place: Path) -> None:
    _change(place, "update directories set results = zeroblob(length(results))")


def _short(place: Path) -> None:
    _change(place, "update directories set stamps = x'00'")


def _other_tables(place: Path) -> None:
    _change(place, "drop table directories")


def _change(place: Path, statement: str) -> None:
    connection = sqlite3.connect(place)
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(_garbage, id="no database"),
        pytest.param(_other_boot, id="of another boot"),
        pytest.param(_flipped, id="other digests"),
        pytest.param(_short, id="cut short"),
        pytest.param(_other_tables, id="a table is missing"),
        pytest.param(Path.unlink, id="gone"),
    ],
)
def test_an_untrusted_index_is_recreated(place: Path, tree: Path, spoil: Callable[[Path], object]) -> None:
    """All files are read once more, and then none."""
    first, names = _looked(place, tree)
    spoil(place)
    assert (first, names) == _looked(place, tree)
    assert (first, []) == _looked(place, tree)


@pytest.mark.parametrize("directory", ["/proc/sys/kernel", "/sys/kernel"])
def test_untrusted_file_systems(directory: str) -> None:
    """Nothing is remembered on file systems that do not record every change, such as procfs."""
    assert not _is_trusted(Path(directory))


def test_without_an_index(tmp_path: Path, tree: Path) -> None:
    """Where no index can be created, trees are read as if there were none."""
    place = tmp_path / "no such directory/index.sqlite"
    assert read_content(tree) == cached_content(place, tree)
    assert ["a", "b", "c", "\udcff"] == _looked(place, tree)[1]
    assert not place.parent.exists()


def test_two_at_once(place: Path, tree: Path, tmp_path: Path) -> None:
    """What one process adds while another has the index open is not lost."""
    other = write(TREE, tmp_path / "other")
    time.sleep(TICK)
    margin = int(TICK / 2 * 1e9)
    with Index.open(place, margin=margin) as one, Index.open(place, margin=margin) as two:
        read_content(tree, one)
        read_content(other, two)
        two.save()
        one.save()
        assert one.has(other)
        assert two.has(tree)
    assert [] == _looked(place, tree)[1] + _looked(place, other)[1]


def test_the_oldest_directories_are_dropped(place: Path, tmp_path: Path) -> None:
    """The number of remembered directories is limited."""
    trees = [write(TREE, tmp_path / str(number)) for number in range(3)]
    for it in trees:
        time.sleep(TICK)
        with Index.open(place, margin=int(TICK / 2 * 1e9), most=4) as index:
            read_content(it, index)
            index.save()
    with Index.open(place) as index:
        assert [False, True, True] == [index.has(it) for it in trees]


def test_with_helpers(place: Path, tmp_path: Path) -> None:
    """Files that helpers have read are remembered, and helpers skip known files."""
    tree = write(LARGE, tmp_path / "large")
    time.sleep(MARGIN / 1e9 + TICK)
    assert digest(LARGE) == cached_content(place, tree).digest
    assert (digest(LARGE), []) == (_looked(place, tree)[0].digest, _looked(place, tree)[1])
    with Index.open(place) as index, Pool.open(tmp_path / "pool") as pool:
        assert digest(LARGE) == copy_in(tree, tmp_path / "one", pool, index).digest
        assert digest(LARGE) == copy_in(tree, tmp_path / "two", pool, index).digest
        files = [it for it in (tmp_path / "one").glob("*/*/*") if not it.is_symlink()]
        assert len(list(pool.entries())) == len({it.stat().st_ino for it in files})
    assert LARGE == read(tmp_path / "one") == read(tmp_path / "two")


def test_until_change(place: Path, tree: Path) -> None:
    """With *until_change*, the first file with different contents ends the walk, but not one with only another time."""
    first, _ = _looked(place, tree)
    os.utime(tree / "a", (5, 5))
    (tree / "new").touch()
    with Index.open(place) as index:
        assert first != read_content(tree, index, until_change=True)
    (tree / "new").unlink()
    (tree / "dir/c").write_text("4")
    with Index.open(place) as index:
        with pytest.raises(FileChanged):
            read_content(tree, index, until_change=True)
        assert first != read_content(tree, index)
