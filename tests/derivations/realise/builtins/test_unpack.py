"""Tests for derivations.realise.builtins.unpack, and through it derivations.realise.archives.extract."""

from __future__ import annotations

import bz2
import contextlib
import functools
import gzip
import io
import lzma
import sys
import tarfile

from typing import IO, TYPE_CHECKING

import pytest

from derivations.fetch import fetch_url
from derivations.realise.archives.decompress import Corrupt
from derivations.realise.archives.extract import WHOLE, Refused
from derivations.realise.builtins.unpack import NoArchive
from derivations.realise.job import Cancelled
from derivations.realise.unpack_budget import TooLarge
from derivations.unpack import ARCHIVE, unpack
from tests.derivations.realise.builtins.conftest import Runner, listing


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


SOURCE = fetch_url("https://example.org/x.tar", sha256="0" * 64)

DIRECTORY, LINK, HARD = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def tar(*members: tuple[str, str] | tuple[str, str, bytes]) -> bytes:
    """Return an archive of (name, text or target, type)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, text, *rest in members:
            info = tarfile.TarInfo(name)
            info.type = rest[0] if rest else tarfile.REGTYPE
            info.mode = 0o755 if text.startswith("#!") else 0o644
            if info.type == tarfile.REGTYPE:
                info.size = len(text)
            else:
                info.linkname = text
            archive.addfile(info, io.BytesIO(text.encode()))
    return file.getvalue()


@pytest.fixture
def unpacked(run: Runner, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Return a function that unpacks an archive and lists what came out."""

    def unpacked(data: bytes, strip: int = 0) -> dict[str, str]:
        (tmp_path / "0-x.tar").write_bytes(data)
        return listing(run(unpack(SOURCE, strip=strip), {ARCHIVE: tmp_path / "0-x.tar"}))

    return unpacked


@pytest.mark.parametrize(
    "compress",
    [
        pytest.param(bytes, id="plain"),
        pytest.param(gzip.compress, id="gzip"),
        pytest.param(bz2.compress, id="bzip2"),
        pytest.param(lzma.compress, id="xz"),
        pytest.param(zstd.compress, id="zstd"),
    ],
)
def test_every_form_is_unpacked(unpacked: Callable[..., dict[str, str]], compress: Callable[[bytes], bytes]) -> None:
    """An archive is unpacked whatever its compression."""
    assert unpacked(compress(tar(("a/x", "1"), ("b", "", DIRECTORY)))) == {"a/x": "1", "b/": ""}


