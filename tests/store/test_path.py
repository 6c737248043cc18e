"""Store paths."""

from __future__ import annotations

import itertools

import pytest

from hypothesis import given
from hypothesis import strategies as st

from store.path import InvalidStorePath, StorePath, check_name


DIGEST = "0123456789abcdfghijklmnpqrsvwxyz"
TREE = bytes(range(32))
OTHER = StorePath(DIGEST, "other")

names = st.from_regex(r"[a-zA-Z0-9+_?=-][a-zA-Z0-9+._?=-]{0,20}", fullmatch=True)


@given(names)
def test_round_trip(name: str) -> None:
    """Parsing a store path's text gives the same path."""
    path = StorePath(DIGEST, name)
    assert path == StorePath.parse(str(path))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(DIGEST, id="no name"),
        pytest.param(f"{DIGEST}-", id="empty name"),
        pytest.param(f"{DIGEST}_name", id="no hyphen"),
        pytest.param(f"{DIGEST[:-1]}-name", id="short digest"),
        pytest.param(f"{DIGEST[:-1]}e-name", id="letter outside the alphabet"),
        pytest.param(f"{DIGEST}-na/me", id="slash"),
        pytest.param(f"{DIGEST}-na me", id="space"),
        pytest.param(f"{DIGEST}-name\n", id="newline"),
        pytest.param(f"{DIGEST}-n\u0661", id="digit of another script"),
        pytest.param(f"{DIGEST}-.", id="dot"),
        pytest.param(f"{DIGEST}-..", id="dots"),
        pytest.param(f"{DIGEST}-..-a", id="dots and hyphen"),
        pytest.param(f"{DIGEST}-{'n' * 212}", id="long name"),
    ],
)
def test_invalid(text: str) -> None:
    """Any other text is refused, and the error quotes it."""
    with pytest.raises(InvalidStorePath) as caught:
        StorePath.parse(text)
    assert caught.value.text in {text, text[len(DIGEST) + 1 :]}


def test_dotfile() -> None:
    """A name may begin with a dot, but `.` and `..` are not names."""
    assert check_name(".config") == ".config"


def test_digest_is_stable() -> None:
    """The digest is the same as in the first version: all stores and caches depend on it."""
    assert str(StorePath.make(TREE, "linux")) == "0d4fajhpy2cxfp2q23qxr2jhylh43s70-linux"
    assert str(StorePath.make(TREE, "linux", [OTHER])) == "z44rc5dl68j1al95583y98pacmbmx7zl-linux"


def test_everything_changes_the_digest() -> None:
    """A different content, name or reference gives a different digest."""
    paths = [
        StorePath.make(TREE, "a"),
        StorePath.make(TREE[::-1], "a"),
        StorePath.make(TREE, "b"),
        StorePath.make(TREE, "a", [OTHER]),
        StorePath.make(TREE, "a", [OTHER, StorePath(DIGEST, "third")]),
    ]
    assert all(one.digest != another.digest for one, another in itertools.combinations(paths, 2))


def test_references_are_unordered() -> None:
    """The order of the references does not matter."""
    references = [StorePath(DIGEST, name) for name in "abc"]
    assert StorePath.make(TREE, "a", references) == StorePath.make(TREE, "a", reversed(references))


def test_order() -> None:
    """Store paths are ordered by digest, then by name."""
    paths = [StorePath("0" * 32, "z"), StorePath("1" * 32, "a"), StorePath("1" * 32, "b")]
    assert paths == sorted([paths[2], paths[0], paths[1]])
