"""Tests for derivations.source."""

from __future__ import annotations

import contextlib
import os

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from derivations.context import Context, using
from derivations.derivation import Derivation, Fixed
from derivations.source import NoSource, UnfitName, local_file, local_source, text_file
from store.trees.content import Content, InvalidTree
from store.trees.hash_tree import content_of


if TYPE_CHECKING:
    from derivations.debian.lock import Lock


def no_lock() -> Lock:
    """Fail: no test here needs a lock."""
    raise AssertionError


def fixed_digest(it: Derivation) -> str:
    """Return the digest that the derivation *it* is fixed to."""
    assert it.fixed is not None
    return it.fixed.digest


def test_a_file_is_named_by_its_content(tmp_path: Path) -> None:
    """A file's derivation is fixed to the tree digest that the file has now."""
    file = tmp_path / "fix.patch"
    file.write_text("x")
    it = local_file(file)
    assert Fixed("tree", content_of(file).digest.hex()) == it.fixed
    assert ("fix.patch", str(file)) == (it.name, it.env["path"])


def test_a_path_lies_beside_the_calling_file() -> None:
    """A relative path is one beside the file that calls."""
    assert str(Path(__file__)) == local_file("test_source.py").env["path"]


def test_a_context_may_read_in_its_own_way(tmp_path: Path) -> None:
    """What a context says of a place is believed: it may know it from before."""
    content = Content(b"\1" * 32, 1, 1)
    asked = []

    def contents(path: Path) -> Content:
        asked.append(path)
        return content

    with using(Context(lock=no_lock, contents=contents)):
        it = local_source(tmp_path)
    assert Fixed("tree", content.digest.hex()) == it.fixed
    assert [tmp_path] == asked
    assert content_of(tmp_path).digest.hex() == fixed_digest(local_source(tmp_path))


def test_where_a_file_lies_is_no_part_of_the_key(tmp_path: Path) -> None:
    """The same file elsewhere is the same derivation; an edited one is another."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text("same")
    one, two = local_file(tmp_path / "a/x"), local_file(tmp_path / "b/x")
    (tmp_path / "b/x").write_text("edited")
    assert one.key == two.key != local_file(tmp_path / "b/x").key


def test_a_directory_is_a_source(tmp_path: Path) -> None:
    """A directory is read with all that is in it."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/x").write_text("1")
    assert Fixed("tree", content_of(tmp_path).digest.hex()) == local_source(tmp_path, name="linux").fixed


def test_a_link_to_a_source_is_followed(tmp_path: Path) -> None:
    """What the path leads to is the source, not the link."""
    (tmp_path / "x").write_text("1")
    (tmp_path / "link").symlink_to("x")
    assert (str(tmp_path / "x"), "link") == (
        local_file(tmp_path / "link").env["path"],
        local_file(tmp_path / "link").name,
    )


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing path is named as a whole, with what relative ones are relative to."""
    with pytest.raises(NoSource) as caught:
        local_file(tmp_path / "no")
    assert f"cannot read {tmp_path / 'no'}: there is no such file" == str(caught.value)
    assert "the Python file that names it" in caught.value.hint


def test_a_directory_is_no_file_and_a_file_no_directory(tmp_path: Path) -> None:
    """Each kind has its function."""
    (tmp_path / "x").touch()
    with pytest.raises(NoSource, match="it is a directory"):
        local_file(tmp_path)
    with pytest.raises(NoSource, match="it is a file"):
        local_source(tmp_path / "x")


def test_a_fifo_in_a_source_is_named(tmp_path: Path) -> None:
    """What no store object may hold is refused when the definition is evaluated."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidTree, match="pipe"):
        local_source(tmp_path)


@pytest.mark.parametrize("name", ["ü.config", "a b", "\udcff", "x" * 250, "配置"])
def test_a_name_that_fits_is_offered(tmp_path: Path, name: str) -> None:
    """Where a file's name cannot be a derivation's, the error offers one that can."""
    file = tmp_path / "directory" / name
    file.parent.mkdir()
    with contextlib.suppress(OSError):  # some file systems have no such names; none has names so long
        file.touch()
    if not file.is_file():
        file = file.parent
    with pytest.raises(UnfitName) as caught:
        local_file(file) if file.name == name else local_source(file, name=name)
    with pytest.raises(UnfitName):
        text_file(name, "")
    assert f'name="{caught.value.fitting}"' in caught.value.hint
    assert caught.value.fitting == text_file(caught.value.fitting, "").name


def test_a_text_is_part_of_the_key() -> None:
    """A text file is known by its name, text and executable bit."""
    keys = {
        text_file("a", "1").key,
        text_file("a", "2").key,
        text_file("b", "1").key,
        text_file("a", "1", executable=True).key,
    }
    assert len(keys) == 4
