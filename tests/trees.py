"""Trees as plain values, written to and read from disk, and a second, naive implementation of their digest."""

from __future__ import annotations

import os
import tempfile
import traceback

from typing import TYPE_CHECKING, TypeAlias

import attrs

from blake3 import blake3
from hypothesis import strategies as st


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@attrs.frozen
class File:
    """A file of *data*."""

    data: bytes = b""
    executable: bool = False


@attrs.frozen
class Link:
    """A symbolic link."""

    target: bytes


Tree: TypeAlias = "File | Link | dict[bytes, Tree]"

node_names = st.binary(min_size=1, max_size=6).filter(lambda it: it not in {b".", b".."} and not {0, 47} & set(it))
files = st.builds(File, st.binary(max_size=40) | st.sampled_from([b"", b"same", b"x" * 5000]), st.booleans())
links = st.builds(Link, node_names)
directories = st.recursive(
    st.dictionaries(node_names, files | links, max_size=4),
    lambda children: st.dictionaries(node_names, files | links | children, max_size=4),
    max_leaves=12,
)
trees = files | links | directories

LARGE: Tree = {
    b"%d" % (number // 10): {
        b"%d" % one: {
            **{b"%d" % inner: File(b"%d" % (one * inner), executable=inner % 2 == 0) for inner in range(30)},
            b"link": Link(b"%d" % one),
        }
        for one in range(number, number + 10)
    }
    for number in range(0, 120, 10)
}
"""So large that helpers are started, and deep enough to keep them busy."""


def write(tree: Tree, path: Path) -> Path:
    """Write *tree* to *path* in the simplest way, and return *path*."""
    _write(tree, os.fsencode(path))
    return path


def _write(tree: Tree, path: bytes) -> None:
    if isinstance(tree, File):
        with open(path, "xb") as file:  # noqa: PTH123 -- a Path has no undecodable names
            file.write(tree.data)
        os.chmod(path, 0o755 if tree.executable else 0o644)  # noqa: PTH101
    elif isinstance(tree, Link):
        os.symlink(tree.target, path)  # noqa: PTH211
    else:
        os.mkdir(path)  # noqa: PTH102
        for name, child in tree.items():
            _write(child, path + b"/" + name)


def read(path: Path | bytes) -> Tree:
    """Return the tree at *path*."""
    path = os.fsencode(path)
    if os.path.islink(path):  # noqa: PTH114
        return Link(os.readlink(path))  # noqa: PTH115
    if os.path.isdir(path):  # noqa: PTH112
        return {name: read(path + b"/" + name) for name in os.listdir(path)}  # noqa: PTH208
    with open(path, "rb") as file:  # noqa: PTH123
        return File(file.read(), bool(os.fstat(file.fileno()).st_mode & 0o100))


def digest(tree: Tree) -> bytes:
    """Return the tree digest, literally as described in `store.trees.content`."""
    return blake3(b"".join(_node(tree)), derive_key_context="kernix 1 tree").digest()


def size(tree: Tree) -> int:
    """Return the total size of the files in bytes."""
    if isinstance(tree, File):
        return len(tree.data)
    return 0 if isinstance(tree, Link) else sum(map(size, tree.values()))


def count(tree: Tree) -> int:
    """Return the number of nodes."""
    return 1 + (sum(map(count, tree.values())) if isinstance(tree, dict) else 0)


def is_canonical(path: Path) -> bool:
    """Return whether every node at *path* has the mode and time of a store object."""
    status = path.lstat()
    if path.is_symlink():
        return status.st_mtime_ns == 10**9
    good = status.st_mtime_ns == 10**9 and status.st_mode & 0o7777 in ({0o555} if path.is_dir() else {0o444, 0o555})
    return good and (not path.is_dir() or all(is_canonical(child) for child in path.iterdir()))


def as_ordinary_user(function: Callable[[], None]) -> None:
    """Call *function* in a process of an ordinary user, and fail if it fails; a umask that it sets ends with it."""
    if os.geteuid() != 0:
        umask = os.umask(0o022)
        try:
            function()
        finally:
            os.umask(umask)
        return
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(1234, 1234, 1234)
            os.setresuid(1234, 1234, 1234)
            if not os.access(tempfile.gettempdir(), os.W_OK | os.X_OK):
                tempfile.tempdir = "/tmp"  # root's own directory for temporary files may be closed to others
            function()
        except BaseException:  # noqa: BLE001 -- the parent reports it
            os.write(writer, traceback.format_exc().encode()[:60000])
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as report:  # noqa: PTH123 -- a descriptor
        text = report.read()
    os.waitpid(child, 0)
    assert text == "", text


def _node(tree: Tree) -> tuple[bytes, bytes]:
    if isinstance(tree, File):
        return b"x" if tree.executable else b"f", blake3(tree.data).digest()
    if isinstance(tree, Link):
        return b"l", blake3(tree.target).digest()
    listing = b""
    for name in sorted(tree):
        kind, node_digest = _node(tree[name])
        listing += kind + len(name).to_bytes(4, "little") + name + node_digest
    return b"d", blake3(listing).digest()
