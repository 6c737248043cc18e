"""Helper processes for large trees."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blake3 import blake3

from store.trees.content import MAX_DEPTH, Content, InvalidTree, Kind, tree_digest
from store.trees.copy_in import copy_in
from store.trees.hash_tree import content_of
from store.trees.helpers import HelperProcess, TreeHelper, read_content, tree_helpers
from store.trees.pool import Pool
from store.trees.walk import OpenDirectory
from tests.trees import LARGE, File, Tree, count, digest, is_canonical, read, size, write


if TYPE_CHECKING:
    from collections.abc import Iterator


NOBODY = 65534


def test_read_content(tmp_path: Path) -> None:
    """A tree large enough for helpers has the same content as without them."""
    path = write(LARGE, tmp_path / "tree")
    assert Content(digest(LARGE), size(LARGE), count(LARGE)) == read_content(path)
    assert content_of(path) == read_content(path)


def test_invalid_trees(tmp_path: Path) -> None:
    """Nodes that no object can contain are refused as without helpers."""
    path = write(LARGE, tmp_path / "tree")
    os.mkfifo(path / "7/79/fifo")
    with pytest.raises(InvalidTree) as caught:
        read_content(path)
    assert str(path / "7/79/fifo") == caught.value.place


def _start(*arguments: str, source: Path, target: Path | str = "") -> TreeHelper:
    (start, *_) = tree_helpers(*arguments, source=source, target=target) or pytest.skip("there is one processor")
    return start()


def test_reading(tmp_path: Path) -> None:
    """A helper reads everything below a directory, and changes nothing."""
    source = write({b"dir": {b"a": File(b"1"), b"b": File(b"2", executable=True)}}, tmp_path / "source")
    content = content_of(source / "dir")
    with contextlib.closing(_start("store.trees.helpers", "help_reading", "", "", source=source)) as helper:
        found = helper.walk(OpenDirectory(None, "dir", str(source / "dir"), 1))
        assert found
        assert content == Content(tree_digest(Kind.DIRECTORY, found[0]), found[1], found[2] + 1)
        assert helper.walk(OpenDirectory(None, "gone", str(source / "gone"), 1)) is None
        assert helper.walk(OpenDirectory(None, "dir", str(source / "dir"), MAX_DEPTH + 1)) is None


def _opened(parent: OpenDirectory | None, name: str, place: Path) -> OpenDirectory:
    directory = OpenDirectory(parent, name, str(place), 0 if parent is None else parent.depth + 1)
    directory.fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    return directory


@pytest.mark.parametrize("swapped", ["dir", "dir/sub", "dir/sub/leaf"])
def test_a_helper_stays_in_the_tree(tmp_path: Path, swapped: str) -> None:
    """A directory that its owner has replaced by a link, at any level, is not followed."""
    tree: Tree = {b"dir": {b"sub": {b"leaf": {b"file": File(b"mine")}}}}
    source = write(tree, tmp_path / "source")
    write({b"sub": {b"leaf": {b"file": File(b"secret")}}, b"leaf": {b"file": File(b"secret")}, b"file": File(b"secret")},
          tmp_path / "secret")  # fmt: skip
    root = _opened(None, str(source), source)
    above = _opened(root, "dir", source / "dir")
    sub = _opened(above, "sub", source / "dir/sub")
    (source / swapped).rename(tmp_path / "away")
    (source / swapped).symlink_to(tmp_path / "secret")
    mine = content_of(tmp_path / ("away" + "dir/sub/leaf".removeprefix(swapped))) if swapped != "dir/sub/leaf" else None
    (tmp_path / "copy/dir/sub").mkdir(parents=True)
    with Pool.open(tmp_path / "pool") as pool:
        arguments = "store.trees.copy_in", "help_copying", os.fspath(pool.directory), ""
        with contextlib.closing(_start(*arguments, source=source, target=tmp_path / "copy")) as helper:
            found = helper.walk(OpenDirectory(sub, "leaf", str(source / "dir/sub/leaf"), 3))
    for directory in (sub, above, root):
        directory.close()
    assert mine == (found and Content(tree_digest(Kind.DIRECTORY, found[0]), found[1], found[2] + 1))
    assert b"secret" not in {it.read_bytes() for it in tmp_path.joinpath("copy").rglob("file")}


@pytest.mark.root
def test_swapping_while_a_tree_is_copied(tmp_path: Path) -> None:
    """While another user swaps his directories for links, nothing that he cannot read gets into the copy."""
    secret = write({b"%d" % number: File(b"secret %d" % number) for number in range(50)}, tmp_path / "secret")
    secret.chmod(0o700)
    top = Path(tempfile.mkdtemp(prefix="kernix-"))  # accessible to other users
    top.chmod(0o755)
    source = write(LARGE, top / "source")
    for place in (source, *source.rglob("*")):
        os.chown(place, NOBODY, NOBODY, follow_symlinks=False)
    swapping = os.fork()
    if swapping == 0:
        _swap(source, secret)
    try:
        for number in range(8):
            with Pool.open(tmp_path / f"pool-{number}") as pool, contextlib.suppress(OSError, InvalidTree):
                copy_in(source, tmp_path / f"copy-{number}", pool)
    finally:
        os.kill(swapping, signal.SIGKILL)
        os.waitpid(swapping, 0)
        shutil.rmtree(top)
    copied = [it for number in range(8) for it in (tmp_path / f"pool-{number}").rglob("*") if it.is_file()]
    assert copied
    assert [] == [it for it in copied if it.read_bytes().startswith(b"secret")]


def _swap(source: Path, secret: Path) -> None:
    """As an ordinary user, repeatedly replace directories of *source* by links to *secret* and put them back."""
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    while True:
        for number in range(12):
            for inner in (f"{number}/{number * 10 + 3}", f"{number}/{number * 10 + 7}"):
                with contextlib.suppress(OSError):
                    (source / inner).rename(source / f"{inner}-away")
                    (source / inner).symlink_to(secret)
                    (source / inner).unlink()
                    (source / f"{inner}-away").rename(source / inner)


@pytest.mark.parametrize("bad", [False, True])
@pytest.mark.parametrize("killed", [False, True])
def test_copying(tmp_path: Path, killed: bool, bad: bool) -> None:
    """A helper copies everything below a directory; if it fails or is killed, nothing of that is left."""
    tree: Tree = {b"a": File(b"1"), b"b": {b"c": File(b"2"), b"empty": {}}}
    source = write({b"dir": tree}, tmp_path / "source")
    target = tmp_path / "target"
    target.mkdir()
    if bad:
        os.mkfifo(source / "dir/b/fifo")
    with Pool.open(tmp_path / "pool") as pool:
        arguments = "store.trees.copy_in", "help_copying", os.fspath(pool.directory), ""
        with contextlib.closing(_start(*arguments, source=source, target=target)) as helper:
            if killed:
                helper.stop()
                write({b"a": File(b"half")}, target / "dir")
            found = helper.walk(OpenDirectory(None, "dir", str(source / "dir"), 1))
    if killed or bad:
        assert not found
        assert list(target.iterdir()) == []
    else:
        assert found
        assert (size(tree), count(tree) - 1) == found[1:]
        assert tree == read(target / "dir")
        assert is_canonical(target / "dir")


@pytest.fixture
def helper() -> Iterator[HelperProcess]:
    """Return a process that examines directories."""
    with contextlib.closing(HelperProcess.start("tests.store.helping", "measure")) as started:
        yield started


def test_walk(helper: HelperProcess, tmp_path: Path) -> None:
    """Requests are answered one after another."""
    place = write({b"a\xff\n": {b"1": File(b"12"), b"2": File()}, b"b": {}}, tmp_path / "dir")
    below = os.fsdecode(os.fsencode(place) + b"/a\xff\n")
    assert helper.walk(below, "", 7) == (blake3(os.fsencode(below) + b" ").digest(), 2, 7)
    assert helper.walk(str(place / "b"), "to", 256) == (blake3(os.fsencode(f"{place}/b to")).digest(), 0, 256)


def test_failure(helper: HelperProcess, tmp_path: Path) -> None:
    """A failed request is not done, and the helper continues with the next."""
    assert helper.walk(str(tmp_path / "gone"), "", 0) is None
    assert helper.walk(str(tmp_path), "", 0)


def test_killed(helper: HelperProcess, tmp_path: Path) -> None:
    """A helper that was killed does nothing more, which is not an error."""
    helper.stop()
    assert helper.walk(str(tmp_path), "", 0) is None


def test_interrupt(helper: HelperProcess, tmp_path: Path) -> None:
    """The helper ignores interrupts, which its asker handles."""
    helper.walk(str(tmp_path), "", 0)
    os.kill(helper.pid, signal.SIGINT)
    assert helper.walk(str(tmp_path), "", 0)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    """When its asker is killed, a helper ends, even if it would never answer."""
    code = (
        "import sys; from store.trees.helpers import HelperProcess; helper = HelperProcess.start('tests.store.helping', 'hang');"
        "print(helper.pid, flush=True); helper.walk(sys.argv[1], '', 0)"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdout
        pid = int(asker.stdout.readline())
        while not (tmp_path / "hanging").exists():
            time.sleep(0.01)
        assert _lives(pid)
        asker.kill()
    deadline = time.monotonic() + 30
    while _lives(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("asked", [False, True])
def test_end(tmp_path: Path, asked: bool) -> None:
    """The process ends when it is no longer needed, and leaves no open descriptor."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- descriptors, not files
    helper = HelperProcess.start("tests.store.helping", "measure")
    if asked:
        helper.walk(str(tmp_path), "", 0)
    helper.close()
    assert before == len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with pytest.raises(ProcessLookupError):
        os.kill(helper.pid, 0)
    helper.stop()
