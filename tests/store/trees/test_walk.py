"""Reading trees."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import socket
import stat
import tempfile
import threading

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from hypothesis import given

from store.trees.content import MAX_DEPTH, Content, InvalidTree, Kind, tree_digest
from store.trees.hash_tree import ContentVisitor, Node, content_of
from store.trees.reading import FileReader, Read
from store.trees.walk import Below, OpenDirectory, Visitor, walk, walk_below
from tests.trees import LARGE, File, Link, Tree, as_ordinary_user, count, digest, size, trees, write


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


TREE: Tree = {b"dir": {b"file": File(b"text"), b"run": File(b"#!", executable=True)}, b"link": Link(b"dir/file")}


@given(trees)
def test_content(tree: Tree) -> None:
    """The content agrees with the description."""
    with tempfile.TemporaryDirectory() as scratch:
        path = write(tree, Path(scratch, "tree"))
        assert Content(digest(tree), size(tree), count(tree)) == content_of(path)


@pytest.mark.parametrize("length", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_large_files(tmp_path: Path, length: int) -> None:
    """A file read in several steps has the digest of all its bytes."""
    tree = File(os.urandom(1000) * (length // 1000 + 1))
    tree = File(tree.data[:length])
    assert Content(digest(tree), length, 1) == content_of(write(tree, tmp_path / "file"))


def test_ignored_metadata(tmp_path: Path) -> None:
    """Times, setuid bits, and permissions other than the owner's to execute do not change the content."""
    path = write(TREE, tmp_path / "tree")
    before = content_of(path)
    os.utime(path / "dir", (5, 5))
    (path / "dir/file").chmod(0o4675)
    (path / "dir/run").chmod(0o1710)
    (path / "dir").chmod(0o2711)
    assert before == content_of(path)


def test_nodes(tmp_path: Path) -> None:
    """Every node is visited with its place, kind and digest, a directory after its contents."""
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
    """A symbolic link is not followed: dangling, to a directory, to its own directory, or as the root."""
    tree: Tree = {b"nothing": Link(b"gone"), b"root": Link(b"/"), b"loop": Link(b".")}
    assert digest(tree) == content_of(write(tree, tmp_path / "tree")).digest
    assert digest(Link(b"tree")) == content_of(write(Link(b"tree"), tmp_path / "link")).digest


def _socket(path: Path) -> None:
    # The path of a socket has to be short, unlike that of the tests' directory.
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        pytest.param(os.mkfifo, "a fifo", id="fifo"),
        pytest.param(_socket, "a socket", id="socket"),
    ],
)
@pytest.mark.parametrize("place", ["dir/odd", ""])
def test_other_nodes(tmp_path: Path, make: object, what: str, place: str) -> None:
    """Nodes other than files, directories and links are refused by path."""
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


def test_depth(tmp_path: Path) -> None:
    """A tree may have MAX_DEPTH levels, and not one more."""
    tree: Tree = {}
    for _ in range(MAX_DEPTH):
        tree = {b"d": tree}
    write(tree, tmp_path / "tree")
    assert digest(tree) == content_of(tmp_path / "tree").digest
    with pytest.raises(InvalidTree, match="more than 256 directories deep"):
        content_of(tmp_path)


def test_missing(tmp_path: Path) -> None:
    """A missing path raises the system's error."""
    with pytest.raises(FileNotFoundError):
        content_of(tmp_path / "gone")


def test_unreadable() -> None:
    """An unreadable node is named by its whole path, and no descriptor stays open."""

    def check() -> None:
        with tempfile.TemporaryDirectory() as scratch:
            path = write({b"dir": {b"sub": {b"file": File()}}}, Path(scratch, "tree"))
            (path / "dir/sub/file").chmod(0)
            before = os.listdir("/proc/self/fd")  # noqa: PTH208 -- only their number matters
            with pytest.raises(PermissionError) as caught:
                content_of(path)
            assert str(path / "dir/sub/file") == caught.value.filename
            assert len(before) == len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    as_ordinary_user(check)


def test_error_of_a_visitor(tmp_path: Path) -> None:
    """An exception from the visitor ends the walk and is raised."""

    def fail(node: Node) -> None:
        raise KeyError(node.place)

    write({b"dir": {b"file": File()}}, tmp_path / "tree")
    with pytest.raises(KeyError, match="dir/file"):
        content_of(tmp_path / "tree", fail)


