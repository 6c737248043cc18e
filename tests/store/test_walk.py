"""Reading trees."""

from __future__ import annotations

import os
import socket
import stat
import tempfile

from pathlib import Path

import pytest

from hypothesis import given

from store.tree import MAX_DEPTH, Content, InvalidTree, Kind, tree_digest
from store.walk import FileReader, Node, content_of
from tests.trees import File, Link, Tree, as_ordinary_user, count, digest, size, trees, write


TREE: Tree = {b"dir": {b"file": File(b"text"), b"run": File(b"#!", executable=True)}, b"link": Link(b"dir/file")}


@given(trees)
def test_content(tree: Tree) -> None:
    """The content is that of the description, with one thread or more."""
    with tempfile.TemporaryDirectory() as scratch:
        path = write(tree, Path(scratch, "tree"))
        for workers in (1, 3):
            assert Content(digest(tree), size(tree), count(tree)) == content_of(path, workers=workers)


@pytest.mark.parametrize("length", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_large_files(tmp_path: Path, length: int) -> None:
    """A file that is read in several steps has the digest of all of it."""
    tree = File(os.urandom(1000) * (length // 1000 + 1))
    tree = File(tree.data[:length])
    assert Content(digest(tree), length, 1) == content_of(write(tree, tmp_path / "file"))


def test_what_does_not_count(tmp_path: Path) -> None:
    """Times, permissions but the owner's to execute, and setuid bits are no content."""
    path = write(TREE, tmp_path / "tree")
    before = content_of(path)
    os.utime(path / "dir", (5, 5))
    (path / "dir/file").chmod(0o4675)
    (path / "dir/run").chmod(0o1710)
    (path / "dir").chmod(0o2711)
    assert before == content_of(path)


def test_nodes(tmp_path: Path) -> None:
    """Every node is shown with its place, kind and digest, a directory after what it holds."""
    nodes: list[Node] = []
    content = content_of(write(TREE, tmp_path / "tree"), nodes.append)
    places = [node.place for node in nodes]
    assert sorted(places) == ["", "dir", "dir/file", "dir/run", "link"]
    assert places.index("dir") > max(places.index("dir/file"), places.index("dir/run"))
    kinds = {node.place: node.kind for node in nodes}
    assert tuple(kinds[place] for place in ("dir", "dir/file", "dir/run", "link")) == (
        Kind.DIRECTORY,
        Kind.FILE,
        Kind.EXECUTABLE,
        Kind.SYMLINK,
    )
    assert places[-1] == ""
    assert content.digest == tree_digest(Kind.DIRECTORY, nodes[-1].digest)
    assert all(node.status.st_ino == (tmp_path / "tree" / node.place).lstat().st_ino for node in nodes)


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A symbolic link is itself: to nothing, to a directory, to its own directory, or as the root."""
    tree: Tree = {b"nothing": Link(b"gone"), b"root": Link(b"/"), b"loop": Link(b".")}
    assert digest(tree) == content_of(write(tree, tmp_path / "tree")).digest
    assert digest(Link(b"tree")) == content_of(write(Link(b"tree"), tmp_path / "link")).digest


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(
    ("make", "what"),
    [
        pytest.param(os.mkfifo, "a fifo", id="fifo"),
        pytest.param(_socket, "a socket", id="socket"),
    ],
)
@pytest.mark.parametrize("place", ["dir/odd", ""])
def test_other_nodes(tmp_path: Path, make: object, what: str, place: str) -> None:
    """What is neither file, directory nor link is refused by its place."""
    root = tmp_path / "tree"
    if place:
        write(TREE, root)
    make(root / place)  # type: ignore[operator]
    with pytest.raises(InvalidTree, match=what) as caught:
        content_of(root)
    assert str(root / place) == caught.value.place


def test_device() -> None:
    """A device is refused."""
    with pytest.raises(InvalidTree, match="a character device"):
        content_of(Path("/dev/null"))


@pytest.mark.parametrize("workers", [1, 4])
def test_depth(tmp_path: Path, workers: int) -> None:
    """A tree may have so many levels, and not one more."""
    tree: Tree = {}
    for _ in range(MAX_DEPTH):
        tree = {b"d": tree}
    write(tree, tmp_path / "tree")
    assert digest(tree) == content_of(tmp_path / "tree", workers=workers).digest
    with pytest.raises(InvalidTree, match="more than 256 directories deep"):
        content_of(tmp_path, workers=workers)


def test_missing(tmp_path: Path) -> None:
    """Nothing at the path is the system's error."""
    with pytest.raises(FileNotFoundError):
        content_of(tmp_path / "gone")


@pytest.mark.parametrize("workers", [1, 3])
def test_unreadable(workers: int) -> None:
    """What cannot be read is named by its whole path, and no descriptor stays open."""

    def check() -> None:
        with tempfile.TemporaryDirectory() as scratch:
            path = write({b"dir": {b"sub": {b"file": File()}}}, Path(scratch, "tree"))
            (path / "dir/sub/file").chmod(0)
            before = os.listdir("/proc/self/fd")  # noqa: PTH208 -- of no interest but for their number
            with pytest.raises(PermissionError) as caught:
                content_of(path, workers=workers)
            assert str(path / "dir/sub/file") == caught.value.filename
            assert len(before) == len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    as_ordinary_user(check)


def test_error_of_a_visitor(tmp_path: Path) -> None:
    """What the visitor raises ends the walk of all threads, and is raised."""

    def fail(node: Node) -> None:
        raise KeyError(node.place)

    write({b"%d" % number: {b"file": File()} for number in range(50)}, tmp_path / "tree")
    with pytest.raises(KeyError):
        content_of(tmp_path / "tree", fail, workers=4)


def test_reader(tmp_path: Path) -> None:
    """A reader gives the bytes step by step, and nothing at the end."""
    path = write(File(b"x" * ((1 << 20) + 5)), tmp_path / "file")
    reader = FileReader()
    with path.open("rb") as file:
        first = reader.read(file.fileno())
        assert (len(first), reader.is_whole(first)) == (1 << 20, False)
        assert bytes(reader.read(file.fileno())) == b"x" * 5
        assert bytes(reader.read(file.fileno())) == b""


def test_modes(tmp_path: Path) -> None:
    """A file is executable if its owner may execute it."""
    path = write(File(), tmp_path / "file")
    for mode, executable in ((0o100, True), (0o655, False), (0o744, True)):
        path.chmod(mode | stat.S_IRUSR)
        assert digest(File(executable=executable)) == content_of(path).digest
