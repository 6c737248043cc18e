"""Every reader of archives and compressed files, with sound archives and the pieces that they are made of."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tarfile
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

from derivations.realise.archives.decompress import FileSection
from derivations.realise.archives.decompress import Reader as Compressed
from derivations.realise.archives.extract import Extraction
from derivations.realise.archives.tar import data_of_package
from store.trees.pool import Pool
from store.trees.writer import TreeWriter
from tests.derivations.realise.archives.test_xz import stream
from tests.hostile.mutations import NUMBERS
from tests.hostile.readers import Reader


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable


LONGEST_NAME = "d/" * 60 + "n" * 250


def tar(form: int) -> bytes:
    """Return an archive with everything in it that sources have."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, kind, target in [
            ("top", tarfile.DIRTYPE, ""),
            ("top/file", tarfile.REGTYPE, ""),
            (f"top/{LONGEST_NAME}" if form != tarfile.USTAR_FORMAT else "top/x", tarfile.REGTYPE, ""),
            ("top/link", tarfile.SYMTYPE, "file"),
            ("top/hard", tarfile.LNKTYPE, "top/file"),
            ("top/caf\xe9", tarfile.REGTYPE, ""),
        ]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mode = kind, target, 0o755
            data = b"some data\n" * 60 if kind == tarfile.REGTYPE else b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


TARS = tuple(tar(form) for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))


def package(data: bytes) -> bytes:
    """Return a Debian package with the archive *data* in it."""
    parts = [("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), ("data.tar.xz", lzma.compress(data))]
    text = b"!<arch>\n"
    for name, content in parts:
        head = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        text += head + content + b"\n" * (len(content) % 2)
    return text


def with_checksums(data: bytes) -> bytes:
    """Return the tar archive *data* with every header's checksum right, so that the reader goes on behind it."""
    blocks = bytearray(data + bytes(-len(data) % 512))
    position = 0
    while position + 512 <= len(blocks):
        block = blocks[position : position + 512]
        if any(block):
            block[148:156] = b" " * 8
            blocks[position + 148 : position + 156] = b"%06o\0 " % (sum(block) % 0o1000000)
        size = bytes(blocks[position + 124 : position + 136]).strip(b"\0 ")
        length = int(size, 8) if size.isdigit() and not size.translate(None, b"01234567") else 0
        position += 512 + min(length, len(blocks)) + -length % 512
    return bytes(blocks)


def extract(data: bytes, opened: Callable[[io.BytesIO], FileSection] | None = None) -> None:
    with tempfile.TemporaryDirectory(prefix="hostile-") as directory:
        place, file = Path(directory), io.BytesIO(data)
        source = opened(file) if opened is not None else FileSection(file, len(data))
        with (
            Pool.open(place / "pool") as pool,
            TreeWriter(pool, place / "out") as writer,
            Compressed(source, "x.tar") as reader,
        ):
            Extraction(writer=writer, archive="x.tar", strip=1).extract(reader, lambda _: None)
            writer.finish()
        outside = {it.name for it in place.iterdir()} - {"pool", "out"}
        assert not outside


def expand(data: bytes) -> None:
    with Compressed(FileSection(io.BytesIO(data), len(data)), "x") as reader:
        reader.drain()


def _sized_xz(data: bytes) -> bytes:
    """Return *data* as `xz` writes it with several threads: in blocks that say their sizes."""
    return stream([data[start : start + 512] for start in range(0, len(data), 512)])


_FIELDS = (
    *NUMBERS, b"\x80" + bytes(11), b"\xff" * 12, b"\x80" + b"\xff" * 11, b"77777777777\0", b"-0000000001\0", b"0" * 12,
    b"x", b"g", b"L", b"K", b"S", b"M", b"1", b"2", b"3", b"4", b"6", b"7", b"V", b"D", b"N",
    b"../", b"/", b"/etc/x", b"top/link/x", b"\0", b"\xff\xfe", b"a" * 5_000, b"d/" * 3_000, b"\n",
    b"30 path=/etc/passwd\n", b"5018 size=" + b"9" * 5_000 + b"\n", b"22 GNU.sparse.major=1\n", b"9999999999 path=x\n", b"0 \n",
    b"30 linkpath=../../etc/passwd\n", b"12 size=-99\n", b"11 path=\0x\n",
    bytes(512), bytes(1024), *(it[:512] for it in TARS), *(it[512:1536] for it in TARS),
)  # fmt: skip

ARCHIVES = {
    "tar": Reader(extract, TARS, _FIELDS),
    "tar-sound-sums": Reader(lambda data: extract(with_checksums(data)), TARS, _FIELDS),
    "deb": Reader(
        lambda data: extract(data, lambda file: data_of_package(file, "x.deb")), tuple(map(package, TARS)), _FIELDS
    ),
    "gzip": Reader(extract, tuple(map(gzip.compress, TARS)), _FIELDS),
    "bzip2": Reader(extract, tuple(map(bz2.compress, TARS)), _FIELDS),
    "xz": Reader(extract, tuple(map(lzma.compress, TARS)), _FIELDS),
    "xz-in-blocks": Reader(extract, tuple(map(_sized_xz, TARS)), _FIELDS),
    "zstd": Reader(extract, tuple(map(zstd.compress, TARS)), _FIELDS),
    "streams": Reader(
        expand,
        (
            gzip.compress(b"x") + bytes(7) + gzip.compress(b"y") * 3,
            bz2.compress(b"y") * 3 + bytes(512),
            lzma.compress(b"x") + bytes(8) + _sized_xz(b"z" * 2000) * 2,
            zstd.compress(b"x" * 100) * 3,
        ),
        _FIELDS,
    ),
}
