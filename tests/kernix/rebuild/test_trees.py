"""Files in which two trees differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kernix.rebuild.trees import difference, is_same


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _write(tree: Path, name: str, text: str = "text") -> Path:
    place = tree / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return place


def _executable(tree: Path, name: str) -> Path:
    place = _write(tree, name)
    place.chmod(0o755)
    return place


def _link(tree: Path, name: str, target: str) -> Path:
    place = tree / name
    place.symlink_to(target)
    return place


CASES: dict[str, tuple[Callable[[Path, Path], object], dict[str, str]]] = {
    "added": (lambda _, new: _write(new, "deep/er/file"), {"deep/er/file": "added"}),
    "removed": (lambda old, _: _write(old, "deep/er/file"), {"deep/er/file": "removed"}),
    "changed": (lambda old, new: (_write(old, "a/b", "x"), _write(new, "a/b", "y")), {"a/b": "changed"}),
    "equal": (lambda old, new: (_write(old, "a/b"), _write(new, "a/b")), {}),
    "one-file": (lambda old, new: (new / "a").hardlink_to(_write(old, "a")), {}),
    "executable": (lambda old, new: (_write(old, "a"), _executable(new, "a")), {"a": "changed"}),
    "link": (lambda old, new: (_link(old, "a", "b"), _link(new, "a", "c")), {"a": "changed"}),
    "same-link": (lambda old, new: (_link(old, "a", "b"), _link(new, "a", "b")), {}),
    "link-for-file": (lambda old, new: (_write(old, "a", "b"), _link(new, "a", "b")), {"a": "changed"}),
    "file-for-directory": (
        lambda old, new: (_write(old, "a/b"), _write(new, "a")),
        {"a": "added", "a/b": "removed"},
    ),
    "empty-directory": (lambda _, new: (new / "empty").mkdir(), {}),
}


@pytest.mark.parametrize(("prepare", "expected"), CASES.values(), ids=CASES)
def test_difference(tmp_path: Path, prepare: Callable[[Path, Path], object], expected: dict[str, str]) -> None:
    """Files and links are compared by kind, content and the executable bit; equal ones by being one file."""
    old, new = tmp_path / "old", tmp_path / "new"
    for tree in (old, new):
        _write(tree, "unchanged")
    prepare(old, new)
    assert expected == difference(old, new)


def test_one_place(tmp_path: Path) -> None:
    """At one place, nothing at all is the same as nothing."""
    file = _write(tmp_path, "file")
    assert [True, False, True, False] == [
        is_same(tmp_path / "no", tmp_path / "neither"),
        is_same(file, tmp_path / "no"),
        is_same(file, _write(tmp_path, "other")),
        is_same(file, tmp_path),
    ]
