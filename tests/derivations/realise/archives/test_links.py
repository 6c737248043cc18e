"""Tests for derivations.realise.archives.links."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile

from pathlib import Path

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.realise.archives import links as module
from derivations.realise.archives.decompress import Reader
from derivations.realise.archives.extract import Extraction, Refused
from derivations.realise.archives.links import Entangled, Links
from store.trees.pool import Pool
from store.trees.writer import TreeWriter


DIRECTORY, FILE = "a directory", "a file"

OUT: dict[str, list[tuple[str, str]]] = {
    "absolute": [("l", "/etc")],
    "upwards": [("l", "..")],
    "deep": [("a/b/l", "../../../x")],
    "down-and-up": [("l", "a/../../x")],
    "through-another": [("p/q/up", "../.."), ("esc", "p/q/up/../..")],
    "through-a-later": [("esc", "p/q/up/../.."), ("p/q/up", "../..")],
    "through-two": [("a/up", ".."), ("b/c/up", "../../a/up"), ("esc", "b/c/up/..")],
    "a-link-where-a-directory-seems": [("a/b/c", "../../d"), ("esc", "a/b/c/../../x"), ("d", "a")],
    "to-an-absolute": [("abs", "a/../root"), ("root", "/")],
    "replaced": [("l", FILE), ("l", "..")],
    "hard-link-to-a-link": [("a/b/l", "../../x"), ("h", "=a/b/l")],
    "hard-link-to-a-chain": [("a/b/up", "../.."), ("a/b/l", "up/x"), ("h", "=a/b/up")],
    "chain-of-many": [("x0", ".."), *((f"x{number}", f"x{number - 1}") for number in range(1, 60)), ("e", "x59/y")],
    "through-what-is-not-there": [("l", "gone/../../x")],
}

IN: dict[str, list[tuple[str, str]]] = {
    "plain": [("a/b", "../c"), ("c", FILE)],
    "the-root": [("a/b", ".."), ("c", ".")],
    "dangling": [("l", "gone/gone")],
    "circle": [("a", "b"), ("b", "a"), ("c", "c/../c")],
    "up-from-a-link-that-leads-down": [("d", "sub/deep"), ("e", "d/../..")],
    "replaced": [("l", ".."), ("l", FILE)],
    "replaced-by-a-hard-link": [("l", ".."), ("f", FILE), ("l", "=f")],
    "hard-link-to-a-link": [("a/l", "../x"), ("a/h", "=a/l")],
    "linux": [("scripts/dtc/include-prefixes/arm", "../../../arch/arm/boot/dts"), ("arch/arm/boot/dts/x", FILE)],
}


def _tar(members: list[tuple[str, str]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, what in members:
            info = tarfile.TarInfo(name)
            if what.startswith("="):
                info.type, info.linkname = tarfile.LNKTYPE, what[1:]
            elif what not in {DIRECTORY, FILE}:
                info.type, info.linkname = tarfile.SYMTYPE, what
            elif what == DIRECTORY:
                info.type = tarfile.DIRTYPE
            tar.addfile(info)
    return out.getvalue()


def _extract(directory: Path, members: list[tuple[str, str]], *, links_may_leave: bool = False) -> None:
    data = _tar(members)
    with (
        Pool.open(directory / "pool") as pool,
        TreeWriter(pool, directory / "out") as writer,
        Reader(io.BytesIO(data), "x.tar") as reader,
    ):
        extraction = Extraction(writer=writer, archive="x.tar", links_may_leave=links_may_leave)
        extraction.extract(reader, lambda _: None)
        writer.finish()


@pytest.mark.parametrize("name", OUT)
def test_links_out_of_the_tree_are_refused(tmp_path: Path, name: str) -> None:
    """However a link gets out of the tree, the archive is refused; in a root file system it is allowed."""
    with pytest.raises(Refused) as caught:
        _extract(tmp_path, OUT[name])
    assert "symbolic link" in caught.value.reason
    _extract(tmp_path / "root", OUT[name], links_may_leave=True)


@pytest.mark.parametrize("name", IN)
def test_links_within_the_tree_are_accepted(tmp_path: Path, name: str) -> None:
    """A link that stays in the tree, however contorted, is accepted."""
    _extract(tmp_path, IN[name])


def test_links_that_take_too_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Links designed to take very long are refused quickly."""
    members = [("0", "gone"), *((str(number), f"{number - 1}/../{number - 1}") for number in range(1, 40))]
    monkeypatch.setattr(module, "FOLLOWED", 1 << 40)
    monkeypatch.setattr(module, "STEPS", 10_000)
    links = Links()
    for name, target in members:
        links.put(name.encode(), target.encode())
    with pytest.raises(Entangled):
        list(links.leaving())
    with pytest.raises(Refused):
        _extract(tmp_path, members)


_names = st.sampled_from(["a", "b", "c"])
_paths = st.lists(_names, min_size=1, max_size=3).map("/".join)
_targets = st.lists(_names | st.sampled_from(["..", ".."]), min_size=1, max_size=5).map("/".join)


@given(st.dictionaries(_paths, _targets, max_size=6))
def test_same_as_the_file_system(found: dict[str, str]) -> None:
    """No accepted link leads out of the tree when Linux follows it."""
    with tempfile.TemporaryDirectory() as top:
        tree = Path(top, "1/2/3/4/5/6/tree")
        tree.mkdir(parents=True)
        links = Links()
        for path, target in found.items():
            try:
                (tree / path).parent.mkdir(parents=True, exist_ok=True)
                (tree / path).symlink_to(target)
            except OSError:
                continue
            if os.path.realpath((tree / path).parent) != str((tree / path).parent):
                (tree / path).unlink()  # made through another link, which nobody does who unpacks
                continue
            links.put(path.encode(), target.encode())
        leaving = {path.decode() for path, _ in links.leaving()}
        outside = [
            path
            for path in map(bytes.decode, links._targets)
            if not f"{os.path.realpath(tree / path)}/".startswith(f"{tree}/")
        ]
        assert leaving >= {path for path in outside if (tree / path).exists()}
