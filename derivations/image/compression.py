"""How an initramfs may be compressed, and the option of a kernel that unpacks each form."""

from __future__ import annotations

from typing import Literal

from derivations.frozen_map import FrozenMap


Compression = Literal["auto", "gzip", "lz4", "none", "xz", "zstd"]

COMPRESSIONS = ("auto", "zstd", "xz", "lz4", "gzip", "none")

OPTION = FrozenMap(
    {
        "bzip2": "RD_BZIP2",
        "gzip": "RD_GZIP",
        "lz4": "RD_LZ4",
        "lzma": "RD_LZMA",
        "lzo": "RD_LZO",
        "xz": "RD_XZ",
        "zstd": "RD_ZSTD",
    }
)
"""The option without which a kernel cannot unpack a form."""

AUTOMATIC = ("zstd", "xz", "gzip")
"""What `auto` may choose, the best first; lz4 needs a program, and so is made only where it is asked for."""
