"""Tests for derivations.image.read and derivations.image.lz."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import stat
import struct
import subprocess
import sys

from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.image import lz
from derivations.image.newc import CpioEntry, archive
from derivations.image.read import InvalidArchive, archives, is_archive
from tests.derivations.image.test_newc import node
from tests.programs import program


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


if TYPE_CHECKING:
    from collections.abc import Callable


CPIO = b"".join(archive([node(b"init", b"#!/bin/sh\n"), node(b"etc/x", b"y" * 3000)]))
LINK = b"".join(archive([node(b"bin/sh", b"busybox", stat.S_IFLNK | 0o777)]))


def lz4(data: bytes) -> bytes:
    """Return *data* as `lz4 -l` packs them."""
    return subprocess.run([program("lz4"), "-l", "-c"], input=data, capture_output=True, check=True).stdout


PACKERS: dict[str | None, Callable[[bytes], bytes]] = {
    None: bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "xz": lambda data: lzma.compress(data, check=lzma.CHECK_CRC32),
    "lz4": lz4,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("form", PACKERS, ids=str)
def test_every_compression(form: str | None) -> None:
    """An archive is read however it is compressed."""
    (found,) = archives(PACKERS[form](CPIO), "it")
    assert found.compression == form
    assert [(it.path, it.size) for it in found.members] == [("etc", 0), ("etc/x", 3000), ("init", 10)]
    assert is_archive(PACKERS[form](CPIO)[:6])


@pytest.mark.parametrize("form", PACKERS, ids=str)
def test_several_in_a_row(form: str | None) -> None:
    """Archives one behind the other are told apart, with padding between them."""
    early = b"".join(archive([node(b"kernel/x86/microcode/GenuineIntel.bin", b"1" * 100)]))
    first, second, third = archives(early + PACKERS[form](CPIO) + bytes(7) + gzip.compress(LINK), "it")
    assert (first.compression, second.compression, third.compression) == (None, form, "gzip")
    assert (first.offset, second.offset) == (0, len(early))
    assert third.members[-1].target == "busybox"


def test_several_compressed_together() -> None:
    """Archives that were joined and then compressed are told apart, too."""
    found = list(archives(zstd.compress(CPIO + LINK), "it"))
    assert [len(it.members) for it in found] == [3, 2]


def test_devices_and_modes() -> None:
    """Modes, owners and numbers of devices are those in the archive."""
    (found,) = archives(b"".join(archive([CpioEntry(path=b"c", mode=stat.S_IFCHR | 0o600, device=(5, 1))])), "it")
    assert (found.members[0].mode, found.members[0].device) == (stat.S_IFCHR | 0o600, (5, 1))


@pytest.mark.parametrize("form", PACKERS, ids=str)
def test_what_is_cut_off(form: str | None) -> None:
    """An archive that ends too early is an error, never a traceback, wherever it ends."""
    data = PACKERS[form](CPIO).rstrip(b"\0")
    for end in range(1, len(data), max(1, len(data) // 40)):
        with pytest.raises(InvalidArchive):
            list(archives(data[:end], "it"))


@given(st.binary(max_size=300), st.sampled_from([*(it for it in PACKERS if it != "lz4")]))
def test_damaged_data(data: bytes, form: str | None) -> None:
    """Any bytes behind a beginning are read, or an error."""
    start = PACKERS[form](CPIO)[:20]
    with contextlib.suppress(InvalidArchive):
        assert list(archives(start + data, "it"))


@given(st.binary(max_size=300))
def test_damaged_lz(data: bytes) -> None:
    """Any bytes are unpacked, or one of the errors that the reader knows."""
    for unpack, magic in ((lz.lz4, lz.LZ4), (lz.lzo, lz.LZO)):
        with contextlib.suppress(ValueError, IndexError, struct.error):
            unpack(magic + data, 0, 1 << 20)


def test_a_stored_and_a_packed_block_of_lzo() -> None:
    """A block of LZO is literals and matches; one that packing does not make smaller is stored."""
    # 18 literals (a first byte above 17), a match of 4 bytes from 4 back, and the end.
    packed = bytes([17 + 4]) + b"abcd" + bytes([0x6C, 0x00]) + b"\x11\0\0"
    header = lz.LZO + struct.pack(">HHHBBI", 0x1030, 0x20A0, 0x940, 3, 9, 0) + bytes(12) + b"\0" + bytes(4)
    blocks = struct.pack(">II", 8, len(packed)) + packed if len(packed) < 8 else struct.pack(">II", 4, 4) + b"abcd"
    found, end = lz.lzo(header + blocks + bytes(4), 0, 1 << 20)
    assert (found, end) == (b"abcd", len(header + blocks) + 4)
    assert bytes(lz._lzo_block(packed)) == b"abcdabcd"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(b"root:x:0:0", "it is not an initramfs", id="text"),
        pytest.param(CPIO + b"rubbish", f"at byte {len(CPIO)}, there is neither", id="after"),
    ],
)
def test_other_files(data: bytes, reason: str) -> None:
    """What is not an initramfs is an error that says so."""
    with pytest.raises(InvalidArchive) as caught:
        list(archives(data, "it"))
    assert caught.value.reason.startswith(reason)
