"""Keeping what a build left."""

from __future__ import annotations

import errno
import subprocess

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from derivations.kbuild.index import Index
from derivations.realise.kept.keep import Left, keep
from derivations.realise.kept.listing import MTIME_NS, is_whole
from derivations.realise.kept.shelf import Shelf
from tests.derivations.realise.kept.conftest import about, build, facts


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from derivations.realise.kept.shelf import KeptTree


def test_a_clean_build(kept: Callable[..., KeptTree]) -> None:
    """All of it is kept, with one time, and modes that let any builder write through an overlay."""
    tree = kept({"a.o": "object", "d/b.o": "other"}, links={"link": "a.o"})

    assert set(tree.listing().items) == {".config", "a.o", ".a.o.cmd", "d", "d/b.o", "d/.b.o.cmd", "link"}
    assert is_whole(tree.tree, tree.listing()) is None
    assert {it.lstat().st_mtime_ns for it in tree.tree.rglob("*")} == {MTIME_NS}
    assert {it.stat().st_mode & 0o777 for it in tree.tree.rglob("*") if it.is_file()} == {0o666}
    assert tree.tree.stat().st_mode & 0o777 == 0o777
    assert tree.about.objects == 2


def test_its_index(kept: Callable[..., KeptTree]) -> None:
    """The index has what each object read."""
    tree = kept({"a.o": "object"})
    found = Index.decode(tree.read("index")).commands["a.o"]

    assert found.source == "a.c"
    assert found.options == {"A"}
    assert {"a.c", "include/x.h"} <= found.files


@pytest.mark.parametrize(
    "path",
    [
        "kernel/kheaders_data.tar.xz",
        "kernel/kheaders.md5",
        "include/generated/utsversion.h",
        "certs/signing_key.pem",
        ".tmp_vmlinux1",
        "kernel/.tmp_x.o.d",
        "drivers/a.ko",
    ],
)
def test_what_is_never_kept(kept: Callable[..., KeptTree], path: str) -> None:
    """Keys, leftovers, and what a second run of make would make otherwise are left out."""
    assert path not in kept({"a.o": "x", path: "y"}).listing().items


def test_modules_are_kept_as_long_as_they_are_ordered(shelf: Shelf, tmp_path: Path) -> None:
    """Modules of this configuration are kept, not those of an earlier one, nor any with type information."""
    for config, found in (
        ("CONFIG_MODULES=y\n", {"a.ko"}),
        ("CONFIG_MODULES=y\nCONFIG_DEBUG_INFO_BTF_MODULES=y\n", set()),
        ("", set()),
    ):
        directory = build(tmp_path / str(len(config)), {"a.ko": "a", "b.ko": "b", "modules.order": "a.o\n"}, config)
        tree = keep(shelf, Left(directory=directory), about, facts, lambda: None)
        assert {it for it in tree.listing().items if it.endswith(".ko")} == found


def test_two_at_once(shelf: Shelf, tmp_path: Path) -> None:
    """Equal builds that end at the same time are both kept, and share their files."""
    files = {f"{i}.o": f"object {i}" for i in range(40)}
    places = [build(tmp_path / str(i), files) for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        trees = list(pool.map(lambda it: keep(shelf, Left(directory=it), about, facts, lambda: None), places))

    assert len(shelf.kept()) == 4
    assert [is_whole(it.tree, it.listing()) for it in trees] == [None] * 4
    assert shelf.pool.size() == sum(512 * it.lstat().st_blocks for it in set(shelf.files.rglob("*")) if it.is_file())
    shelf.shrink(0)
    assert shelf.size() == 0


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Return a file system of 1 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["/bin/umount", place], check=True)


@pytest.mark.root
def test_a_full_disk(small: Path, tmp_path: Path) -> None:
    """If there is no room for all of a tree, nothing of it is left, and what was kept before is whole."""
    shelf = Shelf(small / "kept")
    first = keep(shelf, Left(directory=build(tmp_path / "one", {"a.o": "x" * 1000})), about, facts, lambda: None)
    before = sorted(it for it in small.rglob("*") if it.is_file())
    files = {f"{i}.o": str(i) * 100_000 for i in range(20)}

    with pytest.raises(OSError, match="No space left") as caught:
        keep(shelf, Left(directory=build(tmp_path / "two", files)), about, facts, lambda: None)
    assert caught.value.errno == errno.ENOSPC
    assert sorted(it for it in small.rglob("*") if it.is_file()) == before
    assert shelf.kept() == [first]
    assert is_whole(first.tree, first.listing()) is None


@pytest.mark.root
def test_a_full_disk_is_made_room_on(small: Path, tmp_path: Path) -> None:
    """On a full disk trees can be removed."""
    shelf = Shelf(small / "kept")
    keep(shelf, Left(directory=build(tmp_path / "one", {"a.o": "x" * 1000})), about, facts, lambda: None)
    with pytest.raises(OSError, match="No space left"), (small / "filler").open("wb") as file:
        file.write(bytes(2 << 20))

    assert len(shelf.shrink(0)) == 1
    assert shelf.size() == 0
