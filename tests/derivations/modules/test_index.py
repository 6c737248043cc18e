"""Tests of derivations.modules.index."""

from __future__ import annotations

import pytest

from derivations.modules.index import InvalidIndex, ModuleIndex, Soft, module_name, soft_words
from tests.derivations.modules.made_up import DEP, RELEASE, index


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("kernel/fs/ext4/ext4.ko", "ext4"),
        ("updates/snd-hda.ko.xz", "snd_hda"),
        ("a.ko.zst", "a"),
        ("kernel/x.y.ko.gz", "x"),
    ],
)
def test_name_of_a_file(path: str, name: str) -> None:
    """A module's name is that of its file up to the first dot, with `_` for `-`."""
    assert module_name(path) == name


def test_needs() -> None:
    """Dependencies are in the order in which they are loaded, which is that of the file in reverse."""
    assert index().needs("ext4") == ["mbcache", "jbd2"]
    assert index().paths["dm_crypt"] == "kernel/drivers/md/dm-crypt.ko"


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("ext4", (["ext4"], [])),
        ("dm-mod", (["dm_mod"], [])),
        ("fuse", ([], ["fuse"])),
        ("fs-fuse", ([], ["fuse"])),
        ("crypto-aes", (["aesni_intel"], ["aes_generic"])),
        ("crypto-crc32c", (["crc32c_fast", "crc32c_slow"], [])),
        ("symbol:jbd2_start", (["jbd2"], [])),
        ("nothing", ([], [])),
    ],
)
def test_resolve(word: str, found: tuple[list[str], list[str]]) -> None:
    """A word is a module, an alias, or built in; an alias may be several of these."""
    assert index(symbols="alias symbol:jbd2_start jbd2\n").resolve(word) == found


def test_softdeps() -> None:
    """All softdeps of a module count, but not the words before the first `pre:` or `post:`, which modprobe ignores."""
    found = index(
        softdep="softdep a b c pre: d e post: f\nsoftdep a-b post: g pre: h\nsoftdep a_b pre: i\nsoftdep x y\n"
    )
    assert found.soft("a") == Soft(("d", "e"), ("f",))
    assert found.soft("a_b") == Soft(("h", "i"), ("g",))
    assert (found.soft("x"), found.soft("ext4")) == (Soft(), Soft())
    assert soft_words("pre:") == Soft()


def test_weakdeps() -> None:
    """Weak dependencies are read from the file that newer versions of depmod write."""
    assert index(weakdep="# from modules\nweakdep ext4 a b\nweakdep ext4 c\n").weak("ext4") == ("a", "b", "c")
    assert index().weak("ext4") == ()


def test_what_is_built_in() -> None:
    """What is built in has aliases and firmware, if the kernel is new enough to list them."""
    found = index()
    assert found.builtin_firmware("fuse") == ("fuse/plug.bin",)
    assert found.filesystems() == ["ext2", "ext4", "fuse", "vfat"]
    assert found.knows_builtin_aliases
    assert not index(**{"builtin.modinfo": ""}).knows_builtin_aliases


@pytest.mark.parametrize(
    ("dep", "reason"),
    [
        ("kernel/a.ko\n", "line 1 is not `FILE: FILES`: 'kernel/a.ko'"),
        ("kernel/a.ko:\nkernel/b.ko: kern", "its last line is cut off: 'kernel/b.ko: kern'"),
        ("kernel/a.ko:\n\n", "line 2 is not `FILE: FILES`: ''"),
        ("/kernel/a.ko:\n", "line 1 is not `FILE: FILES`: '/kernel/a.ko:'"),
        ("../a.ko:\n", "line 1 is not `FILE: FILES`: '../a.ko:'"),
        ("a\0b.ko:\n", "line 1 is not `FILE: FILES`: 'a\\x00b.ko:'"),
        ("kernel/a.ko:\nextra/a.ko:\n", "line 2 lists a again, as 'extra/a.ko'"),
    ],
)
def test_damaged(dep: str, reason: str) -> None:
    """A damaged `modules.dep` is reported with the line."""
    with pytest.raises(InvalidIndex) as caught:
        index(dep=dep)
    assert (caught.value.release, caught.value.file, caught.value.reason) == (RELEASE, "modules.dep", reason)


def test_unlisted_dependency() -> None:
    """A module that another one needs has to be listed."""
    found = index(dep=DEP + "kernel/a.ko: kernel/b.ko\n")
    with pytest.raises(InvalidIndex) as caught:
        found.needs("a")
    assert caught.value.reason == "a needs b, which it does not list"


def test_missing() -> None:
    """Without `modules.dep` there is no index, and the hint names depmod."""
    with pytest.raises(InvalidIndex) as caught:
        ModuleIndex.parse(RELEASE, {"modules.alias": b""})
    assert caught.value.reason == "it does not exist"
    assert "depmod" in caught.value.hint


def test_empty() -> None:
    """A kernel without modules has an empty `modules.dep`, and may have everything built in."""
    found = ModuleIndex.parse(RELEASE, {"modules.dep": b"", "modules.builtin": b"kernel/fs/ext4/ext4.ko\n"})
    assert found.resolve("ext4") == ([], ["ext4"])
