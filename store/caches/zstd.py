"""zstd as caches use it: frames, with another file as their prefix, and unpacking that is bounded beforehand.

`backports.zstd` is the standard library's module from Python 3.14 on.
"""

from __future__ import annotations

import sys

from typing import TYPE_CHECKING


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


LEVEL = 9
"""The level of archives, exports and deltas.

The modules of Debian's cloud kernel, 92.6 MB, on two cores: level 3 makes 21.5 MB in 0.77 s, 9 makes 18.5 MB in 3.4 s, 19 makes
16.6 MB in 81 s.
"""

CHUNK = 1 << 20
"""Bytes of a file in memory at a time."""

MIN_PREFIX = 8  # bytes: zstd takes no shorter one
MAX_PREFIX = 512 << 20
"""Bytes of a file that can be, or have, a prefix: packing and unpacking keep both in memory."""

_PLAIN_WINDOW = 27  # zstd's own limit: 128 MiB of memory
_SMALLEST_WINDOW = 10
_LARGEST_WINDOW = 30
_MANY = 64 << 20  # bytes: from here on, one file is worth several threads

_Parameter = zstd.CompressionParameter


def pack(chunks: Iterable[bytes | memoryview], size: int, *, prefix: bytes | None = None, threads: int = 0) -> bytes:
    """Return one frame of *chunks*, together *size* bytes long; *prefix* is to be known to whoever unpacks it."""
    options: dict[int, int] = {
        _Parameter.compression_level: LEVEL,
        _Parameter.content_size_flag: 1,
        _Parameter.checksum_flag: 0,  # the digests of files say more
    }
    known = None
    if prefix is not None:
        options |= {
            _Parameter.window_log: _window(len(prefix) + size),
            _Parameter.enable_long_distance_matching: 1,
        }
        known = zstd.ZstdDict(prefix, is_raw=True).as_prefix
    elif size >= _MANY:
        options[_Parameter.nb_workers] = threads
    compressor = zstd.ZstdCompressor(options=options, zstd_dict=known)
    compressor.set_pledged_input_size(size)
    parts = [compressor.compress(it) for it in chunks]
    return b"".join([*parts, compressor.flush()])


def unpack(packed: Iterable[bytes], size: int, *, prefix: bytes | None = None) -> Iterator[bytes]:
    """Yield what the frame in *packed* contains, at most *size* bytes, a chunk at a time.

    Raises:
        ValueError: it is not exactly one frame of exactly *size* bytes, or needs too much memory.
    """
    window = _PLAIN_WINDOW if prefix is None else max(_PLAIN_WINDOW, _window(len(prefix) + size))
    known = None if prefix is None else zstd.ZstdDict(prefix, is_raw=True).as_prefix
    decompressor = zstd.ZstdDecompressor(known, {zstd.DecompressionParameter.window_log_max: window})
    left = size
    try:
        for piece in packed:
            given = piece
            while not decompressor.eof:
                data = decompressor.decompress(given, min(CHUNK, left + 1))
                given = b""
                left -= len(data)
                if left < 0:
                    msg = f"a frame has more than the {size} bytes that it should have"
                    raise ValueError(msg)
                if data:
                    yield data
                if decompressor.needs_input:
                    break
            if decompressor.eof and (decompressor.unused_data or (given and given is piece)):
                msg = "there is something after a frame"
                raise ValueError(msg)
    except (zstd.ZstdError, EOFError) as error:
        msg = f"it cannot be unpacked ({str(error).rstrip('.').lower()})"
        raise ValueError(msg) from None
    if left or not decompressor.eof:
        msg = f"a frame ends {left} bytes too early"
        raise ValueError(msg)


def compress(data: bytes) -> bytes:
    """Return *data* as one frame."""
    return pack([data], len(data))


def decompress(data: bytes, most: int) -> bytes:
    """Return what the frame *data* contains.

    Raises:
        ValueError: it is not one frame, or has more than *most* bytes.
    """
    try:
        size = zstd.get_frame_info(data).decompressed_size
    except zstd.ZstdError:
        size = None
    if size is None or size > most:
        msg = f"it is not a zstd frame of at most {most} bytes"
        raise ValueError(msg)
    return b"".join(unpack([data], size))


def _window(size: int) -> int:
    return min(max((size - 1).bit_length() if size else 0, _SMALLEST_WINDOW), _LARGEST_WINDOW)
