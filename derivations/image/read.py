"""What is inside an initramfs: any number of archives one behind the other, each compressed or not.

    initramfs = (member zero*)*         member = archive | compressed(archive*)
    archive   = entry* trailer          as in `derivations.image.newc`; its first byte is at a multiple of four

The kernel tells the members apart by their first bytes (`init/initramfs.c`, `lib/decompress.c`), and so does this.
"""

from __future__ import annotations

import bz2
import lzma
import stat
import struct
import sys
import zlib

from typing import TYPE_CHECKING, Protocol

import attrs

from derivations.image import lz
from store.errors import Error


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Unpack = Callable[[bytes, int, int], tuple[bytes, int]]


MAGIC_LENGTH = 6
LIMIT = 4 << 30
"""The largest size in bytes that one member may unpack to."""

_CPIO = (b"070701", b"070702")  # the second with a sum, which the kernel checks
_HEADER = 110
_TRAILER = "TRAILER!!!"
_MAX_NAME = 4096  # PATH_MAX


class InvalidArchive(Error):
    """The file *place* is not an initramfs, or is damaged."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"cannot read {self.place}: {self.reason}"


@attrs.frozen(kw_only=True)
class Member:
    """One file, directory, link or device in an archive; *size* is in bytes, *target* that of a symbolic link."""

    path: str
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    target: str | None = None
    device: tuple[int, int] = (0, 0)


@attrs.frozen(kw_only=True)
class Archive:
    """One of the archives.

    Attributes:
        offset: Where it is, or where the compressed data begin that it is in.
        compression: How it is compressed, None if it is not.
        packed: How many bytes it takes in the file; that of all archives that are compressed together.
        members: What is in it, in its order.
    """

    offset: int
    compression: str | None
    packed: int
    members: tuple[Member, ...]


class _Stream(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes: ...


def _by(make: Callable[[], _Stream]) -> Unpack:
    def unpack(data: bytes, start: int, limit: int) -> tuple[bytes, int]:
        stream = make()
        found = stream.decompress(data[start:], limit + 1)
        if len(found) > limit:
            msg = f"it unpacks to more than {limit >> 20} MiB"
            raise ValueError(msg)
        if not stream.eof:
            raise IndexError
        return found, len(data) - len(stream.unused_data)

    return unpack


_FORMS: dict[str, tuple[bytes, Unpack]] = {
    "gzip": (b"\x1f\x8b", _by(lambda: zlib.decompressobj(wbits=31))),
    "bzip2": (b"BZh", _by(bz2.BZ2Decompressor)),
    "lzma": (b"\x5d\0\0", _by(lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE))),
    "xz": (b"\xfd7zXZ\0", _by(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ))),
    "lzo": (lz.LZO[:MAGIC_LENGTH], lz.lzo),
    "lz4": (lz.LZ4, lz.lz4),
    "zstd": (b"\x28\xb5\x2f\xfd", _by(zstd.ZstdDecompressor)),
}

_ERRORS = (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error, zstd.ZstdError)


def form_of(start: bytes) -> str | None:
    """Return how data that begin with *start* are compressed, None if they are not."""
    return next((name for name, (magic, _) in _FORMS.items() if start.startswith(magic)), None)


def is_archive(start: bytes) -> bool:
    """Return whether a file that begins with *start*, `MAGIC_LENGTH` bytes, can be an initramfs."""
    return start.startswith(_CPIO) or form_of(start) is not None


def archives(data: bytes, place: str) -> Iterator[Archive]:
    """Yield the archives in *data*, the contents of the file *place*.

    Raises:
        InvalidArchive: it is something else, or damaged.
    """
    at = _skip(data, 0)
    if at == len(data):
        raise InvalidArchive(place, "it is empty")
    while at < len(data):
        start = data[at : at + MAGIC_LENGTH]
        if start.startswith(_CPIO):
            members, end = _cpio(data, at, place)
            yield Archive(offset=at, compression=None, packed=end - at, members=members)
        elif form := form_of(start):
            unpacked, end = _unpacked(form, data, at, place)
            inner = _skip(unpacked, 0)
            while inner < len(unpacked):
                members, inner = _cpio(unpacked, inner, place)
                yield Archive(offset=at, compression=form, packed=end - at, members=members)
                inner = _skip(unpacked, inner)
        else:
            what = (
                "it is not an initramfs"
                if at == 0
                else f"at byte {at}, there is neither an archive nor compressed data"
            )
            raise InvalidArchive(place, what)
        at = _skip(data, end)


def _unpacked(form: str, data: bytes, at: int, place: str) -> tuple[bytes, int]:
    try:
        return _FORMS[form][1](data, at, LIMIT)
    except (IndexError, struct.error):
        raise InvalidArchive(place, f"the {form} data at byte {at} are cut off") from None
    except _ERRORS as error:
        text = str(error).rstrip(".") or type(error).__name__
        raise InvalidArchive(place, f"the {form} data at byte {at} are damaged: {text[0].lower()}{text[1:]}") from None


def _skip(data: bytes, at: int) -> int:
    """Return the place in *data* of the first byte that is not zero, from *at* on."""
    while at < len(data) and data[at] == 0:
        following = data[at : at + 4096].lstrip(b"\0")
        at += min(4096, len(data) - at) - len(following)
    return at


def _cpio(data: bytes, at: int, place: str) -> tuple[tuple[Member, ...], int]:
    """Return what is in the archive at *at* of *data*, and where it ends."""
    members: list[Member] = []
    start = at
    while True:
        header = data[at : at + _HEADER]
        if not header.startswith(_CPIO):
            raise InvalidArchive(place, f"the archive is damaged or cut off at byte {at - start}")
        try:
            numbers = [int(header[6 + 8 * index : 14 + 8 * index], 16) for index in range(13)]
        except ValueError:
            raise InvalidArchive(place, f"the archive has a damaged header at byte {at - start}") from None
        _, mode, uid, gid, _, mtime, size, _, _, major, minor, length, _ = numbers
        name = data[at + _HEADER : at + _HEADER + length]
        content = start + _aligned(at - start + _HEADER + length)
        if length == 0 or length > _MAX_NAME or not name.endswith(b"\0") or content + size > len(data):
            raise InvalidArchive(place, f"the archive is damaged or cut off at byte {at - start}")
        path = _text(name[:-1])
        at = start + _aligned(content - start + size)
        if path == _TRAILER:
            return tuple(members), min(at, len(data))
        members.append(
            Member(
                path=path,
                mode=mode,
                uid=uid,
                gid=gid,
                mtime=mtime,
                size=size,
                target=_text(data[content : content + size]) if stat.S_ISLNK(mode) else None,
                device=(major, minor),
            )
        )


def _aligned(number: int) -> int:
    return number + -number % 4


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