def bomb(place: Path, opened: Callable[[Path], IO[bytes]], sizes: list[int]) -> Path:
    """Write a small archive of files of *sizes*, and return its path."""
    with opened(place) as file:
        for number, size in enumerate(sizes):
            info = tarfile.TarInfo(f"a/{number}")
            info.size = size
            file.write(info.tobuf())
            for _ in range(-(-size // (1 << 20))):
                file.write(bytes(1 << 20))
        file.write(bytes(1024))
    return place


@pytest.mark.parametrize(
    ("opened", "sizes"),
    [
        pytest.param(functools.partial(gzip.open, mode="wb"), [300 << 20], id="gzip"),
        pytest.param(functools.partial(lzma.open, mode="wb", preset=0), [300 << 20], id="xz"),
        pytest.param(functools.partial(zstd.open, mode="wb"), [300 << 20], id="zstd"),
        pytest.param(functools.partial(zstd.open, mode="wb"), [1 << 20] * 300, id="many"),
    ],
)
def test_a_bomb(run: Runner, tmp_path: Path, opened: Callable[[Path], IO[bytes]], sizes: list[int]) -> None:
    """A small archive that unpacks to far too much is refused, whatever its form."""
    archive = bomb(tmp_path / "0-x.tar.it", opened, sizes)
    assert archive.stat().st_size < 1 << 20
    with pytest.raises(TooLarge) as caught:
        run(unpack(SOURCE), {ARCHIVE: archive})
    assert caught.value.allowed >= 256 << 20
    assert caught.value.name == "x.tar.it"


def test_empty_files_count(run: Runner, tmp_path: Path) -> None:
    """Empty files count towards the limit, too."""
    archive = bomb(tmp_path / "0-x.tar", lambda it: it.open("wb"), [0] * 300)
    with pytest.raises(TooLarge):
        run(unpack(SOURCE, max_size=100_000), {ARCHIVE: archive})
    run(unpack(SOURCE, max_size=200_000), {ARCHIVE: archive})


@pytest.mark.parametrize(("max_size", "fits"), [(3000, False), (30_000_000, True), (0, True), (None, True)])
def test_the_size_that_a_definition_allows(run: Runner, tmp_path: Path, max_size: int | None, *, fits: bool) -> None:
    """A definition may set another limit, which is not part of its key."""
    archive = bomb(tmp_path / "0-x.tar", lambda it: it.open("wb"), [2 << 20, 2 << 20])
    it = unpack(SOURCE, max_size=max_size)
    assert it.key == unpack(SOURCE).key
    with contextlib.nullcontext() if fits else pytest.raises(TooLarge):
        run(it, {ARCHIVE: archive})


def test_a_tree_is_canonical(run: Runner, tmp_path: Path) -> None:
    """The unpacked tree has the modes and times of an object."""
    (tmp_path / "x.tar").write_bytes(tar(("d/run", "#!/bin/sh"), ("d/data", "x"), ("l", "d/data", LINK)))
    out = run(unpack(SOURCE, strip=0), {ARCHIVE: tmp_path / "x.tar"})
    found = {path.name: (path.lstat().st_mode & 0o777, path.lstat().st_mtime) for path in (out, *out.rglob("*"))}
    assert found == {"out": (0o555, 1), "d": (0o555, 1), "run": (0o555, 1), "data": (0o444, 1), "l": (0o777, 1)}


def test_a_leading_directory_is_stripped(unpacked: Callable[..., dict[str, str]]) -> None:
    """The leading directory of an archive of sources is stripped."""
    data = tar(("linux-6.1", "", DIRECTORY), ("linux-6.1/Makefile", "x"), ("linux-6.1/a/b", "y"))
    assert unpacked(data, strip=1) == {"Makefile": "x", "a/b": "y"}


def test_dots_before_names_do_not_matter(unpacked: Callable[..., dict[str, str]]) -> None:
    """`./x/y` is `x/y`."""
    assert unpacked(tar(("./", "", DIRECTORY), ("./x/", "", DIRECTORY), ("./x//y", "1")), strip=1) == {"y": "1"}


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        pytest.param(
            [("a/x", "1"), ("b/y", "2")], "it is outside a, the directory that is stripped (strip=1)", id="two-tops"
        ),
        pytest.param([("a/x", "1"), ("b", "2")], "it has too few leading directories (strip=1)", id="a-file"),
    ],
)
def test_stripping_loses_nothing(
    unpacked: Callable[..., dict[str, str]], members: list[tuple[str, str]], reason: str
) -> None:
    """An archive with more than one top-level name is not stripped."""
    with pytest.raises(Refused) as caught:
        unpacked(tar(*members), strip=1)
    assert reason == caught.value.reason


def test_the_last_of_equal_names_counts(unpacked: Callable[..., dict[str, str]]) -> None:
    """A repeated name replaces the earlier one, as in an updated archive."""
    data = tar(
        ("x", "1"), ("y", "1"), ("x", "2"), ("y", "x", LINK), ("d", "", DIRECTORY), ("d/z", "3"), ("d", "", DIRECTORY)
    )
    assert unpacked(data) == {"x": "2", "y": "-> x", "d/z": "3"}


def test_a_directory_may_come_after_what_is_in_it(unpacked: Callable[..., dict[str, str]]) -> None:
    """The order of members does not matter."""
    assert unpacked(tar(("d/x", "1"), ("d", "", DIRECTORY))) == {"d/x": "1"}