@attrs.frozen
class _Limited:
    """A helper that processes only the first directories it is given, and remembers them."""

    visitor: Visitor
    most: int
    done: list[str] = attrs.field(factory=list)
    closed: list[bool] = attrs.field(factory=list)

    def walk(self, directory: OpenDirectory) -> Below | None:
        if len(self.done) == self.most:
            return None
        self.done.append(directory.place)
        return walk_below(directory.place, directory.depth, self.visitor)

    def stop(self) -> None:
        pass

    def close(self) -> None:
        self.closed.append(True)


@pytest.mark.parametrize("most", [0, 3, 1000])
def test_helpers(tmp_path: Path, most: int) -> None:
    """In a large tree helpers process directories below the first level, and the walk does what they leave undone."""
    helpers = [_Limited(ContentVisitor(), most) for _ in range(3)]
    starts = [functools.partial(lambda it: it, helper) for helper in helpers]
    path = write(LARGE, tmp_path / "tree")
    content = walk(path, ContentVisitor(), starts)
    assert Content(digest(LARGE), size(LARGE), count(LARGE)) == content
    assert [[True]] * 3 == [helper.closed for helper in helpers]
    done = [place for helper in helpers for place in helper.done]
    assert len(done) == len(set(done))
    assert all(Path(place).parent.parent == path for place in done)


def test_no_helpers_for_a_small_tree(tmp_path: Path) -> None:
    """For a small tree no helper is started."""
    started: list[bool] = []

    def start() -> _Limited:
        started.append(True)
        return _Limited(ContentVisitor(), 0)

    walk(write(TREE, tmp_path / "tree"), ContentVisitor(), [start])
    assert started == []


def test_no_process(tmp_path: Path) -> None:
    """If no helper can be started, the walk works without."""

    def start() -> _Limited:
        raise BlockingIOError(errno.EAGAIN, "no more processes")

    assert digest(LARGE) == walk(write(LARGE, tmp_path / "tree"), ContentVisitor(), [start, start]).digest


def test_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If no thread can be started, the walk works without."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert (
        digest(LARGE)
        == walk(write(LARGE, tmp_path / "tree"), ContentVisitor(), [lambda: _Limited(ContentVisitor(), 5)]).digest
    )


@attrs.define
class _Patient(ContentVisitor):
    """Does not finish before a helper has been asked."""

    asked: threading.Event = attrs.field(factory=threading.Event)
    seen: int = 0

    def files(self, directory: OpenDirectory, names: Sequence[str], reader: FileReader) -> Iterator[Read]:
        self.seen += len(names)
        if self.seen > 2500:
            assert self.asked.wait(30)
        return ContentVisitor.files(self, directory, names, reader)


@attrs.frozen
class _Failing:
    asked: threading.Event
    error: type[Exception]

    def walk(self, directory: OpenDirectory) -> Below | None:
        self.asked.set()
        raise self.error(directory.place)

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_failure_of_a_helper(tmp_path: Path, error: type[Exception]) -> None:
    """An error in another thread is raised in the caller, and no descriptor stays open."""
    patient = _Patient(0, None)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- descriptors, not files
    with pytest.raises(error):
        walk(write(LARGE, tmp_path / "tree"), patient, [lambda: _Failing(patient.asked, error)])
    assert before == len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@attrs.define
class _Endless:
    """Stays in its first directory until it is stopped."""

    asked: threading.Event
    stopped: threading.Event = attrs.field(factory=threading.Event)

    def walk(self, directory: OpenDirectory) -> Below | None:  # noqa: ARG002
        self.asked.set()
        assert self.stopped.wait(30)
        return None

    def stop(self) -> None:
        self.stopped.set()

    def close(self) -> None:
        pass


def test_failure_stops_helpers(tmp_path: Path) -> None:
    """A failed walk does not wait for helpers."""
    path = write(LARGE, tmp_path / "tree")
    patient = _Patient(0, None)
    endless = _Endless(patient.asked)

    def fail(node: Node) -> None:
        if endless.asked.is_set():
            raise KeyError(node.place)

    patient.visit = fail
    with pytest.raises(KeyError):
        walk(path, patient, [lambda: endless])
    assert endless.stopped.is_set()


def test_reader(tmp_path: Path) -> None:
    """A reader returns a file's bytes step by step, and no bytes at the end."""
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
