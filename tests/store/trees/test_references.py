"""Finding references."""

from __future__ import annotations

import random

from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from store.base32 import ALPHABET
from store.trees.references import find_references, occurring
from tests.trees import File, Link, Tree, write


if TYPE_CHECKING:
    from pathlib import Path


_random = random.Random(0)  # noqa: S311 -- any digests will do
DIGESTS = ["".join(_random.choices(ALPHABET, k=32)) for _ in range(4)]
CHUNK = 1 << 20


def test_where_references_are(tmp_path: Path) -> None:
    """Digests are found in files and link targets at any depth, but only the candidates."""
    first, second, third, fourth = (digest.encode() for digest in DIGESTS)
    tree: Tree = {
        b"file": File(b"#!/store/" + first + b"-sh/bin/sh"),
        b"dir": {b"link": Link(b"../" + second + b"-lib"), b"none": File(third[:31] + b"-" + third[:31])},
        b"other": File(fourth),
    }
    write(tree, tmp_path / "tree")
    assert set(DIGESTS[:2]) == find_references(tmp_path / "tree", DIGESTS[:3])


@pytest.mark.parametrize(
    ("tree", "found"),
    [
        pytest.param({b"%s": File()}, True, id="file"),
        pytest.param({b"%s-name": {}}, True, id="directory"),
        pytest.param({b"a": {b"b": {b"x-%s.ko": Link(b"c")}}}, True, id="link"),
        pytest.param({b"%s": {b"%s": File()}}, True, id="both"),
        pytest.param({b"left": {b"right": File()}}, False, id="in-two-components"),
        pytest.param(File(), False, id="root"),
    ],
)
def test_references_in_names(tmp_path: Path, tree: Tree, found: bool) -> None:
    """A digest is found in one component of a file's, directory's or link's name, but not in the tree's own path."""
    first = DIGESTS[0].encode()

    def named(name: bytes) -> bytes:
        return {b"left": first[:16], b"right": first[16:]}.get(name, name.replace(b"%s", first))

    def filled(node: Tree) -> Tree:
        return {named(name): filled(child) for name, child in node.items()} if isinstance(node, dict) else node

    place = write(filled(tree), tmp_path / DIGESTS[1])
    assert ({DIGESTS[0]} if found else set()) == find_references(place, DIGESTS)


@pytest.mark.parametrize(
    "offset", [0, 1, CHUNK - 33, CHUNK - 32, CHUNK - 31, CHUNK - 16, CHUNK - 1, CHUNK, 2 * CHUNK - 5]
)
@pytest.mark.parametrize("filler", [b"\0", b"a"])
def test_across_reads(tmp_path: Path, offset: int, filler: bytes) -> None:
    """A digest is found at any offset, even where one read of the file ends and the next begins."""
    data = filler * offset + DIGESTS[0].encode() + filler * (2 * CHUNK - offset)
    write(File(data), tmp_path / "file")
    assert {DIGESTS[0]} == find_references(tmp_path / "file", DIGESTS)


def test_no_candidates(tmp_path: Path) -> None:
    """Without candidates nothing is read."""
    assert set() == find_references(tmp_path / "gone", [])


@given(st.lists(st.sampled_from([digest.encode() for digest in DIGESTS]) | st.binary(max_size=40), max_size=8))
def test_same_as_plain_search(parts: list[bytes]) -> None:
    """The result is that of a plain search for each candidate, even within longer runs of digits."""
    data = b"".join(parts)
    candidates = frozenset(digest.encode() for digest in DIGESTS)
    assert {candidate for candidate in candidates if candidate in data} == occurring(data, candidates)