def test_hard_links_within_the_archive_are_files(unpacked: Callable[..., dict[str, str]]) -> None:
    """A hard link to an earlier member is that file; one to itself changes nothing."""
    data = tar(("t/x", "1"), ("t/d/y", "t/x", HARD), ("t/x", "t/x", HARD))
    assert unpacked(data, strip=1) == {"x": "1", "d/y": "1"}


def test_links_within_the_tree_are_links(unpacked: Callable[..., dict[str, str]]) -> None:
    """Symbolic links that stay in the tree are kept unchanged, even dangling ones."""
    data = tar(("t/a/b", "../c/./d", LINK), ("t/e", "no//such", LINK), ("t/a/f", "..", LINK))
    assert unpacked(data, strip=1) == {"a/b": "-> ../c/./d", "a/f": "-> ..", "e": "-> no//such"}


def test_large_files_are_whole(run: Runner, tmp_path: Path) -> None:
    """Files that are too large for memory are complete."""
    text = "0123456789abcdef" * (WHOLE // 8)
    (tmp_path / "x.tar").write_bytes(tar(("x", text), ("y", "1")))
    assert {"x": text, "y": "1"} == listing(run(unpack(SOURCE, strip=0), {ARCHIVE: tmp_path / "x.tar"}))


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        pytest.param([("/etc/x", "1")], "its name is absolute", id="absolute"),
        pytest.param([("../x", "1")], "its name contains `..`", id="parent"),
        pytest.param([("a/../../x", "1")], "its name contains `..`", id="parent-inside"),
        pytest.param([("x", "", tarfile.FIFOTYPE)], "it is a fifo", id="fifo"),
        pytest.param([("x", "", tarfile.CHRTYPE)], "it is a character device", id="character-device"),
        pytest.param([("x", "", tarfile.BLKTYPE)], "it is a block device", id="block-device"),
        pytest.param([("x", "", tarfile.GNUTYPE_SPARSE)], "it is a sparse file", id="sparse"),
        pytest.param([("x", "", b"Q")], "it is an entry of unknown type b'Q'", id="unknown"),
        pytest.param([("l", "/etc", LINK)], "it is a symbolic link to the absolute path /etc", id="absolute-link"),
        pytest.param([("l", "..", LINK)], "it is a symbolic link out of the tree, to ..", id="link-out"),
        pytest.param(
            [("a/l", "b/../../../x", LINK)], "it is a symbolic link out of the tree, to b/../../../x", id="link-up"
        ),
        pytest.param([("h", "/etc/passwd", HARD)], "its name is absolute", id="absolute-hard-link"),
        pytest.param([("h", "../x", HARD)], "its name contains `..`", id="hard-link-out"),
        pytest.param(
            [("d", "", DIRECTORY), ("h", "d", HARD)],
            "it is a link to 'd', which is not a file in this tree",
            id="hard-link-to-directory",
        ),
        pytest.param(
            [("h", "x", HARD)], "it is a link to 'x', which is not a file in this tree", id="hard-link-to-nothing"
        ),
        pytest.param([("d", "a", LINK), ("d/x", "1")], "its component 'd' is not a directory", id="through-a-link"),
        pytest.param([("d", "1"), ("d/x", "1")], "its component 'd' is not a directory", id="through-a-file"),
        pytest.param([("d/x", "1"), ("d", "a", LINK)], "it already exists", id="link-over-directory"),
        pytest.param(
            [("d", "a", LINK), ("d", "", DIRECTORY)], "its component 'd' is not a directory", id="directory-over-link"
        ),
        pytest.param([("n" * 256, "1")], None, id="long-name"),
        pytest.param([("l", "t" * 4096, LINK)], None, id="long-target"),
    ],
)
def test_hostile_archives_are_refused(
    unpacked: Callable[..., dict[str, str]], members: list[tuple[str, str]], reason: str | None, tmp_path: Path
) -> None:
    """Anything that would write, or lead, outside the tree is refused, with the archive and the member."""
    before = sorted(tmp_path.iterdir())
    with pytest.raises(Refused) as caught:
        unpacked(tar(*members))
    assert ("x.tar", members[-1][0]) == (caught.value.archive, caught.value.member.rstrip("/"))
    assert reason in {None, caught.value.reason}
    assert sorted([*before, tmp_path / "0-x.tar"]) == sorted(tmp_path.iterdir())


