"""Tests for derivations.image.newc."""

from __future__ import annotations

import random
import stat
import subprocess

from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.image.newc import BLOCK, CpioEntry, MemberTooLarge, archive
from tests.programs import program


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def node(path: bytes, data: bytes = b"", mode: int = stat.S_IFREG | 0o644) -> CpioEntry:
    return CpioEntry(path=path, mode=mode, size=len(data), data=lambda: [data])


def whole(nodes: Iterable[CpioEntry]) -> bytes:
    return b"".join(archive(nodes))


def fields(data: bytes) -> list[int]:
    return [int(data[6 + 8 * i : 14 + 8 * i], 16) for i in range(13)]


def read(data: bytes) -> list[tuple[bytes, int, bytes, int]]:
    """Return the path, mode, content and inode of each entry of an archive, with an independent reader."""
    found: list[tuple[bytes, int, bytes, int]] = []
    position = 0
    while True:
        assert data[position : position + 6] == b"070701"
        numbers = fields(data[position:])
        start = position + 110
        path = data[start : start + numbers[11] - 1]
        content = (start + numbers[11] + 3) // 4 * 4
        position = (content + numbers[6] + 3) // 4 * 4
        if path == b"TRAILER!!!":
            assert not data[position:].strip(b"\0")
            return found
        found.append((path, numbers[1], data[content : content + numbers[6]], numbers[0]))


def test_the_format_is_the_kernels() -> None:
    """An archive of one file matches the format byte for byte."""
    header = b"070701" + b"".join(b"%08X" % n for n in (1, 0o100644, 0, 0, 1, 0, 2, 0, 0, 0, 0, 5, 0))
    trailer = b"070701" + b"".join(b"%08X" % n for n in (0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0))
    expected = header + b"init\0\0" + b"ab\0\0" + trailer + b"TRAILER!!!\0"
    assert expected.ljust(BLOCK, b"\0") == whole([node(b"init", b"ab")])


def test_the_order_of_the_nodes_does_not_matter() -> None:
    """The same nodes in another order give the same bytes."""
    nodes = [node(b"b/c", b"1"), node(b"a"), node(b"b/a", b"x" * 5), node(b"c-d", b"2"), node(b"c/d", b"3")]
    shuffled = random.Random(1).sample(nodes, len(nodes))  # noqa: S311 -- any order will do
    assert whole(nodes) == whole(shuffled)


def test_a_directory_precedes_its_contents() -> None:
    """Missing directories are added, once, before their contents."""
    paths = [path for path, *_ in read(whole([node(b"a/b/c"), node(b"a-b"), node(b"a/d")]))]
    assert paths == [b"a", b"a/b", b"a/b/c", b"a/d", b"a-b"]


def test_inodes_count_from_one() -> None:
    """Every node has its own inode, so that nothing looks like a hard link."""
    assert [inode for *_, inode in read(whole([node(b"x"), node(b"y"), node(b"z")]))] == [1, 2, 3]


def test_a_device_needs_no_privileges() -> None:
    """A device node is just a header."""
    console = CpioEntry(path=b"console", mode=stat.S_IFCHR | 0o600, device=(5, 1))
    assert fields(whole([console]))[9:11] == [5, 1]


def test_a_file_of_four_gigabytes_is_refused() -> None:
    """A size that does not fit into eight digits is refused."""
    with pytest.raises(MemberTooLarge, match="big is too large for an initramfs: 4294967296 bytes"):
        whole([CpioEntry(path=b"big", mode=stat.S_IFREG, size=1 << 32)])


@given(
    st.dictionaries(st.binary(min_size=1, max_size=8).filter(lambda it: not {0, 47} & set(it)), st.binary(max_size=30))
)
def test_what_is_written_can_be_read(files: dict[bytes, bytes]) -> None:
    """A reader finds every file and its content, and the archive ends on a block boundary."""
    data = whole([node(path, content) for path, content in files.items()])
    assert files == {path: content for path, _, content, _ in read(data)}
    assert len(data) % BLOCK == 0


def test_cpio_reads_it(tmp_path: Path) -> None:
    """The program cpio lists the archive's entries."""
    nodes = [node(b"init", b"#!"), node(b"bin/sh", b"busybox", stat.S_IFLNK | 0o777)]
    listed = subprocess.run([program("cpio"), "-t"], input=whole(nodes), capture_output=True, check=True, cwd=tmp_path)
    assert listed.stdout == b"bin\nbin/sh\ninit\n"
