"""Compressed configurations, such as `/proc/config.gz`: gzip and xz, recognised by their first bytes."""

from __future__ import annotations

import lzma
import zlib

from derivations.kconfig.language.fragment import InvalidFragment


MAX_SIZE = 64 * 1024 * 1024
"""The most bytes in a configuration; the largest known one is half a megabyte."""

_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\0"


def is_compressed(data: bytes) -> bool:
    """Return whether *data* begins like a compressed file."""
    return data.startswith((_GZIP, _XZ))


def decompressed(data: bytes, name: str) -> bytes:
    """Return *data*, the content of the file *name*, decompressed if it is compressed.

    Raises:
        InvalidFragment: it is damaged, truncated, or far too large for a configuration.
    """
    if not is_compressed(data):
        return data
    kind = "gzip" if data.startswith(_GZIP) else "xz"
    found, rest = bytearray(), data
    while rest.startswith((_GZIP, _XZ)):  # several streams in a row are one file
        stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) if kind == "gzip" else lzma.LZMADecompressor()
        try:
            found += stream.decompress(rest, MAX_SIZE + 1 - len(found))
        except (zlib.error, lzma.LZMAError, EOFError) as error:
            raise InvalidFragment((f"it is a damaged {kind} file: {error}",), name) from None
        if len(found) > MAX_SIZE:
            raise InvalidFragment(
                (f"it decompresses to more than {MAX_SIZE // 2**20} MiB, too large for a configuration",), name
            )
        if not stream.eof:
            raise InvalidFragment((f"it is a truncated {kind} file",), name)
        rest = stream.unused_data
    return bytes(found)
