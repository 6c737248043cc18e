"""Comparing two versions of a file: parts, offsets, and causes that are read from the bytes."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.proof.archives import members
from derivations.proof.bytes_of import first_difference
from derivations.proof.compare import Background, Difference, compare_files, compare_kinds, switched_on
from tests.derivations.proof.elves import Symbol, elf


PLAIN = Background()


def _compared(left: bytes, right: bytes, path: str = "it", background: Background = PLAIN) -> Difference:
    found = compare_files(path, left, right, background)
    assert found is not None
    return found


def _cause(left: bytes, right: bytes, path: str = "it", *options: str) -> str | None:
    cause = _compared(left, right, path, Background(options=frozenset(options))).cause
    return None if cause is None else cause.name


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=8))
def test_first_difference(left: bytes, right: bytes, before: bytes) -> None:
    """Everything before the first difference is equal, and it is one."""
    left, right = before + left, before + right
    place = first_difference(left, right)
    if place is None:
        assert left == right
    else:
        assert place >= len(before)
        assert left[:place] == right[:place]
        assert left[place : place + 1] != right[place : place + 1]


def test_beyond_a_piece() -> None:
    """A difference far into two files is found where it is."""
    data = bytes(200_000)
    assert first_difference(data, data[:150_001] + b"x" + data[150_002:]) == 150_001
    assert first_difference(data, data[:-1]) == 199_999


def test_equal() -> None:
    """Equal files have no difference."""
    assert compare_files("it", b"same", b"same", PLAIN) is None


def test_sections() -> None:
    """Of ELF files, the sections that differ are named, with the function, and where in it."""
    symbols = [Symbol("start", ".text", 0, 8), Symbol("work", ".text", 8, 24)]
    left = {".text": b"\x90" * 32, ".data": b"same", ".old": b"x"}
    right = {".text": b"\x90" * 20 + b"\xcc" + b"\x90" * 11, ".data": b"same", ".new": b"y"}
    found = _compared(elf(left, symbols), elf(right, symbols))
    parts = {part.name: part for part in found.parts}
    assert {".text", ".old", ".new"} <= parts.keys()
    assert ".data" not in parts
    text = parts[".text"]
    assert (text.symbol, text.inside, text.left[4], text.right[4]) == ("work", 20, 0x90, 0xCC)
    assert parts[".old"].sizes == (1, None)
    assert parts[".new"].sizes == (None, 1)


def test_longer_section() -> None:
    """A section that is longer differs where the shorter one ends."""
    found = _compared(elf({".data": b"abc"}), elf({".data": b"abcdef"}))
    (part,) = (it for it in found.parts if it.name == ".data")
    assert (part.inside, part.sizes) == (3, (3, 6))


def test_inside_compressed_files() -> None:
    """Compressed files are compared by what is in them."""
    text = [b"one\n", b"two\n"]
    for pack in (gzip.compress, lzma.compress):
        found = _compared(pack(b"".join(text)), pack(b"".join(text[::-1])))
        assert "compressed; unpacked, 8 bytes" in found.what
        assert found.cause is not None
        assert found.cause.name == "line order"


def _tar(*names: str, time: int = 1) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = 5, time
            archive.addfile(member, io.BytesIO(name.encode().ljust(5)))
    return file.getvalue()


def _ar(*names: str, time: int = 0) -> bytes:
    return b"!<arch>\n" + b"".join(
        b"%-16s%-12d0     0     100644  %-10d`\nxyz\n\n" % (it.encode(), time, 4) + b"" for it in names
    )


def _cpio(*names: str, time: int = 0) -> bytes:
    found = b""
    for name in names:
        fields = (1, 0o100644, 0, 0, 1, time, 4, 0, 0, 0, 0, len(name) + 1, 0)
        header = b"070701" + b"".join(b"%08X" % it for it in fields) + name.encode() + b"\0"
        found += header.ljust(-(-len(header) // 4) * 4, b"\0") + b"data"
    return found


@pytest.mark.parametrize("archive", [_tar, _cpio], ids=["tar", "cpio"])
def test_members(archive: type) -> None:
    """The members of archives are found, in order."""
    assert [it.name for it in members(archive("one", "two", "three"))] == ["one", "two", "three"]


def test_members_of_ar() -> None:
    """So are those of ar, whose members begin at even places."""
    data = b"!<arch>\n" + b"".join(
        b"%-16s%-12d0     0     100644  %-10d`\nxyz\n" % (it, 0, 4) for it in (b"a.o/", b"b.o/")
    )
    assert [it.name for it in members(data)] == ["a.o/", "b.o/"]


@pytest.mark.parametrize("data", [b"", b"!<arch>\nxx", b"070701zz", b"!<arch>\n" + b"x" * 60], ids=repr)
def test_not_an_archive(data: bytes) -> None:
    """What is cut off, or no archive, has the members that can be read."""
    assert len(members(data)) <= 1


NOTE = {".text": b"same", ".note.gnu.build-id": b"1234"}
KEY = b"some certificate\0Build time autogenerated kernel key\0"
SIGNED = b"\x7fmodule" + b"s" * 300 + b"~Module signature appended~\n"


@pytest.mark.parametrize(
    ("left", "right", "path", "options", "cause"),
    [
        pytest.param(b"Mon Jan  1 10:20:30", b"Mon Jan  1 10:20:31", "it", (), "timestamp", id="a date"),
        pytest.param(b"built 2024-01-02", b"built 2024-03-02", "it", (), "timestamp", id="a day"),
        pytest.param(b"of 2024-01", b"of 2024-04", "it", (), "timestamp", id="a month"),
        pytest.param(b"at 1700000000", b"at 1700000001", "it", (), "timestamp", id="seconds since 1970"),
        pytest.param(gzip.compress(b"x", mtime=1), gzip.compress(b"x", mtime=2), "it.gz", (), "timestamp", id="gzip"),
        pytest.param(_tar("a", time=1), _tar("a", time=2), "it.tar", (), "timestamp", id="tar"),
        pytest.param(_cpio("a", time=1), _cpio("a", time=2), "it.cpio", (), "timestamp", id="cpio"),
        pytest.param(_ar("a", time=1), _ar("a", time=2), "it.a", (), "timestamp", id="ar"),
        pytest.param(b"/tmp/x1/a.c", b"/tmp/x2/a.c", "it", (), "build path", id="path"),
        pytest.param(elf(NOTE), elf({**NOTE, ".note.gnu.build-id": b"1235"}), "it", (), "build id", id="build id"),
        pytest.param(b"a" * 64 + b"\n", b"b" * 64 + b"\n", "a/randstruct.seed", (), "randstruct seed", id="seed"),
        pytest.param(
            b"6.1 RANDSTRUCT_PLUGIN_ab", b"6.1 RANDSTRUCT_PLUGIN_cd", "it.ko", (), "randstruct seed", id="vermagic"
        ),
        pytest.param(
            elf({".text": b"a"}), elf({".text": b"b"}), "vmlinux", ("RANDSTRUCT",), "randstruct seed", id="layout"
        ),
        pytest.param(
            elf({".text": b"a"}),
            elf({".text": b"b"}),
            "vmlinux",
            ("GCC_PLUGIN_LATENT_ENTROPY",),
            "latent entropy seed",
            id="entropy",
        ),
        pytest.param(elf({".BTF": b"ab"}), elf({".BTF": b"ba"}), "vmlinux", (), "BTF order", id="BTF"),
        pytest.param(KEY + b"1", KEY + b"2", "vmlinux", (), "generated signing key", id="key"),
        pytest.param(
            SIGNED, SIGNED.replace(b"s" * 300, b"t" * 300), "x.ko", (), "generated signing key", id="signature"
        ),
        pytest.param(b"a.ko\nb.ko\n", b"b.ko\na.ko\n", "lib/modules.order", (), "module order", id="modules"),
        pytest.param(_tar("a", "b"), _tar("b", "a"), "it.tar", (), "archive order", id="members"),
        pytest.param(b"B\na\n", b"a\nB\n", "it", (), "locale", id="locale"),
        pytest.param(b"1\n2\n3\n", b"3\n1\n2\n", "it", (), "line order", id="lines"),
        pytest.param(b"what", b"else", "it", (), None, id="unknown"),
    ],
)
def test_causes(left: bytes, right: bytes, path: str, options: tuple[str, ...], cause: str | None) -> None:
    """Known causes are read from the bytes, the place and the configuration."""
    assert _cause(left, right, path, *options) == cause


def test_build_id_only_follows() -> None:
    """A build id is no cause where something else differs, too."""
    left = elf({".rodata": b"10:20:30", ".note.gnu.build-id": b"1234"})
    right = elf({".rodata": b"10:20:31", ".note.gnu.build-id": b"1235"})
    assert _cause(left, right) == "timestamp"


def test_umask() -> None:
    """A file that is executable on one side only is due to the umask."""
    found = compare_kinds("it", "a file", "an executable file")
    assert found.cause is not None
    assert found.cause.name == "umask"
    assert compare_kinds("it", "a file", "nothing").cause is None


def test_options() -> None:
    """The options that a configuration switches on are those that are y or m."""
    text = '# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=m\nCONFIG_D=12\nCONFIG_E="y"\n'
    assert switched_on(text) == {"B", "C"}
