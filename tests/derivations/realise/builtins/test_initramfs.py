"""Tests for derivations.realise.builtins.initramfs."""

from __future__ import annotations

import gzip
import lzma
import os
import stat
import subprocess
import sys

from typing import TYPE_CHECKING

import pytest

from derivations.image.initramfs import Compression, Copy, Device, Directory, Entry, File, Link, make_initramfs
from derivations.realise.builtins.initramfs import InvalidInitramfs
from derivations.realise.job import Cancelled
from derivations.source import text_file
from tests.derivations.image.test_newc import read
from tests.programs import program


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.derivations.realise.builtins.conftest import Runner


A, B = text_file("a", "1"), text_file("b", "2")


def names(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Return the mode and content of each entry, by path."""
    return {path.decode(): (mode, content) for path, mode, content, _ in read(data)}


def test_described_entries(run: Runner) -> None:
    """Files, links, directories and device nodes are in the archive, with their modes."""
    entries: Mapping[str, Entry] = {
        "init": File("#!/bin/sh", 0o755),
        "bin/sh": Link("busybox"),
        "dev/console": Device("c", 5, 1),
        "dev/sda": Device("b", 8, 0, 0o660),
        "tmp": Directory(0o1777),
    }
    expected = {
        "bin": (stat.S_IFDIR | 0o755, b""),
        "bin/sh": (stat.S_IFLNK | 0o777, b"busybox"),
        "dev": (stat.S_IFDIR | 0o755, b""),
        "dev/console": (stat.S_IFCHR | 0o600, b""),
        "dev/sda": (stat.S_IFBLK | 0o660, b""),
        "init": (stat.S_IFREG | 0o755, b"#!/bin/sh"),
        "tmp": (stat.S_IFDIR | 0o1777, b""),
    }
    assert expected == names(run(make_initramfs(entries)).read_bytes())


def test_trees_and_files_are_copied(run: Runner) -> None:
    """A tree is copied with its contents, a file alone, and executable bits are kept."""
    tree = run.tree("a", {"lib/x.ko": "1", "lib/l": "-> x.ko", "lib/d/": "", "run": "#!"})
    file = run.tree("b", {"it": "2"}) / "it"
    initramfs = make_initramfs({"lib": Copy(A, "lib"), "run": Copy(A, "run"), "secret": Copy(B, mode=0o600)})
    expected = {
        "lib": (stat.S_IFDIR | 0o755, b""),
        "lib/d": (stat.S_IFDIR | 0o755, b""),
        "lib/l": (stat.S_IFLNK | 0o777, b"x.ko"),
        "lib/x.ko": (stat.S_IFREG | 0o644, b"1"),
        "run": (stat.S_IFREG | 0o755, b"#!"),
        "secret": (stat.S_IFREG | 0o600, b"2"),
    }
    inputs = {place: tree if output == A.out else file for place, output in initramfs.mounts.items()}
    assert expected == names(run(initramfs, inputs).read_bytes())


def test_a_more_specific_entry_wins(run: Runner) -> None:
    """An entry below a copied tree replaces the tree's own."""
    tree = run.tree("a", {"etc/passwd": "theirs", "etc/x": "1"})
    found = names(
        run(make_initramfs({"etc/passwd": File("mine"), "etc": Copy(A, "etc")}), {"/0000": tree}).read_bytes()
    )
    assert (found["etc/passwd"][1], found["etc/x"][1]) == (b"mine", b"1")


def test_links_on_the_way_stay_in_the_tree(run: Runner) -> None:
    """Symbolic links in a path are followed as after chroot, except for the last part, which is copied."""
    tree = run.tree("a", {"usr/bin/sh": "-> /bin/dash", "usr/bin/dash": "1", "bin": "-> /../usr/bin"})
    found = names(
        run(make_initramfs({"dash": Copy(A, "bin/dash"), "sh": Copy(A, "bin/sh")}), {"/0000": tree}).read_bytes()
    )
    assert (found["dash"][1], found["sh"][1]) == (b"1", b"/bin/dash")


@pytest.mark.parametrize("has", ["bin/busybox", "usr/bin/busybox"])
@pytest.mark.parametrize("asked", ["bin/busybox", "usr/bin/busybox"])
def test_a_package_is_from_before_or_after_the_merge(run: Runner, asked: str, has: str) -> None:
    """A program is found by either of its two paths, whichever the package has."""
    tree = run.tree("busybox", {has: "#!", "usr/share/doc/x": "y"})
    initramfs = make_initramfs({"bin/busybox": Copy(A, asked)})
    other = run.tree("plain", {"bin/busybox": "#!"})
    assert run(initramfs, {"/0000": tree}).read_bytes() == run(initramfs, {"/0000": other}).read_bytes()


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        pytest.param({"x": Copy(A, "no")}, "cannot make it: no: is not in a", id="missing"),
        pytest.param({"x": Copy(A, "sbin/no")}, "cannot make it: sbin/no: is not in a", id="merged-missing"),
        pytest.param({"x": Copy(A, "loop/y")}, "cannot make it: loop/y: is not in a", id="loop"),
        pytest.param({"x": Copy(A, "out/secret")}, "cannot make it: out/secret: is not in a", id="out"),
        pytest.param(
            {"x": File("1"), "x/y": File("2")},
            "cannot make it: x/y: its parent is not a directory",
            id="below-a-file",
        ),
        pytest.param(
            {"x": Copy(A), "x/out/y": File("2")},
            "cannot make it: x/out/y: its parent is not a directory",
            id="below-a-link",
        ),
    ],
)
def test_impossible_entries_are_reported(
    run: Runner, entries: Mapping[str, Entry], reason: str, tmp_path: Path
) -> None:
    """A missing source, or an entry below a file, is named."""
    (tmp_path / "secret").touch()
    tree = run.tree("a", {"loop": "-> loop", "out": f"-> {tmp_path}"})
    initramfs = make_initramfs(entries, name="it")
    with pytest.raises(InvalidInitramfs) as caught:
        run(initramfs, dict.fromkeys(initramfs.mounts, tree))
    assert reason == str(caught.value).replace("1-a", "a")


