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
    """Fail, since no test here needs a lock."""
    raise AssertionError


def fixed_digest(it: Derivation) -> str:
    """Return the fixed digest of the derivation *it*."""
    assert it.fixed is not None
    return it.fixed.digest


def test_a_file_is_identified_by_its_content(tmp_path: Path) -> None:
    """The fixed hash of a file's derivation is its current tree digest."""
    file = tmp_path / "fix.patch"
    file.write_text("x")
    it = local_file(file)
    assert Fixed("tree", content_of(file).digest.hex()) == it.fixed
    assert ("fix.patch", str(file)) == (it.name, it.env["path"])


def test_paths_are_relative_to_the_calling_file() -> None:
    """A relative path is relative to the directory of the calling file."""
    assert str(Path(__file__)) == local_file("test_source.py").env["path"]


def test_a_context_can_provide_contents(tmp_path: Path) -> None:
    """The content that a context returns for a path is used: the context may have cached it."""
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


def test_the_path_is_not_part_of_the_key(tmp_path: Path) -> None:
    """The same file elsewhere is the same derivation; an edited file is another."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text("same")
    one, two = local_file(tmp_path / "a/x"), local_file(tmp_path / "b/x")
    (tmp_path / "b/x").write_text("edited")
    assert one.key == two.key != local_file(tmp_path / "b/x").key


def test_a_directory_is_a_source(tmp_path: Path) -> None:
    """A directory is read with everything in it."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/x").write_text("1")
    assert Fixed("tree", content_of(tmp_path).digest.hex()) == local_source(tmp_path, name="linux").fixed


def test_a_link_to_a_source_is_followed(tmp_path: Path) -> None:
    """The source is the target of a link, not the link."""
    (tmp_path / "x").write_text("1")
    (tmp_path / "link").symlink_to("x")
    assert (str(tmp_path / "x"), "link") == (
        local_file(tmp_path / "link").env["path"],
        local_file(tmp_path / "link").name,
    )


def test_missing_files_are_named(tmp_path: Path) -> None:
    """The error shows the full path, and the hint says what relative paths are relative to."""
    with pytest.raises(NoSource) as caught:
        local_file(tmp_path / "no")
    assert caught.value.path == tmp_path / "no"
    assert "the Python file that names it" in caught.value.hint


def test_files_and_directories_have_different_functions(tmp_path: Path) -> None:
    """`local_file` rejects directories, and `local_source` rejects files."""
    (tmp_path / "x").touch()
    with pytest.raises(NoSource, match="it is a directory"):
        local_file(tmp_path)
    with pytest.raises(NoSource, match="it is a file"):
        local_source(tmp_path / "x")


def test_a_fifo_in_a_source_is_named(tmp_path: Path) -> None:
    """Files that a store object cannot contain are rejected when the definition is evaluated."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidTree, match="pipe"):
        local_source(tmp_path)


@pytest.mark.parametrize("name", ["ü.config", "a b", "\udcff", "x" * 250, "配置"])
def test_a_valid_name_is_suggested(tmp_path: Path, name: str) -> None:
    """If the name of a file cannot be that of a derivation, the error suggests a valid one."""
    file = tmp_path / "directory" / name
    file.parent.mkdir()
    with contextlib.suppress(OSError):  # some file systems do not allow such names; none allows such long ones
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
    """A text file is identified by its name, text and executable bit."""
    keys = {
        text_file("a", "1").key,
        text_file("a", "2").key,
        text_file("b", "1").key,
        text_file("a", "1", executable=True).key,
    }
    assert len(keys) == 4
