"""Tests of derivations.modules.firmware."""

from __future__ import annotations

import pytest

from derivations.modules.closure import Builtin, Closure, Module
from derivations.modules.firmware import FirmwareTree, Missing
from derivations.modules.request import Kind, Reason


TREE = FirmwareTree({
    "a.bin": None,
    "b.bin.xz": None,
    "c.bin.zst": None,
    "c.bin.xz": None,
    "updates/a.bin": None,
    "6.1/d.bin": None,
    "d.bin": None,
    "brcm/x.txt": None,
    "brcm/y.txt.xz": None,
    "brcm/z.bin": None,
    "link.bin": "real/one.bin",
    "real": "../top/dir",
    "dir": "sub",
    "sub/e.bin": None,
    "through.bin": "dir/e.bin",
    "dir2/up.bin": "../sub/../a.bin",
    "absolute.bin": "/etc/passwd",
    "out.bin": "../../etc/passwd",
    "dead.bin": "nothing",
    "loop.bin": "loop.bin",
    "f.bin": None,
})  # fmt: skip


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("f.bin", ("f.bin",)),
        ("a.bin", ("updates/a.bin",)),
        ("d.bin", ("6.1/d.bin",)),
        ("b.bin", ("b.bin.xz",)),
        ("c.bin", ("c.bin.zst",)),
        ("brcm/*.txt", ("brcm/x.txt", "brcm/y.txt.xz")),
        ("dir/e.bin", ("dir", "sub/e.bin")),
        ("through.bin", ("through.bin", "dir", "sub/e.bin")),
        ("dir2/up.bin", ("dir2/up.bin", "a.bin")),
        ("nothing.bin", ()),
        ("sub", ()),
        ("absolute.bin", ()),
        ("out.bin", ()),
        ("dead.bin", ()),
        ("loop.bin", ()),
        ("link.bin", ()),
        ("../a.bin", ()),
        ("/etc/passwd", ()),
    ],
)
def test_find(name: str, paths: tuple[str, ...]) -> None:
    """A name is looked for where the kernel does, with its links, and never outside of the tree."""
    assert TREE.find(name, "6.1") == paths


def test_of_a_closure() -> None:
    """The firmware of all modules is found; what is missing is named with its module, patterns excepted."""
    why = Reason(Kind.NAMED)
    closure = Closure(
        "6.1",
        (
            Module("one", "one.ko", why, 1, ("f.bin", "g.bin", "none/*.bin")),
            Module("two", "two.ko", why, 1, ("b.bin",)),
        ),
        (Builtin("three", why, ("h.bin",)),),
        ("c.bin", "i.bin"),
    )
    found = TREE.of(closure)
    assert found.paths == ("b.bin.xz", "c.bin.zst", "f.bin")
    assert found.missing == (
        Missing("one", ("g.bin",)),
        Missing("three", ("h.bin",)),
        Missing("the hardware", ("i.bin",)),
    )


def test_sentence() -> None:
    """A warning names the module and files, but not a hundred of them."""
    assert str(Missing("m", ("a", "b"))) == "m may load firmware that is missing: a, b"
    assert str(Missing("m", ("a", "b", "c", "d", "e"))) == "m may load firmware that is missing: a, b, c and 2 more"