@pytest.mark.parametrize(
    ("compression", "decompress"),
    [
        pytest.param("gzip", gzip.decompress, id="gzip"),
        pytest.param("xz", lzma.decompress, id="xz"),
        pytest.param("zstd", zstd.decompress, id="zstd"),
    ],
)
def test_compressing_is_repeatable(run: Runner, compression: Compression, decompress: Callable[[bytes], bytes]) -> None:
    """A compressed archive decompresses to the plain one, and is the same every time."""
    entries = {"init": File("x" * 100_000)}
    plain = run(make_initramfs(entries)).read_bytes()
    packed = [run(make_initramfs(entries, compression=compression)).read_bytes() for _ in range(2)]
    assert plain == decompress(packed[0])
    assert packed[0] == packed[1]


def test_the_header_of_gzip_names_nothing(run: Runner) -> None:
    """The gzip header has neither a time nor a name."""
    data = run(make_initramfs({"init": File("x")}, compression="gzip")).read_bytes()
    assert (data[:4], data[4:8]) == (b"\x1f\x8b\x08\x00", b"\0\0\0\0")


def test_the_check_of_xz_is_one_that_the_kernel_knows(run: Runner) -> None:
    """The xz check is CRC32, the only one that the kernel's decoder supports."""
    data = run(make_initramfs({"init": File("x")}, compression="xz")).read_bytes()
    assert data[7] == lzma.CHECK_CRC32


def test_the_origin_of_trees_does_not_matter(run: Runner) -> None:
    """Equal trees made in another order give the same archive."""
    files = {f"d{i}/f{i}": str(i) for i in range(20)}
    trees = [run.tree("a", files), run.tree("b", dict(reversed(files.items())))]
    one, two = [run(make_initramfs({"x": Copy(A)}), {"/0000": tree}).read_bytes() for tree in trees]
    assert one == two


def test_making_can_be_interrupted(run: Runner) -> None:
    """An interrupt ends the build."""
    run.cancelled = True
    with pytest.raises(Cancelled):
        run(make_initramfs({"init": File("x")}))


def test_cpio_unpacks_it(run: Runner, tmp_path: Path) -> None:
    """The program cpio unpacks the archive to what was described."""
    out = run(make_initramfs({"init": File("#!/bin/sh", 0o755), "bin/sh": Link("busybox")}))
    (tmp_path / "root").mkdir()
    with out.open("rb") as file:
        subprocess.run([program("cpio"), "-id", "--quiet"], stdin=file, cwd=tmp_path / "root", check=True)
    assert ((tmp_path / "root/init").read_text(), os.readlink(tmp_path / "root/bin/sh")) == ("#!/bin/sh", "busybox")  # noqa: PTH115 -- as it is
