"""Tests for derivations.image.initramfs."""

from __future__ import annotations

import json

import pytest

from derivations.derivation import InvalidDerivation
from derivations.image.initramfs import Copy, Device, Directory, Entry, File, Link, make_initramfs
from derivations.source import text_file


A, B = text_file("a", "1"), text_file("b", "2")


def test_entries_are_described() -> None:
    """Every kind of entry is described for the builder."""
    entries: dict[str, Entry] = {
        "init": File("#!/bin/sh", 0o755),
        "bin/sh": Link("busybox"),
        "dev/console": Device("c", 5, 1),
        "proc": Directory(),
        "bin/busybox": Copy(A),
    }
    expected = {
        "init": {"kind": "file", "text": "#!/bin/sh", "mode": 0o755},
        "bin/sh": {"kind": "link", "target": "busybox"},
        "dev/console": {"kind": "device", "type": "c", "major": 5, "minor": 1, "mode": 0o600},
        "proc": {"kind": "directory", "mode": 0o755},
        "bin/busybox": {"kind": "copy", "from": "/0000", "path": ""},
    }
    assert expected == json.loads(make_initramfs(entries).env["entries"])


def test_each_input_is_mounted_once() -> None:
    """Several copies from one derivation share one mount."""
    it = make_initramfs({"x": Copy(B, "1"), "y": Copy(A), "z": Copy(B.out, "2")})
    assert {"/0000": B.out, "/0001": A.out} == dict(it.mounts)


def test_the_order_of_entries_does_not_matter() -> None:
    """The same entries in another order are the same derivation."""
    entries: dict[str, Entry] = {"a": Copy(A), "b": Copy(B), "c": File("x")}
    assert make_initramfs(entries).key == make_initramfs(dict(reversed(entries.items()))).key


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        pytest.param({"/init": File("x")}, "not a path in an initramfs: '/init'", id="absolute"),
        pytest.param({"a/../b": File("x")}, "not a path in an initramfs: 'a/../b'", id="dots"),
        pytest.param({"": File("x")}, "not a path in an initramfs: ''", id="empty"),
        pytest.param({"a": Copy(A, "../x")}, "a: not in another tree: '../x'", id="source"),
        pytest.param({"a": File("x", 0o100644)}, "a: not a mode: 0o100644", id="mode"),
    ],
)
def test_invalid_entries_are_refused(entries: dict[str, Entry], problem: str) -> None:
    """Invalid paths and modes are refused before anything is built."""
    with pytest.raises(InvalidDerivation) as caught:
        make_initramfs(entries)
    assert (problem,) == caught.value.problems


@pytest.mark.parametrize(
    "given", ["x", 3, None, {"init": text_file("init", "")}, {"init": "x"}, {3: File("")}], ids=str
)
def test_values_that_are_not_entries(given: object) -> None:
    """Values of other types are refused."""
    with pytest.raises(InvalidDerivation):
        make_initramfs(given)  # type: ignore[call-overload]
