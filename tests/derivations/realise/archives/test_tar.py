"""Tests for derivations.realise.archives.tar."""

from __future__ import annotations

import contextlib
import io
import struct
import tarfile

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.realise.archives.decompress import Corrupt, FileSection, Reader
from derivations.realise.archives.tar import (
    DIRECTORY,
    FILE,
    HARD_LINK,
    MAX_EXTENSION,
    SYMLINK,
    Member,
    TarReader,
    data_of_package,
)


FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}

every_format = pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS.keys())


def tar(*members: tuple[str, bytes, dict[str, object]], form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return an archive of (name, data, attributes)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, data, attributes in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in attributes.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def read(data: bytes) -> list[tuple[Member, bytes]]:
    with Reader(FileSection(io.BytesIO(data), len(data)), "x.tar") as reader:
        archive = TarReader(reader)
        return [(member, archive.read(member)) for member in archive]


def fixed(data: bytes) -> bytes:
    """Return the archive with the checksum of its first header corrected."""
    header = bytearray(data[:512])
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data[512:]


@every_format
def test_every_kind_of_member_is_read(form: int) -> None:
    """Files, directories and links are read as written."""
    data = tar(
        ("d", b"", {"type": tarfile.DIRTYPE}),
        ("d/x", b"abc", {"mode": 0o755}),
        ("d/hard", b"", {"type": tarfile.LNKTYPE, "linkname": "d/x"}),
        ("d/soft", b"", {"type": tarfile.SYMTYPE, "linkname": "../y"}),
        ("y", b"", {"mode": 0o644}),
        form=form,
    )
    expected = [
        (b"d", DIRECTORY, b"", b""),
        (b"d/x", FILE, b"", b"abc"),
        (b"d/hard", HARD_LINK, b"d/x", b""),
        (b"d/soft", SYMLINK, b"../y", b""),
        (b"y", FILE, b"", b""),
    ]
    found = read(data)
    assert expected == [(member.path.rstrip(b"/"), member.type, member.target, data) for member, data in found]
    assert [member.executable for member, _ in found if member.type == FILE] == [True, False]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_long_names_are_read(form: int) -> None:
    """A long name comes from the record before the header, and applies only to the next member."""
    name, target = "d" * 200 + "/" + "n" * 200, "t" * 300
    data = tar(
        (name, b"1", {}), ("link", b"", {"type": tarfile.SYMTYPE, "linkname": target}), ("x", b"2", {}), form=form
    )
    found = [(member.path.decode(), member.target.decode()) for member, _ in read(data)]
    assert [(name, ""), ("link", target), ("x", "")] == found


def test_a_prefix_is_read() -> None:
    """In ustar, a long name is split into two parts."""
    name = "d" * 100 + "/" + "n" * 90
    assert [name.encode()] == [member.path for member, _ in read(tar((name, b"", {}), form=tarfile.USTAR_FORMAT))]


def test_names_need_not_be_text() -> None:
    """A name is bytes."""
    data = fixed(tar(("x", b"1", {}), form=tarfile.USTAR_FORMAT).replace(b"x", b"\xff", 1))
    assert [member.path for member, _ in read(data)] == [b"\xff"]


def test_large_sizes_are_read() -> None:
    """Binary sizes are read."""
    data = bytearray(tar(("x", b"abc", {}), form=tarfile.GNU_FORMAT))
    data[124:136] = b"\x80" + (3).to_bytes(11, "big")
    assert [content for _, content in read(fixed(bytes(data)))] == [b"abc"]


def test_a_comment_for_all_files_does_not_matter() -> None:
    """The global record that `git archive` writes first is skipped."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "0" * 40}) as archive:
        archive.addfile(tarfile.TarInfo("x"))
    assert [member.path for member, _ in read(file.getvalue())] == [b"x"]


def test_unread_data_is_skipped() -> None:
    """The next member follows whether the previous data were read fully, partly, or not."""
    data = tar(("x", b"1" * 1000, {}), ("y", b"2" * 1000, {}), ("z", b"3", {}))
    with Reader(FileSection(io.BytesIO(data), len(data)), "x") as reader:
        archive = TarReader(reader)
        names = []
        for member in archive:
            names.append(member.path)
            if member.path == b"y":
                assert b"".join(archive.chunks(member)) == b"2" * 1000
    assert names == [b"x", b"y", b"z"]


GOOD = tar(("x", b"abc", {}), ("y", b"abc", {}), form=tarfile.USTAR_FORMAT)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(bytes(10240), "it is not a tar archive", id="zeros"),
        pytest.param(b"PK\x03\x04" + bytes(1000), "it is not a tar archive", id="zip"),
        pytest.param(b"x", "it is truncated", id="one-byte"),
        pytest.param(GOOD[:700], "it is truncated", id="in-the-data"),
        pytest.param(GOOD[:1024], "it is truncated", id="between-members"),
        pytest.param(GOOD[:1300], "it is truncated", id="in-a-header"),
        pytest.param(GOOD[:1100] + b"!" + GOOD[1101:], "a header has a wrong checksum", id="header"),
        pytest.param(fixed(GOOD[:124] + b"00000000x0\0 " + GOOD[136:]), "a size is malformed", id="size"),
        pytest.param(fixed(GOOD[:124] + b"-0000000010\0" + GOOD[136:]), "a size is malformed", id="negative"),
        pytest.param(fixed(GOOD[:124] + b"\x80" + b"\xff" * 11 + GOOD[136:]), "a size is malformed", id="huge"),
        pytest.param(fixed(GOOD[:156] + b"L" + GOOD[157:])[:512], "it is truncated", id="name-record"),
    ],
)
def test_a_broken_archive_is_one_clear_error(data: bytes, reason: str) -> None:
    """Any defect of an archive is one sentence that names it."""
    with pytest.raises(Corrupt) as caught:
        read(data)
    assert f"x.tar is corrupt: {reason}" == str(caught.value)


def extension(kind: bytes, records: bytes) -> bytes:
    header = bytearray(tar(("ext", b"", {}), form=tarfile.USTAR_FORMAT)[:512])
    header[156:157] = kind
    header[124:136] = b"%011o\0" % len(records)
    return fixed(bytes(header)) + records + bytes(-len(records) % 512) + GOOD


@pytest.mark.parametrize(
    ("kind", "records", "reason"),
    [
        pytest.param(b"x", b"12 path=abc", "an extended header is malformed", id="no-newline"),
        pytest.param(b"x", b"99 path=abc\n", "an extended header is malformed", id="too-long"),
        pytest.param(b"x", b"2 \n", "an extended header is malformed", id="too-short"),
        pytest.param(b"x", b"path=abc\n", "an extended header is malformed", id="no-length"),
        pytest.param(b"x", b"11 size=-1\n", "a size is malformed", id="size"),
        pytest.param(b"g", b"12 path=abc\n", "a global header sets path for all files", id="global"),
        pytest.param(
            b"x",
            b"25 GNU.sparse.realsize=1\n",
            "it contains a sparse file, which is not supported",
            id="sparse",
        ),
        pytest.param(
            b"x",
            b"9" * (MAX_EXTENSION + 1),
            f"it has a name record of {MAX_EXTENSION + 1} bytes",
            id="endless",
        ),
    ],
)
def test_a_broken_record_is_one_clear_error(kind: bytes, records: bytes, reason: str) -> None:
    """Records of names that are malformed or endless are refused."""
    with pytest.raises(Corrupt) as caught:
        read(extension(kind, records))
    assert reason == caught.value.reason


@given(st.binary(max_size=2000))
def test_arbitrary_bytes_are_read_or_refused(data: bytes) -> None:
    """Whatever the bytes, reading ends with members or with that one error."""
    with contextlib.suppress(Corrupt):
        read(data)


@given(st.integers(0, 1535), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(place: int, byte: int) -> None:
    """One changed byte gives other members or that one error."""
    with contextlib.suppress(Corrupt):
        read(GOOD[:place] + bytes([byte]) + GOOD[place + 1 :])


def package(*members: tuple[bytes, bytes]) -> bytes:
    """Return an ar archive."""
    parts = [b"!<arch>\n"]
    for name, data in members:
        parts += [struct.pack("16s12s6s6s8s10s2s", name, b"0", b"0", b"0", b"100644", b"%d" % len(data), b"`\n"), data]
        parts.append(b"\n" * (len(data) % 2))
    return b"".join(parts).replace(b"\0", b" ")


def test_the_data_of_a_package() -> None:
    """The data of a package are found after members of odd length."""
    data = package(
        (b"debian-binary", b"2.0\n"), (b"control.tar.xz", b"odd"), (b"data.tar.xz", b"files"), (b"_gpg", b"s")
    )
    assert data_of_package(io.BytesIO(data), "x").read(100) == b"files"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "it is not a Debian package", id="empty"),
        pytest.param(b"<html>", "it is not a Debian package", id="other"),
        pytest.param(b"!<arch>\n", "it is a Debian package without files", id="no-members"),
        pytest.param(package((b"debian-binary", b"2.0\n")), "it is a Debian package without files", id="no-data"),
        pytest.param(package((b"data.tar.xz", b"x"))[:40], "it is a Debian package without files", id="truncated"),
        pytest.param(
            package((b"x", b"")).replace(b"0         `", b"x         `"),
            "it is a Debian package without files",
            id="size",
        ),
    ],
)
def test_a_broken_package_is_one_clear_error(data: bytes, reason: str) -> None:
    """A file that is not a package is refused."""
    with pytest.raises(Corrupt) as caught:
        data_of_package(io.BytesIO(data), "x")
    assert reason == caught.value.reason
