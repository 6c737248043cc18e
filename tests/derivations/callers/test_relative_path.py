"""Tests for derivations.callers.relative_path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from derivations.callers.relative_path import NotAPath, relative_to_caller


if TYPE_CHECKING:
    from collections.abc import Callable


HERE = Path(__file__).parent


def place(path: str | Path) -> Path:
    return relative_to_caller(path)


@pytest.mark.parametrize("path", [5, None, b"fix.patch", ["fix.patch"]])
def test_what_is_not_a_path(path: Any) -> None:  # noqa: ANN401 -- what a user may write
    """A value that is not the name of a file is rejected with the value."""
    with pytest.raises(NotAPath) as caught:
        relative_to_caller(path)
    assert caught.value.value == path


def test_relative_paths_are_relative_to_the_calling_file() -> None:
    """A relative path is relative to the Python file that names it, not to the working directory."""
    assert place("fix.patch") == HERE / "fix.patch"


def test_dots_are_resolved() -> None:
    """Dots in a path are resolved."""
    assert HERE.parent / "x" == place("./../x")


def test_an_absolute_path_stays() -> None:
    """An absolute path is not changed."""
    assert Path("/a/b") == place(Path("/a/b"))


def test_the_depth_selects_the_caller(tmp_path: Path) -> None:
    """With a greater depth, the file of a caller further up is used."""
    user = tmp_path / "mine.py"
    user.write_text("def call(function, path):\n    return function(path)\n")
    scope: dict[str, Any] = {"__file__": str(user)}
    exec(compile(user.read_text(), str(user), "exec"), scope)  # noqa: S102 -- stands for a user's module

    def wrapper(path: str) -> Path:
        return inner(path)

    def inner(path: str) -> Path:
        return relative_to_caller(path, 2)

    assert tmp_path / "x" == scope["call"](wrapper, "x")


def test_generated_methods_do_not_count() -> None:
    """A method that attrs generates is not a caller."""

    @attrs.frozen
    class Thing:
        path: Path

        def __attrs_post_init__(self) -> None:
            object.__setattr__(self, "path", relative_to_caller(self.path))

    assert Thing(Path("x")).path == HERE / "x"


def test_without_a_file_the_working_directory_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a prompt, which has no file, a path is relative to the working directory."""
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Callable[[str], Path]] = {"place": place}
    assert tmp_path / "x" == eval("place('x')", scope)  # noqa: S307 -- stands for a prompt
