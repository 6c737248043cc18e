"""Archives made to do harm, form by form: a named error, in little memory, or a tree that is what the archive says."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tarfile
import threading
import zlib

import pytest

from derivations.realise.archives.decompress import STREAMS, Corrupt, FileSection
from derivations.realise.archives.decompress import Reader as Compressed
from derivations.realise.archives.extract import Refused
from derivations.realise.archives.tar import data_of_package
from derivations.realise.archives.xz import expand as expand_xz
from derivations.realise.job import Cancelled
from tests.derivations.realise.archives.test_xz import HEADER, block, ending
from tests.hostile.archives import TARS, expand, extract, package, with_checksums


MANY = b"9" * 5_000
END = bytes(1024)


def member(
    name: bytes, kind: bytes = b"0", data: bytes = b"", *, size: bytes | None = None, link: bytes = b""
) -> bytes:
    """Return a member of an archive, its header as it is wanted."""
    field = b"%011o\0" % len(data) if size is None else size
    head = name.ljust(100, b"\0") + b"0000755\0" + b"0000000\0" * 2 + field.ljust(12, b"\0") + b"00000000000\0"
    head += b" " * 8 + kind + link.ljust(100, b"\0") + b"ustar\x0000"
    return with_checksums(head.ljust(512, b"\0")) + data + bytes(-len(data) % 512)


def record(key: bytes, value: bytes) -> bytes:
    """Return a record of a pax header, with the right length."""
    length = len(key) + len(value) + 3
    while len(str(length)) + len(key) + len(value) + 3 != length:
        length += 1
    return b"%d %s=%s\n" % (length, key, value)


def pax(*records: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    """Return a pax header with *records*."""
    return member(b"pax", kind, b"".join(record(*it) for it in records))


FILE = member(b"top/file", data=b"data")

CORRUPT = {
    "size-of-5000-digits": pax((b"size", MANY)) + FILE,
    "size-of-64-bits": pax((b"size", b"18446744073709551615")) + FILE,
    "size-in-other-digits": pax((b"size", "٣".encode())) + FILE,
    "size-below-zero": pax((b"size", b"-1")) + FILE,
    "header-size-below-zero": member(b"top/x", size=b"\xff" * 12),
    "header-size-of-63-bits": member(b"top/x", size=b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7),
    "header-size-of-95-bits": member(b"top/x", size=b"\x80" + b"\x7f" * 11),
    "pax-record-longer-than-the-header": member(b"p", b"x", b"999 path=x\n"),
    "pax-record-of-no-length": member(b"p", b"x", b"0 path=x\n"),
    "pax-length-of-5000-digits": member(b"p", b"x", MANY + b" path=x\n"),
    "pax-without-a-value": member(b"p", b"x", b"9 path  \n"),
    "pax-of-a-gigabyte": member(b"p", b"x", size=b"%011o\0" % (1 << 30)),
    "sparse-in-pax": pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.map", MANY)) + FILE,
    "a-name-for-all": pax((b"path", b"x"), kind=b"g") + FILE,
    "long-name-of-a-gigabyte": member(b"././@LongLink", b"L", size=b"%011o\0" % (1 << 30)),
    "long-name-and-no-more": member(b"././@LongLink", b"L", b"x" * 5_000),
    "truncated": TARS[0][:700],
    "truncated-in-a-header": TARS[0][:300],
    "no-end": FILE,
    "no-archive": b"<html>" * 300,
    "empty": b"",
    "zeros-only": END,
    "garbage-for-a-header": FILE + b"\xff" * 512,
    "xz-of-broken-index": HEADER + block(b"x" * 600)[0] + ending([(1 << 62, 1 << 62)]),
    "xz-of-endless-index": HEADER + b"\0" + b"\xff" * 600,
    "gzip-cut": gzip.compress(TARS[0])[:-5],
    "gzip-with-garbage-behind": gzip.compress(TARS[0]) + b"garbage",
    "streams-without-end": gzip.compress(b"") * (STREAMS + 1),
    "zstd-of-a-giant-window": b"\x28\xb5\x2f\xfd\x00\xa8" + b"\x01\x00\x00",
    "zstd-of-a-giant-size": b"\x28\xb5\x2f\xfd\xe0" + b"\xff" * 8 + b"\x01\x00\x00",
}

REFUSED = {
    "name-of-5000-bytes": pax((b"path", b"top/" + b"n" * 5_000)) + FILE,
    "name-of-1000-directories": pax((b"path", b"top/" + b"d/" * 1_000 + b"x")) + FILE,
    "name-with-nul": pax((b"path", b"top/a\0b")) + FILE,
    "absolute": pax((b"path", b"/etc/x")) + FILE,
    "parent": pax((b"path", b"top/../../x")) + FILE,
    "link-of-5000-bytes": pax((b"linkpath", b"t" * 5_000)) + member(b"top/l", b"2"),
    "link-to-nothing": member(b"top/l", b"2"),
    "link-with-nul": pax((b"linkpath", b"a\0b")) + member(b"top/l", b"2"),
    "through-a-link": member(b"top/l", b"2", link=b".") + member(b"top/l/x"),
    "hard-link-to-itself-before-it-is": member(b"top/a", b"1", link=b"top/b") + member(b"top/b", b"1", link=b"top/a"),
    "device": member(b"top/d", b"3"),
    "sparse": member(b"top/s", b"S"),
    "piece": member(b"top/m", b"M"),
    "directory-over-a-file": member(b"top/x") + member(b"top/x/y"),
}

READ = {
    "twice": FILE + member(b"top/file", data=b"other") + END,
    "concatenated": FILE + END + FILE + END,
    "garbage-behind-the-end": FILE + END + b"garbage" * 100,
    "names-in-latin-1": member(b"top/caf\xe9") + END,
    "a-name-that-is-replaced": member(b"././@LongLink", b"L", b"top/" + b"n" * 200 + b"\0") + FILE + END,
    "a-name-before-nothing": FILE + member(b"././@LongLink", b"L", b"x" * 5_000) + END,
    "unknown-records": pax(*((b"vendor.%d" % it, b"x" * 100) for it in range(5_000))) + FILE + END,
    "size-of-a-directory": member(b"top/d", b"5", size=b"77777777777\0") + FILE + END,
    "gzip-in-members": gzip.compress(FILE) + gzip.compress(END),
    "ten-thousand-empty-members": b"".join(member(b"top/%d" % it) for it in range(10_000)) + END,
    "ten-thousand-headers-before-one-member": pax((b"comment", b"x" * 1000)) * 10_000 + FILE + END,
}


@pytest.mark.parametrize("data", CORRUPT.values(), ids=CORRUPT.keys())
def test_what_is_corrupt_is_named(data: bytes) -> None:
    """What no reader of archives can make sense of is an error that names the archive."""
    with pytest.raises(Corrupt) as caught:
        extract(data)
    assert ("x.tar", True) == (caught.value.archive, len(str(caught.value)) < 500)


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_what_no_source_has_is_refused(data: bytes) -> None:
    """What would lead or write outside, or cannot be written, is an error that names the member, in a few words."""
    with pytest.raises(Refused) as caught:
        extract(data)
    assert ("x.tar", True) == (caught.value.archive, len(str(caught.value)) < 1000)


@pytest.mark.parametrize("data", READ.values(), ids=READ.keys())
def test_what_is_odd_is_read(data: bytes) -> None:
    """What tar reads, though it be odd, is read."""
    extract(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"!<arch>\n", id="empty"),
        pytest.param(b"!<arch>\n" + b"x" * 59, id="truncated"),
        pytest.param(b"!<arch>\n" + b"data.tar".ljust(48) + b"-5".ljust(10) + b"`\n", id="size-below-zero"),
        pytest.param(b"!<arch>\n" + b"data.tar".ljust(48) + b"9999999999`\n", id="size-beyond-the-file"),
        pytest.param(b"!<arch>\n" + b"other".ljust(48) + b"9999999999`\n", id="member-beyond-the-file"),
        pytest.param(b"!<arch>\n" + (b"x".ljust(48) + b"0".ljust(10) + b"`\n") * 20_000, id="many-members"),
        pytest.param(package(b"<html>" * 300), id="no-archive-in-it"),
    ],
)
def test_what_is_no_package_is_named(data: bytes) -> None:
    """So is a Debian package without files."""
    with pytest.raises(Corrupt):
        extract(data, lambda file: data_of_package(file, "x.tar"))


def test_a_dictionary_of_4_gib_is_refused() -> None:
    """A header may claim as much memory as it likes, and does not get it."""
    data = bytearray(lzma.compress(b"x" * 100, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}]))
    header = data[12 : 12 + 4 * (data[12] + 1)]
    place = header.index(b"\x21\x01") + 2
    header[place] = 40
    header[-4:] = struct.pack("<I", zlib.crc32(header[:-4]))
    data[12 : 12 + len(header)] = header
    with pytest.raises(Corrupt, match="emory"):
        expand(bytes(data))


def test_a_block_gives_no_more_than_it_says() -> None:
    """A block of xz that says that it is small is not decompressed to something large."""
    large, (unpadded, _) = block(bytes(1 << 26))
    header = bytearray(large[: 4 * (large[0] + 1)])
    header[header.index(b"\x80\x80\x80\x20") + 3] = 0x01  # 2 MiB instead of 64
    header[-4:] = struct.pack("<I", zlib.crc32(header[:-4]))
    data = HEADER + bytes(header) + large[len(header) :] + ending([(unpadded, 1 << 21)])
    with pytest.raises(lzma.LZMAError):
        list(expand_xz(data, io.BytesIO().read))


def test_whoever_waits_may_give_up() -> None:
    """Reading an archive of nothing but headers of headers stops on cancellation."""
    endless = pax((b"comment", b"x"))
    read = threading.Event()

    class Source:
        def read(self, _: int, /) -> bytes:
            read.set()
            return endless * 100

    def check() -> None:
        if read.is_set():
            what = "it"
            raise Cancelled(what)

    with Compressed(Source(), "x.tar", check) as reader, pytest.raises(Cancelled):
        reader.drain()


def test_what_a_decompressor_raises_is_raised() -> None:
    """Whatever goes wrong in the thread that decompresses, the one that reads does not wait for ever."""

    class Source:
        def read(self, _: int, /) -> bytes:
            raise RecursionError

    with Compressed(Source(), "x.tar") as reader, pytest.raises(RecursionError):
        reader.drain()


def test_members_stay_apart() -> None:
    """The archives of this module are what they say: Python reads the same names from the sound one."""
    with tarfile.open(fileobj=io.BytesIO(READ["twice"])) as archive:
        assert ["top/file", "top/file"] == archive.getnames()
    data = READ["names-in-latin-1"]
    with Compressed(FileSection(io.BytesIO(data), len(data)), "x") as reader:
        assert data == reader.read(len(data))
