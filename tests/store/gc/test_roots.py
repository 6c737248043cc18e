"""Permanent roots: links below `roots/`, users' links, and what processes have open."""

from __future__ import annotations

import subprocess
import sys

from typing import TYPE_CHECKING

import pytest

from store.gc.process_roots import runtime_roots
from store.gc.roots import (
    NotALink,
    NotARoot,
    Root,
    add_indirect,
    add_root,
    link_result,
    object_of,
    remove_dangling,
    remove_indirect,
    roots,
)
from store.path import StorePath
from store.registration import ObjectMissing


if TYPE_CHECKING:
    from pathlib import Path

    from store.local import Store
    from tests.store.conftest import Make


ABSENT = StorePath("0" * 32, "absent")


def test_result_link(store: Store, make: Make, tmp_path: Path) -> None:
    """A result link points to the object and is an indirect root."""
    path = make("object")
    link = tmp_path / "result"
    link_result(store, link, path)
    assert store.path(path) == link.readlink()
    assert [Root(link, path, indirect=True)] == roots(store.layout)


def test_result_link_is_switched(store: Store, make: Make, tmp_path: Path) -> None:
    """Making the link again for another object replaces it, without leaving anything beside it."""
    first, second = make("first"), make("second")
    link = tmp_path / "links" / "result"
    link.parent.mkdir()
    for path in (first, second):
        link_result(store, link, path)
    assert [Root(link, second, indirect=True)] == roots(store.layout)
    assert [link] == list(link.parent.iterdir())


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_result_link_replaces_links_only(store: Store, make: Make, tmp_path: Path, kind: str) -> None:
    """A file or directory in the place of the link is left alone."""
    path = make("object")
    link = tmp_path / "result"
    if kind == "file":
        link.write_text("mine")
    else:
        link.mkdir()
    with pytest.raises(NotALink) as caught:
        link_result(store, link, path)
    assert link == caught.value.link
    assert roots(store.layout) == []


def test_result_link_needs_an_object(store: Store, tmp_path: Path) -> None:
    """An unregistered object cannot be linked."""
    with pytest.raises(ObjectMissing):
        link_result(store, tmp_path / "result", ABSENT)
    assert list(store.layout.roots.rglob("*/*")) == []


def test_root_of_the_store(store: Store, make: Make) -> None:
    """A root may be a link in the store itself, at any depth."""
    path = make("object")
    link = add_root(store, "deep/down/here", path)
    assert [Root(link, path, indirect=False)] == roots(store.layout)


def test_users_links(store: Store, make: Make, tmp_path: Path) -> None:
    """A link into an object, even through another link, can be made a root, and stop being one."""
    path = make("object")
    (tmp_path / "one").symlink_to(store.path(path) / "file")
    (tmp_path / "two").symlink_to("one")
    root = add_indirect(store, tmp_path / "two")
    assert Root(tmp_path / "two", path, indirect=True) == root
    assert [root] == roots(store.layout)
    remove_indirect(store, tmp_path / "two")
    assert roots(store.layout) == []
    assert (tmp_path / "two").is_symlink()
    with pytest.raises(NotARoot):
        remove_indirect(store, tmp_path / "two")


@pytest.mark.parametrize("target", [None, "/etc/passwd", "loop"])
def test_links_elsewhere_are_not_roots(store: Store, tmp_path: Path, target: str | None) -> None:
    """Only links into the store can be made roots."""
    link = tmp_path / "loop"
    if target is not None:
        link.symlink_to(target)
    with pytest.raises(NotARoot):
        add_indirect(store, link)


def test_link_through_another_name_of_the_home(store: Store, make: Make, home: Path, tmp_path: Path) -> None:
    """A link that reaches the store by another path is a root, too."""
    path = make("object")
    (tmp_path / "alias").symlink_to(home)
    (tmp_path / "result").symlink_to(tmp_path / "alias" / "store" / str(path))
    assert path == add_indirect(store, tmp_path / "result").target


def test_dangling_entries_are_removed(store: Store, make: Make, tmp_path: Path) -> None:
    """An indirect root whose link was deleted is not a root, and its entry is removed."""
    path = make("object")
    for name in ("kept", "deleted"):
        link_result(store, tmp_path / name, path)
    (tmp_path / "deleted").unlink()
    with store.gate.exclusive():
        remove_dangling(store.layout)
    assert [tmp_path / "kept"] == [root.link for root in roots(store.layout)]
    assert len(list((store.layout.roots / "auto").iterdir())) == 1


def test_object_of_a_place(store: Store, make: Make) -> None:
    """A path in the store belongs to an object; other paths, and junk in the store's directory, do not."""
    path = make("object")
    assert path == object_of(store.layout, f"{store.path(path)}/sub/../file")
    assert None is object_of(store.layout, "/etc/passwd")
    assert None is object_of(store.layout, str(store.layout.objects))
    assert None is object_of(store.layout, str(store.layout.objects / "junk"))


@pytest.mark.parametrize("use", ["file", "directory"])
def test_processes_keep_what_they_use(store: Store, make: Make, use: str) -> None:
    """An object that a process has open, or as its working directory, is a runtime root until the process ends."""
    path, other = make("object"), make("other")
    script = "import sys; print('ready', flush=True); sys.stdin.read()"
    place = store.path(path)
    with (place / "file").open() as file:
        child = subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=place if use == "directory" else None,
            pass_fds=[file.fileno()] if use == "file" else [],
        )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        assert {path} == runtime_roots(store.layout) & {path, other}
        assert child.stdin is not None
        child.stdin.close()
    assert set() == runtime_roots(store.layout) & {path, other}
