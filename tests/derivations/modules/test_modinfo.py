"""Tests of derivations.modules.modinfo."""

from __future__ import annotations

import gzip
import lzma
import sys

from typing import TYPE_CHECKING

import pytest

from derivations.modules.modinfo import InvalidModule, ModuleInfo, decompressed, modinfo, without_compression
from tests.derivations.modules.made_up import RELEASE, module
from tests.derivations.proof.elves import elf


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


if TYPE_CHECKING:
    from collections.abc import Callable


PLAIN = module(firmware=["a.bin", "b/*.bin", "a.bin"], weak=["x y", "z"])
COMPRESSORS = [gzip.compress, lzma.compress, zstd.compress]


@pytest.mark.parametrize("compress", [bytes, *COMPRESSORS])
def test_whatever_the_compression(compress: Callable[[bytes], bytes]) -> None:
    """A module says for which release it is, which firmware it loads and which modules it may ask for."""
    data = compress(PLAIN)
    assert modinfo("a.ko", data) == ModuleInfo(RELEASE, ("a.bin", "b/*.bin"), ("x", "y", "z"))
    assert decompressed("a.ko", data) == PLAIN


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wide", [True, False])
def test_other_machines(wide: bool, order: str) -> None:
    """Modules of 32 bits and of the other byte order are read."""
    data = elf({".modinfo": b"vermagic=5.10 mod_unload\0firmware=f\0\0license=GPL\0"}, wide=wide, order=order)
    assert modinfo("a.ko", data) == ModuleInfo("5.10", ("f",), (), ("GPL",))


@pytest.mark.parametrize("compress", COMPRESSORS)
def test_cut_off_when_compressed(compress: Callable[[bytes], bytes]) -> None:
    """A compressed module that is cut off anywhere is refused."""
    data = compress(PLAIN)
    for size in (6, 20, len(data) // 2, len(data) - 1):
        with pytest.raises(InvalidModule):
            modinfo("a.ko", data[:size])


@pytest.mark.parametrize("size", [4, 20, 64, len(PLAIN) // 2, len(PLAIN) - 1])
def test_cut_off(size: int) -> None:
    """A module that is cut off anywhere is refused."""
    with pytest.raises(InvalidModule) as caught:
        modinfo("kernel/a.ko", PLAIN[:size])
    assert (caught.value.path, caught.value.reason) == ("kernel/a.ko", "it is cut off, or has no section .modinfo")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"#!/bin/sh\n", "it is not an ELF file"),
        (elf({".text": b"x"}), "it is cut off, or has no section .modinfo"),
    ],
)
def test_something_else(data: bytes, reason: str) -> None:
    """What is not a module is refused."""
    with pytest.raises(InvalidModule) as caught:
        modinfo("a.ko", data)
    assert caught.value.reason == reason


def test_without_compression() -> None:
    """Only the suffix of the compression goes."""
    assert [without_compression(it) for it in ("a/b.ko.xz", "a.ko", "a.kopy/b.ko.gz", "dir/")] == [
        "a/b.ko", "a.ko", "a.kopy/b.ko", "dir/",
    ]  # fmt: skip
