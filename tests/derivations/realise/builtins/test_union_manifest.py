"""A manifest with changes is that of the tree that builtin:union makes."""

from __future__ import annotations

import os
import tempfile

from pathlib import Path

from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from derivations.realise.builtins.union import union as join
from derivations.realise.job import Job
from derivations.realise.settings import Settings
from derivations.source import text_file
from derivations.union import REMOVED, union
from store.local import Store
from store.trees.content import Kind
from store.trees.manifest import Manifest
from tests.trees import File, Link, Tree, write


_NAMES = st.sampled_from([b"a", b"b", b"c"])
_LEAVES = st.builds(File, st.sampled_from([b"", b"1", b"2"]), st.booleans()) | st.builds(Link, st.just(b"a"))
_BASES = st.recursive(
    st.dictionaries(_NAMES, _LEAVES, max_size=3),
    lambda below: st.dictionaries(_NAMES, _LEAVES | below, max_size=3),
    max_leaves=10,
)
_PATHS = st.lists(_NAMES, min_size=1, max_size=4).map(b"/".join)
_CHANGES = st.dictionaries(_PATHS, st.none() | _LEAVES, max_size=6)


def _consistent(changes: dict[bytes, File | Link | None]) -> dict[bytes, File | Link | None]:
    """Return *changes* without files below other files."""
    return {
        path: node
        for path, node in changes.items()
        if node is None or not any(it and path.startswith(above + b"/") for above, it in changes.items())
    }


def _tree(changes: dict[bytes, File | Link | None]) -> dict[bytes, Tree]:
    tree: dict[bytes, Tree] = {}
    for path, node in changes.items():
        if node is not None:
            *above, name = path.split(b"/")
            inner = tree
            for part in above:
                inner = inner.setdefault(part, {})  # type: ignore[assignment]
            inner[name] = node
    return tree


def _removed(base: Path, changes: dict[bytes, File | Link | None]) -> list[bytes]:
    """Return what `builtin:patch` writes as `removed`, and the files that directories replace."""
    gone = {path for path, node in changes.items() if node is None}
    for path, node in changes.items():
        place = base / os.fsdecode(path)
        if node is not None and place.is_dir() and not place.is_symlink():
            gone.add(path + b"/")
        parts = path.split(b"/")
        gone |= {b"/".join(parts[:i]) for i in range(1, len(parts)) if node is not None}
    return sorted(gone)


def _node(node: File | Link) -> tuple[Kind, bytes]:
    if isinstance(node, Link):
        return Kind.SYMLINK, blake3(node.target).digest()
    return Kind.EXECUTABLE if node.executable else Kind.FILE, blake3(node.data).digest()


@given(_BASES, _CHANGES)
def test_the_same_as_a_union(base: Tree, changes: dict[bytes, File | Link | None]) -> None:
    """Added, changed, removed and replaced files, and emptied directories, are as in the real tree."""
    changes = _consistent(changes)
    with tempfile.TemporaryDirectory() as scratch, Store.open(Path(scratch, "home")) as store:
        one = write(base, Path(scratch, "one"))
        two = write(_tree(changes), Path(scratch, "two"))
        removed = Path(scratch, "removed")
        removed.write_bytes(b"".join(it + b"\n" for it in _removed(one, changes)))
        inputs = [text_file(name, name) for name in ("one", "two")]
        derivation = union("all", inputs, conflicts="last", removed=text_file("gone", "gone").out)
        out = Path(scratch, "out")
        out.mkdir()
        content = join(
            Job(
                derivation=derivation,
                inputs={"/0000": one, "/0001": two, REMOVED: removed},
                out=out,
                store=store,
                settings=Settings(),
                progress=lambda _done, _expected: None,
                cancelled=lambda: False,
                warn=lambda _: None,
            )
        )
        manifest = Manifest.of(one).with_changes(
            {os.fsdecode(path): None if node is None else _node(node) for path, node in changes.items()}
        )
        assert manifest == Manifest.of(out / "out")
        assert manifest.digest == content.digest