def test_a_truncated_archive_is_named(unpacked: Callable[..., dict[str, str]]) -> None:
    """A truncated archive is one error that names it."""
    data = lzma.compress(tar(("x", "1" * 5000)))
    with pytest.raises(Corrupt) as caught:
        unpacked(data[:-20])
    assert str(caught.value) == "x.tar is corrupt: it ends in the middle of the compressed data"


def test_a_member_of_a_tree_is_unpacked(run: Runner, tmp_path: Path) -> None:
    """An archive inside a tree is found there."""
    (tmp_path / "tree/usr").mkdir(parents=True)
    (tmp_path / "tree/usr/x.tar").write_bytes(tar(("x/y", "1")))
    assert listing(run(unpack(SOURCE, member="usr/x.tar"), {ARCHIVE: tmp_path / "tree"})) == {"y": "1"}


@pytest.mark.parametrize(("has", "asked"), [("lib/x.tar", "usr/lib/x.tar"), ("usr/lib/x.tar", "lib/x.tar")])
def test_a_member_is_found_on_either_side_of_the_merge(run: Runner, tmp_path: Path, has: str, asked: str) -> None:
    """An archive in a package is found by its path from before or after the merge of /usr."""
    (tmp_path / "tree" / has).parent.mkdir(parents=True)
    (tmp_path / "tree" / has).write_bytes(tar(("a/y", "1")))
    assert listing(run(unpack(SOURCE, member=asked), {ARCHIVE: tmp_path / "tree"})) == {"y": "1"}


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        pytest.param("no", "is not in the input", id="missing"),
        pytest.param("file/x", "is not in the input", id="below-a-file"),
        pytest.param("dir", "is not a file", id="directory"),
        pytest.param("../secret", "is not a path in a tree", id="out"),
        pytest.param("link", "is behind a symbolic link", id="link"),
        pytest.param("up/secret", "is behind a symbolic link", id="through-a-link"),
    ],
)
def test_a_member_that_is_no_archive_is_named(run: Runner, tmp_path: Path, member: str, reason: str) -> None:
    """A member that is not a file in the input is refused; links are not followed."""
    tree = tmp_path / "tree"
    (tree / "dir").mkdir(parents=True)
    (tree / "file").touch()
    (tmp_path / "secret").touch()
    (tree / "link").symlink_to("../secret")
    (tree / "up").symlink_to("..")
    with pytest.raises(NoArchive) as caught:
        run(unpack(SOURCE, name="x", member=member), {ARCHIVE: tree})
    assert f"cannot unpack x: {member} {reason}" == str(caught.value)


def test_unpacking_can_be_interrupted(run: Runner, tmp_path: Path) -> None:
    """An interrupt ends the build."""
    (tmp_path / "x.tar").write_bytes(tar(("x", "1")))
    run.cancelled = True
    with pytest.raises(Cancelled):
        run(unpack(SOURCE, strip=0), {ARCHIVE: tmp_path / "x.tar"})


def test_progress_counts_files(run: Runner, tmp_path: Path) -> None:
    """Progress reports the number of files at intervals and, after part of the archive, an estimate of their total."""
    (tmp_path / "x.tar").write_bytes(tar(*[(f"f{i}", "1" * 3000) for i in range(4000)]))
    run(unpack(SOURCE, strip=0), {ARCHIVE: tmp_path / "x.tar"})
    assert [it * 256 for it in range(16)] == [done for done, _ in run.progress]
    guesses = [expected for _, expected in run.progress if expected is not None]
    assert [] != guesses
    assert abs(guesses[-1] - 4000) <= 400
    assert all(2000 <= it <= 8000 for it in guesses)
