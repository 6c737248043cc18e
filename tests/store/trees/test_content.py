"""Tree digests."""

from __future__ import annotations

import pytest

from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from store.trees.content import InvalidTree, Kind, check_node_name, listing_digest, tree_digest
from tests.trees import node_names


NODES = [(b"b", Kind.FILE, b"1" * 32), (b"a", Kind.DIRECTORY, b"2" * 32), (b"\xff", Kind.SYMLINK, b"3" * 32)]


def test_digest_is_stable() -> None:
    """The digest is the same as in the first version: all stores and caches depend on it."""
    assert listing_digest(NODES).hex() == "71a7140dad73939b33c9d33d6c508bf46e9434f3372b6ae72422705a12a48025"
    assert (
        tree_digest(Kind.EXECUTABLE, b"1" * 32).hex()
        == "8e2e17d17fe1f04d29b82ee58b4fad9cef0d8de92ebd1173f5c6bda0c18a8640"
    )


def test_listing() -> None:
    """A listing consists of its nodes by name, each with kind, length of the name, name and digest."""
    listing = b"d\1\0\0\0a" + b"2" * 32 + b"f\1\0\0\0b" + b"1" * 32 + b"l\1\0\0\0\xff" + b"3" * 32
    assert blake3(listing).digest() == listing_digest(NODES)


@given(st.permutations(NODES))
def test_order(nodes: list[tuple[bytes, Kind, bytes]]) -> None:
    """The order of the nodes does not matter."""
    assert listing_digest(NODES) == listing_digest(nodes)


def test_root() -> None:
    """A tree's digest covers its root's kind: a file differs from an executable or a directory with its digest."""
    digests = {tree_digest(kind, digest) for kind in Kind for digest in (b"1" * 32, b"2" * 32)}
    assert 2 * len(Kind) == len(digests)


@given(node_names)
def test_names(name: bytes) -> None:
    """Any other bytes are a valid name."""
    assert name == check_node_name(name)


@pytest.mark.parametrize("name", [b"", b".", b"..", b"/", b"a/b", b"a\0", b"n" * 256])
def test_invalid_names(name: bytes) -> None:
    """Names that would lead elsewhere, or nowhere, are refused."""
    with pytest.raises(InvalidTree, match="not a file name"):
        check_node_name(name)
