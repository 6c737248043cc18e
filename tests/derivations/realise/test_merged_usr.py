"""Tests for derivations.realise.merged_usr."""

from __future__ import annotations

import pytest

from derivations.realise.merged_usr import spellings


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("bin/busybox", "usr/bin/busybox"),
        ("usr/bin/busybox", "bin/busybox"),
        ("sbin/e2fsck", "usr/sbin/e2fsck"),
        ("usr/lib/x86_64-linux-gnu/libc.so.6", "lib/x86_64-linux-gnu/libc.so.6"),
        ("/lib64/ld-linux-x86-64.so.2", "usr/lib64/ld-linux-x86-64.so.2"),
        ("usr/share/qemu/bios.bin", None),
        ("usr/src/linux-source-6.12.tar.xz", None),
        ("etc/passwd", None),
        ("usr", None),
        ("bin", "usr/bin"),
        ("usr/bin", "bin"),
        ("binary/x", None),
        ("opt/usr/bin/x", None),
        ("", None),
    ],
)
def test_the_other_side_of_the_merge(path: str, other: str | None) -> None:
    """A path that the merge moved has two spellings, the given one first; any other has one."""
    assert spellings(path) == ((path,) if other is None else (path, other))
