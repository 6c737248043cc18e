"""What a module says about itself: the section `.modinfo` of its file, which may be compressed.

The section has `key=value` texts, each with a NUL after it. A file is an ELF object, as it is or compressed by gzip, xz
or zstd; which of them, its first bytes show.
"""

from __future__ import annotations

import lzma
import sys
import zlib

from typing import TYPE_CHECKING

import attrs

from derivations.proof.elf import MAGIC, read
from store.errors import Error


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


if TYPE_CHECKING:
    from collections.abc import Callable


_LARGEST = 1 << 30  # bytes: many times the largest module, and no more than memory can hold
_ERRORS = (OSError, EOFError, lzma.LZMAError, zlib.error, zstd.ZstdError, ValueError)


class InvalidModule(Error):
    """A file is not a module of the kernel, or only a part of one."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} is not a kernel module: {self.reason}"

    @property
    def hint(self) -> str:
        """Say what to do."""
        return "build or unpack the kernel's modules again"


@attrs.frozen
class ModuleInfo:
    """What a module says about itself.

    Attributes:
        release: The release of the kernel that it is built for; empty if it does not say.
        firmware: The firmware files that it may load, some as patterns.
        weak: The modules that it may ask for.
        licenses: Its licences, in its own words.
    """

    release: str
    firmware: tuple[str, ...]
    weak: tuple[str, ...]
    licenses: tuple[str, ...] = ()


def modinfo(path: str, data: bytes) -> ModuleInfo:
    """Return what the module in the file *path* with the contents *data* says about itself.

    Raises:
        InvalidModule: it is not a module, or it is cut off.
    """
    return parse(path, decompressed(path, data))


def parse(path: str, data: bytes) -> ModuleInfo:
    """Return what the module *data*, not compressed, says about itself; errors call it *path*.

    Raises:
        InvalidModule: it is not a module, or it is cut off.
    """
    if not data.startswith(MAGIC):
        raise InvalidModule(path, "it is not an ELF file" if data else "it is empty")
    # The table of sections is behind the sections: a file without it is not whole.
    found = read(data)
    section = None if found is None else found.named().get((".modinfo", 0))
    if section is None:
        raise InvalidModule(path, "it is cut off, or has no section .modinfo")
    values: dict[str, list[str]] = {}
    for entry in data[section.offset : section.offset + section.size].split(b"\0"):
        key, _, value = entry.decode("utf-8", "surrogateescape").partition("=")
        values.setdefault(key, []).append(value)
    release = next(iter(values.get("vermagic", [""])[0].split()), "")
    weak = [word for it in values.get("weakdep", ()) for word in it.split()]
    licenses = tuple(dict.fromkeys(values.get("license", ())))
    return ModuleInfo(release, tuple(dict.fromkeys(values.get("firmware", ()))), tuple(dict.fromkeys(weak)), licenses)


def decompressed(path: str, data: bytes) -> bytes:
    """Return the contents *data* of the file *path* without compression.

    Raises:
        InvalidModule: they are damaged.
    """
    inflate = next((it for magic, it in _FORMS.items() if data.startswith(magic)), None)
    if inflate is None:
        return data
    try:
        return inflate(data)
    except _ERRORS as error:
        raise InvalidModule(path, f"it cannot be decompressed ({error})") from None


def without_compression(path: str) -> str:
    """Return *path* without the suffix of a compression."""
    return path[: path.rindex(".ko") + 3] if ".ko" in path else path


def _gzip(data: bytes) -> bytes:
    inflate = zlib.decompressobj(wbits=31)
    return _whole(inflate.decompress(data, _LARGEST), ended=inflate.eof)


def _xz(data: bytes) -> bytes:
    inflate = lzma.LZMADecompressor(lzma.FORMAT_XZ)
    return _whole(inflate.decompress(data, _LARGEST), ended=inflate.eof)


def _zstd(data: bytes) -> bytes:
    inflate = zstd.ZstdDecompressor()
    return _whole(inflate.decompress(data, _LARGEST), ended=inflate.eof)


def _whole(data: bytes, *, ended: bool) -> bytes:
    if not ended:
        message = "it is cut off" if len(data) < _LARGEST else "it is too large"
        raise ValueError(message)
    return data


_FORMS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": _gzip,
    b"\xfd7zXZ\0": _xz,
    b"\x28\xb5\x2f\xfd": _zstd,
}
