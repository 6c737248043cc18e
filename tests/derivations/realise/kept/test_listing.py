"""The listing of a kept tree, and the check against it."""

from __future__ import annotations

import os
import shutil

from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.realise.kept.listing import InvalidListing, Item, Listing, is_whole


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from derivations.realise.kept.shelf import KeptTree


PATHS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8) | st.sampled_from(
    ["a b", "a\nb", "\udc80", "%", "a/b"]
)
ITEMS = st.builds(Item, st.sampled_from("fxl"), st.binary(min_size=32, max_size=32), st.integers(0, 2**40)) | st.just(
    Item("d")
)


@given(st.dictionaries(PATHS, ITEMS, max_size=5))
def test_round_trip(items: dict[str, Item]) -> None:
    """What is written comes back, in order."""
    listing = Listing.of(items)

    assert list(Listing.decode(listing.encode()).items.items()) == sorted(items.items())
    assert listing.size == sum(it.size for it in items.values())


@given(st.binary(max_size=100))
def test_other_bytes(data: bytes) -> None:
    """Bytes that are no listing are refused."""
    with pytest.raises(InvalidListing):
        Listing.decode(data)


@pytest.mark.parametrize("place", [0, 63, 64, 65, 70, -1])
def test_a_flipped_byte(place: int) -> None:
    """A damaged listing is refused."""
    data = bytearray(Listing.of({"a": Item("f", bytes(32), 1)}).encode())
    data[place] ^= 1

    with pytest.raises(InvalidListing):
        Listing.decode(bytes(data))


def flip(place: Path) -> None:
    """Flip a bit of a file, and give it its old time."""
    status = place.stat()
    data = bytearray(place.read_bytes())
    data[0] ^= 1
    place.write_bytes(data)
    os.utime(place, ns=(status.st_mtime_ns, status.st_mtime_ns))


def relink(place: Path) -> None:
    """Let a link lead elsewhere."""
    place.unlink()
    place.symlink_to("elsewhere")


DAMAGE = [
    pytest.param("a.o", flip, id="object"),
    pytest.param(".a.o.cmd", flip, id="command"),
    pytest.param("a.o", lambda it: it.unlink(), id="missing"),
    pytest.param("a.o", os.utime, id="newer"),
    pytest.param("a.o", lambda it: os.truncate(it, 1), id="shorter"),
    pytest.param("a.o", lambda it: it.chmod(0o777), id="executable"),
    pytest.param("d/b.o", lambda it: it.with_name("c.o").write_text("x"), id="stray"),
    pytest.param("d", shutil.rmtree, id="directory"),
    pytest.param("link", relink, id="link"),
    pytest.param("link", lambda it: it.unlink(), id="no-link"),
]


@pytest.fixture
def tree(kept: Callable[..., KeptTree]) -> KeptTree:
    """Return a kept tree with objects, a directory and a link."""
    return kept({"a.o": "object", "d/b.o": "other"}, links={"link": "a.o"})


def test_an_undamaged_tree(tree: KeptTree) -> None:
    """A tree that was kept is whole."""
    assert is_whole(tree.tree, tree.listing()) is None


@pytest.mark.parametrize(("path", "damage"), DAMAGE)
def test_damage(tree: KeptTree, path: str, damage: Callable[[Path], object]) -> None:
    """Whatever is not as it was kept is found."""
    damage(tree.tree / path)

    assert is_whole(tree.tree, tree.listing()) is not None


@pytest.mark.parametrize("name", ["listing", "index", "facts", "config"])
def test_damage_beside_the_tree(tree: KeptTree, name: str) -> None:
    """The files that say what is stale are checked, too."""
    assert tree.read(name)
    flip(tree.place / name)

    with pytest.raises(ValueError, match=f"{name} is damaged"):
        tree.read(name)
